"""Convex functions on the simplex: weights that are not negative and sum to 1."""

from collections.abc import Callable

import numpy as np

from bpnet.data.reading.column import Floats

Derivatives = tuple[float, Floats, Floats]
"""A function's value, gradient (M,) and Hessian (M, M) at some weights (M,)."""

_STEPS = 100
_RIDGE = 1e-12
"""Share of the Hessian's mean diagonal that is added to it: members may be identical."""


def minimize_on_simplex(
    function: Callable[[Floats], Derivatives], size: int, tolerance: float = 1e-10
) -> Floats:
    """Return the weights (M,) on the simplex where a convex function is smallest.

    Newton's method: each step goes toward the minimum of the quadratic model on the simplex, half
    as far until the function falls. It ends where the gap g·w - min g, a bound on the distance to
    the smallest value (Frank and Wolfe 1956), is no more than the tolerance.
    """
    weights = np.full(size, 1 / size)
    value, gradient, hessian = function(weights)
    for _ in range(_STEPS):
        if gradient @ weights - gradient.min() <= tolerance:
            break
        # the model about w is v·H v / 2 - (H w - g)·v
        target = minimize_quadratic(hessian, hessian @ weights - gradient)
        step, decrease = target - weights, gradient @ (target - weights)
        share = 1.0
        while True:
            candidate = weights + share * step
            found, its_gradient, its_hessian = function(candidate)
            if found <= value + 1e-4 * share * decrease or share < 1e-9:
                break
            share /= 2
        if not found < value:  # as near as rounding allows
            break
        weights, value, gradient, hessian = candidate, found, its_gradient, its_hessian
    weights = np.where(weights > 1e-9, weights, 0.0)
    return np.asarray(weights / weights.sum())


def minimize_quadratic(hessian: Floats, linear: Floats) -> Floats:
    """Return the v (M,) on the simplex where v·H v / 2 - c·v is smallest, for H (M, M) and c (M,).

    The active-set method of Lawson and Hanson (1974), chapter 23, with the sum as a constraint: a
    weight that lowers the value is set free, and free weights that would be negative end at 0.
    """
    size = len(linear)
    unit = float(np.trace(hessian)) / size or 1.0  # the sum of the weights is a number near 1, too
    hessian, linear = hessian / unit + _RIDGE * np.eye(size), linear / unit
    first = int(np.argmin(np.diag(hessian) / 2 - linear))
    v, free = np.zeros(size), np.zeros(size, bool)
    v[first], free[first] = 1.0, True
    for _ in range(10 * size):
        slope = hessian @ v - linear
        lowest = int(np.argmin(slope))
        if free[lowest] or slope[lowest] >= slope @ v - 1e-14 * np.abs(slope).max():
            break
        free[lowest] = True
        while True:
            best = _on_the_plane(hessian, linear, free)
            negative = free & (best <= 0)
            if not negative.any():
                v = best
                break
            # as far as the first weight that falls to 0
            shares = v[negative] / np.maximum(v[negative] - best[negative], 1e-300)
            v = v + shares.min() * (best - v)
            free &= ~(negative & (v <= 1e-15))
            v = np.where(free, v, 0.0)
    return np.asarray(np.maximum(v, 0) / np.maximum(v, 0).sum())


def _on_the_plane(hessian: Floats, linear: Floats, free: np.ndarray) -> Floats:
    """Return the minimum (M,) where only `free` weights differ from 0, and all sum to 1."""
    chosen = np.flatnonzero(free)
    count = len(chosen)
    system = np.zeros((count + 1, count + 1))
    system[:count, :count] = hessian[np.ix_(chosen, chosen)]
    system[:count, count] = system[count, :count] = 1  # the multiplier of Σ v = 1
    solved = np.linalg.lstsq(system, np.append(linear[chosen], 1.0), rcond=None)[0]
    best = np.zeros(len(linear))
    best[chosen] = solved[:count]
    return best
