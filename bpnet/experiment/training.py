"""Training as an experiment: one config in, one run directory out."""

import platform
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, Literal, Protocol

import numpy as np

from bpnet import __version__
from bpnet.config.loading import as_data, load
from bpnet.config.schema import Config
from bpnet.config.source import Source, write
from bpnet.data.splitting import Part
from bpnet.engine.training import Record, fit
from bpnet.errors import ConfigError, DivergedError, InterruptedRunError, UsageError
from bpnet.experiment.building import build_model
from bpnet.experiment.doctor import Doctor
from bpnet.experiment.measuring import measure, metric_of
from bpnet.experiment.model import Model
from bpnet.experiment.threads import suited_threads
from bpnet.preparation.opening import relocated
from bpnet.preparation.preparing import Prepared, prepare
from bpnet.preparation.resolving import METRICS
from bpnet.runs import directory, files
from bpnet.runs.log import MetricsLog
from bpnet.runs.splits import write_splits

Status = Literal["finished", "diverged", "interrupted", "failed"]


class Watcher(Protocol):
    """Who looks on while a run trains."""

    def begin(self, run: Path, prepared: Prepared, parameters: int) -> None:
        """The table is read, the network built, and the run directory made."""

    def epoch(self, row: Mapping[str, float]) -> None:
        """An epoch is over; the row is that of metrics.csv."""

    def warn(self, text: str) -> None:
        """Something happened that the user should know."""


@dataclass(frozen=True)
class Trained:
    """A finished run: where it is, why and when it ended, its final figures for each part, and the doctor's advice."""

    run: Path
    stop_reason: str
    best_epoch: int
    epochs: int
    seconds: float
    figures: dict[Part, dict[str, float]]
    advice: list[str]


def train(
    source: Source, folder: Path, *, runs: Path, name: str | None, command: Sequence[str], watcher: Watcher
) -> Trained:
    """Train as the config says, whose paths are relative to `folder`, and leave a run directory below `runs`.

    Raises ConfigError, DataError or RunError before the run directory exists; DivergedError or InterruptedRunError
    after what was learnt is saved.
    """
    config = load(source)
    prepared = prepare(config, source, folder, scratch=runs)
    model = build_model(prepared, source)
    rows = prepared.rows
    doctor = Doctor(prepared.config.training, model.network, rows["train"], rows.get("validation"))
    name = _run_name(config, source) if name is None else directory.valid_name(name)
    run = directory.RunPaths(directory.create(runs, name))
    files.write_text(run.config, write(as_data(_relocated(prepared.config, name, folder, run.folder))))
    write_splits(run.splits, prepared.survey.part_numbers)
    journal = _Journal(run, prepared, command)
    status: Status = "failed"
    batch = prepared.config.training.batch_size
    at_once = len(rows["train"]) if batch == "full" else batch
    with _interruptible_once(), suited_threads(model.network, at_once):
        try:
            watcher.begin(run.folder, prepared, model.network.theta.shape[1])
            for record, row in _epochs(prepared, model, run, journal):
                watcher.epoch(row)
                for warning in (*record.warnings, *doctor.note(record)):
                    watcher.warn(warning)
            status = "diverged" if journal.stop_reason == "diverged" else "finished"
        except KeyboardInterrupt:
            status = "interrupted"
        finally:
            figures = _save(model, prepared, run, journal, doctor, status)
    if status == "interrupted":
        raise InterruptedRunError(_interruption(journal, run.folder))
    if status == "diverged":
        for advice in doctor.advice:
            watcher.warn(advice)
        raise DivergedError(_divergence(journal, config.training.learning_rate, run.folder))
    return Trained(
        run=run.folder,
        stop_reason=journal.stop_reason or status,
        best_epoch=journal.kept_epoch,
        epochs=journal.epoch,
        seconds=time.perf_counter() - journal.start,
        figures=figures,
        advice=doctor.advice,
    )


def _epochs(
    prepared: Prepared, model: Model, run: directory.RunPaths, journal: "_Journal"
) -> Iterator[tuple[Record, dict[str, float]]]:
    """Each epoch's record and its row of metrics.csv, which is written."""
    rows = prepared.rows
    metric = metric_of(model.description)
    training, validation = prepared.config.training, rows.get("validation")
    records = fit(training, model.network, rows["train"], validation, metric, keep_before=True)
    with MetricsLog(run.metrics_csv, _columns(prepared)) as log, closing(records):
        for record in records:
            row = _row(record, time.perf_counter() - journal.start)
            log.append(row)
            journal.note(record)
            yield record, row


