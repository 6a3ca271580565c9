"""Parts of messages: lists of names, cells, how many more problems, and near misses."""

import difflib
from collections.abc import Iterable, Sequence

MOST_PROBLEMS = 5
"""How many problems of one kind are named one by one."""


def more(count: int, what: str) -> list[str]:
    """A last line that says how many problems there are, where not all were named."""
    return [f"in all, {count} {what}"] if count > MOST_PROBLEMS else []


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names for a message: all of them, or the first ones and how many more."""
    shown = ", ".join(f"'{name}'" for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def cell_shown(cell: str) -> str:
    """A cell for a message: quoted, and cut where it is long."""
    return repr(cell if len(cell) <= 40 else cell[:39] + "…") if cell else "a blank cell"


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed word closest to `word`, ignoring case, or None when none is close."""
    by_folded = {choice.casefold(): choice for choice in allowed}
    matches = difflib.get_close_matches(word.casefold(), by_folded, n=1)
    return by_folded[matches[0]] if matches else None


def suggest(word: str, allowed: Iterable[str]) -> str:
    """Return `; did you mean 'epochs'?` to end an error message with, or the empty string."""
    choice = nearest(word, allowed)
    return f"; did you mean '{choice}'?" if choice else ""
