"""Units in which quantities of any size can be squared."""

import dataclasses

import numpy as np

from bpnet.data.reading.column import Floats
from bpnet.scoring.bootstrap import Score

_SQUARED_SAFELY = (1e-100, 1e100)


def squarable_unit(values: Floats) -> float:
    """Return a unit in which squares of quantities neither overflow nor vanish.

    It is 1, or for the largest and the smallest quantities a power of two, which changes no digit.
    """
    largest = float(np.abs(values).max(initial=0))
    lowest, highest = _SQUARED_SAFELY
    if largest == 0 or lowest < largest < highest:
        return 1.0
    return float(np.ldexp(1.0, max(int(np.frexp(largest)[1]), -1000)))


def in_unit(value: float | None, unit: float) -> float | None:
    """Return a metric that is measured in a unit."""
    return None if value is None else value * unit


def score_in_unit(score: Score, unit: float) -> Score:
    """Return a metric that is measured in a unit, with its interval."""
    value, low, high = (in_unit(limit, unit) for limit in (score.value, score.low, score.high))
    return dataclasses.replace(score, value=value, low=low, high=high)
