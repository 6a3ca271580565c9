"""Metrics: numbers that say how good predictions are, for each replica, summed up batch by batch."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, Literal, Protocol

import numpy as np

from bpnet.engine.buffers import empty_units
from bpnet.engine.component import Array, constant
from bpnet.engine.matmul import total

HIGHER_IS_BETTER = frozenset({"accuracy", "closeness", "label_accuracy", "r2"})

PIECE = 1 << 18
"""How many rows of targets are looked at together: 2 MB of float64 an output."""

FEW = 512
"""Up to how many rows of all replicas np.argmax is the faster way to their classes."""

MetricName = Literal["closeness"]
"""The metrics that are measured when asked for."""


class Metric(Protocol):
    """Something summed over rows: (R, M) amounts a batch, which `values` turns into named metrics at the end."""

    names: ClassVar[tuple[str, ...]]
    width: int

    def bind(self, scores: Array, targets: Array) -> Callable[[Array], None]:
        """A function that adds the batch in these buffers to the sums (R, M)."""
        ...

    def values(self, sums: Array, rows: int) -> dict[str, Array]:
        """Return the metrics (R,) of `rows` rows from their sums (R, M), by name."""
        ...


class Accuracy:
    """The share of rows whose class is right: that of the largest score, or score > threshold for a single output."""

    names: ClassVar[tuple[str, ...]] = ("accuracy",)
    width = 1

    def __init__(self, threshold: float = 0.5) -> None:
        self._threshold = threshold

    def bind(self, scores: Array, targets: Array) -> Callable[[Array], None]:
        """Count right rows of scores (R, O, B) and targets (R, O, B); targets that are read-only are looked at once."""
        replicas, _, rows = scores.shape
        said, see_said = _classes(scores, self._threshold)
        true, see_true = _classes(targets, 0.5)
        right = np.empty((replicas, rows), np.bool_)
        add_right = _adds_right(right)
        fixed = not targets.flags.writeable
        if fixed:
            see_true()

        def add(sums: Array) -> None:
            see_said()
            if not fixed:
                see_true()
            np.equal(said, true, right)
            add_right(sums)

        return add

    def values(self, sums: Array, rows: int) -> dict[str, Array]:
        """accuracy, from 0 to 1."""
        return {"accuracy": sums[:, 0] / constant(rows, sums.dtype)}


def _adds_right(right: Array) -> Callable[[Array], None]:
    """What adds how many of each replica's rows are right (R, B) to the sums (R, 1)."""
    replicas, rows = right.shape
    if replicas == 1:

        def add_one(sums: Array) -> None:
            sums[0, 0] += np.count_nonzero(right)  # a third of the time, but slow along an axis

        return add_one
    ones, count = np.empty((replicas, 1, rows)), np.empty((replicas, 1))
    add_up = total(ones, count)

    def add(sums: Array) -> None:
        ones[:, 0] = right
        add_up()
        np.add(sums, count, sums)

    return add


def _classes(values: Array, threshold: float) -> tuple[Array, Callable[[], object]]:
    """A number for the class of each row of values (R, O, B), as (R, B), and what writes it: the same for both arrays.

    Classes are told apart by the first largest value, or for a single output by value > threshold. np.argmax takes a
    call for each row, which is the best for a few: 64 replicas of 150 rows and 3 outputs take 127 µs by it and 34 µs by
    looking for the largest value, 100,000 rows 1500 µs and 100 µs; but 150 rows 4 µs and 7 µs.
    """
    replicas, outputs, rows = values.shape
    if outputs == 1:
        above = np.empty((replicas, rows), np.bool_)
        return above, partial(np.greater, values[:, 0], constant(threshold, values.dtype), above)
    if replicas * rows <= FEW or outputs > np.iinfo(np.uint8).max:
        by_row, index = (
            np.empty((replicas, rows, outputs), values.dtype),
            np.empty((replicas, rows), np.intp),
        )

        def find_index() -> None:
            # argmax along any axis but the last would allocate this copy anew in each step
            by_row[...] = values.transpose(0, 2, 1)
            by_row.argmax(2, index)

        return index, find_index
    largest, code = (
        np.empty((replicas, 1, rows), values.dtype),
        np.empty((replicas, rows), np.uint8),
    )
    is_largest = empty_units(replicas, outputs, rows, np.dtype(np.bool_))
    codes = np.arange(outputs, 0, -1).astype(np.uint8)[:, None]
    coded = is_largest.view(np.uint8)

    def find_code() -> None:
        np.maximum.reduce(values, axis=1, out=largest, keepdims=True)
        np.equal(values, largest, is_largest)
        np.multiply(coded, codes, coded)
        np.maximum.reduce(coded, axis=1, out=code)

    return code, find_code


