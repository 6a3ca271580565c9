"""Samples: true values beside predictions, and the sums over rows that metrics are made of."""

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import numpy.typing as npt

from bpnet.data.decisions import Thresholds, predicted_classes, predicted_labels
from bpnet.data.reading.column import Floats
from bpnet.scoring.bootstrap import Blocks, ratio
from bpnet.scoring.rank_metrics import Medians, Rankings

Integers = npt.NDArray[np.intp]

CALIBRATION_BINS = 15
_LEAST_PROBABILITY = 1e-15


class ClassSample:
    """Rows of a classification: true class numbers (N,) and probabilities (N, C) from 0 to 1.

    Of two classes, `positive` is the number of the one that rankings and thresholds are about.
    """

    def __init__(
        self,
        true: Integers,
        probabilities: Floats,
        positive: int = 1,
        thresholds: Thresholds = None,
    ) -> None:
        self.rows, self.classes = probabilities.shape
        self.width = 3 * self.classes + CALIBRATION_BINS + 2
        self.true, self.probabilities, self.positive = true, probabilities, positive
        self.predicted = predicted_classes(probabilities, positive, thresholds)
        of_true = probabilities[np.arange(self.rows), true]
        # Σ_k (p_k - t_k)² = Σ_k p_k² - 2 p_true + 1
        self.brier = np.vecdot(probabilities, probabilities) - 2 * of_true + 1
        # of two classes one term only, by convention: half of the sum, the same for either class
        if self.classes == 2:
            self.brier = (probabilities[:, 1] - true) ** 2
        self.log_loss = log_losses(true, probabilities)
        confidence = probabilities.max(axis=1)
        # bins are closed above: (0, 1/15], (1/15, 2/15], …
        self.bin = np.clip(
            np.ceil(confidence * CALIBRATION_BINS).astype(np.intp) - 1, 0, CALIBRATION_BINS - 1
        )
        # of the most probable class, whatever the thresholds
        self.overconfidence = confidence - (probabilities.argmax(axis=1) == true)
        self.ranked = Rankings(1 if self.classes == 2 else self.classes, self.column)

    def column(self, k: int) -> tuple[npt.NDArray[np.bool_], Floats]:
        """Return a mask (N,) of class k's rows and its probabilities (N,).

        Of two classes there is one column, the positive class's.
        """
        k = self.positive if self.classes == 2 else k
        return self.true == k, self.probabilities[:, k]

    def contributions(self, blocks: Blocks) -> Mapping[str, Floats]:
        """Return each class's true, predicted and right rows, losses, and overconfidence by bin."""
        right = (self.predicted == self.true).astype(np.float64)
        return {
            "true": blocks.group_sums(self.true, self.classes),
            "predicted": blocks.group_sums(self.predicted, self.classes),
            "right": blocks.group_sums(self.true, self.classes, right),
            "losses": blocks.sums(np.column_stack([self.log_loss, self.brier])),
            "bins": blocks.group_sums(self.bin, CALIBRATION_BINS, self.overconfidence),
        }


class ClassSums:
    """The sums over S resamples of a classification: counts (S, C), losses (S,), bins (S, 15)."""

    def __init__(self, sums: Mapping[str, Floats]) -> None:
        self.rows = sums["rows"][:, 0]
        self.true, self.predicted, self.right = sums["true"], sums["predicted"], sums["right"]
        self.log_loss, self.brier = sums["losses"].T
        self.bins = sums["bins"]
        self.all_right = self.right.sum(axis=1)

    @cached_property
    def f1(self) -> Floats:
        """F1 (S, C) of each class, nan where it neither occurs nor is predicted."""
        return ratio(2 * self.right, self.true + self.predicted)


