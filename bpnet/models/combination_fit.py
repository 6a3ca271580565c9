"""Fit a combination: weights, temperatures, calibration and shrinkage from held-out rows.

    fitted = fit_combination(descriptions, scores, values, weights, calibration="temperature")
    members = [
        model.described(temperature=temperature)
        for model, temperature in zip(models, fitted.temperatures, strict=True)
    ]
    save_ensemble(Ensemble(members, fitted.combination).pruned(), folder)

`fitted.predicted` are the out-of-fold predictions to score. Nothing here is random.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np

from bpnet.data.reading.column import Floats
from bpnet.data.targets import AnyTarget, Labels, Quantities
from bpnet.engine.activations import Identity
from bpnet.engine.calibration import error_smoothing, fit_temperature
from bpnet.engine.losses import CrossEntropy, Quantile
from bpnet.models.combination import (
    Combination,
    Shrinkage,
    calibrated,
    log_probabilities,
)
from bpnet.models.curve import Curve
from bpnet.models.description import Description
from bpnet.models.ensemble import shares
from bpnet.models.intervals import fit_intervals
from bpnet.models.simplex import Derivatives, minimize_on_simplex
from bpnet.scoring.isotonic import isotonic_knots

Calibration = Literal["temperature", "isotonic", "none"]

_CHUNK = 1 << 16
_ISOTONIC_FOLDS = 5
_FEW_ROWS, _ENOUGH_ROWS = 20, 100
"""Numbers of rows: up to the first the weights of classes are equal, from the second on fitted."""
_ROWS_OF_A_RANGE = 10
"""The number of rows up to which the range is widened by its whole width on both sides."""
_LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True)
class FittedCombination:
    """A combination of members with the temperatures of their scores, and what they predict."""

    temperatures: list[float]
    """For the description of each member."""
    combination: Combination
    members: list[Floats]
    """The out-of-fold predictions (N, K) of each member, with its temperature."""
    predicted: Floats
    """The combined out-of-fold predictions (N, K), calibrated; of an isotonic calibration each
    row's is by curves that were fitted without it."""


def fit_combination(
    members: Sequence[Description],
    scores: Sequence[np.ndarray],
    values: np.ndarray,
    weights: Floats | None = None,
    *,
    calibration: Calibration = "temperature",
    blend: Sequence[float] | None = None,
) -> FittedCombination:
    """Fit the combination of members from the scores that each gave rows it had not seen.

    Parameters
    ----------
    members
        The members' descriptions; they share their task and targets.
    scores
        The scores of each member for the same rows, before the output activation: (N, O), a row's
        by the network that held it out, or (R, N, O), if each of R networks held out every row.
    values
        The target values: class numbers (N,), labels (N, L) or quantities (N, K).
    weights
        The weight of each row (N,), by default 1.
    calibration
        The calibration of classes and labels: one temperature for the scores of each member and one
        for the blend; an isotonic curve for each class as well; or none. Quantities have a slope
        and a range instead, except with none.
    blend
        The weight of each member, by default those with the least loss.
    """
    rows = np.ones(len(values)) if weights is None else weights.astype(np.float64)
    if not rows.sum() > 0:  # a sample in which no row counts tells no more than equal weights
        rows = np.ones(len(values))
    shared = rows / rows.sum()
    scores = [z if z.ndim == 3 else z[None] for z in scores]
    if isinstance(members[0].target, Quantities):
        return _fit_quantities(members, scores, values, shared, blend, clips=calibration != "none")
    return _fit_probabilities(members, scores, values, shared, blend, calibration)


def _fit_probabilities(
    members: Sequence[Description],
    scores: Sequence[np.ndarray],
    values: np.ndarray,
    rows: Floats,
    given: Sequence[float] | None,
    calibration: Calibration,
) -> FittedCombination:
    target, tempered = members[0].target, calibration != "none"
    labels = isinstance(target, Labels)
    choices = 2 if labels else len(members[0].classes or [])
    true = values.astype(np.float64) if labels else np.eye(choices)[values]  # (N, K)
    temperatures = [
        score_temperature(member, z, true, rows) if tempered else 1.0
        for member, z in zip(members, scores, strict=True)
    ]
    each = [
        member_probabilities(member, z, temperature)
        for member, z, temperature in zip(members, scores, temperatures, strict=True)
    ]
    smoothing = error_smoothing(len(rows), choices)
    logs = np.stack([log_probabilities(p, labels=labels) for p in each])  # (M, N, K), of labels × 2
    trust = trust_in_rows(len(rows))
    if given is not None:
        weights = np.array(given)
    else:
        weights = np.full(len(logs), (1 - trust) / len(logs))
        if trust:
            weights += trust * _blend_weights(logs, values, rows, smoothing)
    blend = np.tensordot(weights, logs, 1)
    if labels:
        blend = blend[..., 1] - blend[..., 0]
    temperature = (
        _temperature(blend, true, rows, count=len(rows), independent=labels) ** trust
        if tempered
        else 1.0
    )
    combination = Combination(weights=weights.tolist(), temperature=temperature)
    predicted = combination.probabilities(each, target)
    if calibration == "isotonic":
        goal = true * (1 - smoothing) + smoothing / choices
        combination = replace(combination, isotonic=_curves(predicted, goal, rows))
        predicted = _cross_calibrated(predicted, goal, rows, target)
    return FittedCombination(temperatures, combination, each, predicted)


