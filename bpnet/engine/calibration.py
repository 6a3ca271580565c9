"""Calibration: the one temperature that suits the scores of rows a network was not trained on."""

from collections.abc import Callable

import numpy as np

from bpnet.engine.component import Array

LOWEST, HIGHEST = 1e-6, 1e6
"""Bounds of the inverse temperature. Where every row is right, a larger one is always better."""
MOST_STEPS = 100

Derivatives = tuple[float, float, float]
"""The loss at an inverse temperature, and its first and second derivative there."""


def error_smoothing(rows: float, classes: int) -> float:
    """Return the smoothing that leaves all wrong classes together a probability of ½ / (rows + 1).

    It is the rule of Krichevsky and Trofimov (1981) for the rate of errors where none was seen: the
    next row may be wrong all the same, and the best temperature stays above 0. Laplace's rule of
    succession, 1 / (rows + 2), is twice as careful. Labels have two classes.
    """
    return 0.5 * classes / (classes - 1) / (rows + 1)


def fit_temperature(
    scores: Array,
    targets: Array,
    weights: Array | None = None,
    smoothing: float = 0.0,
    *,
    independent: bool = False,
    start: float = 1.0,
    tolerance: float = 1e-15,
) -> tuple[float, float]:
    """Return the inverse temperature b that suits scores best, and the mean loss of b z.

    The loss of a row is the cross-entropy of its scores z times b (Guo et al. 2017):
    l = log Σ e^(b z) - b Σ t z with softmax, and Σ log(1 + e^(b z)) - b t z for each output by
    itself. It is convex in b, so Newton's method finds its minimum, with bisection where a step
    leaves the interval that must hold it.

    Parameters
    ----------
    scores
        Logits z (N, O).
    targets
        Targets t (N, O): one-hot, or 0 and 1.
    weights
        A weight for each row (N,).
    smoothing
        Share by which targets are moved toward equal shares; see `error_smoothing`.
    independent
        Whether each output is a class or label by itself, as it always is where there is but one.
    start
        Where the search begins: the b of similar scores saves steps.
    tolerance
        Excess of the loss, estimated by Newton's method, at which the search ends.

    Raises
    ------
    ValueError
        If shapes differ, or scores are not finite.
    """
    if scores.ndim != 2 or scores.shape != targets.shape:
        raise ValueError(
            f"the scores are {scores.shape} and the targets {targets.shape}; "
            "both must be (rows, outputs)"
        )
    if weights is not None and weights.shape != scores.shape[:1]:
        raise ValueError(f"the weights are {weights.shape}; they must be {scores.shape[:1]}")
    if not np.isfinite(scores).all():
        raise ValueError("some scores are not finite; a temperature needs numbers")
    w, shares = weighted_targets(targets.T, weights, smoothing, independent=independent)
    return best_inverse(scores.T, w, shares, independent, start=start, tolerance=tolerance)


def weighted_targets(
    targets: Array, weights: Array | None, smoothing: float = 0.0, *, independent: bool
) -> tuple[Array, Array]:
    """Return weights w (N,) of sum 1, and w t (O, N) of the smoothed targets t (O, N)."""
    outputs, rows = targets.shape
    w = np.full(rows, 1 / rows) if weights is None else weights / weights.sum(dtype=np.float64)
    level = 1 / 2 if independent or outputs == 1 else 1 / outputs
    return w, np.multiply((1 - smoothing) * targets + smoothing * level, w, order="C")


def best_inverse(
    scores: Array,
    w: Array,
    shares: Array,
    independent: bool,
    *,
    start: float,
    tolerance: float,
) -> tuple[float, float]:
    """Return what `fit_temperature` does, of finite scores (O, N), outputs first.

    `w` and `shares` are the results of `weighted_targets`.
    """
    z = np.array(scores, np.float64, order="C")
    single = independent or len(z) == 1
    if not single:
        z -= z.max(axis=0)  # no power is above 1; the loss stays the same
    target = float(np.vdot(shares, z))  # Σ w t z
    derivatives = _sigmoid(z, w, target) if single else _softmax(z, w, target)
    with np.errstate(under="ignore"):
        return _newton(derivatives, start, tolerance)


def _softmax(z: Array, w: Array, target: float) -> Callable[[float], Derivatives]:
    """Return Σ w log Σ e^(b z) - b target as a function of b, with its derivatives.

    With p = softmax(b z) and m = Σ p z, they are Σ w m - target and Σ w (Σ p z² - m²).
    """
    power, work = np.empty_like(z), np.empty_like(z)

    def derivatives(b: float) -> Derivatives:
        np.multiply(z, b, power)
        np.exp(power, power)
        total = power.sum(axis=0)
        np.multiply(power, z, work)
        mean = work.sum(axis=0)
        mean /= total  # Σ p z
        np.multiply(work, z, work)
        square = work.sum(axis=0)
        square /= total  # Σ p z²
        square -= mean * mean
        return float(w @ np.log(total)) - b * target, float(w @ mean) - target, float(w @ square)

    return derivatives


def _sigmoid(z: Array, w: Array, target: float) -> Callable[[float], Derivatives]:
    """Return Σ w (Σ log(1 + e^(b z))) - b target as a function of b, with its derivatives.

    With a = |z| and q = sigmoid(-b a), log(1 + e^(b z)) = b max(z, 0) + log(1 + e^(-b a)), whose
    derivatives are max(z, 0) - a q and a² q (1 - q).
    """
    target -= float((np.maximum(z, 0) @ w).sum())
    a = np.abs(z)
    power, work = np.empty_like(z), np.empty_like(z)

    def derivatives(b: float) -> Derivatives:
        np.multiply(a, -b, power)
        np.exp(power, power)  # e^(-b a)
        np.log1p(power, work)
        loss = float((work @ w).sum())
        np.add(power, 1, work)
        np.divide(power, work, power)  # q
        np.multiply(a, power, work)  # a q
        slope = float((work @ w).sum())
        np.subtract(1, power, power)
        np.multiply(work, power, work)
        np.multiply(work, a, work)  # a² q (1 - q)
        return loss - b * target, -slope - target, float((work @ w).sum())

    return derivatives


def _newton(
    derivatives: Callable[[float], Derivatives], start: float, tolerance: float
) -> tuple[float, float]:
    """Return where a convex function of b is least, and its value there."""
    lower, upper = 0.0, np.inf  # between them the slope changes its sign
    b = min(max(start, LOWEST), HIGHEST)
    loss = np.inf
    for _ in range(MOST_STEPS):
        loss, slope, curvature = derivatives(b)
        if b == (LOWEST if slope > 0 else HIGHEST):
            break
        # the parabola through b falls further by slope² / (2 curvature)
        if slope * slope <= 2 * tolerance * curvature:
            if curvature > 0:
                loss = max(loss - slope * slope / (2 * curvature), 0.0)
            break
        if slope > 0:
            upper = b
        else:
            lower = b
        step = min(max(b - slope / curvature, LOWEST), HIGHEST) if curvature > 0 else np.nan
        if not lower < step < upper:
            step = (max(lower, LOWEST) * min(upper, HIGHEST)) ** 0.5
        b = step
    return b, loss
