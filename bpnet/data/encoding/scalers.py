"""Scales: a number of the table to an input of the network, by figures of the training rows."""

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
    """x = (value - subtract) / divide; `by` says what the two are."""

    kind: Literal["linear"] = "linear"
    by: Literal["standardize", "robust", "min_max", "none"]
    """Scaling that the two numbers come from."""
    subtract: float = number()
    """Number that is subtracted first."""
    divide: float = number(gt=0)
    """Number that is divided by afterwards."""

    def apply(self, values: Floats) -> Floats:
        """Scale values."""
        return np.asarray((values - self.subtract) / self.divide)

    def invert(self, x: Floats) -> Floats:
        """The values that were scaled to x."""
        return np.asarray(x * self.divide + self.subtract)


@dataclass(frozen=True, kw_only=True)
class QuantileScaler(Component):
    """x = Φ⁻¹(share of training values below), from their evenly spaced `quantiles`, between -5.2 and 5.2.

    As scikit-learn's QuantileTransformer: where several quantiles are equal, the middle of their shares counts.
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
        """Scale values."""
        from scipy.special import ndtri  # takes a tenth of a second to import

        quantiles = np.array(self.quantiles)
        shares = np.linspace(0, 1, len(quantiles))
        rising = np.interp(values, quantiles, shares)
        falling = np.interp(-values, -quantiles[::-1], -shares[::-1])
        share = 0.5 * (rising - falling)
        share = np.where(values <= quantiles[0], 0.0, np.where(values >= quantiles[-1], 1.0, share))
        # a column that never varied tells nothing, and stays in the middle
        share = np.where(quantiles[0] == quantiles[-1], 0.5, share)
        return np.asarray(np.where(np.isnan(values), np.nan, ndtri(np.clip(share, 1e-7, 1 - 1e-7))))


AnyScaler = LinearScaler | QuantileScaler


def fit_scaler(kind: AnyScaling, summary: NumericStats, column: str) -> AnyScaler:
    """The scale of a column; raises DataError where its values are so large that the figures overflow."""
    with np.errstate(all="ignore"):
        subtract, divide = 0.0, 1.0
        if isinstance(kind, Quantile):
            shares = np.linspace(0, 1, min(kind.quantiles, max(summary.count, 2)))
            return QuantileScaler(
                quantiles=np.maximum.accumulate(summary.quantiles(shares)).tolist()
            )
        if isinstance(kind, Standardize):
            subtract, divide = summary.mean, 1.0 if summary.constant else summary.deviation
        elif isinstance(kind, MinMax):
            subtract, divide = (
                summary.lowest,
                1.0 if summary.constant else summary.highest - summary.lowest,
            )
        elif isinstance(kind, Robust):
            low, subtract, high = summary.quantiles(np.array([0.25, 0.5, 0.75])).tolist()
            divide = high - low if high > low else 1.0
    if not (np.isfinite([subtract, divide]).all() and divide > 0):
        largest = max(abs(summary.lowest), abs(summary.highest))
        raise DataError(
            f"column '{column}' holds {largest:g}, too large to {_VERBS[kind.kind]}; "
            "correct it, or give the column in another unit"
        )
    return LinearScaler(
        by=kind.kind if not isinstance(kind, NoScaling) else "none",
        subtract=subtract,
        divide=divide,
    )


_VERBS = {
    "standardize": "standardize",
    "min_max": "min-max",
    "robust": "scale by its quartiles",
    "none": "use",
}
