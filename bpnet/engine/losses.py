"""Losses: the loss of a batch for each replica, and the gradient of exactly that number.

Scores y (R, O, B) are the network's output, targets t (R, O, B). With l the loss of a row and w its
weight, 1 unless given, the loss of a batch is Σ w l / B, or Σ w l with `rows: sum`. Weights of rows
and of classes are the same to a loss: w (R, 1, B) is the row's weight times its class's. Nothing is
allocated after `bind`.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.activations import AnyActivation, Identity, Sigmoid, Softmax, sigmoid, softplus
from bpnet.engine.buffers import empty, empty_like, empty_units
from bpnet.engine.component import Array, Component, choice, constant, number
from bpnet.engine.matmul import BoundMatmul, BoundTotal
from bpnet.engine.progress import Progress
from bpnet.engine.schedules import PlannedSchedule

Reduction = Literal["mean", "sum"]


@dataclass(frozen=True, kw_only=True)
class Loss(Component):
    """Base of all losses."""

    rows: Reduction = "mean"
    """The loss of a batch is the mean of its rows' losses, or their sum, whose gradient grows with
    the batch.
    """

    link: ClassVar[AnyActivation] = Identity()
    """Activation that turns scores into predictions: sigmoid or softmax where they are logits."""
    threshold: ClassVar[float] = 0.5
    """Score above which a single output, or a label, predicts 1."""

    def prepare(self, targets: Array) -> Array:
        """Return the targets (…, O) that scores are compared with, smoothed once for all steps."""
        return targets

    def scales(self, outputs: int) -> tuple[float, float]:
        """Return the factors that `evaluate` leaves out of the losses and of the gradient."""
        return 1.0, 1.0

    def evaluate(self, bound: "BoundLoss") -> None:
        """Write w l, spread over the entries of `losses` (R, O, B), their sum, and w dl/dy."""
        raise TypeError(f"{type(self).__name__} evaluates nothing")

    def bind(
        self,
        scores: Array,
        targets: Array,
        weights: Array | None,
        progress: Progress | None = None,
    ) -> "BoundLoss":
        """Bind the loss to scores and targets (R, O, B) and weights (R, 1, B).

        A schedule reads its place from `progress`. Raises ValueError if the shapes do not fit
        together.
        """
        return BoundLoss(self, scores, targets, weights)


class BoundLoss:
    """A loss over one batch's buffers; `evaluate` allocates nothing.

    It fills `total` (R,) with Σ w l and `gradient` (R, O, B) with dL/dy of the batch's loss L.
    """

    def __init__(self, loss: Loss, scores: Array, targets: Array, weights: Array | None) -> None:
        replicas, outputs, rows = scores.shape
        if targets.shape != scores.shape:
            raise ValueError(
                f"the network gives {scores.shape} (replicas, outputs, rows) "
                f"but the targets are {targets.shape}"
            )
        if weights is not None and weights.shape != (replicas, 1, rows):
            raise ValueError(f"the weights are {weights.shape}; they must be {(replicas, 1, rows)}")
        self._loss, self.y, self.t, self.w = loss, scores, targets, weights
        self.losses = empty_units(replicas, outputs, rows, scores.dtype)
        """Entries (R, O, B) whose sum is the loss."""
        self.first = self.losses[:, :1]
        """Those of the first output (R, 1, B)."""
        self.gradient = empty_like(self.losses)
        self.row = empty((replicas, 1, rows), scores.dtype)
        """Work array with one number for each row."""
        # 1ᵀ g: (R, 1, O) (R, O, B) = (R, 1, B)
        self.sum_outputs = BoundMatmul(
            np.ones((replicas, 1, outputs), scores.dtype), self.gradient, self.row
        )
        """Writes the sum of `gradient` over each row's outputs into `row`."""
        self.total = np.zeros(replicas, scores.dtype)
        scale, slope = loss.scales(outputs)
        self.sum_losses = BoundTotal(self.losses, self.total, scale)
        """Writes the sum of `losses` into `total`; then `losses` may be overwritten."""
        self._slope, self._rows = slope, 0
        self.take_mean_over(rows)

    def take_mean_over(self, rows: int) -> None:
        """Divide by this number of rows, where those that are bound are a part of a batch."""
        if rows != self._rows:
            self._rows = rows
            self._share = 1 / rows if self._loss.rows == "mean" else 1.0  # L = share Σ w l
            self._factor = constant(self._slope * self._share, self.total.dtype)
            self._scales = self._slope * self._share != 1.0  # a factor of 1 would cost a pass

    def evaluate(self) -> None:
        """Compute `total`, and the `gradient` of the batch's loss with respect to the scores."""
        self._loss.evaluate(self)
        if self._scales:
            np.multiply(self.gradient, self._factor, self.gradient)

    def value(self) -> Array:
        """Return the batch's loss (R,), of which `gradient` is the gradient."""
        return np.asarray(self.total * constant(self._share, self.total.dtype))


