"""The bootstrap: how far a figure would move if other rows had been drawn from the same source.

A resample of N rows is a count of how often each row was drawn, so every figure is computed from counts (S, N) of
S resamples at once: sums over rows as a matrix product, ranks from one sort and cumulative counts.
(Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13: percentile intervals.)
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEVEL = 0.95
RESAMPLES = 1000

_MOST_BLOCKS = 20_000
_MOST_AMOUNTS = 5_000_000
_MOST_RANKED = 200_000
_SLICE = 2**18

Figures = dict[str, Floats]
"""Figures (S,) by name, nan where one is undefined."""


@dataclass(frozen=True)
class Figure:
    """A figure of the rows, and the limits of its 95 % interval; None where it is undefined.

    A figure at the end of its range for every row, such as an accuracy of 1, has an interval without width.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Blocks:
    """Rows that are drawn together: `number` (N,) is each row's block; up to 20,000 rows each row is its own."""

    number: npt.NDArray[np.intp]
    count: int

    def sums(self, values: npt.NDArray[Any]) -> Floats:
        """The sums (G, K) of values (N, K) over the rows of each of the G blocks."""
        sums = np.empty((self.count, values.shape[1]))
        for k in range(values.shape[1]):
            sums[:, k] = np.bincount(self.number, values[:, k], self.count)
        return sums

    def group_sums(
        self, group: npt.NDArray[np.intp], groups: int, values: Floats | None = None
    ) -> Floats:
        """The sums (G, groups) of values (N,), or of 1, over the rows of each block that are in each group."""
        size = self.count * groups
        return (
            np.bincount(self.number * groups + group, values, size)
            .reshape(self.count, groups)
            .astype(np.float64)
        )


class Ranked(Protocol):
    """Figures that depend on the order of the rows, and are thus no function of sums."""

    width: int

    def at(self, counts: Floats) -> Figures:
        """The figures (S,) where each row counts so often (S, N)."""
        ...

    def slopes(self) -> Figures:
        """The derivative (N,) of each figure by the count of each row, where every row counts once."""
        ...


class Statistic(Protocol):
    """Figures of rows: `of_sums` turns the sums of `amounts`, of `width` columns in all, into figures."""

    rows: int
    width: int

    @property
    def ranked(self) -> Ranked | None:
        """The figures that are no function of sums."""
        ...

    def amounts(self, blocks: Blocks) -> Mapping[str, Floats]:
        """What each block adds (G, ·) to the sums, by name."""
        ...

    def of_sums(self, sums: Mapping[str, Floats]) -> Figures:
        """Figures (S,) of the sums (S, ·); among them is `rows` (S, 1), the rows that were drawn."""
        ...


class Means:
    """The means of values (N, K), named."""

    ranked: Ranked | None = None

    def __init__(self, names: Sequence[str], values: Floats) -> None:
        self.rows, self.width = values.shape
        self._names, self._values = names, values

    def amounts(self, blocks: Blocks) -> Mapping[str, Floats]:
        """The values themselves."""
        return {"values": blocks.sums(self._values)}

    def of_sums(self, sums: Mapping[str, Floats]) -> Figures:
        """Σ value / rows."""
        return dict(zip(self._names, (sums["values"] / sums["rows"]).T, strict=True))


@dataclass(frozen=True)
class Bootstrapped:
    """Figures with their intervals, from so many resamples; `note` says where the intervals are an approximation."""

    figures: list[Figure]
    resamples: int
    note: str | None


