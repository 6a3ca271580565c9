"""Losses: what a batch costs each replica, and the gradient of exactly that.

Scores y (R, O, B) are the network's output, targets t (R, O, B). With w the weight of a row (1 unless given) and
l its loss, a batch costs Σ w l / B, or Σ w l with `rows: sum`. Weights of rows and of classes are the same
thing to a loss: w (R, 1, B) is the row's weight times its class's. Nothing is allocated after `bind`.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.activations import AnyActivation, Identity, Sigmoid, Softmax, sigmoid, softplus
from bpnet.engine.buffers import empty, empty_like, empty_units
from bpnet.engine.component import Array, Component, constant, number
from bpnet.engine.matmul import BoundMatmul, BoundTotal

Reduction = Literal["mean", "sum"]


@dataclass(frozen=True, kw_only=True)
class Loss(Component):
    """The base of all losses."""

    rows: Reduction = "mean"
    """The loss of a batch is the mean of its rows' losses, or their sum, whose gradient grows with
    the batch.
    """

    link: ClassVar[AnyActivation] = Identity()
    """What turns the scores that this loss reads into predictions: losses from logits have one of their own."""
    threshold: ClassVar[float] = 0.5
    """The score of a single output above which it says class 1."""

    def prepare(self, targets: Array) -> Array:
        """The targets as the loss compares them; label smoothing happens here, once and not in every step."""
        return targets

    def scales(self, outputs: int) -> tuple[float, float]:
        """What the losses and the gradient that `evaluate` writes are still to be multiplied by."""
        return 1.0, 1.0

    def evaluate(self, to: "BoundLoss") -> None:
        """Write w l, spread over its entries, into `losses` (R, O, B) and add them up; w dl/dy into `gradient`."""
        raise TypeError(f"{type(self).__name__} evaluates nothing")

    def bind(self, scores: Array, targets: Array, weights: Array | None) -> "BoundLoss":
        """Bind the loss to these buffers; raises ValueError where their shapes do not fit."""
        return BoundLoss(self, scores, targets, weights)


class BoundLoss:
    """A loss over one batch's buffers: `evaluate` fills `total` (R,), Σ w l, and `gradient` (R, O, B)."""

    def __init__(self, loss: Loss, scores: Array, targets: Array, weights: Array | None) -> None:
        replicas, outputs, rows = scores.shape
        if targets.shape != scores.shape:
            raise ValueError(
                f"the network gives {scores.shape} (replicas, outputs, rows) but the targets are {targets.shape}"
            )
        if weights is not None and weights.shape != (replicas, 1, rows):
            raise ValueError(f"the weights are {weights.shape}; they must be {(replicas, 1, rows)}")
        self._loss, self.y, self.t, self.w = loss, scores, targets, weights
        self.losses = empty_units(replicas, outputs, rows, scores.dtype)
        """What the loss is summed up from."""
        self.first = self.losses[:, :1]
        """Those of the first output."""
        self.gradient = empty_like(self.losses)
        self.row = empty((replicas, 1, rows), scores.dtype)
        """One number for each row, for what the loss needs."""
        self.sum_outputs = BoundMatmul(
            np.ones((replicas, 1, outputs), scores.dtype), self.gradient, self.row
        )
        """Writes the sums of `gradient` over a row's outputs into `row`."""
        self.total = np.zeros(replicas, scores.dtype)
        scale, slope = loss.scales(outputs)
        self.sum_losses = BoundTotal(self.losses, self.total, scale)
        """Writes the sum of `losses` into `total`; afterwards they may be written over."""
        self._share = 1 / rows if loss.rows == "mean" else 1.0
        self._factor = constant(slope * self._share, scores.dtype)
        self._scales = slope * self._share != 1.0

    def evaluate(self) -> None:
        """Σ w l into `total`, and the gradient of the batch's loss by the scores into `gradient`."""
        self._loss.evaluate(self)
        if self._scales:
            np.multiply(self.gradient, self._factor, self.gradient)

    def value(self) -> Array:
        """The batch's loss (R,): what `gradient` is the gradient of."""
        return np.asarray(self.total * constant(self._share, self.total.dtype))


@dataclass(frozen=True, kw_only=True)
class _Elementwise(Loss):
    """A loss of the differences e = y - t, summed over a row's outputs or averaged over them."""

    outputs: Reduction = "mean"
    """The loss of a row is the mean over its outputs, or the sum."""

    def scales(self, outputs: int) -> tuple[float, float]:
        """One over the outputs, where a row's loss is their mean."""
        share = 1 / outputs if self.outputs == "mean" else 1.0
        return share, share

    def _element(self, e: Array, value: Array) -> None:
        """Write the loss of each difference into value, and replace e by the derivative."""
        raise TypeError(f"{type(self).__name__} has no elements")

    def evaluate(self, to: BoundLoss) -> None:
        """Write w l, with l the sum or mean over the outputs of the element losses, and w dl/dy."""
        value, gradient = to.losses, to.gradient
        np.subtract(to.y, to.t, gradient)
        self._element(gradient, value)
        if to.w is not None:
            np.multiply(value, to.w, value)
            np.multiply(gradient, to.w, gradient)
        to.sum_losses.compute()