@dataclass(frozen=True, kw_only=True)
class _Elementwise(Loss):
    """A loss of the differences e = y - t, summed over a row's outputs or averaged over them."""

    outputs: Reduction = "mean"
    """The loss of a row is the mean over its outputs, or the sum."""

    def scales(self, outputs: int) -> tuple[float, float]:
        """Return 1 / O twice where a row's loss is the mean over its outputs, else 1."""
        share = 1 / outputs if self.outputs == "mean" else 1.0
        return share, share

    def _element(self, e: Array, value: Array) -> None:
        """Write the loss of each difference e (R, O, B) into value, and dl/de into e."""
        raise TypeError(f"{type(self).__name__} has no elements")

    def evaluate(self, bound: BoundLoss) -> None:
        """Write w l and w dl/dy, with dl/dy = dl/de since e = y - t."""
        value, gradient, weight = bound.losses, bound.gradient, bound.w
        np.subtract(bound.y, bound.t, gradient)  # e
        self._element(gradient, value)  # l, and dl/de in place of e
        if weight is not None:
            np.multiply(value, weight, value)  # w l
            np.multiply(gradient, weight, gradient)  # w dl/dy
        bound.sum_losses.compute()


@dataclass(frozen=True, kw_only=True)
class SquaredError(_Elementwise):
    """Squared difference from the target, for numbers.

    l = Σ (y - t)², dl/dy = 2 (y - t);  with `half`, l = Σ (y - t)² / 2 and dl/dy = y - t.
    Over a row's outputs it is a mean by default, Σ with `outputs: sum`. The ½ and the sums give the
    numbers of any textbook: "half the sum of squares over all rows" is `half: true`,
    `outputs: sum`, `rows: sum`.
    """

    kind: Literal["squared_error"] = "squared_error"
    half: bool = False
    """Halve the loss, which makes its derivative y - t."""

    def scales(self, outputs: int) -> tuple[float, float]:
        """Return ½ and 1 with `half`, else 1 and 2, since the elements are e² and e."""
        scale, slope = super().scales(outputs)
        return (scale / 2, slope) if self.half else (scale, 2 * slope)

    def _element(self, e: Array, value: Array) -> None:
        np.multiply(e, e, value)  # e²; its derivative 2e is left to `scales`


@dataclass(frozen=True, kw_only=True)
class AbsoluteError(_Elementwise):
    """Absolute difference from the target, for numbers.

    l = Σ |y - t|, dl/dy = sign(y - t), which is 0 at the kink.
    Over a row's outputs it is a mean by default, Σ with `outputs: sum`.
    """

    kind: Literal["absolute_error"] = "absolute_error"

    def _element(self, e: Array, value: Array) -> None:
        np.abs(e, out=value)
        np.sign(e, out=e)  # last, as it overwrites e


