"""A time budget, as a config gives it: a number of seconds, or a text such as 10m."""

import math
import re

from bpnet.config.bounds import Bounds

POSITIVE = Bounds(gt=0)
_SECONDS = {"s": 1, "m": 60, "h": 3600}
EXAMPLES = "a number of seconds, or one with s, m or h, such as 90s, 10m or 2h"


def budget_seconds(budget: float | str) -> float:
    """Return the seconds of a budget; raise ValueError, whose text follows the key's name."""
    if isinstance(budget, str):
        match = re.fullmatch(r"\s*(-?(?:\d+(?:\.\d*)?|\.\d+))\s*([smh]?)\s*", budget)
        if match is None:
            raise ValueError(f"is {budget!r}; it must be {EXAMPLES}")
        seconds = float(match[1]) * _SECONDS[match[2] or "s"]
    else:
        seconds = budget
    if not (POSITIVE.hold(seconds) and seconds < math.inf):
        raise ValueError(f"is {budget}; it must be greater than 0: {EXAMPLES}")
    return seconds