def _save(
    model: Model,
    prepared: Prepared,
    run: directory.RunPaths,
    journal: "_Journal",
    doctor: Doctor,
    status: Status,
) -> dict[Part, dict[str, float]]:
    """Write the model, the final figures, the doctor's report and the end of run.json."""
    model.save(run.model)
    figures = {part: measure(model, rows) for part, rows in prepared.rows.items()}
    files.write_json(run.metrics_json, figures)
    doctor.finish()
    files.write_json(run.diagnosis, doctor.report())
    journal.close(status, doctor.advice)
    return figures


@contextmanager
def _interruptible_once() -> Iterator[None]:
    """Let Ctrl-C interrupt what is inside, but once: an impatient second one must not cut the saving short."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or handler is signal.SIG_IGN:
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _relocated(config: Config, name: str, folder: Path, run: Path) -> Config:
    """The config as it stands in the run directory: with the run's name, and its path relative to there."""
    dataset, path = config.dataset, config.dataset.path
    if isinstance(path, str):
        dataset = replace(dataset, path=relocated(path, folder, run))
    elif path is not None:
        moved = {part: relocated(own, folder, run) for part, own in path.parts.items()}
        dataset = replace(dataset, path=replace(path, **moved))
    return replace(config, name=name, dataset=dataset)


def _run_name(config: Config, source: Source) -> str:
    """The config's name, or its file's, with what a folder cannot be named replaced by a dash."""
    if config.name is not None:
        try:
            return directory.valid_name(config.name)
        except UsageError as error:
            raise ConfigError(f"{source.where(('name',))}: name: {error}") from None
    stem = Path(source.name).stem
    return directory.valid_name("".join(c if c.isalnum() or c in "._-" else "-" for c in stem).strip("-.") or "run")


def _columns(prepared: Prepared) -> list[str]:
    assert prepared.config.task is not None
    measured = ["loss", *METRICS[prepared.config.task], *prepared.config.training.metrics]
    validated = [f"val_{name}" for name in measured] if "validation" in prepared.rows else []
    return ["epoch", "step", *measured, *validated, "learning_rate", "gradient_norm", "seconds"]


def _row(record: Record, seconds: float) -> dict[str, float]:
    return {
        "epoch": record.epoch,
        "step": record.step,
        **{name: float(value[0]) for name, value in record.figures.items()},
        "learning_rate": float(record.learning_rate[0]),
        "gradient_norm": float(record.gradient_norm[0]),
        "seconds": round(seconds, 6),
    }


def _divergence(journal: "_Journal", learning_rate: float, run: Path) -> str:
    kept = journal.kept_epoch
    saved = f"the weights of epoch {kept} are saved" if kept else "no epoch was finite: the first weights are saved"
    lower = min(learning_rate / 10, 0.01)
    return (
        f"training diverged in epoch {journal.epoch}: the loss is no longer a finite number. The likely cause is a "
        f"learning rate that is too high ({learning_rate:g}): try --set training.learning_rate={lower:g}, "
        f"or --set 'training.gradient_clipping={{norm: 1}}'. In {run}, {saved}"
    )


def _interruption(journal: "_Journal", run: Path) -> str:
    kept = f"the weights of epoch {journal.kept_epoch}" if journal.kept_epoch else "the first weights"
    return f"interrupted after {journal.epoch} epochs; {kept} are saved in {run}; next: bpnet eval {run}"


class _Journal:
    """run.json: written when the run begins, and again when it ends."""

    def __init__(self, run: directory.RunPaths, prepared: Prepared, command: Sequence[str]) -> None:
        self.start = time.perf_counter()
        self.epoch, self.kept_epoch = 0, 0
        self.stop_reason: str | None = None
        self._run = run
        self._warnings = list(prepared.warnings)
        self._content: dict[str, Any] = {
            "status": "running",
            "stop_reason": None,
            "best_epoch": None,
            "epochs": None,
            "seed": prepared.config.seed,
            "command": list(command),
            "started": _now(),
            "finished": None,
            "seconds": None,
            "rows": {part: len(rows) for part, rows in prepared.parts.items()},
            "data_sha256": prepared.survey.table.digest,
            "warnings": self._warnings,
            "advice": [],
            "versions": {"bpnet": __version__, "numpy": np.__version__, "python": platform.python_version()},
            "platform": platform.platform(),
        }
        self._write()

    def note(self, record: Record) -> None:
        """Remember what an epoch says of the run."""
        self.epoch, self.kept_epoch = record.epoch, int(record.kept_epoch[0])
        self.stop_reason = record.stops[0] if record.stops else None
        self._warnings += record.warnings

    def close(self, status: Status, advice: list[str]) -> None:
        """Write how the run ended, and the doctor's advice."""
        self._content |= {
            "status": status,
            "stop_reason": self.stop_reason or status,
            "best_epoch": self.kept_epoch,
            "epochs": self.epoch,
            "finished": _now(),
            "seconds": round(time.perf_counter() - self.start, 6),
            "advice": advice,
        }
        self._write()

    def _write(self) -> None:
        files.write_json(self._run.run, self._content)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