@dataclass(frozen=True, kw_only=True)
class Huber(_Elementwise):
    """Small differences squared, large ones absolute (Huber 1964).

    l = e² / 2 where |e| ≤ delta, else delta (|e| - delta / 2), with e = y - t;
    dl/dy = c, which is e clipped to ±delta, and both cases are l = c (e - c / 2).
    """

    kind: Literal["huber"] = "huber"
    delta: float = number(1.0, gt=0)
    """Error up to which the loss is quadratic; larger errors count linearly. Errors of a
    standardized target are in standard deviations.
    """

    def _element(self, e: Array, value: Array) -> None:
        np.copyto(value, e)  # e, before c overwrites it
        np.maximum(e, -self.delta, out=e)
        np.minimum(e, self.delta, out=e)  # c
        np.multiply(value, 2, out=value)  # l = c (2e - c) / 2
        np.subtract(value, e, out=value)  # 2e - c
        np.multiply(value, e, out=value)  # c (2e - c)
        np.multiply(value, 0.5, out=value)


@dataclass(frozen=True, kw_only=True)
class Quantile(_Elementwise):
    """Absolute difference weighted by its side, for a quantile of numbers (Koenker, Bassett 1978).

    l = q (t - y) where y < t, else (1 - q) (y - t): of all constants the q-quantile of the targets
    has the least mean. dl/dy = -q where y < t, 1 - q where y > t, and at the kink the subgradient
    ½ - q. It is the pinball loss; with q = ½ it is half the absolute error.
    Over a row's outputs it is a mean by default, Σ with `outputs: sum`.
    """

    kind: Literal["quantile"] = "quantile"
    quantile: float = number(0.5, gt=0, lt=1)
    """Share q of the targets that are to be below the predictions. Example: `quantile: 0.9`."""

    def _element(self, e: Array, value: Array) -> None:
        np.copyto(value, e)
        np.sign(e, out=e)
        np.multiply(e, 0.5, out=e)
        np.add(e, 0.5 - self.quantile, out=e)  # dl/de
        np.multiply(value, e, out=value)  # l = e dl/de


class BoundSmoothedLoss(BoundLoss):
    """A loss whose targets are smoothed anew at each step, by a share that has a schedule."""

    def __init__(
        self,
        loss: "_FromLogits",
        scores: Array,
        targets: Array,
        weights: Array | None,
        progress: Progress,
    ) -> None:
        super().__init__(loss, scores, targets, weights)
        self._progress, self._smoothing = progress, loss.label_smoothing
        self._schedule, self._outcomes = (
            loss.label_smoothing_schedule,
            loss.outcomes(scores.shape[1]),
        )
        self._targets, self.t = targets, empty_like(self.losses)

    def evaluate(self) -> None:
        """Write the targets t = (1 - s) t + s u, and compute `total` and `gradient` from them."""
        share = self._smoothing * self._progress.factor(self._schedule)
        np.multiply(self._targets, 1 - share, out=self.t)
        np.add(self.t, share / self._outcomes, out=self.t)
        super().evaluate()


@dataclass(frozen=True, kw_only=True)
class _FromLogits(Loss):
    """A log loss; label smoothing s replaces t by (1 - s) t + s u, with u the even share.

    Smoothing with a schedule has its share of the training's step, in the loss and its gradient
    alike. Outside training, as in the validation loss, it has the share that is written.
    """

    label_smoothing: float = number(0.0, ge=0, lt=1)
    """Share s by which targets are moved toward equal shares: toward 1 / O for each of O classes,
    toward ½ for two and for labels. With 0 they stay 0 and 1. Example: `label_smoothing: 0.1`.
    """
    label_smoothing_schedule: PlannedSchedule | None = choice(None)
    """Change of the label smoothing during training. By default it is constant. The validation loss
    has all of it at all times, so that epochs can be compared.
    Example: `label_smoothing_schedule: flat_cosine`.
    """

    def outcomes(self, outputs: int) -> int:
        """Return the number 1 / u of outcomes that equal shares are for."""
        raise TypeError(f"{type(self).__name__} smooths no targets")

    def prepare(self, targets: Array) -> Array:
        """Return the targets (…, O) smoothed, unless a schedule does that at each step."""
        smoothing = self.label_smoothing
        if not smoothing or self.label_smoothing_schedule is not None:
            return targets
        return targets * (1 - smoothing) + smoothing / self.outcomes(targets.shape[-1])

    def bind(
        self,
        scores: Array,
        targets: Array,
        weights: Array | None,
        progress: Progress | None = None,
    ) -> BoundLoss:
        """Bind the loss, as any other; targets with a schedule are smoothed at each step."""
        if not self.label_smoothing or self.label_smoothing_schedule is None:
            return super().bind(scores, targets, weights)
        return BoundSmoothedLoss(self, scores, targets, weights, progress or Progress())


