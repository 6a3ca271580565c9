"""The bootstrap: how far a metric would move if other rows had been drawn from the same source.

A resample of N rows is given by how often each row was drawn, so every metric is computed from
counts (S, N) of S resamples at once: sums over rows as a matrix product, ranks from one sort and
cumulative counts. (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13:
percentile intervals.)

Rows of a group, such as those of one patient, tell less than as many independent ones. With groups
whole groups are drawn (Davison and Hinkley, Bootstrap Methods and their Application, 1997, section
3.8): the cluster bootstrap.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from bpnet.data.reading.column import Floats
from bpnet.data.splitting import Indices

CONFIDENCE = 0.95
RESAMPLES = 1000

_MAX_BLOCKS = 20_000  # with more rows, a block has several
_MAX_CONTRIBUTIONS = 5_000_000  # numbers in the contributions of all blocks
_MAX_RANKED = 200_000  # rows times columns that are still ranked in each resample
_SLICE = 2**18  # draws at once

MetricValues = dict[str, Floats]
"""The values (S,) of each metric by name, nan where one is undefined."""


@dataclass(frozen=True)
class Score:
    """A metric's value on the rows and the limits of its 95 % interval; None where undefined.

    A metric at the end of its range for every row, such as an accuracy of 1, has an interval of
    no width.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Blocks:
    """Rows that are drawn together, in G = `count` blocks; `number` (N,) is each row's block.

    Up to 20,000 rows or groups, each of them is a block of its own.
    """

    number: npt.NDArray[np.intp]
    count: int

    def sums(self, values: npt.NDArray[Any]) -> Floats:
        """Return the sums (G, K) of values (N, K) over the rows of each block."""
        sums = np.empty((self.count, values.shape[1]))
        for k in range(values.shape[1]):
            sums[:, k] = np.bincount(self.number, values[:, k], self.count)
        return sums

    def group_sums(
        self, group: npt.NDArray[np.intp], groups: int, values: Floats | None = None
    ) -> Floats:
        """Return the sums (G, groups) of values (N,), or of 1, by the group (N,) of each row."""
        # one bincount over the pairs of block and group, each as one number
        size = self.count * groups
        return (
            np.bincount(self.number * groups + group, values, size)
            .reshape(self.count, groups)
            .astype(np.float64)
        )


class RankStatistic(Protocol):
    """Metrics that depend on the order of the rows, and so are not a function of sums."""

    width: int

    def at(self, counts: Floats) -> MetricValues:
        """Return the metrics (S,) where row n counts counts[:, n] times, counts (S, N)."""
        ...

    def slopes(self) -> MetricValues:
        """Return each metric's derivative (N,) by the count of each row, at a count of 1 each."""
        ...


class Statistic(Protocol):
    """Metrics of N rows that are functions of sums over the rows, apart from those in `ranked`.

    `width` is the number of columns of all contributions together.
    """

    rows: int
    width: int

    @property
    def ranked(self) -> RankStatistic | None:
        """The metrics that are not a function of sums."""
        ...

    def contributions(self, blocks: Blocks) -> Mapping[str, Floats]:
        """Return what each block adds (G, ·) to the sums, by name."""
        ...

    def of_sums(self, sums: Mapping[str, Floats]) -> MetricValues:
        """Return the metrics (S,) of the sums (S, ·); `rows` (S, 1) counts the rows drawn."""
        ...


class Means:
    """The means of values (N, K), named."""

    ranked: RankStatistic | None = None

    def __init__(self, names: Sequence[str], values: Floats) -> None:
        self.rows, self.width = values.shape
        self._names, self._values = names, values

    def contributions(self, blocks: Blocks) -> Mapping[str, Floats]:
        """Return the sums of the values."""
        return {"values": blocks.sums(self._values)}

    def of_sums(self, sums: Mapping[str, Floats]) -> MetricValues:
        """Return Σ value / rows."""
        return dict(zip(self._names, (sums["values"] / sums["rows"]).T, strict=True))


