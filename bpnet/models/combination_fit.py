"""Fit a combination: weights, temperatures, calibration and shrinkage from out-of-fold scores.

    fitted = fit_combination(descriptions, scores, values, weights, calibration="temperature")
    members = [
        model.described(temperature=temperature)
        for model, temperature in zip(models, fitted.temperatures, strict=True)
    ]
    Ensemble(members, fitted.combination).pruned().save(folder)

`fitted.predicted` are the out-of-fold predictions to score. Nothing here is random.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np

from bpnet.data.reading.column import Floats
from bpnet.data.targets import AnyTarget, Classes, Labels, Quantities
from bpnet.engine.activations import Identity, Softmax
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
_LOG_LIMIT = 4.0
"""Temperatures are between e^-4 and e^4."""


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
) -> FittedCombination:
    """Fit the combination of members from the scores (N, O) that each gave rows it had not seen.

    Parameters
    ----------
    members
        The members' descriptions; they share their task and targets.
    scores
        The scores of each member for the same rows, before the output activation: a row's are by
        the network that held it out.
    values
        The target values: class numbers (N,), labels (N, L) or quantities (N, K).
    weights
        The weight of each row (N,), by default 1.
    calibration
        The calibration of classes and labels: one temperature for the scores of each member and one
        for the blend; an isotonic curve for each class as well; or none. Quantities have a slope
        and a range instead, except with none.
    """
    rows = np.ones(len(values)) if weights is None else weights.astype(np.float64)
    shared = rows / rows.sum()
    if isinstance(members[0].target, Quantities):
        return _fit_quantities(members, scores, values, shared, shrinks=calibration != "none")
    return _fit_probabilities(members, scores, values, shared, calibration)


def _fit_probabilities(
    members: Sequence[Description],
    scores: Sequence[np.ndarray],
    values: np.ndarray,
    rows: Floats,
    calibration: Calibration,
) -> FittedCombination:
    target, tempered = members[0].target, calibration != "none"
    temperatures = [
        _score_temperature(member, z.astype(np.float64), values, rows) if tempered else 1.0
        for member, z in zip(members, scores, strict=True)
    ]
    each = [
        _member_probabilities(member, z, temperature)
        for member, z, temperature in zip(members, scores, temperatures, strict=True)
    ]
    labels = isinstance(target, Labels)
    logs = np.stack([log_probabilities(p, labels=labels) for p in each])
    logs = logs.reshape(len(members), -1, logs.shape[-1])  # (M, N or N L, C or 2)
    codes = values.reshape(-1).astype(np.intp)
    per_row = len(codes) // len(rows)  # labels, each of which counts as the row
    row_of_choice = np.repeat(rows, per_row) / per_row
    smoothing = laplace_smoothing(len(values), logs.shape[-1])
    loss = partial(log_loss_derivatives, logs, codes, row_of_choice, smoothing)
    found = minimize_on_simplex(loss, len(members))
    blend = np.tensordot(found, logs, 1)
    temperature = _temperature(blend, codes, row_of_choice, smoothing) if tempered else 1.0
    combination = Combination(weights=found.tolist(), temperature=temperature)
    predicted = combination.probabilities(each, target)
    if calibration == "isotonic":
        true = np.eye(logs.shape[-1])[codes] if isinstance(target, Classes) else values
        goal = true * (1 - smoothing) + smoothing / logs.shape[-1]
        curves = _curves(predicted, goal, rows)
        combination = Combination(weights=found.tolist(), temperature=temperature, isotonic=curves)
        predicted = _cross_calibrated(predicted, goal, rows, target)
    return FittedCombination(temperatures, combination, each, predicted)


def laplace_smoothing(rows: int, choices: int) -> float:
    """Return e such that a wrong answer has 1 / (n + 2) in all of (1 - e) onehot + e / K.

    It is Laplace's rule of succession for the rate of errors where none was seen. Without it, rows
    that are separated without an error would have a temperature of 0.
    """
    return choices / (choices - 1) / (rows + 2)


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


def _temperature(logits: Floats, codes: np.ndarray, rows: Floats, smoothing: float) -> float:
    """Return the temperature of logits (N, K) that minimizes the log loss.

    Newton's method in log b, b = 1 / T, with the step halved until the loss falls.
    """
    loss = partial(log_loss_derivatives, logits[None], codes, rows, smoothing)
    u = 0.0
    value, gradient, hessian = loss(np.ones(1))
    for _ in range(60):
        b = float(np.exp(u))
        slope, curve = b * gradient[0], b * b * hessian[0, 0] + b * gradient[0]
        if abs(slope) < 1e-12:
            break
        step = float(np.clip(-slope / curve if curve > 1e-12 else -np.sign(slope), -1, 1))
        while True:
            candidate = float(np.clip(u + step, -_LOG_LIMIT, _LOG_LIMIT))
            found, its_gradient, its_hessian = loss(np.exp(np.array([candidate])))
            if found <= value or abs(step) < 1e-9:
                break
            step /= 2
        if not found < value:
            break
        u, value, gradient, hessian = candidate, found, its_gradient, its_hessian
    return float(np.exp(-u))


def _score_temperature(
    member: Description, scores: Floats, values: np.ndarray, rows: Floats
) -> float:
    """Return the temperature of a member's scores (N, O)."""
    if isinstance(member.output_activation, Identity):
        return 1.0
    if isinstance(member.output_activation, Softmax):
        smoothing = laplace_smoothing(len(values), scores.shape[1])
        return _temperature(scores, values.astype(np.intp), rows, smoothing)
    # a sigmoid of z is the softmax of 0 and z
    pairs = np.stack([np.zeros_like(scores), scores], axis=-1).reshape(-1, 2)
    if isinstance(member.target, Classes):
        values = member.target.encode(values, scores.shape[1], "float64")
    codes = values.reshape(-1).astype(np.intp)
    outputs = scores.shape[1]
    # each of the outputs counts as the row
    each = np.repeat(rows, outputs) / outputs
    return _temperature(pairs, codes, each, laplace_smoothing(len(values), 2))


