"""The curve of a run's loss over its epochs, as metrics.csv has it."""

import csv
import math
from dataclasses import dataclass

from bpnet.errors import RunError
from bpnet.runs import files
from bpnet.runs.directory import RunPaths

_COLUMNS = ("oof_loss", "val_loss", "loss")
"""The columns that are looked for: the loss on rows that choose the epoch comes first."""


@dataclass(frozen=True)
class Curve:
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


def read_curve(run: RunPaths) -> Curve | None:
    """Return the curve of a run; None if it has none that can be read."""
    epochs, losses = list[int](), list[float]()
    try:
        with files.open_text(run.metrics_csv) as file:
            lines = csv.reader(files.short_lines(file, run.metrics_csv))
            header = next(lines, [])
            column = next((name for name in _COLUMNS if name in header), None)
            if column is None or "epoch" not in header:
                return None
            place, of_epoch = header.index(column), header.index("epoch")
            member = header.index("member") if "member" in header else None
            for line in lines:
                if len(line) != len(header) or (member is not None and line[member] != "1"):
                    continue  # cut off by a kill, or of another member
                if not line[place]:
                    continue  # an epoch without a check
                loss = float(line[place])
                if math.isfinite(loss):
                    epochs.append(int(line[of_epoch]))
                    losses.append(loss)
    except (RunError, ValueError):
        return None
    return Curve(column, epochs, losses) if losses else None
