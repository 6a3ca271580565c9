"""A time budget, as a config gives it: a number of seconds, or a text such as 10m."""

import re

_SECONDS = {"s": 1, "m": 60, "h": 3600}
EXAMPLES = "a number of seconds, or one with s, m or h, such as 90s, 10m or 2h"


def budget_seconds(budget: float | str) -> float:
    """Return the seconds of a budget; raise ValueError, whose text follows the key's name."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([smh]?)\s*", str(budget))
    if match is None:
        raise ValueError(f"is {budget!r}; it must be {EXAMPLES}")
    number, unit = match.groups()
    seconds = float(number) * _SECONDS[unit or "s"]
    if seconds <= 0:
        raise ValueError(f"is {budget}; it must be greater than 0")
    return seconds
