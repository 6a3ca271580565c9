"""Names of columns, as they are written in a file."""

import unicodedata
from collections.abc import Sequence

_INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060"
"""The byte-order mark, and spaces and joiners of no width."""


def tidy_name(name: str) -> str:
    """Return a name in Unicode's composed form (NFC), without white space around it."""
    if name.isascii():
        return name.strip()
    return unicodedata.normalize("NFC", name).strip(_INVISIBLE).strip().strip(_INVISIBLE)


def repeated_names(names: Sequence[str]) -> list[tuple[str, int, int]]:
    """Return each name that occurs again, with its two positions, counted from 1."""
    first: dict[str, int] = {}
    repeated = []
    for k, name in enumerate(names, start=1):
        if name in first:
            repeated.append((name, first[name], k))
        else:
            first[name] = k
    return repeated
