"""Training as an experiment: one config in, one run directory out."""

import os
import platform
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bpnet import __version__
from bpnet.config.loading import as_data, load
from bpnet.config.schema import Config
from bpnet.config.source import Source, write
from bpnet.data.splitting import Part
from bpnet.engine.training import Record, fit
from bpnet.errors import ConfigError, DivergedError, UsageError
from bpnet.experiment.measuring import measure, metric_of
from bpnet.experiment.model import Description, Model
from bpnet.experiment.preparing import Prepared, prepare
from bpnet.experiment.resolving import METRICS, layers_of
from bpnet.runs import directory, files
from bpnet.runs.log import MetricsLog, write_splits


class Watcher(Protocol):
    """Who looks on while a run trains."""

    def begin(self, run: Path, prepared: Prepared, parameters: int) -> None:
        """The table is read, the network built, and the run directory made."""

    def epoch(self, row: Mapping[str, float]) -> None:
        """An epoch is over; the row is that of metrics.csv."""


@dataclass(frozen=True)
class Trained:
    """A finished run: its directory, why and when it stopped, and its final figures for each part."""

    run: Path
    stop_reason: str
    best_epoch: int
    epochs: int
    seconds: float
    figures: dict[Part, dict[str, float]]


def train(
    source: Source, folder: Path, *, runs: Path, name: str | None, command: Sequence[str], watcher: Watcher
) -> Trained:
    """Train as the config says, whose paths are relative to `folder`, and leave a run directory below `runs`.

    Raises ConfigError, DataError or RunError before the run directory exists, DivergedError after the run is saved.
    When interrupted, it saves what was learnt and passes the KeyboardInterrupt on.
    """
    config = load(source)
    prepared = prepare(config, source, folder)
    model = _model(prepared, source)
    name = _run_name(config, source) if name is None else directory.valid_name(name)
    run = directory.RunPaths(directory.create(runs, name))
    dataset = prepared.config.dataset
    if dataset.path is not None:
        path = os.path.relpath((folder / dataset.path).resolve(), run.folder.resolve())
        dataset = replace(dataset, path=Path(path).as_posix())
    resolved = replace(prepared.config, name=name, dataset=dataset)
    files.write_text(run.config, write(as_data(resolved)))
    write_splits(run.splits, _parts(prepared))
    journal = _Journal(run, prepared, command)
    watcher.begin(run.folder, prepared, model.network.theta.shape[1])
    training = resolved.training
    last: Record | None = None
    status = "failed"
    try:
        rows = prepared.rows
        epochs = fit(training, model.network, rows["train"], rows.get("validation"), metric_of(model.description))
        with MetricsLog(run.metrics_csv, _columns(prepared)) as log, closing(epochs):
            for last in epochs:
                row = _row(last, time.perf_counter() - journal.start)
                log.append(row)
                watcher.epoch(row)
        status = "diverged" if last and last.stops and last.stops[0] == "diverged" else "finished"
    except KeyboardInterrupt:
        status = "interrupted"
        raise
    finally:
        model.save(run.model)
        figures = {part: measure(model, rows) for part, rows in prepared.rows.items()} if status != "failed" else {}
        if figures:
            files.write_json(run.metrics_json, figures)
        journal.close(status, last)
    assert last is not None
    if status == "diverged":
        raise DivergedError(_divergence(last, training.learning_rate, run.folder))
    return Trained(
        run=run.folder,
        stop_reason=str(last.stops[0] if last.stops else status),
        best_epoch=int(last.kept_epoch[0]),
        epochs=last.epoch,
        seconds=time.perf_counter() - journal.start,
        figures=figures,
    )


def _model(prepared: Prepared, source: Source) -> Model:
    """The network that the config describes, with its description; raises ConfigError where values do not fit."""
    config, loss = prepared.config, prepared.config.training.loss
    assert loss is not None
    assert config.task is not None
    layers, output_activation = layers_of(config, len(prepared.target.classes or []))
    description = Description(
        bpnet=__version__,
        task=config.task,
        encoder=prepared.encoder,
        target=prepared.target,
        layers=layers,
        output_activation=output_activation,
        loss=loss,
        metrics=config.training.metrics,
        l1=config.training.l1,
        l2=config.training.l2,
        class_weight=prepared.class_weight,
        sample_weight=config.dataset.sample_weight,
        precision=config.training.precision,
        seeds=[config.seed],
    )
    try:
        return Model(description, description.network())
    except (MemoryError, OverflowError):
        raise ConfigError(
            f"{source.where(('architecture',))}: architecture: this machine's memory is too small for so many "
            "parameters; give the layers fewer units"
        ) from None
    except ValueError as error:
        raise ConfigError(f"{source.where(('architecture',))}: architecture: {error}") from None


def _run_name(config: Config, source: Source) -> str:
    """The config's name, or its file's, with what a folder cannot be named replaced by a dash."""
    if config.name is not None:
        try:
            return directory.valid_name(config.name)
        except UsageError as error:
            raise ConfigError(f"{source.where(('name',))}: name: {error}") from None
    stem = Path(source.name).stem
    return directory.valid_name("".join(c if c.isalnum() or c in "._-" else "-" for c in stem).strip("-.") or "run")


def _parts(prepared: Prepared) -> list[Part]:
    parts: list[Part] = ["train"] * sum(map(len, prepared.parts.values()))
    for part, rows in prepared.parts.items():
        for row in rows:
            parts[row] = part
    return parts


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


def _divergence(last: Record, learning_rate: float, run: Path) -> str:
    kept = int(last.kept_epoch[0])
    saved = f"the weights of epoch {kept} are saved" if kept else "no epoch was finite: the first weights are saved"
    lower = min(learning_rate / 10, 0.01)
    return (
        f"training diverged in epoch {last.epoch}: the loss is no longer a finite number. The likely cause is a "
        f"learning rate that is too high ({learning_rate:g}): try --set training.learning_rate={lower:g}, "
        f"or --set 'training.gradient_clipping={{norm: 1}}'. In {run}, {saved}"
    )


class _Journal:
    """run.json: written when the run begins, and again when it ends."""

    def __init__(self, run: directory.RunPaths, prepared: Prepared, command: Sequence[str]) -> None:
        self.start = time.perf_counter()
        self._run = run
        self._content: dict[str, Any] = {
            "status": "running",
            "stop_reason": None,
            "best_epoch": None,
            "epochs": None,
            "seed": prepared.config.seed,
            "command": list(command),
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "finished": None,
            "seconds": None,
            "rows": {part: len(rows) for part, rows in prepared.parts.items()},
            "data_sha256": prepared.digest,
            "warnings": prepared.warnings,
            "versions": {"bpnet": __version__, "numpy": np.__version__, "python": platform.python_version()},
            "platform": platform.platform(),
        }
        self._write()

    def close(self, status: str, last: Record | None) -> None:
        self._content |= {
            "status": status,
            "stop_reason": last.stops[0] if last and last.stops else status,
            "best_epoch": int(last.kept_epoch[0]) if last else 0,
            "epochs": last.epoch if last else 0,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(time.perf_counter() - self.start, 6),
        }
        self._write()

    def _write(self) -> None:
        files.write_json(self._run.run, self._content)