def trust_in_rows(rows: int) -> float:
    """Return how far the blend's weights and temperature follow a number of rows: from 0 up to 1.

    At 0 the weights are equal and the temperature is 1: what is fitted to 20 rows or fewer is
    mostly chance, and sharper than suits new rows.
    """
    return min(max((rows - _FEW_ROWS) / (_ENOUGH_ROWS - _FEW_ROWS), 0.0), 1.0)


def _blend_weights(logs: Floats, values: np.ndarray, rows: Floats, smoothing: float) -> Floats:
    """Return the weights (M,) with the least log loss of logs (M, N, C), or (M, N, L, 2) of labels.

    Each of a row's labels counts as the row.
    """
    flat, codes = logs.reshape(len(logs), -1, logs.shape[-1]), values.reshape(-1).astype(np.intp)
    per_row = len(codes) // len(rows)
    each = np.repeat(rows, per_row) / per_row
    return minimize_on_simplex(
        partial(log_loss_derivatives, flat, codes, each, smoothing), len(logs)
    )


def log_loss_derivatives(
    logs: Floats, codes: np.ndarray, rows: Floats, smoothing: float, weights: Floats
) -> Derivatives:
    """Return the log loss of softmax(Σ_m w_m a_m), with its gradient and Hessian in w (M,).

    The a are `logs` (M, N, K), `rows` (N,) weights with a sum of 1, and t the smoothed targets.

    L = Σ_n r (log Σ_k e^s - Σ_k t s), s = Σ_m w_m a_m;  dL/dw_m = Σ_n r Σ_k (p - t) a_m;
    d²L/dw_m dw_l = Σ_n r (Σ_k p a_m a_l - Σ_k p a_m Σ_k p a_l).
    """
    size = len(logs)
    value, gradient, hessian = 0.0, np.zeros(size), np.zeros((size, size))
    for start in range(0, len(codes), _CHUNK):
        part = slice(start, start + _CHUNK)
        a, r, code = logs[:, part], rows[part], codes[part]
        s = np.tensordot(weights, a, 1)  # (n, K)
        s -= s.max(axis=1, keepdims=True)
        p = np.exp(s)
        total = p.sum(axis=1)
        p /= total[:, None]
        right = np.arange(len(code)), code
        value += float(
            r @ (np.log(total) - (1 - smoothing) * s[right] - smoothing * s.mean(axis=1))
        )
        mean = np.einsum("nk,mnk->mn", p, a)  # Σ_k p a
        of_target = (1 - smoothing) * a[:, right[0], code] + smoothing * a.mean(axis=2)
        gradient += (mean - of_target) @ r
        root = (a * np.sqrt(p * r[:, None])).reshape(size, -1)
        hessian += root @ root.T - (mean * r) @ mean.T
    return value, gradient, hessian


def score_temperature(member: Description, scores: np.ndarray, true: Floats, rows: Floats) -> float:
    """Return the temperature of scores (R, N, O) for the true classes or labels (N, K)."""
    if isinstance(member.output_activation, Identity):
        return 1.0
    networks, _, outputs = scores.shape
    if member.classes and outputs == 1:  # the one output is the second class's
        true = true[:, 1:]
    return _temperature(
        scores.reshape(-1, outputs),
        np.tile(true, (networks, 1)),
        np.tile(rows / networks, networks),
        count=len(rows),
        independent=not isinstance(member.loss, CrossEntropy),
    )


def _temperature(
    scores: np.ndarray, true: Floats, rows: Floats, *, count: int, independent: bool
) -> float:
    smoothing = error_smoothing(count, 2 if independent else scores.shape[1])
    inverse, _ = fit_temperature(scores, true, rows, smoothing, independent=independent)
    return 1 / inverse


def member_probabilities(member: Description, scores: np.ndarray, temperature: float) -> Floats:
    """Return the probabilities (N, K) that the scores (R, N, O) of a member's networks give."""
    # (R, O, N)
    z = np.ascontiguousarray(scores.transpose(0, 2, 1).astype(np.float64)) / temperature
    activation, outputs = member.output_activation, np.empty_like(z)
    activation.forward(z, outputs, activation.scratch(z))
    return shares(outputs.mean(axis=0).T, member.classes)


