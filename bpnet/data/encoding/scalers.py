"""Scalers: from a number of the table to an input of the network, fitted on training rows."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bpnet.data.encoding.column_stats import NumericStats
from bpnet.data.encoding.settings import (
    AnyScaling,
    MinMax,
    NoScaling,
    Quantile,
    Robust,
    Standardize,
)
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

    def apply(self, values: Floats) -> Floats:
        """Return the scaled values."""
        from scipy.special import ndtri  # Φ⁻¹; its import takes 0.1 s

        quantiles = np.array(self.quantiles)
        if np.abs(quantiles).max() < _SMALL:  # the slopes between them would overflow
            quantiles, values = quantiles / _SMALL, values / _SMALL
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


AnyScaler = LinearScaler | QuantileScaler

_SMALL = 2.0**-900


_VERBS = {
    "standardize": "standardize",
    "min_max": "min-max",
    "robust": "scale by its quartiles",
    "none": "use",
}


def fit_scaler(kind: AnyScaling, stats: NumericStats, column: str) -> AnyScaler:
    """Return the scaler of a column; raise DataError if its numbers overflow."""
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
        elif isinstance(kind, Robust):
            low, subtract, high = stats.quantiles(np.array([0.25, 0.5, 0.75])).tolist()
            divide = high - low if high > low else 1.0
    if not (np.isfinite([subtract, divide]).all() and divide > 0):
        largest = max(abs(stats.lowest), abs(stats.highest))
        raise DataError(
            f"column '{column}' holds {largest:g}, too large to {_VERBS[kind.kind]}; "
            "correct it, or give the column in another unit"
        )
    by = "none" if isinstance(kind, NoScaling) else kind.kind
    return LinearScaler(by=by, subtract=subtract, divide=divide)
