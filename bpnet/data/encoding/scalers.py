"""Scalers: from a number of the table to an input of the network, fitted on training rows."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from bpnet.data.encoding.column_stats import NumericStats
from bpnet.data.encoding.settings import (
    AnyScaling,
    MinMax,
    NoScaling,
    Quantile,
    QuantileNormal,
    Robust,
    RobustClip,
    Standardize,
)
from bpnet.data.encoding.step_search import StepSearch
from bpnet.data.reading.column import Floats
from bpnet.engine.component import Component, FieldError, number
from bpnet.errors import DataError


@dataclass(frozen=True, kw_only=True)
class LinearScaler(Component):
    """x = (value - subtract) / divide."""

    kind: Literal["linear"] = "linear"
    by: Literal["standardize", "robust", "min_max", "none"]
    """Scaling that the two numbers come from."""
    subtract: float = number()
    """Number that is subtracted first."""
    divide: float = number(gt=0)
    """Number that is divided by afterwards."""

    def apply(self, values: Floats) -> Floats:
        """Return the scaled values."""
        return np.asarray((values - self.subtract) / self.divide)


@dataclass(frozen=True, kw_only=True)
class QuantileScaler(Component):
    """x = Φ⁻¹(share of training values below), between -5.2 and 5.2.

    As scikit-learn's QuantileTransformer: of several equal quantiles, the middle of their shares
    counts.
    """

    kind: Literal["to_normal"] = "to_normal"
    quantiles: list[float]
    """Evenly spaced quantiles of the training values, in ascending order."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if (
            len(self.quantiles) < 2
            or not np.isfinite(self.quantiles).all()
            or (np.diff(self.quantiles) < 0).any()
        ):
            raise FieldError(
                "quantiles", "must be two or more finite numbers, none smaller than the one before"
            )

    @property
    def in_units(self) -> tuple[Floats, float]:
        """The quantiles as multiples of a unit, 1 unless the slopes between them would overflow."""
        quantiles = np.array(self.quantiles)
        unit = _SMALL if np.abs(quantiles).max() < _SMALL else 1.0
        return quantiles / unit, unit

    def apply(self, values: Floats) -> Floats:
        """Return the scaled values."""
        from scipy.special import ndtri  # Φ⁻¹; its import takes 0.1 s

        quantiles, unit = self.in_units
        values = values / unit
        shares = np.linspace(0, 1, len(quantiles))
        # of equal quantiles, `rising` takes the share of the last, `falling` that of the first
        rising = np.interp(values, quantiles, shares)
        falling = np.interp(-values, -quantiles[::-1], -shares[::-1])
        share = 0.5 * (rising - falling)
        # 0 and 1 at the ends, also where several quantiles equal the lowest or highest
        share = np.where(values <= quantiles[0], 0.0, np.where(values >= quantiles[-1], 1.0, share))
        # a constant column carries no information: its middle, 0
        share = np.where(quantiles[0] == quantiles[-1], 0.5, share)
        # clipped, since Φ⁻¹ is infinite at 0 and 1
        return np.asarray(np.where(np.isnan(values), np.nan, ndtri(np.clip(share, 1e-7, 1 - 1e-7))))


@dataclass(frozen=True, kw_only=True)
class ClippedScaler(Component):
    """x = u / √(1 + (u/3)²) with u = (value - subtract) / divide, between -3 and 3."""

    kind: Literal["clipped"] = "clipped"
    subtract: float = number()
    """Number that is subtracted first."""
    divide: float = number(gt=0)
    """Number that is divided by afterwards."""

    def apply(self, values: Floats) -> Floats:
        """Return the scaled values."""
        u = values - self.subtract
        u /= self.divide
        # an infinite u, and one whose square would be, is 3 or -3 in any case
        np.clip(u, -1e150, 1e150, out=u)
        length = u / 3
        np.square(length, out=length)
        length += 1
        u /= np.sqrt(length, out=length)
        return u


