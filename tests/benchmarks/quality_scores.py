"""The metrics of quality.py: of one test part, and over its tables."""

from collections.abc import Sequence

import numpy as np

SHIFT = 0.01
"""Added to each error before the geometric mean, so that a tiny one does not decide alone."""
DIGITS = 5
"""Decimal places of a score in a ranking, as many as the peers' figures have."""
SMALLEST = 1e-15
"""The probability that a smaller one is raised to in the log loss."""


def accuracy(probabilities: np.ndarray, classes: Sequence[str], labels: np.ndarray) -> float:
    """Return the share of rows whose most probable class is right; `probabilities` is (N, K)."""
    return float((np.array(classes, object)[probabilities.argmax(1)] == labels).mean())


def log_loss(probabilities: np.ndarray, classes: Sequence[str], labels: np.ndarray) -> float:
    """Return the mean of -ln p of the right class.

    Probabilities are clipped and divided by their sum; a class that the model does not know has
    the smallest one.
    """
    clipped = np.clip(probabilities.astype(np.float64), SMALLEST, 1)
    clipped /= clipped.sum(1, keepdims=True)
    places = {label: k for k, label in enumerate(classes)}
    right = [
        clipped[row, places[label]] if label in places else SMALLEST
        for row, label in enumerate(labels)
    ]
    return float(-np.log(right).mean())


def rmse(predictions: np.ndarray, targets: np.ndarray) -> float:
    """Return the root of the mean squared error."""
    return float(np.sqrt(np.square(predictions - targets).mean()))


def r2(predictions: np.ndarray, targets: np.ndarray) -> float:
    """Return the share of the targets' variance that is predicted."""
    return float(1 - np.square(predictions - targets).mean() / targets.var())


def average_ranks(scores: np.ndarray) -> np.ndarray:
    """Return each model's mean rank (M,) over the tables; scores (T, M) are better if higher.

    The best has rank 1; equal scores share the mean of their ranks.
    """
    rounded = scores.round(DIGITS)
    better = (rounded[:, None, :] > rounded[:, :, None]).sum(2)
    equal = (rounded[:, None, :] == rounded[:, :, None]).sum(2)  # with itself
    return (better + (equal + 1) / 2).mean(0)


def errors(scores: np.ndarray, regression: np.ndarray) -> np.ndarray:
    """Return 1 - accuracy, and √(1 - R²) where `regression` (T,) is true, of scores (T, …)."""
    shape = (-1,) + (1,) * (scores.ndim - 1)
    return np.where(regression.reshape(shape), np.sqrt(np.maximum(1 - scores, 0)), 1 - scores)


def mean_error(errors: np.ndarray, shift: float = SHIFT) -> np.ndarray:
    """Return the shifted geometric mean of errors (T, …) over the tables."""
    return np.exp(np.log(errors + shift).mean(0)) - shift


def calibration_error(probabilities: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Return the mean distance between confidence and accuracy over bins of equally many rows.

    `right` (N,) is true where the most probable class is the label. The rows are ordered by their
    largest probability (Nguyen and O'Connor, "Posterior calibration and exploratory analysis",
    2015: adaptive bins).
    """
    confidence = probabilities.max(1)
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    distances = [len(p) * abs(confidence[p].mean() - right[p].mean()) for p in parts]
    return float(sum(distances) / len(right))
