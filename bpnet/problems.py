"""Problems: how many of one kind are told one by one, and how names are listed in a message."""

from collections.abc import Sequence

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