def _member_probabilities(member: Description, scores: np.ndarray, temperature: float) -> Floats:
    """Return the probabilities (N, K) that a member's scores (N, O) give."""
    z = np.ascontiguousarray(scores.T[None].astype(np.float64)) / temperature  # (1, O, N)
    activation, outputs = member.output_activation, np.empty_like(z)
    activation.forward(z, outputs, activation.scratch(z))
    return shares(outputs[0].T, member.classes)


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
    *,
    shrinks: bool,
) -> FittedCombination:
    lowest, highest = values.min(axis=0), values.max(axis=0)
    each = []
    for member, z in zip(members, scores, strict=True):
        assert isinstance(member.target, Quantities)
        outputs = member.target.decode(z)
        each.append(np.clip(outputs, lowest, highest) if shrinks else outputs)
    center = np.clip(rows @ values, lowest, highest)
    # targets count alike; ranges and not deviations, so that no square overflows
    unit = np.where(highest > lowest, highest - lowest, 1.0)
    goal = (values - center) / unit
    spread = np.sqrt(rows @ goal**2)
    unit = unit * np.where(spread > 0, spread, 1.0)
    goal = (values - center) / unit
    deviations = np.stack([(one - center) / unit for one in each])  # (M, N, K)
    root = (deviations * np.sqrt(rows)[:, None]).reshape(len(members), -1)
    found = minimize_on_simplex(
        partial(_squared_error, root @ root.T, root @ (goal * np.sqrt(rows)[:, None]).reshape(-1)),
        len(members),
    )
    combination = Combination(weights=found.tolist())
    if shrinks:
        blend = np.tensordot(found, deviations, 1)  # (N, K)
        combination = replace(combination, shrinkage=_shrinkage(blend, goal, rows, values))
    predicted = combination.quantities(each)
    combination = replace(combination, intervals=fit_intervals(predicted, values))
    return FittedCombination([1.0] * len(members), combination, each, predicted)


def _shrinkage(blend: Floats, goal: Floats, rows: Floats, values: Floats) -> list[Shrinkage]:
    """Return the shrinkage of each quantity, from differences from the center in any unit.

    The slope is that of least squares, Σ r (blend · goal) / Σ r blend², cut to 0 … 1.
    """
    power = rows @ blend**2
    slopes = np.where(power > 0, (rows @ (blend * goal)) / np.where(power > 0, power, 1), 1.0)
    lowest, highest = values.min(axis=0), values.max(axis=0)
    center = np.clip(rows @ values, lowest, highest)
    return [
        Shrinkage(center=float(middle), slope=float(slope), lowest=float(low), highest=float(high))
        for middle, slope, low, high in zip(
            center, np.clip(slopes, 0, 1), lowest, highest, strict=True
        )
    ]


def _squared_error(products: Floats, with_goal: Floats, weights: Floats) -> Derivatives:
    """Return Σ (Σ_m w_m y_m - t)² / 2, less that of t by itself, with its derivatives."""
    slope = products @ weights
    return float(weights @ slope / 2 - with_goal @ weights), slope - with_goal, products
