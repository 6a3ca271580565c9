"""Greedy selection: which of many members predict best together (Caruana et al. 2004).

    selection = Selection(description, values, weights, calibration="temperature")
    for description, scores in trained:
        selection.add(description, scores)
    shares = selection.pick()

From the best member on, that member is added, again and again, whose addition lowers the loss of
out-of-fold predictions most; a member that is added twice weighs twice. It ends where no addition
helps. Few additions regularize: a blend of n has weights that are multiples of 1/n, and most of
many members have none.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from bpnet.data.reading.column import Floats
from bpnet.data.targets import AnyTarget, Classes, Labels, Quantities
from bpnet.engine.calibration import error_smoothing
from bpnet.engine.losses import Quantile
from bpnet.models.combination import log_probabilities
from bpnet.models.combination_fit import Calibration, member_probabilities, score_temperature
from bpnet.models.description import Description

MOST_ADDITIONS = 25
"""Members that are added, at most, each as often as it is."""
SHORT_LIST = 12
"""Members that are tried at each addition but the first few: those along which the loss falls most
steeply."""
LONG_STEPS = 3
"""Additions at which all members are tried, since each changes the blend much."""
LEAST_GAIN = 1e-4
"""Share of the loss by which an addition must lower it."""


class Goal(Protocol):
    """A convex loss of blended predictions (N, C)."""

    def loss(self, blend: Floats) -> float:
        """Return the loss."""

    def slope(self, blend: Floats) -> Floats:
        """Return the gradient of the loss by the blend (N, C)."""


class LogLoss:
    """Σ r (log Σ e^s - Σ t s) of blended logarithms s (N, C), with the smoothed targets t."""

    def __init__(self, codes: np.ndarray, rows: Floats, smoothing: float, width: int) -> None:
        self._rows = rows[:, None]
        self._targets = np.full((len(codes), width), smoothing / width)
        self._targets[np.arange(len(codes)), codes] += 1 - smoothing

    def loss(self, blend: Floats) -> float:
        """Return the loss."""
        s = blend - blend.max(axis=1, keepdims=True)
        total = np.log(np.exp(s).sum(axis=1))
        return float(self._rows[:, 0] @ (total - np.einsum("nc,nc->n", self._targets, s)))

    def slope(self, blend: Floats) -> Floats:
        """Return r (p - t)."""
        p = np.exp(blend - blend.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        return np.asarray(self._rows * (p - self._targets))


class SquaredLoss:
    """Σ r (y - t)² of blended values y (N, K)."""

    def __init__(self, targets: Floats, rows: Floats) -> None:
        self._targets, self._rows = targets, rows[:, None]

    def loss(self, blend: Floats) -> float:
        """Return the loss."""
        return float((self._rows * (blend - self._targets) ** 2).sum())

    def slope(self, blend: Floats) -> Floats:
        """Return 2 r (y - t)."""
        return np.asarray(2 * self._rows * (blend - self._targets))


class PinballLoss:
    """Σ r l(y - t), where l(e) is e (1 - q) of positive and -q e of negative e."""

    def __init__(self, targets: Floats, rows: Floats, quantile: float) -> None:
        self._targets, self._rows, self._quantile = targets, rows[:, None], quantile

    def loss(self, blend: Floats) -> float:
        """Return the loss."""
        return float(((blend - self._targets) * self.slope(blend)).sum())

    def slope(self, blend: Floats) -> Floats:
        """Return r (1 - q) where y > t, -r q where y < t."""
        return np.asarray(self._rows * ((blend > self._targets) - self._quantile))


class Selection:
    """Candidates for a blend, of which those are picked that together have the least loss.

    Parameters
    ----------
    description
        The description of a member; all share its target.
    values
        The target values of the rows, as for `fit_combination`.
    weights
        The weight of each row (N,), by default 1.
    calibration
        As for `fit_combination`: with none, scores keep their temperature.
    """

    def __init__(
        self,
        description: Description,
        values: np.ndarray,
        weights: Floats | None,
        calibration: Calibration,
    ) -> None:
        self._target: AnyTarget = description.target
        self._tempered = calibration != "none"
        rows = np.ones(len(values)) if weights is None else weights.astype(np.float64)
        rows = rows if rows.sum() > 0 else np.ones(len(values))
        self._rows = rows / rows.sum()
        self._values = values
        self._origin: Floats | float = 0.0
        self._unit: Floats | float = 1.0
        self._goal = self._make_goal(description)
        self._candidates: list[Floats] = []
        self._counts: list[int] = []
        self._losses: list[float] = []
        self._total: Floats | float = 0.0
        self._loss = np.inf

    def _make_goal(self, description: Description) -> Goal:
        values, rows, target = self._values, self._rows, self._target
        if isinstance(target, Quantities):
            # ranges and not deviations, so that no square overflows
            span = values.max(axis=0) - values.min(axis=0)
            self._origin, self._unit = values.mean(axis=0), np.where(span > 0, span, 1.0)
            scaled = (values - self._origin) / self._unit
            if isinstance(description.loss, Quantile):
                return PinballLoss(scaled, rows, description.loss.quantile)
            spread = np.sqrt(rows @ (scaled - rows @ scaled) ** 2)
            self._unit = self._unit * np.where(spread > 0, spread, 1.0)
            return SquaredLoss((values - self._origin) / self._unit, rows)
        labels = isinstance(target, Labels)
        width = len(target.classes) if isinstance(target, Classes) else 2
        codes = values.reshape(-1).astype(np.intp)
        self._true = values.astype(np.float64) if labels else np.eye(width)[codes]
        per_row = len(codes) // len(rows)
        smoothing = error_smoothing(len(rows), width)
        return LogLoss(codes, np.repeat(rows, per_row) / per_row, smoothing, width)

    def add(self, description: Description, scores: np.ndarray) -> None:
        """Add a candidate, with its scores (N, O) for rows it has not seen."""
        if isinstance(self._target, Quantities):
            assert isinstance(description.target, Quantities)
            material = (description.target.decode(scores) - self._origin) / self._unit
        else:
            temperature, scores = 1.0, scores[None]  # of one network, as it were
            if self._tempered:
                temperature = score_temperature(description, scores, self._true, self._rows)
            shares = member_probabilities(description, scores, temperature)
            logs = log_probabilities(shares, labels=isinstance(self._target, Labels))
            material = logs.reshape(-1, logs.shape[-1])
        self._candidates.append(material.astype(np.float32))  # half the memory of many
        self._counts.append(0)
        self._losses.append(self._goal.loss(material))

    @property
    def loss(self) -> float:
        """The loss of the present blend."""
        return self._loss

    @property
    def losses(self) -> list[float]:
        """The loss of each candidate by itself."""
        return list(self._losses)

    @property
    def shares(self) -> list[float]:
        """The weight of each candidate in the present blend."""
        return [count / max(sum(self._counts), 1) for count in self._counts]

    def pick(self, most: int = MOST_ADDITIONS) -> list[float]:
        """Return the weights of the best blend of at most so many additions, picked anew."""
        self._counts = [0] * len(self._candidates)
        self._total, self._loss = 0.0, np.inf
        self.grow(most)
        return self.shares

    def grow(self, most: int) -> None:
        """Go on from the present blend with at most so many additions."""
        for _ in range(most):
            size, best = sum(self._counts), -1
            found = self._loss - LEAST_GAIN * abs(self._loss) if size else np.inf
            for k in self._short_list(size):
                loss = self._goal.loss((self._total + self._candidates[k]) / (size + 1))
                if loss < found:
                    found, best = loss, k
            if best < 0:
                break
            self._loss = found
            self._counts[best] += 1
            self._total = self._total + self._candidates[best].astype(np.float64)

    def _short_list(self, size: int) -> Sequence[int]:
        """Return the candidates to try when so many have been added."""
        count = len(self._candidates)
        if size < LONG_STEPS or count <= SHORT_LIST:
            return range(count)
        slope = self._goal.slope(np.asarray(self._total) / size).astype(np.float32)
        along = [float(np.vdot(slope, candidate)) for candidate in self._candidates]
        return [int(k) for k in np.argsort(along, kind="stable")[:SHORT_LIST]]
