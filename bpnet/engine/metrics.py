"""Metrics: how good predictions are, for each replica, summed up batch by batch.

A metric is immutable settings. `over` gives it the targets that it is measured over, `bind` the
buffers of one batch. To add a metric, write its class and name it in `TRAINING_METRICS`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from bpnet.engine.class_codes import BoundClassCodes
from bpnet.engine.component import Array
from bpnet.engine.matmul import BoundSum

PIECE = 1 << 18
"""The number of rows of targets that are read together: 2 MB of float64 an output."""


class BoundMetric:
    """A metric over one batch's scores and targets, each (R, O, B), that `add` sums up."""

    __slots__ = ()

    def add(self, sums: Array) -> None:
        """Add the batch's amounts to sums (R, M)."""
        raise TypeError(f"{type(self).__name__} adds nothing")


@dataclass(frozen=True, eq=False)
class Metric:
    """Base of all metrics: M amounts are summed over rows, and `values` turns sums into metrics.

    `threshold` is the score above which a single output, or a label, predicts 1. `scale` (O,), or
    (S, O) where each of S replicas has its own rows, is one unit of each output in the user's unit,
    by default 1.
    """

    threshold: float = 0.5
    scale: Array | None = None

    task: ClassVar[str | None]
    """The task that it belongs to, as a config names it; None if it suits every task."""
    names: ClassVar[tuple[str, ...]]
    higher_is_better: ClassVar[frozenset[str]] = frozenset()
    """Those of its names of which a higher value is better; of the others a lower one is."""
    on_request: ClassVar[bool] = False
    """True if it is measured only where `training.metrics` names it."""

    @property
    def width(self) -> int:
        """The number M of amounts that are summed."""
        return len(self.names)

    def over(self, targets: Array | Sequence[Array]) -> "Metric":
        """Return the metric for rows with these targets (N, O), of any type.

        Replicas with rows of their own have (S, N, O), or one (N, O) each.
        """
        return self

    def bind(self, scores: Array, targets: Array, counted: Array | None = None) -> BoundMetric:
        """Bind the metric to a batch's scores and targets, each (R, O, B).

        Where only some rows count, a mask (R, B) says which.
        """
        raise TypeError(f"{type(self).__name__} binds nothing")

    def values(self, sums: Array, rows: int | Array) -> dict[str, Array]:
        """Return each metric (R,) of `rows` rows by its name, from their sums (R, M).

        Replicas with different numbers of rows have (R, 1).
        """
        raise TypeError(f"{type(self).__name__} has no values")


class Accuracy(Metric):
    """The share of rows whose class is right: that of the largest score, or score > threshold."""

    task = "classification"
    names = ("accuracy",)
    higher_is_better = frozenset(names)

    def bind(self, scores: Array, targets: Array, counted: Array | None = None) -> BoundMetric:
        """Count correct rows; the classes of targets that are read-only are computed once."""
        return BoundAccuracy(scores, targets, self.threshold, counted)

    def values(self, sums: Array, rows: int | Array) -> dict[str, Array]:
        """Return the accuracy, from 0 to 1."""
        return {"accuracy": (sums / rows)[:, 0]}


class BoundAccuracy(BoundMetric):
    """The count of rows in which scores and targets (R, O, B) have the same class."""

    __slots__ = (
        "_correct",
        "_count",
        "_counted",
        "_fixed",
        "_floats",
        "_predicted",
        "_sum",
        "_true",
    )

    def __init__(
        self, scores: Array, targets: Array, threshold: float, counted: Array | None
    ) -> None:
        self._counted = counted
        replicas, _, rows = scores.shape
        self._predicted = BoundClassCodes(scores, threshold)
        self._true = BoundClassCodes(targets, 0.5)  # ½ divides 0 and 1, smoothed ones too
        self._correct = np.empty((replicas, rows), np.bool_)
        self._count: Array | None = None
        if replicas > 1:
            # as float64, in which a product with ones counts exactly
            self._floats, self._count = np.empty((replicas, 1, rows)), np.empty((replicas, 1))
            self._sum = BoundSum(self._floats, self._count)
        self._fixed = not targets.flags.writeable
        if self._fixed:
            self._true.compute()

    def add(self, sums: Array) -> None:
        """Add the number of correct rows to sums (R, 1)."""
        self._predicted.compute()
        if not self._fixed:
            self._true.compute()
        np.equal(self._predicted.codes, self._true.codes, self._correct)
        if self._counted is not None:
            np.logical_and(self._correct, self._counted, self._correct)
        if self._count is None:
            # a third of the time, but slow along an axis
            sums[0, 0] += np.count_nonzero(self._correct)
            return
        self._floats[:, 0] = self._correct
        self._sum.compute()
        np.add(sums, self._count, sums)


