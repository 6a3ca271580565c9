"""Curves of probabilities and counts of classes, which have scikit-learn's numbers.

Where a line of NumPy has them, too, a second of importing scikit-learn is saved.
"""

from dataclasses import dataclass

import numpy as np

from bpnet.data.reading.column import Floats
from bpnet.engine.component import Array

CALIBRATION_BINS = 10


@dataclass(frozen=True)
class RocCurve:
    """False and true positive rates (T,) by falling threshold; the first threshold is infinite."""

    false_positive: Floats
    true_positive: Floats
    thresholds: Floats
    area: float


@dataclass(frozen=True)
class PrecisionRecallCurve:
    """Precision and recall (T,) by rising threshold."""

    precision: Floats
    recall: Floats
    thresholds: Floats
    average: float
    """The average precision."""


@dataclass(frozen=True)
class CalibrationCurve:
    """Mean predicted probability, share of positive rows, and rows, of each bin that has rows."""

    predicted: Floats
    observed: Floats
    rows: Array


def roc_curve(true: Array, probability: Floats) -> RocCurve:
    """Return the ROC curve of probabilities (N,), given which rows (N,) are positive."""
    from sklearn import metrics  # deferred: takes a second

    false, found, thresholds = metrics.roc_curve(true, probability)
    area = float(metrics.roc_auc_score(true, probability))
    return RocCurve(false, found, thresholds, area)


def precision_recall_curve(true: Array, probability: Floats) -> PrecisionRecallCurve:
    """Return the precision-recall curve of probabilities (N,), without points on a line.

    Its last point, of precision 1 and recall 0, which no threshold gives, is left out.
    """
    from sklearn import metrics  # deferred: see above

    precision, recall, thresholds = metrics.precision_recall_curve(
        true, probability, drop_intermediate=True
    )
    average = float(metrics.average_precision_score(true, probability))
    return PrecisionRecallCurve(precision[:-1], recall[:-1], thresholds, average)


def calibration_curve(true: Array, probability: Floats) -> CalibrationCurve:
    """Return the reliability of probabilities (N,) in equal bins from 0 to 1.

    The bins are closed above, as those of scikit-learn are.
    """
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)
    bins = np.searchsorted(edges[1:-1], probability)
    rows = np.bincount(bins)
    some = rows > 0
    predicted = np.bincount(bins, weights=probability)[some] / rows[some]
    observed = np.bincount(bins, weights=true)[some] / rows[some]
    return CalibrationCurve(predicted, observed, rows[some])


def confusion_matrix(true: Array, predicted: Array, classes: int) -> Array:
    """Return the counts (C, C) of rows by true and predicted class number."""
    pairs = true.astype(np.int64) * classes + predicted
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def class_scores(true: Array, predicted: Array, classes: int) -> Floats:
    """Return precision, recall, F1 and the number of rows of each class (C, 4); 0/0 is 0."""
    counts = confusion_matrix(true, predicted, classes)
    right, of_class, called = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    scores = [_ratio(right, called), _ratio(right, of_class), _ratio(2 * right, of_class + called)]
    return np.column_stack([*scores, of_class]).astype(np.float64)


def _ratio(part: Array, whole: Array) -> Floats:
    return np.where(whole > 0, part / np.maximum(whole, 1), 0.0)
