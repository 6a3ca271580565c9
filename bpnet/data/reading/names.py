"""Names of columns, as they are written in a file."""

import unicodedata
from collections.abc import Sequence

from bpnet.errors import DataError

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


def check_names(table: str, names: Sequence[str]) -> None:
    """Raise DataError if two columns of a table have the same name, or one has none."""
    if repeated := repeated_names(names):
        column, i, k = repeated[0]
        raise DataError(
            f"{table}: two columns are named '{column}', columns {i} and {k}; rename one of them"
        )
    if "" in names:
        raise DataError(f"{table}: column {list(names).index('') + 1} has no name; give it one")
