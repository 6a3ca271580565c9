"""A combination: how the predictions of an ensemble's members become one, and how sure it is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bpnet.data.reading.column import Floats
from bpnet.data.targets import AnyTarget, Classes, Labels, Quantities
from bpnet.engine.component import Component, FieldError, number
from bpnet.models.curve import Curve
from bpnet.models.intervals import Interval

LEAST_PROBABILITY = 1e-7
"""Probabilities below it count as it before their logarithm, as those above 1 - 1e-7 count as that:
it is the resolution of float32 beside 1."""


@dataclass(frozen=True, kw_only=True)
class Shrinkage(Component):
    """A quantity's prediction y becomes center + slope (y - center), within a plausible range."""

    center: float = number()
    """The mean of the training values."""
    slope: float = number(1.0, ge=0, le=1)
    """Share of the difference from the center that is kept: 0 predicts the mean for every row."""
    lowest: float = number()
    """The lowest prediction, somewhat below the smallest training value."""
    highest: float = number()
    """The highest prediction, somewhat above the largest training value."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.lowest <= self.center <= self.highest:
            raise FieldError("center", "must be between `lowest` and `highest`")


@dataclass(frozen=True, kw_only=True)
class Combination(Component):
    """How the members' predictions become one; everything is fitted on out-of-fold predictions.

    A member predicts the mean over its networks. Classes: p ~ Π_m p_m^(w_m / T), with a sum of 1;
    labels: the same for each label and its opposite; quantities: each network's value within a
    plausible range, Σ_m w_m y_m, then the shrinkage. `bpnet.models.combination_fit` fits it.
    """

    weights: list[float]
    """The weight w of each member; they are not negative and sum to 1."""
    temperature: float = number(1.0, gt=0)
    """Number T that the sum of the weighted logarithms is divided by."""
    isotonic: list[Curve] | None = None
    """A rising function from p to the probability of each class or label; those of classes are
    divided by their sum afterwards."""
    shrinkage: list[Shrinkage] | None = None
    """For each of the quantities."""
    intervals: list[Interval] | None = None
    """For each of the quantities."""

    def __post_init__(self) -> None:
        super().__post_init__()
        weights = np.array(self.weights, np.float64)
        if not (
            len(weights)
            and np.isfinite(weights).all()
            and (weights >= 0).all()
            and abs(weights.sum() - 1) < 1e-6
        ):
            raise FieldError("weights", "must be numbers from 0 to 1 with a sum of 1")

    def check(self, members: int, target: AnyTarget) -> None:
        """Raise FieldError if it does not suit the number of members, or their target."""
        if len(self.weights) != members:
            raise FieldError(
                "weights", f"has {len(self.weights)} numbers, but the members are {members}"
            )
        quantities = isinstance(target, Quantities)
        for field in ("isotonic", "shrinkage", "intervals"):
            each = getattr(self, field)
            if each is None:
                continue
            if quantities == (field == "isotonic"):
                raise FieldError(field, f"must be null, since the target is {target.kind}")
            outputs = target.classes if isinstance(target, Classes) else target.names
            if len(each) != len(outputs):
                raise FieldError(
                    field, f"has {len(each)} entries; it must have one for each of {len(outputs)}"
                )

    def probabilities(self, members: Sequence[Floats], target: AnyTarget) -> Floats:
        """Return the probabilities (N, K) from those of each member (N, K)."""
        labels = isinstance(target, Labels)
        logs = sum(
            (weight / self.temperature) * log_probabilities(member, labels=labels)
            for weight, member in zip(self.weights, members, strict=True)
            if weight
        )
        blended = normalized(np.asarray(logs))
        if labels:
            blended = blended[..., 1]
        return blended if self.isotonic is None else calibrated(self.isotonic, blended, target)

    def quantities(self, members: Sequence[Floats], origin: Floats | float = 0.0) -> Floats:
        """Return the values (N, K) from those of each member (N, K).

        All count from `origin` (K,), by default 0.
        """
        blended = np.asarray(
            sum(weight * member for weight, member in zip(self.weights, members, strict=True))
        )
        if self.shrinkage is None:
            return blended
        center = np.array([each.center for each in self.shrinkage]) - origin
        slope = np.array([each.slope for each in self.shrinkage])
        return self.within_range(center + slope * (blended - center), origin)

    def within_range(self, values: Floats, origin: Floats | float = 0.0) -> Floats:
        """Return values (…, K), which count from `origin`, moved into the plausible range."""
        if self.shrinkage is None:
            return values
        lowest = np.array([each.lowest for each in self.shrinkage]) - origin
        highest = np.array([each.highest for each in self.shrinkage]) - origin
        return np.asarray(np.clip(values, lowest, highest))


def log_probabilities(p: Floats, *, labels: bool) -> Floats:
    """Return the logarithms (N, C) of p; of labels (N, L) those of the opposite too (N, L, 2)."""
    p = np.clip(p.astype(np.float64), LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    return np.asarray(np.log(np.stack([1 - p, p], axis=-1) if labels else p))


def normalized(logs: Floats) -> Floats:
    """Return e^logs (…, C), divided by their sum over the last axis."""
    powers = np.exp(logs - logs.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def calibrated(curves: Sequence[Curve], p: Floats, target: AnyTarget) -> Floats:
    """Return the curves of p (N, K); of classes divided by their sum."""
    curved = np.column_stack([curve(p[:, k]) for k, curve in enumerate(curves)])
    if isinstance(target, Labels):
        return curved
    total = curved.sum(axis=1, keepdims=True)
    return np.where(total > 0, curved / np.where(total > 0, total, 1), p)
