"""Comparison with the best constant prediction, which a model that has learned anything beats.

Of groups of rows that share their level (a hospital, say), no model knows that of a held-out group,
but a constant that has seen its target values does. So predictions and constant are compared within
each fold, where both may be shifted: numbers by their mean difference, and log probabilities by a
number for each class, so that the expected counts are the true ones. Rows of a group are alike, so
that chance is told by the groups, and not by the rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bpnet.data.reading.column import Floats
from bpnet.data.splitting import Indices
from bpnet.data.targets import AnyTarget, Classes, Quantities

CHANCE = 2.0
"""Standard errors of the difference by which a model must be better: less may be chance."""

_LEAST = 1e-15
"""Smallest probability that is scored, so that no loss is infinite."""
_STEPS = 50
_CLOSE = 1e-4
"""Most steps of scaling, and the relative error of expected counts at which they end."""


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
    by_fold: bool = False
    """True if both have the level of each fold, as those of groups do."""
    gain_by_chance: float = 0.0
    """What a factor that is fitted to these rows gains in a loss where nothing can be learned."""

    @property
    def learned(self) -> bool:
        """True if the predictions are better, and by more than chance explains."""
        gain = self.constant - self.loss - self.gain_by_chance
        return gain > CHANCE * self.standard_error


def compare_with_constant(
    target: AnyTarget,
    values: np.ndarray,
    predicted: Floats,
    weights: Floats | None,
    folds: np.ndarray | None = None,
    groups: Indices | None = None,
) -> ConstantComparison:
    """Compare predictions (N, K) of true values with the best constant, rows weighted by (N,).

    The constant has seen these rows' targets, and is as good as a constant can be. With `folds`
    (N,), numbers of the folds, the predictions are shifted to the level of each fold, too, and the
    constant is one of the fold. Of `groups` (N,), numbered from 0, the standard error is that of a
    mean over independent groups, if it is larger than that over independent rows.
    """
    rows = np.ones(len(values)) if weights is None else weights.astype(np.float64)
    if not rows.sum() > 0:
        rows = np.ones(len(values))
    shared = rows / rows.sum()
    parts = [] if folds is None else [folds == fold for fold in np.unique(folds)]
    parts = [part for part in parts if shared[part].sum() > 0]
    if isinstance(target, Quantities):
        losses, of_constant = _squares(values, predicted, shared, parts)
    else:
        if isinstance(target, Classes):
            true = np.eye(predicted.shape[1])[values][:, None]  # (N, 1, K)
            predicted = predicted[:, None]
        else:  # each label is a choice of two: (N, L, 2)
            true = np.stack([values, 1 - values], axis=2).astype(np.float64)
            predicted = np.stack([predicted, 1 - predicted], axis=2)
        shares = np.broadcast_to(np.tensordot(shared, true, 1), true.shape)
        if parts:
            shares, predicted = shares.copy(), predicted.copy()
        for part in parts:
            of_part = shared[part] / shared[part].sum()
            shares[part] = np.tensordot(of_part, true[part], 1)
            predicted[part] = _scaled(predicted[part], shares[part][0], of_part)
        losses, of_constant = _log_losses(true, predicted), _log_losses(true, shares)
    difference = of_constant - losses
    mean = float(shared @ difference)
    shares_of_mean = shared * (difference - mean)  # of a weighted mean: √Σ w² (d - mean)²
    error = float(np.sqrt(shares_of_mean @ shares_of_mean))
    alike = 1.0  # how much larger its square is, since rows of a group are alike
    if groups is not None:
        of_groups, count = np.bincount(groups, shares_of_mean), len(np.unique(groups))
        by_groups = float(np.sqrt(of_groups @ of_groups * count / max(count - 1, 1)))
        if by_groups > error > 0:  # that of a few groups may be too small by chance
            alike, error = (by_groups / error) ** 2, by_groups
    found = ConstantComparison(float(shared @ losses), float(shared @ of_constant), error)
    if not parts:
        return found
    # half of a χ² variable's mean: nats of a temperature, or of a slope noise in a sum of squares
    unit = found.constant if isinstance(target, Quantities) else 0.5
    return replace(found, by_fold=True, gain_by_chance=alike * unit * float(np.sum(shared**2)))


def _scaled(p: Floats, shares: Floats, rows: Floats) -> Floats:
    """Return probabilities (n, L, K) that are shifted until their mean is `shares` (L, K).

    Each step multiplies by shares / means, and divides by the sum of each row: iterative scaling,
    which ends at the largest likelihood.
    """
    p = np.clip(p, _LEAST, 1) * (shares > 0)
    for _ in range(_STEPS):
        p /= p.sum(axis=2, keepdims=True)
        means = np.tensordot(rows, p, 1)
        factors = np.divide(shares, means, out=np.ones_like(shares), where=means > 0)
        if np.abs(factors - 1).max() < _CLOSE:
            break
        p *= factors
    return np.asarray(p / p.sum(axis=2, keepdims=True))


def _log_losses(true: Floats, p: Floats) -> Floats:
    """Return -Σ t log p of each row (N,), summed over labels."""
    return -np.asarray((true * np.log(np.clip(p, _LEAST, 1))).sum(axis=(1, 2)))


def _squares(
    values: Floats, predicted: Floats, rows: Floats, parts: Sequence[np.ndarray]
) -> tuple[Floats, Floats]:
    """Return the squared errors of predictions and constant, each in units of the variance.

    `parts` are masks (N,) of rows that are shifted to their level.
    """
    # ranges and not deviations first, so that no square overflows
    unit = np.ptp(values, axis=0)
    unit = np.where(unit > 0, unit, 1.0)
    values, predicted = values / unit, predicted / unit
    constant = np.tile(rows @ values, (len(values), 1))
    variance = rows @ (values - constant) ** 2
    variance = np.where(variance > 0, variance, 1.0)
    for part in parts:
        of_part = rows[part] / rows[part].sum()
        constant[part] = of_part @ values[part]
        predicted[part] += of_part @ (values[part] - predicted[part])
    model, of_constant = ((values - predicted) ** 2, (values - constant) ** 2)
    return (model / variance).mean(axis=1), (of_constant / variance).mean(axis=1)