def _curves(p: Floats, goal: Floats, rows: Floats) -> list[Curve]:
    """Return the isotonic curve of each column of p (N, K)."""
    each = [isotonic_knots(p[:, k], goal[:, k], rows) for k in range(p.shape[1])]
    return [Curve(x=x.tolist(), y=y.tolist()) for x, y in each]


def _cross_calibrated(p: Floats, goal: Floats, rows: Floats, target: AnyTarget) -> Floats:
    """Return p (N, K), each row calibrated by curves of the other rows."""
    fold, found = np.arange(len(p)) % _ISOTONIC_FOLDS, p.copy()
    for k in range(min(_ISOTONIC_FOLDS, len(p))):
        other, mine = fold != k, fold == k
        if rows[other].sum() > 0:
            curves = _curves(p[other], goal[other], rows[other])
            found[mine] = calibrated(curves, p[mine], target)
    return found


def _fit_quantities(
    members: Sequence[Description],
    scores: Sequence[np.ndarray],
    values: Floats,
    rows: Floats,
    given: Sequence[float] | None,
    *,
    clips: bool,
) -> FittedCombination:
    lowest, highest = values.min(axis=0), values.max(axis=0)
    range_ends = plausible_range(values)
    each = []
    for member, z in zip(members, scores, strict=True):
        assert isinstance(member.target, Quantities)
        outputs = member.target.decode(z)
        each.append((np.clip(outputs, *range_ends) if clips else outputs).mean(axis=0))
    center = np.clip(rows @ values, lowest, highest)
    # targets count alike; ranges and not deviations, so that no square overflows
    unit = np.where(highest > lowest, highest - lowest, 1.0)
    goal = (values - center) / unit
    spread = np.sqrt(rows @ goal**2)
    unit = unit * np.where(spread > 0, spread, 1.0)
    goal = (values - center) / unit
    deviations = np.stack([(one - center) / unit for one in each])  # (M, N, K)
    means = not any(isinstance(member.loss, Quantile) for member in members)
    if given is not None:
        weights = np.array(given)
    elif means:
        root = (deviations * np.sqrt(rows)[:, None]).reshape(len(members), -1)
        with_goal = root @ (goal * np.sqrt(rows)[:, None]).reshape(-1)
        weights = minimize_on_simplex(partial(_squared_error, root @ root.T, with_goal), len(root))
    else:  # a quantile must be drawn neither toward the target nor toward its mean
        weights = np.full(len(members), 1 / len(members))
    combination = Combination(weights=weights.tolist())
    if clips:
        blend = np.tensordot(weights, deviations, 1) if means else goal  # (N, K)
        combination = replace(combination, shrinkage=_shrinkage(blend, goal, rows, values))
    predicted = combination.quantities(each)
    combination = replace(combination, intervals=fit_intervals(predicted, values, weights=rows))
    return FittedCombination([1.0] * len(members), combination, each, predicted)


def _shrinkage(blend: Floats, goal: Floats, rows: Floats, values: Floats) -> list[Shrinkage]:
    """Return the shrinkage of each quantity, from differences from the center in any unit.

    The slope is that of least squares, Σ r (blend · goal) / Σ r blend², cut to 0 … 1.
    """
    power = rows @ blend**2
    slopes = np.where(power > 0, (rows @ (blend * goal)) / np.where(power > 0, power, 1), 1.0)
    lowest, highest = plausible_range(values)
    center = np.clip(rows @ values, values.min(axis=0), values.max(axis=0))
    return [
        Shrinkage(center=float(middle), slope=float(slope), lowest=float(low), highest=float(high))
        for middle, slope, low, high in zip(
            center, np.clip(slopes, 0, 1), lowest, highest, strict=True
        )
    ]


def plausible_range(values: Floats) -> tuple[Floats, Floats]:
    """Return the lowest and the highest prediction (K,) of quantities with the values (N, K).

    Of n values the next is beyond their range with a probability of 2 / (n + 1). The range is
    widened on both sides by 10 / n of its width, and by no more than its width; but values that are
    all on one side of 0 stay there.
    """
    lowest, highest = values.min(axis=0), values.max(axis=0)
    with np.errstate(over="ignore"):  # of a range that is wider than any number
        margin = (highest - lowest) * min(1.0, _ROWS_OF_A_RANGE / len(values))
        low = np.maximum(lowest - margin, np.where(lowest >= 0, 0.0, -_LARGEST))
        high = np.minimum(highest + margin, np.where(highest <= 0, 0.0, _LARGEST))
    return low, high


def _squared_error(products: Floats, with_goal: Floats, weights: Floats) -> Derivatives:
    """Return Σ (Σ_m w_m y_m - t)² / 2, less that of t by itself, with its derivatives."""
    slope = products @ weights
    return float(weights @ slope / 2 - with_goal @ weights), slope - with_goal, products
