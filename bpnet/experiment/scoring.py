"""Scoring by scikit-learn: the confusion matrix and per-class figures, or the errors of a regression."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    mean_absolute_error,
    precision_recall_fscore_support,
    r2_score,
    root_mean_squared_error,
)


@dataclass(frozen=True)
class ClassScores:
    """How well one class is told apart; `rows` of the table are of this class."""

    label: str
    precision: float
    recall: float
    f1: float
    rows: int


@dataclass(frozen=True)
class Classification:
    """accuracy, and confusion[i][j] = rows of class i that were predicted as class j."""

    accuracy: float
    classes: list[str]
    confusion: list[list[int]]
    per_class: list[ClassScores]


@dataclass(frozen=True)
class Regression:
    """Root mean squared and mean absolute error in the target's unit, and R² (None where the target does not vary)."""

    rmse: float
    mae: float
    r2: float | None


def score_classes(true: list[str], predicted: list[str], classes: list[str]) -> Classification:
    """Compare labels; a class that was never predicted has precision 0, one without rows recall 0."""
    precision, recall, f1, rows = precision_recall_fscore_support(true, predicted, labels=classes, zero_division=0)
    return Classification(
        accuracy=float(accuracy_score(true, predicted)),
        classes=classes,
        confusion=confusion_matrix(true, predicted, labels=classes).tolist(),
        per_class=[
            ClassScores(label, float(p), float(r), float(f), int(n))
            for label, p, r, f, n in zip(classes, precision, recall, f1, rows, strict=True)
        ],
    )


def score_quantities(true: np.ndarray, predicted: np.ndarray) -> Regression:
    """Compare values (rows,)."""
    return Regression(
        rmse=float(root_mean_squared_error(true, predicted)),
        mae=float(mean_absolute_error(true, predicted)),
        r2=float(r2_score(true, predicted)) if np.ptp(true) > 0 else None,
    )
