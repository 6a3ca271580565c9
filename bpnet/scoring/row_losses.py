"""The loss of each row by the proper score of a task: what importance is counted in."""

from typing import Literal, NamedTuple

import numpy as np

from bpnet.data.reading.column import Floats
from bpnet.data.splitting import Indices
from bpnet.data.targets import AnyTarget, Classes, Labels
from bpnet.scoring.metrics import LOG_LOSS, R2
from bpnet.scoring.samples import Integers, clipped, log_losses
from bpnet.scoring.units import squarable_unit

SQUARED_ERROR = "squared_error"


class ProperScore(NamedTuple):
    """A score, by its key in JSON and what reports call it, and whether it falls with the loss."""

    name: str
    title: str
    better: Literal["lower", "higher"]


class RowLosses:
    """The losses of N rows by a task's proper score, and the score of all rows.

    Of classes and labels a loss is the log loss, of labels averaged over them. Of quantities it is
    the squared error divided by the target's variance in these rows, averaged over the targets that
    vary: its mean is 1 - R². If none varies it is the squared error. The rows of `weights` (N,), of
    any mean above 0, count by them.
    """

    def __init__(self, target: AnyTarget, true: np.ndarray, weights: Floats | None = None) -> None:
        self._target, self._true = target, true
        self.weights = np.ones(len(true)) if weights is None else weights / weights.mean()
        self.weighted = weights is not None and bool(np.ptp(self.weights) > 0)
        self.score = ProperScore(LOG_LOSS.name, LOG_LOSS.title, "lower")
        if not isinstance(target, Classes | Labels):
            self._unit = squarable_unit(true)
            scaled, w = true / self._unit, self.weights[:, None]
            self._varies = np.asarray(np.ptp(scaled[self.weights > 0], axis=0) > 0)
            self._variance = np.ones(scaled.shape[1])
            if self._varies.any():
                around = scaled - (w * scaled).mean(axis=0)
                self._variance = np.where(self._varies, (w * around**2).mean(axis=0), 1.0)
                self.score = ProperScore(R2.name, R2.title, "higher")
            else:
                self._varies[:] = True
                self._variance /= self._unit**2
                self.score = ProperScore(SQUARED_ERROR, "squared error", "lower")

    def __len__(self) -> int:
        return len(self._true)

    def of(self, predicted: Floats, rows: Indices | slice = slice(None)) -> Floats:
        """Return the losses (n,) of predictions (n, K) for some of the rows."""
        true = self._true[rows]
        if isinstance(self._target, Classes):
            return log_losses(true, np.clip(predicted.astype(np.float64), 0, 1))
        if isinstance(self._target, Labels):
            return label_losses(true, np.clip(predicted, 0, 1))
        errors = (predicted / self._unit - true / self._unit) ** 2 / self._variance
        return np.asarray(errors[:, self._varies].mean(axis=1))

    def mean(self, losses: Floats) -> Floats:
        """Return the means (…) of losses (…, N), in which rows count by their weights."""
        return np.asarray((losses * self.weights).mean(axis=-1))

    def value(self, losses: Floats) -> float:
        """Return the score of losses (N,)."""
        mean = float(self.mean(losses))
        return 1 - mean if self.score.better == "higher" else mean


def label_losses(true: Integers, probabilities: Floats) -> Floats:
    """Return log losses (N,), averaged over the labels."""
    p = probabilities.astype(np.float64)
    of_true = np.where(true > 0, p, 1 - p)
    both = clipped(np.stack([of_true, 1 - of_true], axis=-1))  # (N, L, 2)
    return np.asarray(-np.log(both[..., 0]).mean(axis=1))