class Closeness(Metric):
    """1 - |y - t| averaged over outputs and rows: what some texts call accuracy.

    It is not a share of correct rows: with three classes, outputs that are all 0 score 0.67.
    """

    task = "classification"
    names = ("closeness",)
    higher_is_better = frozenset(names)
    on_request = True

    def bind(self, scores: Array, targets: Array, counted: Array | None = None) -> BoundMetric:
        """Sum |y - t| over scores and targets, divided by the number of outputs."""
        return BoundCloseness(scores, targets, counted)

    def values(self, sums: Array, rows: int | Array) -> dict[str, Array]:
        """Return the closeness, at most 1."""
        return {"closeness": 1 - (sums / rows)[:, 0]}


class BoundCloseness(BoundMetric):
    """The sum of |y - t| / O over outputs and rows of scores y and targets t (R, O, B)."""

    __slots__ = ("_counted", "_error", "_outputs", "_scores", "_targets")

    def __init__(self, scores: Array, targets: Array, counted: Array | None) -> None:
        self._scores, self._targets, self._counted = scores, targets, counted
        self._error = np.empty_like(scores)
        self._outputs = scores.shape[1]

    def add(self, sums: Array) -> None:
        """Add the sum to sums (R, 1)."""
        np.subtract(self._scores, self._targets, out=self._error)
        np.abs(self._error, out=self._error)
        if self._counted is not None:
            np.multiply(self._error, self._counted[:, None], out=self._error)
        sums[:, 0] += self._error.sum(axis=(1, 2)) / self._outputs  # Σ |y - t| / O


class LabelAccuracy(Metric):
    """Of labels that are each 0 or 1: the share of rows with all of them right, and of right ones.

    A label is predicted to be 1 where its score is above the threshold.
    """

    task = "multilabel"
    names = ("accuracy", "label_accuracy")
    higher_is_better = frozenset(names)

    def bind(self, scores: Array, targets: Array, counted: Array | None = None) -> BoundMetric:
        """Count right rows, and right labels divided by the number of labels."""
        return BoundLabelAccuracy(scores, targets, self.threshold, counted)

    def values(self, sums: Array, rows: int | Array) -> dict[str, Array]:
        """Return both shares, from 0 to 1."""
        shares = sums / rows
        return {"accuracy": shares[:, 0], "label_accuracy": shares[:, 1]}


class BoundLabelAccuracy(BoundMetric):
    """The counts of right rows of scores and targets (R, O, B), and of right labels / O."""

    __slots__ = (
        "_all_right",
        "_count",
        "_counted",
        "_predicted",
        "_right",
        "_scores",
        "_targets",
        "_threshold",
    )

    def __init__(
        self, scores: Array, targets: Array, threshold: float, counted: Array | None
    ) -> None:
        replicas, _, rows = scores.shape
        self._counted = counted
        self._scores, self._targets, self._threshold = scores, targets, threshold
        self._predicted = np.empty(scores.shape, np.bool_)
        self._right: Array = np.empty(scores.shape, np.bool_)
        self._all_right = np.empty((replicas, rows), np.bool_)
        self._count = np.empty((replicas, 2))

    def add(self, sums: Array) -> None:
        """Add both counts to sums (R, 2)."""
        right, count = self._right, self._count
        np.greater(self._scores, self._threshold, out=self._predicted)
        np.greater(self._targets, 0.5, out=right)  # true labels, for now
        np.equal(self._predicted, right, out=right)  # (R, O, B)
        if self._counted is not None:
            np.logical_and(right, self._counted[:, None], out=right)
        np.logical_and.reduce(right, axis=1, out=self._all_right)  # (R, B)
        np.add.reduce(self._all_right, axis=1, out=count[:, 0])
        np.add.reduce(right, axis=(1, 2), out=count[:, 1])
        np.divide(count[:, 1], right.shape[1], out=count[:, 1])  # right labels / O
        np.add(sums, count, out=sums)


