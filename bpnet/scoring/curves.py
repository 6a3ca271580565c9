"""Curves of probabilities: ROC, precision and recall, calibration; all are scikit-learn's."""

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
    """Return the reliability of probabilities (N,) in equal bins from 0 to 1."""
    from sklearn import calibration  # deferred: see above

    observed, predicted = calibration.calibration_curve(
        true, probability, n_bins=CALIBRATION_BINS, strategy="uniform"
    )
    # the bins as calibration_curve draws them
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)
    bins = np.searchsorted(edges[1:-1], probability)
    rows = np.bincount(bins, minlength=CALIBRATION_BINS)
    return CalibrationCurve(predicted, observed, rows[rows > 0])


def confusion_matrix(true: Array, predicted: Array, classes: int) -> Array:
    """Return the counts (C, C) of rows by true and predicted class number."""
    from sklearn import metrics  # deferred: see above

    return np.asarray(metrics.confusion_matrix(true, predicted, labels=range(classes)))


def class_scores(true: Array, predicted: Array, classes: int) -> Floats:
    """Return precision, recall, F1 and the number of rows of each class (C, 4)."""
    from sklearn import metrics  # deferred: see above

    scores = metrics.precision_recall_fscore_support(
        true, predicted, labels=range(classes), zero_division=0
    )
    return np.column_stack(scores).astype(np.float64)
