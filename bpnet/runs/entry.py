"""A run as its small files describe it: how it ended, on which data, its metrics and its config.

No model is read, and no table, so that thousands of runs are read in seconds.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from bpnet.errors import RunError
from bpnet.paths import is_file
from bpnet.runs import files
from bpnet.runs.config_values import Value, read_config_values
from bpnet.runs.directory import RunPaths
from bpnet.runs.run_file import read_run_file, status_of

SCORED_PARTS = ("test", "out_of_fold", "validation", "train")
"""The parts of metrics.json that are measured, the most trustworthy first."""
_PREFIXES = tuple(f"{part}." for part in SCORED_PARTS)
FIRST_METRICS = ("accuracy", "label_accuracy", "r2", "rmse", "loss")
"""The metrics that sum up a run: the first that it has."""
THRESHOLDS = "thresholds"
"""The key of model.json that has the thresholds of a model, or of an ensemble."""
THRESHOLDS_CHOSEN = "thresholds_chosen"
"""The key that has what each was chosen by; null is a threshold that was given."""
BY_HALF = "scores of the training are by the threshold 0.5"
"""What is said of scores of metrics.json and of logs where the model keeps another threshold."""
DAMAGED = "damaged"
"""The status of a run with a file that cannot be read."""
_DONE = "done"
_FROM_RUN_FILE = ("started", "seconds", "stop_reason", "best_epoch", "epochs")
_COMPRESSIONS = {".gz", ".bz2", ".xz", ".zst", ".zip"}


@dataclass(frozen=True)
class RunEntry:
    """A run directory, with the content of run.json and metrics.json, and the config's values."""

    folder: Path
    status: str
    """done, running, died, diverged, interrupted or failed; damaged if a file cannot be read."""
    problems: list[str]
    """Why files cannot be read."""
    run: Mapping[str, Any]
    metrics: Mapping[str, Any]
    config: Mapping[str, Value]
    thresholds: Sequence[float] = ()
    """The thresholds that the model keeps; none where they are ½, by which the metrics are."""

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.folder.name

    @property
    def kind(self) -> str:
        """What was trained: train, folds, cv or grid."""
        kind = self.run.get("kind")
        if isinstance(kind, str):
            return kind
        return "cv" if self.run.get("folds") else "folds" if self.run.get("members") else "train"

    @property
    def data(self) -> str | None:
        """The name of the table, without its folder and endings; None if it is unknown."""
        path = self.config.get("dataset.path") or self.config.get("dataset.path.train")
        if isinstance(path, str):
            return table_name(path)
        return "inline" if "dataset.columns" in self.config else None

    @property
    def started(self) -> datetime | None:
        """The time at which the training began."""
        try:
            time = datetime.fromisoformat(str(self.run.get("started")))
        except ValueError:
            return None
        return time if time.tzinfo else time.replace(tzinfo=UTC)

    @property
    def set_beside_preset(self) -> Collection[str]:
        """The keys that the config set itself, of those that its preset may write."""
        keys = self.run.get("set_beside_preset")
        return [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else []

    @cached_property
    def scores(self) -> dict[str, float]:
        """The metrics of each part by dotted key, such as test.accuracy."""
        found: dict[str, float] = {}
        for part in (*SCORED_PARTS, "deviation"):
            found |= dict(_numbers(self.metrics.get(part), part))
        return found

    @property
    def main_score(self) -> str | None:
        """The key of the metric that sums up the run; None if it has none."""
        for part in SCORED_PARTS:
            of_part = [key for key in self.scores if key.startswith(f"{part}.")]
            for name in FIRST_METRICS:
                if f"{part}.{name}" in of_part:
                    return f"{part}.{name}"
            if of_part:
                return of_part[0]
        return None

    @cached_property
    def values(self) -> dict[str, Value]:
        """All that is known of the run by key: its state, its metrics, and its config."""
        state = {key: self.run.get(key) for key in _FROM_RUN_FILE}
        versions = self.run.get("versions")
        return {
            **self.config,
            **self.scores,
            **{key: value for key, value in state.items() if _is_value(value)},
            "run": self.name,
            "status": self.status,
            "kind": self.kind,
            "dataset": self.data,
            "version": versions.get("bpnet") if isinstance(versions, dict) else None,
        }


def read_entry(folder: Path) -> RunEntry:
    """Read a run directory; a file that cannot be read leaves a problem in its place."""
    paths, problems = RunPaths(folder), list[str]()
    run: Mapping[str, Any] = {}
    metrics: Any = {}
    config: Mapping[str, Value] = {}
    try:
        run = read_run_file(paths.run)
    except RunError as error:
        problems += error.problems
    try:
        if is_file(paths.metrics_json):
            metrics = files.read_json(paths.metrics_json)
            if not isinstance(metrics, dict):
                raise RunError(f"{paths.metrics_json}: is not an object; restore it from a copy")
    except RunError as error:
        metrics = {}
        problems += error.problems
    try:
        config = read_config_values(paths.config)
    except RunError as error:
        problems += error.problems
    if isinstance(preset := run.get("preset"), str):  # whose keys are written out in the config
        config = {**config, "preset": preset}
    thresholds = _kept_thresholds(paths.model)
    if problems:
        return RunEntry(folder, DAMAGED, problems, run, metrics, config, thresholds)
    status = status_of(run, folder)
    status = _DONE if status == "finished" else status
    return RunEntry(folder, status, problems, run, metrics, config, thresholds)


def _kept_thresholds(model: Path) -> list[float]:
    """Return the thresholds that the model of a folder keeps, if there is one that can be read.

    A file without them is not parsed, so that many are read soon.
    """
    path = model / "model.json"
    try:
        if not is_file(path) or f'"{THRESHOLDS}"' not in files.read_text(path):
            return []
        content = files.read_json(path)
    except RunError:
        return []
    kept = content.get(THRESHOLDS) if isinstance(content, dict) else None
    return [value for value in kept if isinstance(value, float)] if isinstance(kept, list) else []


def read_entries(parent: Path) -> list[RunEntry]:
    """Read the run directories in a folder; raises RunError if it cannot be listed."""
    try:
        folders = sorted(path for path in parent.iterdir() if is_file(path / "run.json"))
    except NotADirectoryError:
        raise RunError(
            f"{parent}: is a file; give a folder of run directories, such as runs"
        ) from None
    except FileNotFoundError:
        raise RunError(
            f"{parent}: there is no such folder; runs are in the folder in which "
            "`bpnet train CONFIG` made them, by default runs"
        ) from None
    except OSError as error:
        raise RunError(
            f"{parent}: cannot be listed: {error.strerror}; check its name and permissions"
        ) from error
    return [read_entry(folder) for folder in folders]


def is_score(key: str) -> bool:
    """Return whether a key is that of a metric of a part, such as test.accuracy."""
    return key.startswith(_PREFIXES)


def table_name(path: str) -> str:
    """Return what a table is called: its file's name without folder, ending and compression."""
    name = PurePosixPath(path.replace("\\", "/")).name or path
    name = name.removeprefix("sklearn:")
    stem = PurePosixPath(name)
    if stem.suffix.lower() in _COMPRESSIONS:
        stem = PurePosixPath(stem.stem)
    return stem.stem


def _numbers(value: Any, path: str) -> Iterator[tuple[str, float]]:
    """Yield the numbers inside a value of metrics.json by their dotted keys."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _numbers(inner, f"{path}.{key}")
    elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        yield path, float(value)


def _is_value(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | bool)