class WeightedMeans:
    """The means of values (N, K), named, in which rows count by their weights (N,)."""

    ranked: RankStatistic | None = None

    def __init__(self, names: Sequence[str], values: Floats, weights: Floats) -> None:
        self.rows, self.width = len(values), values.shape[1] + 1
        self._names, self._values = names, np.column_stack([values * weights[:, None], weights])

    def contributions(self, blocks: Blocks) -> Mapping[str, Floats]:
        """Return the sums of the weighted values, and of the weights."""
        return {"values": blocks.sums(self._values)}

    def of_sums(self, sums: Mapping[str, Floats]) -> MetricValues:
        """Return Σ weight · value / Σ weight, nan where all rows weigh 0."""
        *values, weights = sums["values"].T
        return {name: ratio(each, weights) for name, each in zip(self._names, values, strict=True)}


@dataclass(frozen=True)
class Bootstrapped:
    """Scores with intervals from `resamples` resamples; `note` names those that are approximate."""

    scores: list[Score]
    resamples: int
    note: str | None


@dataclass(frozen=True)
class Resampled:
    """The values (S,) of each metric on the same S resamples; `note` as of `Bootstrapped`."""

    values: MetricValues
    note: str | None


def bootstrap(
    statistic: Statistic,
    values: Mapping[str, float | None],
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
    groups: Indices | None = None,
) -> Bootstrapped:
    """Return percentile intervals around the metrics' `values`.

    Resamples in which a metric is undefined are left out of its interval. `groups` (N,), numbers
    from 0, are drawn whole; of a single group there is no interval.
    """
    drawn = resample(statistic, values, generator, resamples, groups)
    if groups is not None and not groups.any():
        nothing = np.empty(0)
        drawn = Resampled(dict.fromkeys(values, nothing), drawn.note)
    return Bootstrapped(
        scores=[_score(name, value, drawn.values[name]) for name, value in values.items()],
        resamples=resamples,
        note=drawn.note,
    )


def resample(
    statistic: Statistic,
    values: Mapping[str, float | None],
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
    groups: Indices | None = None,
) -> Resampled:
    """Return the metrics that are named in `values` on resamples of the rows, nan if undefined.

    Statistics of the same kind and number of rows have the same resamples by equal generators.
    `groups` (N,), numbers from 0 of which none is left out, are drawn whole.

    Above 20,000 rows, or groups, random blocks of them are drawn whole, and metrics of ranks are
    taken to first order: metric ≈ value + Σ_rows count · ∂ metric / ∂ count. So the time is bounded
    however many rows there are.
    """
    rows, ranked = statistic.rows, statistic.ranked
    units = rows if groups is None else int(groups.max()) + 1
    blocks = _blocks(units, statistic.width, generator)
    merged = blocks.count < units
    if groups is not None:
        blocks = Blocks(blocks.number[groups], blocks.count)
    exact = ranked is None or (not merged and rows * ranked.width <= _MAX_RANKED)
    at_once = _SLICE // (rows if exact and ranked is not None else blocks.count)
    contributions = _contributions(statistic, blocks)
    slopes = {} if ranked is None or exact else ranked.slopes()
    block_slopes = {
        name: blocks.sums(slope[:, None])[:, 0] for name, slope in slopes.items() if name in values
    }
    drawn: dict[str, list[Floats]] = {name: [] for name in values}
    for counts in _draws(blocks.count, generator, resamples, at_once):
        metrics = _metrics(statistic, contributions, counts)
        if exact and ranked is not None:
            metrics |= ranked.at(counts if groups is None else counts[:, blocks.number])
        # equal counts change no metric, so the slopes sum to about 0: counts @ slope is the change
        for name, slope in block_slopes.items():
            value = values[name]
            metrics[name] = (
                np.full(len(counts), np.nan) if value is None else value + counts @ slope
            )
        for name, parts in drawn.items():
            parts.append(metrics.get(name, np.full(len(counts), np.nan)))
    notes = []
    if merged:
        of_what = "rows" if groups is None else "groups"
        notes.append(f"{of_what} were drawn in {blocks.count} blocks")
    if slopes:
        notes.append(f"the intervals of {', '.join(slopes)} are first-order approximations")
    return Resampled(
        {name: np.concatenate(parts) for name, parts in drawn.items()}, "; ".join(notes) or None
    )


