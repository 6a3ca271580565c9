"""The history of a training: the metrics of its epochs, for each replica."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.loop.monitoring import Stop
from bpnet.engine.loop.record import Record
from bpnet.engine.stateful import StateDict

LATEST = 5
"""Number of epochs that count as the end of a training, so that no single epoch decides."""


@dataclass
class History:
    """The metrics of the epochs so far of one replica; losses are per row, penalty included."""

    loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    gradient_norm: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    stop: Stop | None = None
    steps: int = 0
    """Number of steps taken."""
    kept_epoch: int = 0
    """Epoch whose weights are kept; 0 for the first weights."""

    def __len__(self) -> int:
        return len(self.loss)

    @property
    def steps_per_epoch(self) -> int:
        """Number of steps in an epoch, at least 1."""
        return max(1, self.steps // max(1, len(self)))


def latest(values: Sequence[float]) -> float:
    """Return the median of the last few epochs' values."""
    return statistics.median(values[-LATEST:])


def largest(values: Sequence[float]) -> float:
    """Return the largest finite value, 0 if there is none."""
    most = max(values, default=0.0)  # nan is never larger, so that only the first may be it
    return most if math.isfinite(most) else max(filter(math.isfinite, values), default=0.0)


_NOTED = ("_loss", "_validation_loss", "_gradient_norm", "_learning_rate", "_running")


class Chronicle:
    """The metrics of the epochs of all replicas, noted as they come."""

    def __init__(self, divisor: int, validation_divisor: int) -> None:
        self._divisor, self._validation_divisor = divisor, validation_divisor
        self._loss: list[Array] = []  # each (R,)
        self._validation_loss: list[Array] = []
        self._gradient_norm: list[Array] = []
        self._learning_rate: list[Array] = []
        self._running: list[Array] = []
        self._last: Record | None = None
        self._histories: dict[int, History] = {}  # as far as they were asked for

    def state(self) -> dict[str, Any]:
        """Return the metrics so far, each (E, R)."""
        return {name: np.array(getattr(self, name)) for name in _NOTED}

    def load_state(self, state: StateDict) -> None:
        """Go on from the metrics of earlier epochs."""
        for name in _NOTED:
            setattr(self, name, list(state[name]))

    def __len__(self) -> int:
        return len(self._loss)

    def note(self, record: Record) -> None:
        """Take note of an epoch; its arrays are new in each record."""
        metrics = record.metrics
        self._loss.append(metrics["loss"])
        if "val_loss" in metrics:
            self._validation_loss.append(metrics["val_loss"])
        self._gradient_norm.append(record.gradient_norm)
        self._learning_rate.append(record.learning_rate)
        self._running.append(record.running)
        self._last = record

    def of(self, replica: int) -> History:
        """Return the history of one replica, until it stopped."""
        history = self._histories.setdefault(replica, History())
        if self._last is None:
            return history
        for epoch in range(len(history), len(self)):
            if not self._running[epoch][replica]:
                break
            history.loss.append(float(self._loss[epoch][replica]) / self._divisor)
            if self._validation_loss:
                loss = float(self._validation_loss[epoch][replica])
                history.validation_loss.append(loss / self._validation_divisor)
            history.gradient_norm.append(float(self._gradient_norm[epoch][replica]))
            history.learning_rate.append(float(self._learning_rate[epoch][replica]))
        stops = self._last.stops
        history.stop = stops[replica] if stops else None
        history.steps = self._last.step * len(history) // len(self)
        history.kept_epoch = int(self._last.kept_epoch[replica])
        return history