@dataclass(frozen=True, eq=False)
class RegressionError(Metric):
    """Root mean squared error in the user's unit and R², each averaged over the outputs.

    R² = 1 - Σ (y - t)² / Σ (t - mean t)², and nan where the targets of any output do not vary. The
    denominator is that of the targets given to `over`, which must come before `width` and `values`.
    """

    deviation: Array | None = None
    """Σ (t - mean t)² of each output, (1 or S, O)."""

    task = "regression"
    names = ("rmse", "r2")
    higher_is_better = frozenset({"r2"})

    @property
    def width(self) -> int:
        """The number of outputs."""
        return int(self._deviations().shape[1])

    def over(self, targets: Array | Sequence[Array]) -> Metric:
        """Return the metric with the deviation of targets (N, O), or of those of each replica."""
        sets: Sequence[Array] = list(targets)  # (N, O) each
        if isinstance(targets, np.ndarray) and targets.ndim == 2:
            sets = [targets]
        return replace(self, deviation=np.array([_deviation(of_set) for of_set in sets]))

    def bind(self, scores: Array, targets: Array, counted: Array | None = None) -> BoundMetric:
        """Sum (y - t)² of each output over the rows."""
        return BoundRegressionError(scores, targets, counted)

    def values(self, sums: Array, rows: int | Array) -> dict[str, Array]:
        """Return the RMSE in the user's unit, and R²."""
        rmse = np.sqrt(sums / rows)  # (R, O)
        if self.scale is not None:
            rmse *= self.scale
        deviation = self._deviations()
        # Σ (y - t)² / Σ (t - mean t)², nan where an output's targets do not vary
        ratio = np.divide(sums, deviation, out=np.full_like(sums, np.nan), where=deviation > 0)
        return {"rmse": rmse.mean(axis=1), "r2": (1 - ratio).mean(axis=1)}

    def _deviations(self) -> Array:
        if self.deviation is None:
            raise ValueError(
                "RegressionError has no targets; give it those of the rows with `over`"
            )
        return self.deviation


def _deviation(targets: Array) -> Array:
    """Return Σ (t - mean t)² (O,) of targets (N, O), of which `PIECE` rows are copied at a time."""
    pieces = [targets[start : start + PIECE] for start in range(0, len(targets), PIECE)]
    # from the first row rather than from 0, so that targets which do not vary deviate by exactly 0
    first = targets[:1].astype(np.float64)
    # mean of t - first (O,)
    mean = sum((piece.astype(np.float64) - first).sum(axis=0) for piece in pieces) / len(targets)
    squares = sum(((piece.astype(np.float64) - first - mean) ** 2).sum(axis=0) for piece in pieces)
    return np.asarray(squares)


class BoundRegressionError(BoundMetric):
    """The sums of (y - t)² over the rows of scores y and targets t (R, O, B)."""

    __slots__ = ("_counted", "_error", "_scores", "_squares", "_targets")

    def __init__(self, scores: Array, targets: Array, counted: Array | None) -> None:
        self._scores, self._targets, self._counted = scores, targets, counted
        self._error = np.empty_like(scores)
        self._squares = np.empty(scores.shape[:2], scores.dtype)

    def add(self, sums: Array) -> None:
        """Add the squares to sums (R, O)."""
        np.subtract(self._scores, self._targets, out=self._error)
        if self._counted is not None:
            np.multiply(self._error, self._counted[:, None], out=self._error)
        np.vecdot(self._error, self._error, out=self._squares)  # Σ (y - t)² over the rows
        np.add(sums, self._squares, out=sums)


