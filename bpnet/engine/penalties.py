"""Penalties and clipping: what is added to a loss for large weights, and what bounds a gradient."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bpnet.engine.component import Array, Component, FieldError, number


@dataclass(frozen=True, kw_only=True)
class Penalty(Component):
    """l1 Σ |w| + l2 Σ w² / 2 over the weights, biases exempt; its derivative is l1 sign(w) + l2 w."""

    l1: float = number(0.0, ge=0)
    """Weight of Σ |w|."""
    l2: float = number(0.0, ge=0)
    """Weight of Σ w² / 2."""

    def bind(self, theta: Array, gradient: Array, weights: int) -> "BoundPenalty":
        """Bind the penalty to the first `weights` columns of theta and gradient (R, P)."""
        return BoundPenalty(self, theta[:, :weights], gradient[:, :weights])


class BoundPenalty:
    """A penalty over one network's weights; without l1 and l2 it is 0 and costs nothing."""

    def __init__(self, penalty: Penalty, weights: Array, gradient: Array) -> None:
        self._penalty, self._weights, self._gradient = penalty, weights, gradient
        self._work = np.empty_like(weights)
        self.active = penalty.l1 > 0 or penalty.l2 > 0

    def value(self) -> Array:
        """The penalty (R,) of the present weights."""
        total = np.zeros(len(self._weights), self._weights.dtype)
        if self._penalty.l1 > 0:
            np.abs(self._weights, out=self._work)
            total += self._penalty.l1 * self._work.sum(axis=1)
        if self._penalty.l2 > 0:
            total += self._penalty.l2 / 2 * np.vecdot(self._weights, self._weights)
        return total

    def add_gradient(self) -> None:
        """Add the derivative to the gradient."""
        if self._penalty.l1 > 0:
            np.sign(self._weights, out=self._work)
            np.multiply(self._work, self._penalty.l1, out=self._work)
            np.add(self._gradient, self._work, out=self._gradient)
        if self._penalty.l2 > 0:
            np.multiply(self._weights, self._penalty.l2, out=self._work)
            np.add(self._gradient, self._work, out=self._gradient)


class _ReplicaPenalties(BoundPenalty):
    """The penalties of replicas that have one each."""

    def __init__(self, each: Sequence[BoundPenalty]) -> None:
        self._each = each
        self.active = any(own.active for own in each)

    def value(self) -> Array:
        return np.concatenate([own.value() for own in self._each])

    def add_gradient(self) -> None:
        for own in self._each:
            if own.active:
                own.add_gradient()


def bind_each(
    penalties: Sequence[Penalty], theta: Array, gradient: Array, weights: int
) -> BoundPenalty:
    """Bind a penalty for each replica, or one of all where they are the same, as `Penalty.bind` does."""
    if len(set(penalties)) == 1:
        return penalties[0].bind(theta, gradient, weights)
    rows = [slice(k, k + 1) for k in range(len(penalties))]
    return _ReplicaPenalties(
        [own.bind(theta[k], gradient[k], weights) for own, k in zip(penalties, rows, strict=True)]
    )


@dataclass(frozen=True, kw_only=True)
class GradientClipping(Component):
    """Bounds on a replica's gradient: each entry within ±`value`, then its Euclidean norm at most `norm`."""

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

    def clip(self, gradient: Array) -> None:
        """Bound the gradient (R, P) in place."""
        if self.value is not None:
            np.maximum(gradient, -self.value, out=gradient)
            np.minimum(gradient, self.value, out=gradient)
        if self.norm is not None:
            norm = np.sqrt(np.vecdot(gradient, gradient))[:, None]
            np.multiply(gradient, self.norm / np.maximum(norm, self.norm), out=gradient)