@dataclass(frozen=True, kw_only=True)
class RankScaler(Component):
    """x = Φ⁻¹(r), r the mid-rank of a value among the n training values as a share.

    r = (values below + values at most as large) / 2n, kept between 0.5/n and 1 - 0.5/n, where n is
    the last of `at_most`. Between two of `values` x is constant: Φ⁻¹ of the middle of their shares.
    """

    kind: Literal["ranks"] = "ranks"
    values: list[float]
    """Training values in ascending order, each once: all of them, or some of many."""
    below: list[int]
    """Number of training values that are smaller than each."""
    at_most: list[int]
    """Number of training values that are as large as each, or smaller."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not len(self.values) == len(self.below) == len(self.at_most) > 0:
            raise FieldError("values", "must be as many as below and at_most, one at least")
        if not np.isfinite(self.values).all() or (np.diff(self.values) <= 0).any():
            raise FieldError("values", "must be finite numbers, each larger than the one before")
        counts = np.column_stack([self.below, self.at_most]).ravel()
        if counts[0] < 0 or (np.diff(counts) < 0).any() or counts[-1] < 1:
            raise FieldError("below", "must be counts that rise together with at_most")

    @property
    def bounds(self) -> Floats:
        """The bounds (2V,) of the steps of x: each value and the next number."""
        values = np.array(self.values)
        return np.column_stack([values, np.nextafter(values, np.inf)]).ravel()

    @cached_property
    def _search(self) -> StepSearch:
        return StepSearch(self.bounds)

    @cached_property
    def steps(self) -> Floats:
        """The x (2V + 1,) before, at and between the values."""
        from scipy.special import ndtri  # Φ⁻¹; its import takes 0.1 s

        n = self.at_most[-1]
        # 0, below_1, at_most_1, below_2, …, n: x is at the middle of each two neighbors
        counts = np.column_stack([self.below, self.at_most]).ravel()
        sums = np.concatenate([[0], counts]) + np.concatenate([counts, [n]])
        return np.asarray(ndtri(np.clip(sums / (2 * n), 0.5 / n, 1 - 0.5 / n)))

    def apply(self, values: Floats) -> Floats:
        """Return the scaled values."""
        return self.steps[self._search.places(values)]


AnyScaler = LinearScaler | QuantileScaler | ClippedScaler | RankScaler

_SMALL = 2.0**-900

_MOST_VALUES = 400_000
"""Values that the rank scalers of all columns keep together, if there are not too many columns."""

_VERBS = {
    "standardize": "standardize",
    "min_max": "min-max",
    "robust": "scale by its quartiles",
    "robust_clip": "scale by its quartiles",
    "none": "use",
}


def fit_scaler(kind: AnyScaling, stats: NumericStats, column: str, columns: int = 1) -> AnyScaler:
    """Return the scaler of a column, one of `columns`; raise DataError if its numbers overflow."""
    if isinstance(kind, RobustClip) and not spread_of_quartiles(stats):
        kind = QuantileNormal()
    if isinstance(kind, QuantileNormal):
        auto = int(np.clip(_MOST_VALUES // max(columns, 1), 200, 2000))
        return _rank_scaler(stats, auto if kind.values == "auto" else kind.values)
    # an overflow is refused below
    with np.errstate(all="ignore"):
        subtract, divide = 0.0, 1.0
        if isinstance(kind, Quantile):
            # no more quantiles than values, but two, to interpolate between
            shares = np.linspace(0, 1, min(kind.quantiles, max(stats.count, 2)))
            # rounding of the interpolation may leave them out of order
            quantiles = np.maximum.accumulate(stats.quantiles(shares))
            return QuantileScaler(quantiles=quantiles.tolist())
        if isinstance(kind, Standardize):
            subtract, divide = stats.mean, 1.0 if stats.constant else stats.deviation
        elif isinstance(kind, MinMax):
            subtract = stats.lowest
            divide = 1.0 if stats.constant else stats.highest - stats.lowest
        elif isinstance(kind, Robust | RobustClip):
            low, subtract, high = stats.quantiles(np.array([0.25, 0.5, 0.75])).tolist()
            divide = high - low if high > low else 1.0
    if not (np.isfinite([subtract, divide]).all() and divide > 0):
        largest = max(abs(stats.lowest), abs(stats.highest))
        raise DataError(
            f"column '{column}' holds {largest:g}, too large to {_VERBS[kind.kind]}; "
            "correct it, or give the column in another unit"
        )
    if isinstance(kind, RobustClip):
        return ClippedScaler(subtract=subtract, divide=divide)
    by = "none" if isinstance(kind, NoScaling) else kind.kind
    return LinearScaler(by=by, subtract=subtract, divide=divide)


def spread_of_quartiles(stats: NumericStats) -> float:
    """Return the interquartile range."""
    low, high = stats.quantiles(np.array([0.25, 0.75])).tolist()
    return float(high - low)


def _rank_scaler(stats: NumericStats, most: int) -> RankScaler:
    """Return the scaler by mid-ranks that keeps at most this number of values."""
    if stats.constant:  # it carries no information: x is Φ⁻¹(½) = 0 everywhere
        return RankScaler(values=[stats.mean], below=[0], at_most=[1])
    values, counts = np.unique(stats.sample, return_counts=True)
    at_most = np.cumsum(counts)
    kept = np.arange(len(values))
    if len(values) > most:
        from scipy.special import ndtr, ndtri  # Φ, Φ⁻¹; the import takes 0.1 s

        # those at ranks whose x is evenly spaced, the lowest and the highest among them
        n = int(at_most[-1])
        last = -ndtri(0.5 / n)
        ranks = np.floor(n * ndtr(np.linspace(-last, last, most)))
        kept = np.unique(np.searchsorted(at_most, np.clip(ranks, 0, n - 1), side="right"))
    return RankScaler(
        values=values[kept].tolist(),
        below=(at_most - counts)[kept].tolist(),
        at_most=at_most[kept].tolist(),
    )