class LabelSample:
    """Rows with L labels: true (N, L) of 0 and 1, and probabilities (N, L) from 0 to 1."""

    def __init__(
        self, true: Integers, probabilities: Floats, thresholds: Thresholds = None
    ) -> None:
        self.rows, self.labels = probabilities.shape
        self.width = 3 * self.labels + 4
        self.true, self.probabilities = true, probabilities
        self.predicted = predicted_labels(probabilities, thresholds)
        self.brier = ((probabilities - true) ** 2).mean(axis=1)
        self.log_loss = np.mean(
            [log_losses(true[:, k], self.both(k)) for k in range(self.labels)], axis=0
        )
        self.ranked = Rankings(self.labels, self.column)

    def both(self, k: int) -> Floats:
        """Return the probabilities (N, 2) that a row lacks label k and that it has it."""
        p = self.probabilities[:, k]
        return clipped(np.column_stack([1 - p, p]))

    def column(self, k: int) -> tuple[npt.NDArray[np.bool_], Floats]:
        """Return a mask (N,) of the rows with label k, and its probabilities (N,)."""
        return self.true[:, k] > 0, self.probabilities[:, k]

    @cached_property
    def precision_recall_f1(self) -> Floats:
        """The precision, recall and F1 (L, 3) of each label, 0 where one is undefined."""
        from sklearn import metrics  # deferred: it takes a second to import

        each = [
            metrics.precision_recall_fscore_support(
                self.true[:, k], self.predicted[:, k], average="binary", zero_division=0
            )[:3]
            for k in range(self.labels)
        ]
        return np.array(each, np.float64)

    @cached_property
    def roc_auc(self) -> list[float | None]:
        """The ROC AUC of each label, None where all rows have it, or none has."""
        from sklearn import metrics  # deferred: see above

        varies = [0 < self.true[:, k].sum() < self.rows for k in range(self.labels)]
        return [
            float(metrics.roc_auc_score(*self.column(k))) if varies[k] else None
            for k in range(self.labels)
        ]

    def contributions(self, blocks: Blocks) -> Mapping[str, Floats]:
        """Return true, predicted and right rows of each label, fully right rows, and losses."""
        every = (self.predicted == self.true).all(axis=1)
        return {
            "true": blocks.sums(self.true),
            "predicted": blocks.sums(self.predicted),
            "right": blocks.sums(self.predicted * self.true),
            "means": blocks.sums(np.column_stack([every, self.log_loss, self.brier])),
        }


class LabelSums:
    """The sums over S resamples of a multilabel task: counts (S, L), and losses (S,)."""

    def __init__(self, sums: Mapping[str, Floats]) -> None:
        self.rows = sums["rows"][:, 0]
        self.true, self.right = sums["true"], sums["right"]
        self.every_right, self.log_loss, self.brier = sums["means"].T
        self.true_and_predicted = sums["true"] + sums["predicted"]
        self.labels = self.true.shape[1]

    @cached_property
    def f1(self) -> Floats:
        """F1 (S, L) of each label, nan where no row has it and none is predicted to."""
        return ratio(2 * self.right, self.true_and_predicted)


class QuantitySample:
    """Rows of a regression: true values (N, K) and predicted ones (N, K)."""

    def __init__(self, true: Floats, predicted: Floats) -> None:
        self.rows, self.targets = true.shape
        self.width = 5 * self.targets + 1
        self.true, self.predicted = true, predicted
        # around the mean, so that the sum of squares below loses no digits
        self._deviation = true - true.mean(axis=0)
        self._error = np.abs(predicted - true)
        nonzero = (true != 0).all(axis=0)  # for other targets MAPE is undefined
        self._relative = self._error[:, nonzero] / np.abs(true[:, nonzero])
        self.ranked = Medians("median_absolute_error", self._error)

    def contributions(self, blocks: Blocks) -> Mapping[str, Floats]:
        """Return errors, their squares and shares, and the targets' deviations and squares."""
        return {
            "errors": blocks.sums(self._error),
            "squares": blocks.sums(self._error**2),
            "relative": blocks.sums(self._relative),
            "deviations": blocks.sums(self._deviation),
            "variation": blocks.sums(self._deviation**2),
        }


class QuantitySums:
    """The sums over S resamples of a regression, for each target (S, K); `rows` is (S, 1)."""

    def __init__(self, sums: Mapping[str, Floats]) -> None:
        self.rows = sums["rows"]
        self.errors, self.squares = sums["errors"], sums["squares"]
        self.relative = sums["relative"]
        around_mean = sums["variation"] - sums["deviations"] ** 2 / self.rows
        # where all rows are the same, what rounding leaves is not a variation
        self.around_mean = np.where(around_mean > 1e-12 * sums["variation"], around_mean, 0.0)


AnySample = ClassSample | LabelSample | QuantitySample


def clipped(probabilities: Floats) -> Floats:
    """Return probabilities (…, C) raised to 1e-15 or more, with a sum of 1 along the last axis.

    So every logarithm is finite.
    """
    raised = np.clip(probabilities.astype(np.float64), _LEAST_PROBABILITY, 1)
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def log_losses(true: Integers, probabilities: Floats) -> Floats:
    """Return -ln p (N,) of the true classes (N,), by probabilities (N, C)."""
    return np.asarray(-np.log(clipped(probabilities)[np.arange(len(true)), true]))
