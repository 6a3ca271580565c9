"""Decisions: from probabilities to predicted classes and labels, by a threshold if there is one."""

from collections.abc import Mapping, Sequence

import numpy as np

from bpnet.data.reading.column import Floats
from bpnet.data.targets import AnyTarget, Classes, Labels
from bpnet.engine.component import Array

Thresholds = Sequence[float] | None
"""The probabilities above which the positive class of two, or each label, is predicted.

None is the usual: the most probable class, and labels above ½.
"""


def decided_names(target: AnyTarget) -> list[str]:
    """Return what a threshold decides: the positive class of two, or each label; else nothing."""
    if isinstance(target, Classes):
        return [target.classes[target.positive_number]] if len(target.classes) == 2 else []
    return target.names if isinstance(target, Labels) else []


def thresholds_of(target: AnyTarget, by_name: Mapping[str, float]) -> Thresholds:
    """Return thresholds by class or label as those of a target, whose positive class may differ."""
    names = decided_names(target)
    if isinstance(target, Classes):
        values = [
            by_name[name] if name in names else 1 - by_name[name]
            for name in by_name
            if names and name in target.classes
        ]
        return values or None
    return [by_name.get(name, 0.5) for name in names] if by_name else None


def predicted_classes(p: Floats, positive: int, thresholds: Thresholds = None) -> Array:
    """Return the predicted class (…) by probabilities (…, C); thresholds are of two classes."""
    if thresholds is None:
        return np.asarray(p.argmax(axis=-1))
    return np.where(p[..., positive] > thresholds[0], positive, 1 - positive)


def predicted_labels(p: Floats, thresholds: Thresholds = None) -> Array:
    """Return the mask (N, L) of the labels that are predicted, by their probabilities (N, L)."""
    return np.asarray(p > (0.5 if thresholds is None else np.asarray(thresholds, np.float64)))


def thresholds_text(thresholds: Mapping[str, float], most: int = 5) -> str:
    """Return thresholds by class or label in words: 0.3 of 'yes', 0.25 of 'no'."""
    values = list(thresholds.values())
    if len(values) > 1 and len(set(values)) == 1:
        return f"{values[0]:g} of each label"
    pairs = [f"{value:g} of '{name}'" for name, value in thresholds.items()]
    rest = [f"and {len(pairs) - most} more"] if len(pairs) > most else []
    return ", ".join(pairs[:most] + rest)
