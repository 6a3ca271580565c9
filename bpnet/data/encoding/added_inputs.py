"""Added inputs: what an encoding of a number makes beside the scaled number itself."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from bpnet.data.encoding.column_stats import NumericStats, TableTotals
from bpnet.data.encoding.scalers import ClippedScaler, spread_of_quartiles
from bpnet.data.encoding.settings import Periodic, PiecewiseLinear
from bpnet.data.encoding.step_search import StepSearch
from bpnet.data.reading.column import Floats
from bpnet.engine.component import Array, Component, FieldError, choice

_MANY_ROWS = 10_000
"""Training rows from which on `bins: auto` makes more of them."""


@dataclass(frozen=True, kw_only=True)
class PeriodicInputs(Component):
    """cos(½π w u) for each frequency w, then sin(½π w u), of the clipped number u."""

    kind: Literal["periodic"] = "periodic"
    clip: ClippedScaler = choice()
    frequencies: list[float]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not np.isfinite(self.frequencies).all():
            raise FieldError("frequencies", "must be finite numbers")

    def names(self, column: str) -> list[str]:
        """Return the names of the inputs."""
        numbers = range(1, len(self.frequencies) + 1)
        return [f"{column} {wave} {k}" for wave in ("cos", "sin") for k in numbers]

    def write(self, values: Floats, x: Array) -> None:
        """Write the inputs x (N, 2 frequencies) of numbers (N,)."""
        u = self.clip.apply(values)
        angle = np.empty(len(u), x.dtype)
        for k, frequency in enumerate(self.frequencies):
            np.multiply(u, np.pi / 2 * frequency, out=angle, casting="same_kind")
            np.cos(angle, out=x[:, k])
            np.sin(angle, out=x[:, k + len(self.frequencies)])


@dataclass(frozen=True, kw_only=True)
class PiecewiseInputs(Component):
    """2 clip((value - e) / (e' - e), 0, 1) - 1 for each two neighbors e, e' of the edges."""

    kind: Literal["piecewise_linear"] = "piecewise_linear"
    edges: list[float]
    """The bounds of the bins, ascending; the first and the last are the range of the rows."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not np.isfinite(self.edges).all() or (np.diff(self.edges) <= 0).any():
            raise FieldError("edges", "must be finite numbers, each larger than the one before")

    @cached_property
    def _search(self) -> StepSearch:
        """The search among the edges between two bins."""
        return StepSearch(np.array(self.edges[1:-1]))

    def names(self, column: str) -> list[str]:
        """Return the names of the inputs."""
        return [f"{column} bin {k}" for k in range(1, len(self.edges))]

    def write(self, values: Floats, x: Array) -> None:
        """Write the inputs x (N, bins) of numbers (N,)."""
        bins = len(self.edges) - 1
        if bins < 1:
            return
        edges, search = np.array(self.edges), self._search
        if not np.isfinite(edges[-1] - edges[0]):  # the differences would overflow
            edges, values = edges / 4, np.clip(values / 4, edges[0] / 4, edges[-1] / 4)
            search = StepSearch(edges[1:-1])
        below = search.places(values)  # bins below each number
        u = values - edges[below]
        u /= np.diff(edges)[below]
        np.clip(u, 0, 1, out=u)
        u += below
        u *= 2
        shifted = np.empty(len(u), x.dtype)  # rounded first: -1 and 1 are exact in any type
        for k in range(bins):
            np.subtract(u, 2 * k + 1, out=shifted, casting="same_kind")
            np.clip(shifted, -1, 1, out=x[:, k])


AnyAddedInputs = PeriodicInputs | PiecewiseInputs


def fit_added_inputs(
    options: Periodic | PiecewiseLinear, stats: NumericStats, column: str, totals: TableTotals
) -> AnyAddedInputs:
    """Return the added inputs of a column; none are made of a constant."""
    if isinstance(options, PiecewiseLinear):
        return PiecewiseInputs(edges=_edges(stats, _bins(options, totals)))
    count = 0 if stats.constant else _frequencies(options, totals)
    drawn = options.sigma * totals.generator(column).standard_normal(count)
    with np.errstate(over="ignore"):
        median = float(stats.quantiles(np.array([0.5]))[0])
        spread = spread_of_quartiles(stats) or (stats.highest / 2 - stats.lowest / 2)
    largest = float(np.finfo(np.float64).max)
    clip = ClippedScaler(subtract=median, divide=min(spread, largest) or 1.0)
    return PeriodicInputs(clip=clip, frequencies=drawn.tolist())


def _frequencies(options: Periodic, totals: TableTotals) -> int:
    if options.frequencies != "auto":
        return options.frequencies
    return int(np.clip(64 // max(totals.varying, 1), 1, 16))


def _bins(options: PiecewiseLinear, totals: TableTotals) -> int:
    if options.bins != "auto":
        return options.bins
    total, most = (192, 32) if totals.rows >= _MANY_ROWS else (128, 16)
    return int(np.clip(total // max(totals.varying, 1), 2, most))


def _edges(stats: NumericStats, bins: int) -> list[float]:
    """Return the edges of at most this number of bins, by quantiles of capped counts.

    Each value counts for one bin's share at most: 20 times, counts above 1/bins of their sum are
    lowered to it.
    """
    if stats.constant:
        return []
    values, rows = np.unique(stats.sample, return_counts=True)
    if len(values) <= bins + 1:
        return [float(value) for value in values]
    counts = rows.astype(np.float64)
    for _ in range(20):
        np.minimum(counts, counts.sum() / bins, out=counts)
    shares = (np.cumsum(counts) - counts / 2) / counts.sum()
    # a quarter of each, so that no difference overflows
    factor = 1.0 if np.isfinite(values[-1] - values[0]) else 0.25
    inner = np.interp(np.linspace(0, 1, bins + 1)[1:-1], shares, values * factor) / factor
    edges = np.unique(np.concatenate([values[:1], inner, values[-1:]]))
    return [float(edge) for edge in edges]
