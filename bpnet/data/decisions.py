"""Decisions: from probabilities to predicted classes and labels, by a threshold if there is one."""

from collections.abc import Sequence

import numpy as np

from bpnet.data.reading.column import Floats
from bpnet.engine.component import Array

Thresholds = Sequence[float] | None
"""The probabilities above which the positive class of two, or each label, is predicted.

None is the usual: the most probable class, and labels above ½.
"""


def predicted_classes(p: Floats, positive: int, thresholds: Thresholds = None) -> Array:
    """Return the predicted class (N,) by probabilities (N, C); thresholds are for two classes."""
    if thresholds is None:
        return np.asarray(p.argmax(axis=1))
    return np.where(p[:, positive] > thresholds[0], positive, 1 - positive)


def predicted_labels(p: Floats, thresholds: Thresholds = None) -> Array:
    """Return the mask (N, L) of the labels that are predicted, by their probabilities (N, L)."""
    return np.asarray(p > (0.5 if thresholds is None else np.asarray(thresholds, np.float64)))
