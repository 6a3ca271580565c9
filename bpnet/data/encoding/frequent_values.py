"""Frequent values: an input for each value that many rows share, beside the scaled number."""

from dataclasses import dataclass

import numpy as np

from bpnet.data.encoding.column_stats import NumericStats
from bpnet.data.encoding.settings import FrequentValues
from bpnet.data.reading.column import Floats
from bpnet.engine.component import Array, Component, FieldError, number

_FEWEST_DIFFERENT = 17
"""Different values that a column needs, since bins tell fewer apart anyway."""
_ROWS_OF_EACH = 10
"""Rows that each of the rarer values must have on average: those of a measurement have fewer."""


@dataclass(frozen=True, kw_only=True)
class FrequentInputs(Component):
    """`hot` where a number is one of the values, else 0, for each of them."""

    values: list[float]
    """The values, ascending."""
    hot: float = number(1.0, gt=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not np.isfinite(self.values).all() or (np.diff(self.values) <= 0).any():
            raise FieldError("values", "must be finite numbers, each larger than the one before")

    def names(self, column: str) -> list[str]:
        """Return the names of the inputs."""
        return [f"{column}={value:g}" for value in self.values]

    def write(self, numbers: Floats, x: Array) -> None:
        """Write the inputs x (N, values) of numbers (N,)."""
        values = np.array(self.values)
        x[:] = 0
        if not len(values):
            return
        place = np.minimum(np.searchsorted(values, numbers), len(values) - 1)
        found = np.flatnonzero(values[place] == numbers)
        x[found, place[found]] = self.hot


def fit_frequent_values(options: FrequentValues, stats: NumericStats) -> FrequentInputs | None:
    """Return the inputs of a column's frequent values; None if it is not mostly one value."""
    if stats.constant:
        return None
    low, high = stats.quantiles(np.array([0.25, 0.75]))
    if low != high:
        return None
    values, counts = np.unique(stats.sample, return_counts=True)
    others = len(stats.sample) - counts.max()
    if len(values) < _FEWEST_DIFFERENT or others < _ROWS_OF_EACH * (len(values) - 1):
        return None
    frequent = np.flatnonzero(counts >= options.fewest)
    # the most frequent ones, equals by size
    chosen = frequent[np.argsort(-counts[frequent], kind="stable")[: options.most]]
    return FrequentInputs(values=np.sort(values[chosen]).tolist(), hot=options.hot)
