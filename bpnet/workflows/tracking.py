"""Tracking: the trackers of a config's `logging` are told of a training as it goes on."""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bpnet.config.loading import LoadedConfig, as_data
from bpnet.config.schema import Config
from bpnet.engine.loop.record import Record
from bpnet.engine.network import Network
from bpnet.errors import RunError
from bpnet.integrations.trackers.tracker import (
    TRACKERS,
    Series,
    Setting,
    TrackedRun,
    Tracker,
    not_installed,
)
from bpnet.messages import listed
from bpnet.paths import is_file
from bpnet.runs import files
from bpnet.runs.directory import RunPaths

_MAX_DELAY = 1.0
"""Seconds that a value may wait before it is written."""
_MOST_NETWORKS = 32
"""Networks that have curves of their own; of more there are only the means."""
_SETTINGS_APART = {"name", "logging", "checkpoint"}
"""The keys of a config that change nothing of what is trained."""
_PARTS = ("train", "validation", "test", "out_of_fold")


@dataclass(frozen=True)
class TrackedFit:
    """Networks that train together: the series of their means, and that of each of them."""

    network: Network
    series: Series
    networks: Sequence[Series] = ()


def require_trackers(loaded: LoadedConfig) -> None:
    """Raise ConfigError if a tracker of the config needs a package that is not installed."""
    if missing := not_installed(loaded.config.logging):
        raise loaded.error(
            ("logging",),
            f"names {listed(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed; "
            f"install with: pip install 'bpnet-cli[{','.join(missing)}]'",
        )


class Tracking:
    """The trackers of one training. One that fails is left out from then on, with a warning."""

    def __init__(self, config: Config, run: Path, warn: Callable[[str], None]) -> None:
        self._names, self._run, self._warn = list(config.logging), run, warn
        self._config = config
        self._trackers: dict[str, Tracker] = {}
        self._flushed = time.perf_counter()
        self._weights_due: dict[Series, int] = {}

    def begin(self) -> None:
        """Begin to track the run."""
        run = TrackedRun(self._run, dict(_settings(as_data(self._config))))
        for name in self._names:
            self._guarded(name, partial(self._begin, name, run))

    def _begin(self, name: str, run: TrackedRun) -> None:
        self._trackers[name] = TRACKERS[name].begin(run)

    def epoch(self, fit: TrackedFit, record: Record, row: Mapping[str, float]) -> None:
        """Tell the trackers of an epoch; `row` has the means of its metrics over the networks."""
        counted = record.running & ~record.diverged
        counted = counted if counted.any() else record.running
        columns = {
            **record.metrics,
            "learning_rate": record.learning_rate,
            "gradient_norm": record.gradient_norm,
        }
        means = {
            name: row[name] if name in row else float(values[counted].mean())
            for name, values in columns.items()
        }
        self._tell(fit.series, record, means, fit.network.parameters.views)
        if 1 < len(fit.networks) <= _MOST_NETWORKS:
            for k, series in enumerate(fit.networks):
                if record.running[k]:
                    own = {name: float(values[k]) for name, values in columns.items()}
                    views = {name: view[k] for name, view in fit.network.parameters.views.items()}
                    self._tell(series, record, own, views)
        if time.perf_counter() - self._flushed > _MAX_DELAY:
            self.flush()

    def _tell(
        self,
        series: Series,
        record: Record,
        columns: Mapping[str, float],
        weights: Mapping[str, Any],
    ) -> None:
        epoch = record.epoch
        values = {
            scalar_name(name): value for name, value in columns.items() if math.isfinite(value)
        }
        due = self._weights_due.get(series, 0) <= epoch or record.stops is not None
        if due:
            self._weights_due[series] = epoch + max(1, epoch // 10)
        for name, tracker in list(self._trackers.items()):
            self._guarded(name, partial(tracker.epoch, series, epoch, values))
            if due and name in self._trackers:
                self._guarded(name, partial(tracker.weights, series, epoch, weights))

    def flush(self) -> None:
        """Let the trackers write what is waiting."""
        for name, tracker in list(self._trackers.items()):
            self._guarded(name, tracker.flush)
        self._flushed = time.perf_counter()

    def end(self, status: str) -> None:
        """Tell the trackers how the training ended, with the scores of a run that finished."""
        scores = dict(_scores(RunPaths(self._run))) if self._trackers else {}
        final = scores if status == "finished" else {}
        for name, tracker in list(self._trackers.items()):
            self._guarded(name, partial(tracker.end, status, final))

    def _guarded(self, name: str, act: Callable[[], None]) -> None:
        """Act; whatever fails in a tracker's package must not end the training."""
        try:
            act()
        except Exception as error:
            self._trackers.pop(name, None)
            self._warn(f"{name}: {_short(error)}; the training goes on without it")


def scalar_name(column: str) -> str:
    """Return the name of a column of the log for trackers: loss/train, loss/validation."""
    if column in ("learning_rate", "gradient_norm"):
        return column
    for prefix, part in (("val_", "validation"), ("oof_", "out_of_fold")):
        if column.startswith(prefix):
            return f"{column.removeprefix(prefix)}/{part}"
    return f"{column}/train"


def _settings(content: Mapping[str, Any], outer: str = "") -> Iterator[tuple[str, Setting]]:
    """Yield the settings of a config as data, by dotted key; lists are text."""
    for key, value in content.items():
        if not outer and key in _SETTINGS_APART:
            continue
        if isinstance(value, Mapping):
            yield from _settings(value, f"{outer}{key}.")
        elif value is not None:
            single = isinstance(value, bool | int | float | str)
            yield f"{outer}{key}", value if single else json.dumps(value, ensure_ascii=False)


def _scores(run: RunPaths) -> Iterator[tuple[str, float]]:
    """Yield the final scores of a run, such as accuracy/test."""
    if not is_file(run.metrics_json):
        return
    try:
        content = files.read_json(run.metrics_json)
    except RunError:
        return
    for part in _PARTS:
        for name, value in content.get(part, {}).items():
            if isinstance(value, int | float) and math.isfinite(value):
                yield f"{name}/{part}", float(value)


def _short(error: Exception) -> str:
    """Return what an error says, on one line and not too long."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:199]}…"
