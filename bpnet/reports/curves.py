"""Small curves of text, one line high."""

import math
from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"


def small_curve(values: Sequence[float], width: int) -> str:
    """Return values as a line of at most `width` bars, the lowest one eighth high.

    Of more values each bar has the mean of its share. Positive values that span more than a factor
    of 10 are drawn by their logarithms.
    """
    if not values:
        return ""
    count = min(len(values), width)
    if min(values) > 0 and max(values) > 10 * min(values):
        values = [math.log(value) for value in values]
    edges = [k * len(values) // count for k in range(count + 1)]
    means = [
        math.fsum(values[start:stop]) / (stop - start)
        for start, stop in zip(edges, edges[1:], strict=False)
    ]
    lowest, highest = min(means), max(means)
    span = highest - lowest
    top = len(_BARS) - 1
    return "".join(_BARS[round((mean - lowest) / span * top) if span > 0 else 0] for mean in means)
