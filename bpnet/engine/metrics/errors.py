"""Metrics of the difference y - t between scores and targets."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.metrics.base import BoundMetric, Metric
from bpnet.engine.ranks import Ranks

PIECE = 1 << 18
"""The number of rows of targets that are read together: 2 MB of float64 an output."""


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

    def over(self, targets: Array | Sequence[Array], ranks: Ranks | None = None) -> Metric:
        """Return the metric with the deviation of targets (N, O), or of those of each replica."""
        sets: Sequence[Array] = list(targets)  # (N, O) each
        if isinstance(targets, np.ndarray) and targets.ndim == 2:
            sets = [targets]
        return replace(self, deviation=np.array([_deviation(of_set, ranks) for of_set in sets]))

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


def _deviation(targets: Array, ranks: Ranks | None) -> Array:
    """Return Σ (t - mean t)² (O,) of targets (N, O), of which `PIECE` rows are copied at a time."""
    pieces = [targets[start : start + PIECE] for start in range(0, len(targets), PIECE)]
    # from the first row rather than from 0, so that targets which do not vary deviate by exactly 0
    first = targets[:1].astype(np.float64)
    rows = np.array([float(len(targets))])
    if ranks is not None:
        first *= ranks.leads  # all take that of the first process
        for values in (first, rows):
            ranks.add_up(values)
    # mean of t - first (O,)
    mean = np.asarray(sum((piece.astype(np.float64) - first).sum(axis=0) for piece in pieces))
    if ranks is not None:
        ranks.add_up(mean)
    mean /= rows
    squares = np.asarray(
        sum(((piece.astype(np.float64) - first - mean) ** 2).sum(axis=0) for piece in pieces)
    )
    if ranks is not None:
        ranks.add_up(squares)
    return squares


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

    def over(self, targets: Array | Sequence[Array], ranks: Ranks | None = None) -> Metric:
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
