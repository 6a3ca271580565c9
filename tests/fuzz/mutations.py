"""Mutations of bytes: parts cut, doubled, moved and overwritten, and tokens put in."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Element = TypeVar("Element")


def among(elements: Sequence[Element]) -> SearchStrategy[Element]:
    """Draw one of the elements; one that is added to them changes few draws of the same seed.

    It is the element whose hash, times a random odd number, is the largest modulo 2⁶⁴.
    """
    hashes = [
        int.from_bytes(blake2b(repr(element).encode(), digest_size=8).digest(), "big")
        for element in elements
    ]

    def chosen(number: int) -> Element:
        factor = 2 * number + 1
        return elements[max(range(len(hashes)), key=lambda k: hashes[k] * factor % 2**64)]

    return st.integers(0, 2**63 - 1).map(chosen)


@st.composite
def mutated(
    draw: st.DrawFn, originals: SearchStrategy[bytes], tokens: Sequence[bytes] = (), most: int = 4
) -> bytes:
    """Draw an original with up to a number of mutations."""
    content = draw(originals)
    for _ in range(draw(st.integers(0, most))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.sampled_from([0, 1, 2, 4, 16, 64, 10**9])))
        part = content[start:end]
        if tokens and draw(st.booleans()):
            new = draw(st.sampled_from(tokens))
        else:
            new = draw(
                st.binary(max_size=8)
                | st.sampled_from(
                    [b"", part * 2, part[::-1], b"\0" * len(part), b"\xff" * len(part)]
                )
            )
        content = content[:start] + new + content[end:]
    return content