def metrics_at(statistic: Statistic, counts: Floats) -> MetricValues:
    """Return every metric (S,) where row n counts counts[:, n] times, counts (S, N)."""
    blocks = Blocks(np.arange(statistic.rows), statistic.rows)
    values = _metrics(statistic, _contributions(statistic, blocks), counts)
    return values if statistic.ranked is None else values | statistic.ranked.at(counts)


def values_of_all_rows(statistic: Statistic, *, with_ranks: bool) -> dict[str, float | None]:
    """Return every metric of the rows as they are, None where undefined; ranks only on request."""
    whole = Blocks(np.zeros(statistic.rows, np.intp), 1)
    values = statistic.of_sums(_contributions(statistic, whole))
    if with_ranks and statistic.ranked is not None:
        values |= statistic.ranked.at(np.ones((1, statistic.rows)))
    return {name: None if np.isnan(value[0]) else float(value[0]) for name, value in values.items()}


def ratio(above: Floats, below: Floats) -> Floats:
    """Return above / below, and nan where below is 0."""
    shape = np.broadcast_shapes(above.shape, below.shape)
    return np.asarray(np.divide(above, below, out=np.full(shape, np.nan), where=below != 0))


def mean_of_defined(values: Floats) -> Floats:
    """Return the means (S,) of values (S, K) that are not nan, and nan where all are."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0.0).sum(axis=1), defined.sum(axis=1).astype(np.float64))


def _blocks(units: int, width: int, generator: np.random.Generator) -> Blocks:
    """Return each row or group as a block, or random blocks where units · width is too much."""
    most = min(_MAX_BLOCKS, max(_MAX_CONTRIBUTIONS // width, 1000))
    if units <= most:
        return Blocks(np.arange(units), units)
    return Blocks(generator.permutation(units) % most, most)  # sizes differ by 1 at most


def _contributions(statistic: Statistic, blocks: Blocks) -> dict[str, Floats]:
    """Return what each block adds (G, ·) to the sums, and its number of rows (G, 1)."""
    rows = np.bincount(blocks.number, minlength=blocks.count)[:, None]
    return {"rows": rows.astype(np.float64), **statistic.contributions(blocks)}


def _draws(
    size: int, generator: np.random.Generator, resamples: int, at_once: int
) -> Iterator[Floats]:
    """Yield how often each of `size` blocks is drawn (S, size), in slices that bound the memory."""
    step = max(at_once, 1)
    for first in range(0, resamples, step):
        slices = min(step, resamples - first)
        # one bincount for all resamples of the slice: resample s counts in places s·size and above
        drawn = generator.integers(0, size, (slices, size)) + size * np.arange(slices)[:, None]
        yield (
            np.bincount(drawn.ravel(), minlength=slices * size)
            .reshape(slices, size)
            .astype(np.float64)
        )


def _metrics(
    statistic: Statistic, contributions: Mapping[str, Floats], counts: Floats
) -> MetricValues:
    """Return the metrics (S,) of the counts (S, G) of blocks, without those of ranks."""
    # the sums of each resample: (S, G) @ (G, ·)
    return statistic.of_sums(
        {name: counts @ contribution for name, contribution in contributions.items()}
    )


def _score(name: str, value: float | None, drawn: Floats) -> Score:
    """Return the value with the percentile interval of what the resamples gave (S,)."""
    drawn = drawn[np.isfinite(drawn)]
    if value is None or not np.isfinite(value) or len(drawn) == 0:
        return Score(name, value if value is None or np.isfinite(value) else None, None, None)
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Score(name, float(value), float(low), float(high))
