"""Mutations of bytes: parts cut, doubled, moved and overwritten, and tokens put in."""

from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy


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
