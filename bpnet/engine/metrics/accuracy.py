"""Metrics of classes and labels: the share that is right, and how close outputs are."""

import numpy as np

from bpnet.engine.buffers import empty_units
from bpnet.engine.class_codes import BoundClassCodes
from bpnet.engine.component import Array
from bpnet.engine.matmul import BoundSum
from bpnet.engine.metrics.base import BoundMetric, Metric


class Accuracy(Metric):
    """The share of rows whose class is right: that of the largest score, or score > threshold."""

    task = "classification"
    names = ("accuracy",)
    higher_is_better = frozenset(names)

    def bind(self, scores: Array, targets: Array, counted: Array | None = None) -> BoundMetric:
        """Count correct rows; the classes of targets that are read-only are computed once."""
        return BoundAccuracy(scores, targets, self.threshold, counted)

    def bind_several(
        self, scores: Array, targets: Array, counted: Array | None = None
    ) -> BoundMetric:
        """Count correct rows, those of some small batches together."""
        few = FEWEST_VALUES <= scores.size <= TOGETHER_VALUES // FEWEST_BATCHES
        if few and scores.shape[1] > 1 and targets.flags.writeable:
            return BoundAccuracyOfSeveral(scores, targets, self.threshold, counted)
        return self.bind(scores, targets, counted)

    def values(self, sums: Array, rows: int | Array) -> dict[str, Array]:
        """Return the accuracy, from 0 to 1."""
        return {"accuracy": (sums / rows)[:, 0]}


TOGETHER_VALUES = 1 << 14
"""The most scores of the batches whose rows are counted together."""
FEWEST_BATCHES = 4
"""The fewest batches that this pays for, and"""
FEWEST_VALUES = 256
"""the fewest scores of one of them."""


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


class BoundAccuracyOfSeveral(BoundMetric):
    """The count of correct rows of small batches, some at a time: that takes half the time.

    Scores and targets (R, O, B) are kept until they are counted.
    """

    __slots__ = ("_counters", "_given", "_kept", "_places", "_threshold", "_waiting")

    def __init__(
        self, scores: Array, targets: Array, threshold: float, counted: Array | None
    ) -> None:
        replicas, outputs, rows = scores.shape
        most = TOGETHER_VALUES // scores.size
        self._given, self._threshold = (scores, targets, counted), threshold
        self._kept: tuple[Array, Array, Array | None] = (
            empty_units(replicas, outputs, most * rows, scores.dtype),
            empty_units(replicas, outputs, most * rows, targets.dtype),
            None if counted is None else np.empty((replicas, most * rows), np.bool_),
        )
        self._places = [self._part(k * rows, (k + 1) * rows) for k in range(most)]
        self._counters: dict[int, BoundAccuracy] = {}
        self._waiting = 0  # batches that are kept

    def _part(self, start: int, stop: int) -> tuple[Array, Array, Array | None]:
        """Return views of some rows that are kept: scores, targets, and which count."""
        scores, targets, counted = self._kept
        part = slice(start, stop)
        return scores[..., part], targets[..., part], None if counted is None else counted[:, part]

    def _counter(self, start: int, stop: int) -> BoundAccuracy:
        scores, targets, counted = self._part(start, stop)
        return BoundAccuracy(scores, targets, self._threshold, counted)

    def add(self, sums: Array) -> None:
        """Keep the batch; where there is room for no more, add the number of correct rows."""
        for kept, given in zip(self._places[self._waiting], self._given, strict=True):
            if kept is not None and given is not None:
                np.copyto(kept, given)
        self._waiting += 1
        if self._waiting == len(self._places):
            self.add_rest(sums)

    def add_rest(self, sums: Array) -> None:
        """Add the number of correct rows that are kept."""
        waiting, self._waiting = self._waiting, 0
        if not waiting:
            return
        rows = self._given[0].shape[2]
        if np.isnan(np.maximum.reduce(self._kept[0][..., : waiting * rows], axis=None)):
            # batch by batch, as the class of nan depends on the number of rows
            for k in range(waiting):
                self._counter(k * rows, (k + 1) * rows).add(sums)
            return
        if waiting not in self._counters:
            self._counters[waiting] = self._counter(0, waiting * rows)
        self._counters[waiting].add(sums)


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
