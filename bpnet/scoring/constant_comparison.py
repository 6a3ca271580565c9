"""Comparison with the best constant prediction, which a model that has learned anything beats."""

from dataclasses import dataclass

import numpy as np

from bpnet.data.reading.column import Floats
from bpnet.data.targets import AnyTarget, Classes, Quantities

CHANCE = 2.0
"""Standard errors of the difference by which a model must be better: less may be chance."""

_LEAST = 1e-15
"""Smallest probability that is scored, so that no loss is infinite."""


@dataclass(frozen=True)
class ConstantComparison:
    """The mean loss of predictions, and that of the best constant prediction of the same rows.

    It is the log loss, the sum over labels, or of numbers the share of the variance that is left,
    the mean over targets.
    """

    loss: float
    constant: float
    standard_error: float
    """That of the difference of the two."""

    @property
    def learned(self) -> bool:
        """True if the predictions are better, and by more than chance explains."""
        return self.constant - self.loss > CHANCE * self.standard_error


def compare_with_constant(
    target: AnyTarget, values: np.ndarray, predicted: Floats, weights: Floats | None
) -> ConstantComparison:
    """Compare predictions (N, K) of true values with the best constant, rows weighted by (N,).

    The constant has seen these rows' targets, and is as good as a constant can be.
    """
    rows = np.ones(len(values)) if weights is None else weights.astype(np.float64)
    if not rows.sum() > 0:
        rows = np.ones(len(values))
    shared = rows / rows.sum()
    if isinstance(target, Quantities):
        losses, of_constant = _squares(values, predicted, shared)
    else:
        if isinstance(target, Classes):
            true = np.eye(predicted.shape[1])[values]
        else:  # each label is a choice of two
            true = np.concatenate([values, 1 - values], axis=1).astype(np.float64)
            predicted = np.concatenate([predicted, 1 - predicted], axis=1)
        shares = np.broadcast_to(shared @ true, true.shape)
        losses, of_constant = _log_losses(true, predicted), _log_losses(true, shares)
    difference = of_constant - losses
    mean = float(shared @ difference)
    # of a weighted mean: √Σ w² (d - mean)²
    error = float(np.sqrt(np.sum(shared**2 * (difference - mean) ** 2)))
    return ConstantComparison(float(shared @ losses), float(shared @ of_constant), error)


def _log_losses(true: Floats, p: Floats) -> Floats:
    """Return -Σ t log p of each row (N,)."""
    return -np.asarray((true * np.log(np.clip(p, _LEAST, 1))).sum(axis=1))


def _squares(values: Floats, predicted: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """Return the squared errors of predictions and of the mean, each in units of the variance."""
    # ranges and not deviations first, so that no square overflows
    unit = np.ptp(values, axis=0)
    unit = np.where(unit > 0, unit, 1.0)
    center = rows @ (values / unit) * unit
    constant = ((values - center) / unit) ** 2
    variance = rows @ constant
    variance = np.where(variance > 0, variance, 1.0)
    model = ((values - predicted) / unit) ** 2
    return (model / variance).mean(axis=1), (constant / variance).mean(axis=1)
