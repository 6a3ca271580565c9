"""The curve of a run's loss over its epochs, as metrics.csv has it."""

from dataclasses import dataclass

import numpy as np

from bpnet.errors import RunError
from bpnet.runs.directory import RunPaths
from bpnet.runs.log_columns import read_log

_COLUMNS = ("oof_loss", "val_loss", "loss")
"""The columns that are looked for: the loss on rows that choose the epoch comes first."""


@dataclass(frozen=True)
class LossCurve:
    """The loss in each epoch in which it was measured; `column` is that of metrics.csv.

    Of an ensemble of several kinds of network it is that of the first.
    """

    column: str
    epochs: list[int]
    losses: list[float]

    @property
    def lowest(self) -> int:
        """The position of the lowest loss."""
        return min(range(len(self.losses)), key=lambda k: self.losses[k])


def read_curve(run: RunPaths) -> LossCurve | None:
    """Return the curve of a run; None if it has none that can be read."""
    try:
        log = read_log(run.metrics_csv)
    except RunError:
        return None
    column = next((name for name in _COLUMNS if name in log), None)
    if column is None:
        return None
    measured = np.isfinite(log[column]) & np.isfinite(log["epoch"])
    if "member" in log:
        measured &= log["member"] == 1
    epochs, losses = log["epoch"][measured].astype(np.int64), log[column][measured]
    return LossCurve(column, epochs.tolist(), losses.tolist()) if len(losses) else None