@dataclass(frozen=True, kw_only=True)
class SquaredError(_Elementwise):
    """l = Σ (y - t)², dl/dy = 2 (y - t);  with `half`, l = Σ (y - t)² / 2 and dl/dy = y - t.

    Over a row's outputs it is a mean by default, Σ with `outputs: sum`. The ½ and the sums exist so that any
    textbook's numbers can be met: "half the sum of squares over all rows" is half, outputs: sum, rows: sum.
    """

    kind: Literal["squared_error"] = "squared_error"
    half: bool = False
    """Halve the loss, which makes its derivative y - t."""

    def scales(self, outputs: int) -> tuple[float, float]:
        """With `half` ½ and 1, else 1 and 2, for the elements are e² and e."""
        scale, slope = super().scales(outputs)
        return (scale / 2, slope) if self.half else (scale, 2 * slope)

    def _element(self, e: Array, value: Array) -> None:
        np.multiply(e, e, value)


@dataclass(frozen=True, kw_only=True)
class AbsoluteError(_Elementwise):
    """l = Σ |y - t|, dl/dy = sign(y - t), which is 0 at the kink; a mean over a row's outputs by default."""

    kind: Literal["absolute_error"] = "absolute_error"

    def _element(self, e: Array, value: Array) -> None:
        np.abs(e, out=value)
        np.sign(e, out=e)


@dataclass(frozen=True, kw_only=True)
class Huber(_Elementwise):
    """l = e² / 2 where |e| ≤ delta, else delta (|e| - delta / 2);  dl/dy = e clipped to ±delta (Huber 1964).

    With c the clipped e, both cases are l = c (e - c / 2).
    """

    kind: Literal["huber"] = "huber"
    delta: float = number(1.0, gt=0)
    """Error up to which the loss is quadratic; larger errors count linearly. Errors of a
    standardized target are in standard deviations.
    """

    def _element(self, e: Array, value: Array) -> None:
        np.copyto(value, e)
        np.maximum(e, -self.delta, out=e)
        np.minimum(e, self.delta, out=e)
        np.multiply(value, 2, out=value)
        np.subtract(value, e, out=value)
        np.multiply(value, e, out=value)
        np.multiply(value, 0.5, out=value)


@dataclass(frozen=True, kw_only=True)
class BinaryCrossEntropy(Loss):
    """l = Σ_o log(1 + e^y) - t y from logits y, for outputs that each say yes or no;  dl/dy = sigmoid(y) - t.

    It is -t log p - (1 - t) log(1 - p) with p = sigmoid(y), summed over a row's outputs, and finite for every finite y.
    Label smoothing s replaces t by t (1 - s) + s / 2.
    """

    kind: Literal["binary_cross_entropy"] = "binary_cross_entropy"
    label_smoothing: float = number(0.0, ge=0, lt=1)
    """Share s by which targets are moved toward ½. With 0 they stay 0 and 1.
    Example: `label_smoothing: 0.1`.
    """
    link: ClassVar[AnyActivation] = Sigmoid()
    threshold: ClassVar[float] = 0.0

    def prepare(self, targets: Array) -> Array:
        """Targets drawn to ½ by the label smoothing."""
        return (
            targets * (1 - self.label_smoothing) + self.label_smoothing / 2
            if self.label_smoothing
            else targets
        )

    def evaluate(self, to: BoundLoss) -> None:
        """Write w l with log(1 + e^y) = max(y, 0) + log(1 + e^-|y|), and w (sigmoid(y) - t)."""
        value, gradient = to.losses, to.gradient
        softplus(to.y, value, gradient)
        np.multiply(to.t, to.y, gradient)
        np.subtract(value, gradient, value)
        if to.w is not None:
            np.multiply(value, to.w, value)
        to.sum_losses.compute()
        sigmoid(to.y, gradient, value)
        np.subtract(gradient, to.t, gradient)
        if to.w is not None:
            np.multiply(gradient, to.w, gradient)


@dataclass(frozen=True, kw_only=True)
class CrossEntropy(Loss):
    """l = log Σ_j e^y_j - Σ_j t_j y_j from logits y, for one class of several;  dl/dy = softmax(y) - t.

    It is -Σ t log p with p = softmax(y) and targets that sum to 1 over a row's outputs. Label smoothing s replaces t by
    t (1 - s) + s / O (Szegedy et al. 2016).
    """

    kind: Literal["cross_entropy"] = "cross_entropy"
    label_smoothing: float = number(0.0, ge=0, lt=1)
    """Share s by which targets are moved toward equal shares for all O classes. With 0 they stay 0
    and 1. Example: `label_smoothing: 0.1`.
    """
    link: ClassVar[AnyActivation] = Softmax()

    def scales(self, outputs: int) -> tuple[float, float]:
        """-1 and 1: that `evaluate` writes -l saves it a pass."""
        return -1.0, 1.0

    def prepare(self, targets: Array) -> Array:
        """Targets drawn to 1 / O by the label smoothing; targets are (…, O)."""
        share = self.label_smoothing / targets.shape[-1]
        return targets * (1 - self.label_smoothing) + share if self.label_smoothing else targets

    def evaluate(self, to: BoundLoss) -> None:
        """Write -w l with the largest logit of each row subtracted first, and w (softmax(y) - t)."""
        value, gradient, row = to.losses, to.gradient, to.row
        np.maximum.reduce(to.y, axis=1, out=row, keepdims=True)
        np.subtract(to.y, row, gradient)
        np.multiply(gradient, to.t, value)
        np.exp(gradient, gradient)
        to.sum_outputs.compute()
        np.divide(gradient, row, gradient)
        np.subtract(gradient, to.t, gradient)
        np.log(row, row)
        np.subtract(to.first, row, to.first)
        if to.w is not None:
            np.multiply(value, to.w, value)
            np.multiply(gradient, to.w, gradient)
        to.sum_losses.compute()


AnyLoss = SquaredError | AbsoluteError | Huber | BinaryCrossEntropy | CrossEntropy
