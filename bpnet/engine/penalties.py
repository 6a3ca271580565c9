"""Penalties on large weights, which are added to a loss, and bounds on a gradient."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from bpnet.engine.component import Array, Component, FieldError, constant, number


@dataclass(frozen=True, kw_only=True)
class Penalty(Component):
    """l1 Σ |w| + l2 Σ w² / 2 over the weights, biases exempt;  d/dw = l1 sign(w) + l2 w."""

    l1: float = number(0.0, ge=0)
    """Weight of Σ |w|."""
    l2: float = number(0.0, ge=0)
    """Weight of Σ w² / 2."""

    def bind(self, theta: Array, gradient: Array, weights: int) -> "BoundPenalty":
        """Bind the penalty to the first `weights` columns of theta and gradient (R, P)."""
        return BoundPenalty(self, theta[:, :weights], gradient[:, :weights])


class BoundPenalty:
    """A penalty over one network's weights (R, W); without l1 and l2 it is 0 and costs nothing."""

    def __init__(self, penalty: Penalty, weights: Array, gradient: Array) -> None:
        self._penalty, self._weights, self._gradient = penalty, weights, gradient
        self._l1, self._l2, self._half_l2 = (
            constant(factor, weights.dtype) for factor in (penalty.l1, penalty.l2, penalty.l2 / 2)
        )
        self._work = np.empty_like(weights)
        self.active = penalty.l1 > 0 or penalty.l2 > 0
        """True if the penalty is not 0."""

    def value(self) -> Array:
        """Return the penalty (R,) of the present weights."""
        values: list[Array] = []
        if self._penalty.l1 > 0:
            np.abs(self._weights, self._work)
            values.append(self._l1 * np.add.reduce(self._work, axis=1))  # l1 Σ |w|
        if self._penalty.l2 > 0:
            values.append(self._half_l2 * np.vecdot(self._weights, self._weights))  # l2 Σ w² / 2
        if not values:
            return np.zeros(len(self._weights), self._weights.dtype)
        return values[0] if len(values) == 1 else values[0] + values[1]

    def add_gradient(self) -> None:
        """Add the derivative l1 sign(w) + l2 w to the gradient."""
        if self._penalty.l1 > 0:
            np.sign(self._weights, self._work)
            np.multiply(self._work, self._l1, self._work)  # l1 sign(w)
            np.add(self._gradient, self._work, self._gradient)
        if self._penalty.l2 > 0:
            np.multiply(self._weights, self._l2, self._work)  # l2 w
            np.add(self._gradient, self._work, self._gradient)


class BoundReplicaPenalties(BoundPenalty):
    """Penalties of which each replica has its own."""

    def __init__(self, each: Sequence[BoundPenalty]) -> None:
        self._each = each
        self.active = any(penalty.active for penalty in each)

    def value(self) -> Array:
        """Return the penalty (R,) of the present weights."""
        return np.concatenate([penalty.value() for penalty in self._each])

    def add_gradient(self) -> None:
        """Add each derivative to its replica's gradient."""
        for penalty in self._each:
            if penalty.active:
                penalty.add_gradient()


def bind_penalties(
    each: Sequence[Penalty], theta: Array, gradient: Array, weights: int
) -> BoundPenalty:
    """Bind the penalties of the replicas, as `Penalty.bind` does: as one where they are equal."""
    if len(set(each)) == 1:
        return each[0].bind(theta, gradient, weights)
    return BoundReplicaPenalties(
        [
            penalty.bind(theta[k : k + 1], gradient[k : k + 1], weights)
            for k, penalty in enumerate(each)
        ]
    )


@dataclass(frozen=True, kw_only=True)
class GradientClipping(Component):
    """Bounds on a replica's gradient: first on each entry, then on its Euclidean norm."""

    norm: float | None = number(None, gt=0)
    """Largest Euclidean norm of the gradient; a longer gradient is scaled down to it. By default
    unbounded. Example: `norm: 1.0`.
    """
    value: float | None = number(None, gt=0)
    """Largest size of each entry, to which larger ones are cut. By default unbounded.
    Example: `value: 0.5`.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.norm is None and self.value is None:
            raise FieldError(
                "norm", "is not set, nor is value; set one of them, or leave gradient_clipping out"
            )

    def clip(self, *gradients: Array) -> None:
        """Bound a gradient, whose parts are (R, P) each, in place: g = g norm / max(|g|, norm)."""
        if self.value is not None:
            for gradient in gradients:
                np.maximum(gradient, -self.value, out=gradient)
                np.minimum(gradient, self.value, out=gradient)
        if self.norm is not None:
            # as a number of the gradient's precision: 1e39 is infinite in float32
            most = min(self.norm, _largest(gradients[0].dtype))
            norm = _norm(gradients)
            norms = norm.ravel().tolist()
            if all(one <= most for one in norms):
                return
            if all(map(math.isfinite, norms)):
                for gradient in gradients:
                    # a gradient that is short enough is multiplied by exactly 1
                    np.multiply(gradient, most / np.maximum(norm, most), out=gradient)
            else:
                _clip_large(gradients, norm, most)


@cache
def _largest(dtype: np.dtype) -> float:
    """Return the largest finite number of a type."""
    return float(np.finfo(dtype).max)


def _norm(gradients: Sequence[Array]) -> Array:
    """Return the Euclidean norm |g| (R, 1) of a gradient in parts (R, P)."""
    first, *others = (np.vecdot(gradient, gradient) for gradient in gradients)
    squares: Array = sum(others, first)
    norm: Array = np.sqrt(squares)[:, None]
    return norm


def _clip_large(gradients: Sequence[Array], norm: Array, most: float) -> None:
    """Bound a gradient by its norm where squares of entries overflow, as 1e20 does in float32."""
    largest = np.max([np.abs(gradient).max(axis=1, initial=0) for gradient in gradients], axis=0)
    # the entries of such a gradient are divided by the largest; all others by exactly 1
    large = ~np.isfinite(norm) & np.isfinite(largest)[:, None]
    scale = np.where(large, largest[:, None], 1).astype(norm.dtype)
    for gradient in gradients:
        np.divide(gradient, scale, out=gradient)
    # g / s is multiplied by most / |g / s|, where |g / s| >= 1, or by s if |g| is at most `most`
    kept = np.minimum(most / np.maximum(_norm(gradients), 1), scale)
    factor = np.where(large, kept, most / np.maximum(norm, most))
    for gradient in gradients:
        np.multiply(gradient, factor.astype(norm.dtype), out=gradient)