@dataclass(frozen=True, kw_only=True)
class BinaryCrossEntropy(_FromLogits):
    """Log loss from logits, for two classes or for 0/1 labels.

    l = Σ log(1 + e^y) - t y over the outputs, from logits y;  dl/dy = sigmoid(y) - t.
    It is -t log p - (1 - t) log(1 - p) with p = sigmoid(y), and finite for every finite y.
    Label smoothing s replaces t by t (1 - s) + s / 2.
    """

    kind: Literal["binary_cross_entropy"] = "binary_cross_entropy"
    link: ClassVar[AnyActivation] = Sigmoid()
    threshold: ClassVar[float] = 0.0

    def outcomes(self, outputs: int) -> int:
        """Return 2."""
        return 2

    def evaluate(self, bound: BoundLoss) -> None:
        """Write w l with log(1 + e^y) = max(y, 0) + log(1 + e^-|y|), and w (sigmoid(y) - t)."""
        value, gradient, weight = bound.losses, bound.gradient, bound.w
        softplus(bound.y, value, gradient)  # log(1 + e^y); gradient is a work array until below
        np.multiply(bound.t, bound.y, gradient)  # t y
        np.subtract(value, gradient, value)  # l = log(1 + e^y) - t y
        if weight is not None:
            np.multiply(value, weight, value)  # w l
        bound.sum_losses.compute()
        sigmoid(bound.y, gradient, value)  # value is a work array from here on
        np.subtract(gradient, bound.t, gradient)  # dl/dy = sigmoid(y) - t
        if weight is not None:
            np.multiply(gradient, weight, gradient)


@dataclass(frozen=True, kw_only=True)
class CrossEntropy(_FromLogits):
    """Log loss from logits, for one class of several.

    l = log Σ e^y - Σ t y over the outputs, from logits y;  dl/dy = softmax(y) - t.
    It is -Σ t log p with p = softmax(y) and targets that sum to 1 over a row's outputs.
    Label smoothing s replaces t by t (1 - s) + s / O (Szegedy et al. 2016).
    """

    kind: Literal["cross_entropy"] = "cross_entropy"
    link: ClassVar[AnyActivation] = Softmax()

    def scales(self, outputs: int) -> tuple[float, float]:
        """Return -1 and 1: `evaluate` saves a pass by writing -l."""
        return -1.0, 1.0

    def outcomes(self, outputs: int) -> int:
        """Return O."""
        return outputs

    def evaluate(self, bound: BoundLoss) -> None:
        """Write -w l and w (softmax(y) - t), from z = y less the largest logit of its row."""
        value, gradient, row, weight = bound.losses, bound.gradient, bound.row, bound.w
        np.maximum.reduce(bound.y, axis=1, out=row, keepdims=True)  # max y (R, 1, B)
        np.subtract(bound.y, row, gradient)  # z, so that no power is infinite
        np.multiply(gradient, bound.t, value)  # t z
        np.exp(gradient, gradient)  # e^z
        bound.sum_outputs.compute()  # row = Σ e^z
        np.divide(gradient, row, gradient)  # softmax
        np.subtract(gradient, bound.t, gradient)  # dl/dy = softmax(y) - t
        np.log(row, row)  # log Σ e^z
        np.subtract(bound.first, row, bound.first)  # a row now sums to Σ t z - log Σ e^z = -l
        if weight is not None:
            np.multiply(value, weight, value)  # -w l
            np.multiply(gradient, weight, gradient)
        bound.sum_losses.compute()


AnyLoss = SquaredError | AbsoluteError | Huber | Quantile | BinaryCrossEntropy | CrossEntropy