def bootstrap(
    statistic: Statistic,
    values: Mapping[str, float | None],
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Bootstrapped:
    """Percentile intervals around the figures' `values`; resamples in which one is undefined are left out.

    Above 20,000 rows whole blocks of rows, chosen by chance, are drawn. Figures of rank are then taken to first order:
    figure ≈ value + Σ_rows count · ∂ figure / ∂ count. So the time is bounded however many rows there are.
    """
    rows, ranked = statistic.rows, statistic.ranked
    blocks = _blocks(rows, statistic.width, generator)
    exact = ranked is None or (blocks.count == rows and rows * ranked.width <= _MOST_RANKED)
    amounts = _amounts(statistic, blocks)
    slopes = {} if ranked is None or exact else ranked.slopes()
    block_slopes = {name: blocks.sums(slope[:, None])[:, 0] for name, slope in slopes.items()}
    drawn: dict[str, list[Floats]] = {name: [] for name in values}
    for counts in _draws(blocks.count, generator, resamples):
        figures = _figures(statistic, amounts, counts, with_ranks=exact)
        for name, slope in block_slopes.items():
            value = values[name]
            figures[name] = (
                np.full(len(counts), np.nan) if value is None else value + counts @ slope
            )
        for name, parts in drawn.items():
            parts.append(figures.get(name, np.full(len(counts), np.nan)))
    notes = []
    if blocks.count < rows:
        notes.append(f"rows were drawn in {blocks.count} blocks")
    if slopes:
        notes.append(f"the intervals of {', '.join(slopes)} are first-order approximations")
    return Bootstrapped(
        figures=[
            _interval(name, value, np.concatenate(drawn[name])) for name, value in values.items()
        ],
        resamples=resamples,
        note="; ".join(notes) or None,
    )


def figures_at(statistic: Statistic, counts: Floats) -> Figures:
    """Every figure (S,) where each row counts so often (S, N)."""
    blocks = Blocks(np.arange(statistic.rows), statistic.rows)
    return _figures(statistic, _amounts(statistic, blocks), counts, with_ranks=True)


def ratio(above: Floats, below: Floats) -> Floats:
    """Above / below, and nan where below is 0."""
    shape = np.broadcast_shapes(above.shape, below.shape)
    return np.asarray(np.divide(above, below, out=np.full(shape, np.nan), where=below != 0))


def mean_of_defined(values: Floats) -> Floats:
    """The means (S,) of values (S, K) that are not nan, and nan where none is left."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0.0).sum(axis=1), defined.sum(axis=1).astype(np.float64))


def _blocks(rows: int, width: int, generator: np.random.Generator) -> Blocks:
    most = min(_MOST_BLOCKS, max(_MOST_AMOUNTS // width, 1000))
    if rows <= most:
        return Blocks(np.arange(rows), rows)
    return Blocks(generator.permutation(rows) % most, most)


def _amounts(statistic: Statistic, blocks: Blocks) -> dict[str, Floats]:
    rows = np.bincount(blocks.number, minlength=blocks.count)[:, None]
    return {"rows": rows.astype(np.float64), **statistic.amounts(blocks)}


def _draws(size: int, generator: np.random.Generator, resamples: int) -> Iterator[Floats]:
    """How often each of `size` things is drawn (S, size), slice by slice, so that memory stays bounded."""
    step = max(_SLICE // size, 1)
    for first in range(0, resamples, step):
        slices = min(step, resamples - first)
        drawn = generator.integers(0, size, (slices, size)) + size * np.arange(slices)[:, None]
        yield (
            np.bincount(drawn.ravel(), minlength=slices * size)
            .reshape(slices, size)
            .astype(np.float64)
        )


def _figures(
    statistic: Statistic, amounts: Mapping[str, Floats], counts: Floats, *, with_ranks: bool
) -> Figures:
    figures = statistic.of_sums({name: counts @ amount for name, amount in amounts.items()})
    if with_ranks and statistic.ranked is not None:
        figures |= statistic.ranked.at(counts)
    return figures


def _interval(name: str, value: float | None, drawn: Floats) -> Figure:
    drawn = drawn[np.isfinite(drawn)]
    if value is None or not np.isfinite(value) or len(drawn) == 0:
        return Figure(name, value if value is None or np.isfinite(value) else None, None, None)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Figure(name, float(value), float(low), float(high))