@dataclass(frozen=True, eq=False)
class MeanSquaredError(Metric):
    """(y - t)² averaged over outputs and rows, of numbers in the square of their unit.

    The outputs are those of `over`, which must come before `width` and `values`.
    """

    outputs: int = 1
    """The number of outputs."""

    task = None
    names = ("mean_squared_error",)
    on_request = True

    @property
    def width(self) -> int:
        """The number of outputs."""
        return self.outputs

    def over(self, targets: Array | Sequence[Array]) -> Metric:
        """Return the metric with the number of outputs of targets (N, O)."""
        return replace(self, outputs=int(targets[0].shape[-1]))

    def bind(self, scores: Array, targets: Array, counted: Array | None = None) -> BoundMetric:
        """Sum (y - t)² of each output over the rows."""
        return BoundRegressionError(scores, targets, counted)

    def values(self, sums: Array, rows: int | Array) -> dict[str, Array]:
        """Return the mean over outputs and rows."""
        return {self.names[0]: (self._in_units(sums, 2) / rows).mean(axis=1)}

    def _in_units(self, sums: Array, power: int) -> Array:
        """Return sums (R, O) in a power of the user's unit."""
        return sums if self.scale is None else np.asarray(sums * self.scale**power)


class SumSquaredError(MeanSquaredError):
    """(y - t)² added up over outputs and rows, of numbers in the square of their unit."""

    names = ("sum_squared_error",)

    def values(self, sums: Array, rows: int | Array) -> dict[str, Array]:
        """Return the sum over outputs and rows."""
        return {self.names[0]: self._in_units(sums, 2).sum(axis=1)}


class MeanAbsoluteError(MeanSquaredError):
    """|y - t| averaged over outputs and rows, of numbers in their unit."""

    names = ("mean_absolute_error",)

    def bind(self, scores: Array, targets: Array, counted: Array | None = None) -> BoundMetric:
        """Sum |y - t| of each output over the rows."""
        return BoundAbsoluteError(scores, targets, counted)

    def values(self, sums: Array, rows: int | Array) -> dict[str, Array]:
        """Return the mean over outputs and rows."""
        return {self.names[0]: (self._in_units(sums, 1) / rows).mean(axis=1)}


class BoundAbsoluteError(BoundMetric):
    """The sums of |y - t| over the rows of scores y and targets t (R, O, B)."""

    __slots__ = ("_counted", "_error", "_scores", "_sizes", "_targets")

    def __init__(self, scores: Array, targets: Array, counted: Array | None) -> None:
        self._scores, self._targets, self._counted = scores, targets, counted
        self._error = np.empty_like(scores)
        self._sizes = np.empty(scores.shape[:2], scores.dtype)

    def add(self, sums: Array) -> None:
        """Add the sizes to sums (R, O)."""
        np.subtract(self._scores, self._targets, out=self._error)
        np.abs(self._error, out=self._error)
        if self._counted is not None:
            np.multiply(self._error, self._counted[:, None], out=self._error)
        np.add.reduce(self._error, axis=2, out=self._sizes)
        np.add(sums, self._sizes, out=sums)


TRAINING_METRICS: tuple[type[Metric], ...] = (
    Accuracy,
    Closeness,
    LabelAccuracy,
    RegressionError,
    MeanSquaredError,
    SumSquaredError,
    MeanAbsoluteError,
)
"""Every metric. A task's are measured, and logged, in this order."""

HIGHER_IS_BETTER = frozenset(
    name for metric in TRAINING_METRICS for name in metric.higher_is_better
)
"""The names of metrics of which a higher value is better."""

if TYPE_CHECKING:
    MetricName = str
else:  # type checkers cannot read a Literal that is computed
    MetricName = Literal[
        tuple(name for metric in TRAINING_METRICS if metric.on_request for name in metric.names)
    ]
    """The metrics that are measured only when asked for."""


def task_metrics(task: str, requested: Collection[str] = ()) -> tuple[type[Metric], ...]:
    """Return the metrics of a task, and of those measured on request the ones that are named."""
    return tuple(
        metric
        for metric in TRAINING_METRICS
        if metric.task in (task, None)
        and (not metric.on_request or set(metric.names) & set(requested))
    )


def metric_names(task: str, requested: Collection[str] = ()) -> list[str]:
    """Return the names of the metrics that `task_metrics` returns."""
    return [name for metric in task_metrics(task, requested) for name in metric.names]
