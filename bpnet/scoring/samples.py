"""Samples: true answers beside predicted ones, whose figures can be taken at any counts of the rows."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from bpnet.scoring.bootstrap import (
    Blocks,
    Figures,
    Floats,
    mean_of_defined,
    ratio,
)
from bpnet.scoring.ranking import Medians, Rankings

Integers = npt.NDArray[np.intp]

CALIBRATION_BINS = 15
_LEAST_PROBABILITY = 1e-15


class ClassSample:
    """Rows of a classification: true class numbers (N,) beside probabilities (N, C) from 0 to 1."""

    def __init__(self, true: Integers, probabilities: Floats) -> None:
        self.rows, self.classes = probabilities.shape
        self.width = 3 * self.classes + CALIBRATION_BINS + 2
        self._true, self._probabilities = true, probabilities
        self.predicted = probabilities.argmax(axis=1)
        own = probabilities[np.arange(self.rows), true]
        # Σ_k (p_k - t_k)² = Σ_k p_k² - 2 p_true + 1
        self.brier = np.vecdot(probabilities, probabilities) - 2 * own + 1
        if self.classes == 2:
            self.brier = (probabilities[:, 1] - true) ** 2
        self.log_loss = log_losses(true, probabilities)
        confidence = probabilities.max(axis=1)
        self.bin = np.clip(
            np.ceil(confidence * CALIBRATION_BINS).astype(np.intp) - 1, 0, CALIBRATION_BINS - 1
        )
        self.overconfidence = confidence - (self.predicted == true)
        self.ranked = Rankings(1 if self.classes == 2 else self.classes, self.column)

    def column(self, k: int) -> tuple[npt.NDArray[np.bool_], Floats]:
        """The rows (N,) of a class and its probabilities (N,); the second class where there are two."""
        k = 1 if self.classes == 2 else k
        return self._true == k, self._probabilities[:, k]

    def amounts(self, blocks: Blocks) -> Mapping[str, Floats]:
        """Rows of each class that are true, predicted, right; losses; overconfidence by bin."""
        right = (self.predicted == self._true).astype(np.float64)
        return {
            "true": blocks.group_sums(self._true, self.classes),
            "predicted": blocks.group_sums(self.predicted, self.classes),
            "right": blocks.group_sums(self._true, self.classes, right),
            "losses": blocks.sums(np.column_stack([self.log_loss, self.brier])),
            "bins": blocks.group_sums(self.bin, CALIBRATION_BINS, self.overconfidence),
        }

    def of_sums(self, sums: Mapping[str, Floats]) -> Figures:
        """The figures of `score_classes` that are functions of these sums."""
        rows, right, true, predicted = sums["rows"], sums["right"], sums["true"], sums["predicted"]
        n, all_right = rows[:, 0], right.sum(axis=1)
        f1 = ratio(2 * right, true + predicted)
        spread_true, spread_predicted = (
            n**2 - (counts**2).sum(axis=1) for counts in (true, predicted)
        )
        # predictions of one class alone correlate with nothing: 0, as scikit-learn has it
        spread = np.where(
            spread_predicted > 0, np.sqrt(spread_true * spread_predicted), spread_true
        )
        log_loss, brier = (sums["losses"] / rows).T
        return {
            "accuracy": all_right / n,
            "balanced_accuracy": mean_of_defined(ratio(right, true)),
            "log_loss": log_loss,
            "brier": brier,
            "f1_macro": mean_of_defined(f1),
            "f1_weighted": (np.nan_to_num(f1) * true).sum(axis=1) / n,
            "matthews": ratio(all_right * n - (true * predicted).sum(axis=1), spread),
            "calibration_error": np.abs(sums["bins"]).sum(axis=1) / n,
        }


class LabelSample:
    """Rows with several labels: true (N, L) of 0 and 1 beside probabilities (N, L) from 0 to 1."""

    def __init__(self, true: Integers, probabilities: Floats) -> None:
        self.rows, self.labels = probabilities.shape
        self.width = 3 * self.labels + 4
        self._true, self._probabilities = true, probabilities
        self.predicted = probabilities > 0.5
        self.brier = ((probabilities - true) ** 2).mean(axis=1)
        self.log_loss = np.mean(
            [log_losses(true[:, k], self.both(k)) for k in range(self.labels)], axis=0
        )
        self.ranked = Rankings(self.labels, self.column)

    def both(self, k: int) -> Floats:
        """The probabilities (N, 2) that a row lacks a label and that it has it."""
        p = self._probabilities[:, k]
        return clipped(np.column_stack([1 - p, p]))

    def column(self, k: int) -> tuple[npt.NDArray[np.bool_], Floats]:
        """The rows (N,) that have a label and its probabilities (N,)."""
        return self._true[:, k] > 0, self._probabilities[:, k]

    def amounts(self, blocks: Blocks) -> Mapping[str, Floats]:
        """Rows of each label that are true, predicted, both; rows with every label right; losses."""
        every = (self.predicted == self._true).all(axis=1)
        return {
            "true": blocks.sums(self._true),
            "predicted": blocks.sums(self.predicted),
            "right": blocks.sums(self.predicted * self._true),
            "means": blocks.sums(np.column_stack([every, self.log_loss, self.brier])),
        }

    def of_sums(self, sums: Mapping[str, Floats]) -> Figures:
        """The figures of `score_labels` that are functions of these sums."""
        right, true, said = sums["right"], sums["true"], sums["true"] + sums["predicted"]
        f1 = ratio(2 * right, said)
        subset, log_loss, brier = (sums["means"] / sums["rows"]).T
        return {
            "subset_accuracy": subset,
            "label_accuracy": 1
            - (said - 2 * right).sum(axis=1) / (sums["rows"][:, 0] * self.labels),
            "f1_macro": mean_of_defined(f1),
            "f1_micro": ratio(2 * right.sum(axis=1), said.sum(axis=1)),
            "f1_weighted": ratio((np.nan_to_num(f1) * true).sum(axis=1), true.sum(axis=1)),
            "log_loss": log_loss,
            "brier": brier,
        }


class QuantitySample:
    """Rows of a regression: true values (N, K) beside predicted ones (N, K)."""

    def __init__(self, true: Floats, predicted: Floats) -> None:
        self.rows, self.targets = true.shape
        self.width = 5 * self.targets + 1
        # around the mean, so that the sum of squares below loses no digits
        self._deviation = true - true.mean(axis=0)
        self._error = np.abs(predicted - true)
        nonzero = (true != 0).all(axis=0)
        self._relative = self._error[:, nonzero] / np.abs(true[:, nonzero])
        self.ranked = Medians("median_absolute_error", self._error)

    def amounts(self, blocks: Blocks) -> Mapping[str, Floats]:
        """Errors, their squares and shares; the targets around their means, and the squares."""
        return {
            "errors": blocks.sums(self._error),
            "squares": blocks.sums(self._error**2),
            "relative": blocks.sums(self._relative),
            "deviations": blocks.sums(self._deviation),
            "variation": blocks.sums(self._deviation**2),
        }

    def of_sums(self, sums: Mapping[str, Floats]) -> Figures:
        """The figures of `score_quantities` that are functions of these sums."""
        rows, squares, variation = sums["rows"], sums["squares"], sums["variation"]
        around_mean = variation - sums["deviations"] ** 2 / rows
        # what rounding leaves of rows that are all the same is no variation
        around_mean = np.where(around_mean > 1e-12 * variation, around_mean, 0.0)
        return {
            "rmse": np.sqrt(squares / rows).mean(axis=1),
            "mae": (sums["errors"] / rows).mean(axis=1),
            "r2": mean_of_defined(1 - ratio(squares, around_mean)),
            "mape": mean_of_defined(sums["relative"] / rows),
        }


def clipped(probabilities: Floats) -> Floats:
    """Probabilities (…, C) of at least 1e-15 that sum to 1 along the last axis, so that every logarithm is finite."""
    raised = np.clip(probabilities.astype(np.float64), _LEAST_PROBABILITY, 1)
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def log_losses(true: Integers, probabilities: Floats) -> Floats:
    """-ln p (N,) of the true classes (N,) by probabilities (N, C)."""
    return np.asarray(-np.log(clipped(probabilities)[np.arange(len(true)), true]))
