"""Values that advance with time: those of later rows lie beyond those of the rows before."""

import numpy as np

from bpnet.data.identifiers import FEWEST_ROWS
from bpnet.data.reading.column import Floats

_LATEST = 0.2
"""The share of rows that are compared with those before them."""
_MOSTLY = 0.5
"""The share of these that must lie beyond."""
_OUTERMOST = 0.01
"""The share of the rows before, at either end, that is left out of their range."""


def advances_with_time(values: Floats, times: Floats) -> bool:
    """Return whether most values (N,) of the latest rows lie beyond those of the rows before.

    Rows without a value do not count; there must be five others at least.
    """
    present = ~np.isnan(values)
    values, times = values[present], times[present]
    if len(values) < 1 / _LATEST:
        return False
    latest = times >= np.quantile(times, 1 - _LATEST)
    if latest.all():
        return False
    low, high = np.quantile(values[~latest], [_OUTERMOST, 1 - _OUTERMOST])
    beyond = (values[latest] < low) | (values[latest] > high)
    return bool(beyond.mean() > _MOSTLY)


def counts_time(values: Floats, times: Floats) -> bool:
    """Return whether values (N,) are a clock: with time they rise and never fall, or the reverse.

    There must be 20 values at least, and three different ones: fewer may be a state before and
    after some moment.
    """
    present = ~np.isnan(values)
    values, times = values[present], times[present]
    if len(values) < FEWEST_ROWS or len(np.unique(values)) < 3:
        return False
    # at equal times in either order
    rising, falling = (sign * values[np.lexsort((sign * values, times))] for sign in (1, -1))
    return bool((rising[1:] >= rising[:-1]).all() or (falling[1:] >= falling[:-1]).all())