class LabelAccuracy:
    """Of O outputs that each say yes or no: the share of rows with every label right, and of single labels right.

    An output says yes where its score is above the threshold.
    """

    names: ClassVar[tuple[str, ...]] = ("accuracy", "label_accuracy")
    width = 2

    def __init__(self, threshold: float = 0.5) -> None:
        self._threshold = threshold

    def bind(self, scores: Array, targets: Array) -> Callable[[Array], None]:
        """Count right rows, and right labels divided by the outputs, of scores (R, O, B) and targets (R, O, B)."""
        replicas, outputs, rows = scores.shape
        said, right = np.empty(scores.shape, np.bool_), np.empty(scores.shape, np.bool_)
        whole = np.empty((replicas, rows), np.bool_)
        count = np.empty((replicas, 2))

        def add(sums: Array) -> None:
            np.greater(scores, self._threshold, out=said)
            np.greater(targets, 0.5, out=right)
            np.equal(said, right, out=right)
            np.logical_and.reduce(right, axis=1, out=whole)
            np.add.reduce(whole, axis=1, out=count[:, 0])
            np.add.reduce(right, axis=(1, 2), out=count[:, 1])
            np.divide(count[:, 1], outputs, out=count[:, 1])
            np.add(sums, count, out=sums)

        return add

    def values(self, sums: Array, rows: int) -> dict[str, Array]:
        """Both shares, from 0 to 1."""
        return {"accuracy": sums[:, 0] / rows, "label_accuracy": sums[:, 1] / rows}


class RegressionError:
    """Root mean squared error and R², each averaged over the outputs.

    `targets` (N, O), or (S, N, O) where each replica has rows of its own, are those of the rows that will be summed, of
    any type; `scale` (O,) or (S, O) turns a unit of each output into the user's. R² = 1 - Σ (y - t)² / Σ (t - mean t)²,
    and nan where the targets of any output do not vary.
    """

    names: ClassVar[tuple[str, ...]] = ("rmse", "r2")

    def __init__(self, targets: Array, scale: Array | None = None) -> None:
        self.width = targets.shape[-1]
        self._scale = np.ones(self.width) if scale is None else np.asarray(scale, np.float64)
        sets = targets if targets.ndim == 3 else targets[None]
        self._deviation = np.array([_deviation(own) for own in sets])

    def bind(self, scores: Array, targets: Array) -> Callable[[Array], None]:
        """Sum (y - t)² of each output over the rows of scores (R, O, B) and targets (R, O, B)."""
        error = np.empty_like(scores)
        squares = np.empty(scores.shape[:2], scores.dtype)

        def add(sums: Array) -> None:
            np.subtract(scores, targets, out=error)
            np.vecdot(error, error, out=squares)
            np.add(sums, squares, out=sums)

        return add

    def values(self, sums: Array, rows: int) -> dict[str, Array]:
        """Rmse in the user's units, and r2."""
        rmse = (np.sqrt(sums / rows) * self._scale).mean(axis=1)
        varies = self._deviation > 0
        ratio = np.divide(sums, self._deviation, out=np.full_like(sums, np.nan), where=varies)
        return {"rmse": rmse, "r2": (1 - ratio).mean(axis=1)}


def _deviation(targets: Array) -> Array:
    """Σ (t - mean t)² (O,) of targets (N, O), of which so many rows are copied at a time."""
    pieces = [targets[start : start + PIECE] for start in range(0, len(targets), PIECE)]
    # from the first row rather than from 0, so that targets which do not vary deviate by exactly 0
    first = targets[:1].astype(np.float64)
    mean = sum((piece.astype(np.float64) - first).sum(axis=0) for piece in pieces) / len(targets)
    squares = sum(((piece.astype(np.float64) - first - mean) ** 2).sum(axis=0) for piece in pieces)
    return np.asarray(squares)


class Closeness:
    """1 - |y - t| averaged over outputs and rows: what some texts call accuracy.

    It is no share of right rows: with three classes, outputs that are all 0 already score 0.67.
    """

    names: ClassVar[tuple[str, ...]] = ("closeness",)
    width = 1

    def bind(self, scores: Array, targets: Array) -> Callable[[Array], None]:
        """Sum |y - t| over scores (R, O, B) and targets (R, O, B), divided by the outputs."""
        error = np.empty_like(scores)
        outputs = scores.shape[1]

        def add(sums: Array) -> None:
            np.subtract(scores, targets, out=error)
            np.abs(error, out=error)
            sums[:, 0] += error.sum(axis=(1, 2)) / outputs

        return add

    def values(self, sums: Array, rows: int) -> dict[str, Array]:
        """closeness, at most 1."""
        return {"closeness": 1 - sums[:, 0] / rows}


class Several:
    """Metrics that are measured together: their sums stand side by side."""

    names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics
        self.width = sum(metric.width for metric in metrics)
        self._ends = np.cumsum([metric.width for metric in metrics]).tolist()

    def _part(self, sums: Array, k: int) -> Array:
        return sums[:, self._ends[k] - self._metrics[k].width : self._ends[k]]

    def bind(self, scores: Array, targets: Array) -> Callable[[Array], None]:
        """Add to each metric's sums."""
        adds = [metric.bind(scores, targets) for metric in self._metrics]

        def add(sums: Array) -> None:
            for k, add_one in enumerate(adds):
                add_one(self._part(sums, k))

        return add

    def values(self, sums: Array, rows: int) -> dict[str, Array]:
        """Return the metrics of all."""
        merged: dict[str, Array] = {}
        for k, metric in enumerate(self._metrics):
            merged |= metric.values(self._part(sums, k), rows)
        return merged
