"""What a terminal shows of a training that goes on: a few lines that fit its width."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from bpnet.engine.component import Array
from bpnet.reports.text import duration, rounded

WIDEST = 79
"""Columns of the widest line: a terminal that becomes narrower shows 80 columns still."""

_METRICS = ("loss", "accuracy", "rmse")
_BLOCKS = "▁▂▃▄▅▆▇█"
_SHORTEST_CURVE = 6
_TWO_COLUMNS = 60
_KEPT_VALUES = 512


class Progress:
    """A training as a terminal shows it: how far it is, and where its loss and metrics go.

    `rows` counts the training rows of an epoch, `start` is a time in seconds, and `seconds` the
    time that is left of a budget. With `may_stop` the training may end before its last epoch.
    """

    def __init__(
        self,
        epochs: int,
        rows: int,
        start: float,
        *,
        may_stop: bool = False,
        seconds: float = math.inf,
        curves: bool = True,
    ) -> None:
        self._epochs, self._rows, self._start, self._now = epochs, rows, start, start
        self._may_stop, self._seconds, self._curves = may_stop, seconds, curves
        self._row: Mapping[str, float] = {}
        self._kept: Array | None = None
        self._before: int | None = None
        self._has_ended = False
        self._values: dict[str, list[float]] = {}

    def note(self, row: Mapping[str, float], kept: Array, now: float) -> None:
        """Take an epoch that is shown: its metrics, and the epochs (R,) whose weights are kept."""
        if self._before is None:
            self._before = int(row["epoch"]) - 1  # more than 0 if the training was resumed
        self._row, self._kept, self._now = row, kept, now
        for name in (*_METRICS, *map(_validated, _METRICS)):
            if name in row and math.isfinite(row[name]):
                values = self._values.setdefault(name, [])
                values.append(row[name])
                if len(values) > _KEPT_VALUES:
                    del values[1::2]

    def end(self) -> None:
        """Let no time be left."""
        self._has_ended = True

    def lines(self, width: int) -> list[str]:
        """Return the lines to show in a terminal of this many columns, none of them longer."""
        width = min(width - 1, WIDEST)
        lines = [self._first(width), *self._metrics(width), self._last()]
        return [line[:width].rstrip() for line in lines if line]

    def _first(self, width: int) -> str:
        """Return the line of the epoch, with a bar, the time that is left and the speed."""
        epoch = int(self._row.get("epoch", 0))
        parts = [f"epoch {epoch:>{len(str(self._epochs))}}/{self._epochs}", *self._pace(epoch)]
        while len("  ".join(parts)) > width:
            parts.pop()
        room = width - len("  ".join(parts)) - 2
        if self._curves and room >= _SHORTEST_CURVE:
            done = room * epoch // max(self._epochs, 1)
            parts.insert(1, "━" * done + "╌" * (room - done))
        return "  ".join(parts)

    def _pace(self, epoch: int) -> list[str]:
        """Return the time that is left, and the training rows per second."""
        spent = self._now - self._start
        if self._before is None or epoch <= self._before or spent <= 0:
            return []
        took = spent / (epoch - self._before)
        left = max(min(took * (self._epochs - epoch), self._seconds - spent), 1)
        most = "up to " if self._may_stop and epoch < self._epochs else ""
        speed = float(f"{self._rows / took:.2g}")
        shown = [] if self._has_ended else [f"{most}{duration(left)} left"]
        return [*shown, f"{speed:,.0f} rows/s"]

    def _metrics(self, width: int) -> list[str]:
        """Return a line for each metric: its value and curve, for training and validation rows."""
        names = [name for name in _METRICS if name in self._row]
        if not any(_validated(name) in self._row for name in names):
            return [self._metric(name, names, width) for name in names]
        validated = [_validated(name) for name in names]
        if width < _TWO_COLUMNS:
            return [self._metric(name, validated, width) for name in validated]
        half = width // 2
        return [
            self._metric(name, names, half - 2).ljust(half) + self._metric(other, validated, half)
            for name, other in zip(names, validated, strict=True)
        ]

    def _metric(self, name: str, names: Sequence[str], width: int) -> str:
        """Return a metric's last value and its curve, in this many columns at most."""
        values = self._values.get(name)
        if not values:
            return ""
        text = f"{name:<{max(map(len, names))}} {rounded(values[-1], 4):<9}"
        columns = width - len(text) - 1
        if not self._curves or columns < _SHORTEST_CURVE:
            return text
        return f"{text} {curve(values, columns, logarithmic=not name.endswith('accuracy'))}"

    def _last(self) -> str:
        """Return the line of the learning rate and of the best epoch."""
        parts = []
        if math.isfinite(rate := self._row.get("learning_rate", math.nan)):
            parts.append(f"learning rate {rounded(rate, 3)}")
        if self._kept is not None and self._kept.max() > 0:
            first, last = int(self._kept.min()), int(self._kept.max())
            parts.append(
                f"best epoch {last}" if first == last else f"best epochs {first} to {last}"
            )
        return "  ".join(parts)


def metrics_text(row: Mapping[str, float]) -> str:
    """Return the metrics that show progress, on one line."""
    names = [*_METRICS, *map(_validated, _METRICS)]
    return "  ".join(f"{name} {rounded(row[name], 4)}" for name in names if name in row)


def curve(values: Sequence[float], columns: int, *, logarithmic: bool = False) -> str:
    """Return a curve of finite values, from their least to their greatest, one character high.

    Each of at most `columns` characters stands for the mean of as many values. A long curve leaves
    out its first tenth, and one of positive values may be `logarithmic`: beside the first fall of a
    loss nothing else would be seen.
    """
    if len(values) > columns:
        values = values[len(values) // 10 :]
    if logarithmic and min(values) > 0:
        values = [math.log(value) for value in values]
    columns = min(columns, len(values))
    bounds = [len(values) * k // columns for k in range(columns + 1)]
    means = [math.fsum(values[begin:end]) / (end - begin) for begin, end in pairwise(bounds)]
    low, high = min(means), max(means)
    if not high > low:
        return _BLOCKS[0] * columns
    top = len(_BLOCKS) - 1
    return "".join(_BLOCKS[round(top * ((mean - low) / (high - low)))] for mean in means)


def _validated(name: str) -> str:
    return f"val_{name}"
