"""Training as an experiment: one config in, one run directory out."""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bpnet.config.loading import LoadedConfig
from bpnet.doctor.doctor import Doctor
from bpnet.errors import DivergedError, InterruptedRunError
from bpnet.models.build import build_model
from bpnet.models.model import Model
from bpnet.preparation.prepare import Prepared, prepare
from bpnet.runs import directory, files
from bpnet.runs.journal import Journal, Replica
from bpnet.runs.metrics import PartMetrics, mean_metrics
from bpnet.runs.naming import run_name
from bpnet.runs.run_file import Status
from bpnet.workflows.session import (
    Watcher,
    epochs,
    figures_of,
    interruptible_once,
    likely_cause,
    new_run,
    save,
    threads,
    write_config,
)


@dataclass(frozen=True)
class TrainResult:
    """A finished run: where it is, why and when it ended, its final figures for each part, and the doctor's advice."""

    run: Path
    stop_reason: str
    best_epoch: int
    epochs: int
    seconds: float
    figures: PartMetrics
    """The means over the replicas."""
    replicas: list[Replica]
    advice: list[str]


def train(
    loaded: LoadedConfig,
    *,
    runs: Path,
    name: str | None,
    command: Sequence[str],
    watcher: Watcher,
) -> TrainResult:
    """Train as the config says, and leave a run directory below `runs`.

    Raises ConfigError, DataError or RunError before the run directory exists; DivergedError or InterruptedRunError
    after what was learnt is saved.
    """
    prepared = prepare(loaded, scratch=runs)
    model = build_model(prepared)
    rows = prepared.rows
    doctor = Doctor(prepared.config.training, model.network, rows["train"], rows.get("validation"))
    name = run_name(loaded) if name is None else directory.valid_name(name)
    run = new_run(prepared, runs, name)
    write_config(prepared.config, name, loaded.folder, run)
    journal = Journal(run, prepared, command)
    status: Status = "failed"
    with interruptible_once() as interruption, threads(prepared, model.network):
        try:
            watcher.begin(run.folder, prepared, model.network.theta.shape[1], len(journal.seeds))
            with closing(epochs(prepared, model, journal, keep_before=True)) as records:
                for record, row in records:
                    watcher.epoch(row)
                    for warning in (*record.warnings, *doctor.note(record)):
                        watcher.warn(warning)
            status = "diverged" if journal.stop_reason == "diverged" else "finished"
        except KeyboardInterrupt:
            status = "interrupted"
        finally:
            interruption.saving = True
            replicas = _save(model, prepared, run, journal, doctor, status)
    for k in set(range(len(journal.seeds))) - set(journal.survivors):
        watcher.warn(f"replica {k + 1} (seed {journal.seeds[k]}) diverged and is left out")
    if status == "interrupted":
        raise InterruptedRunError(_interruption(journal, run.folder))
    if status == "diverged":
        for advice in doctor.advice:
            watcher.warn(advice)
        raise DivergedError(_divergence(journal, loaded.config.training.learning_rate, run.folder))
    return TrainResult(
        run=run.folder,
        stop_reason=journal.stop_reason or status,
        best_epoch=journal.kept_epoch,
        epochs=journal.epoch,
        seconds=time.perf_counter() - journal.start,
        figures=mean_metrics([replica.figures for replica in replicas]),
        replicas=replicas,
        advice=doctor.advice,
    )


def _save(
    model: Model,
    prepared: Prepared,
    run: directory.RunPaths,
    journal: Journal,
    doctor: Doctor,
    status: Status,
) -> list[Replica]:
    """Write the model, the final figures, the doctor's report and the end of run.json; how each replica ended."""
    kept = model.select(journal.survivors)
    each = figures_of(kept, prepared.rows)
    save(kept, each, prepared.rows, run)
    replicas = journal.replicas(each, status)
    doctor.finish()
    files.write_json(run.diagnosis, doctor.report())
    journal.close(status, doctor.advice, replicas)
    return replicas


def _divergence(journal: Journal, learning_rate: float, run: Path) -> str:
    kept = journal.kept_epoch
    saved = (
        f"the weights of epoch {kept} are saved"
        if kept
        else "no epoch was finite: the first weights are saved"
    )
    return f"training diverged in epoch {journal.epoch}: {likely_cause(learning_rate)}. In {run}, {saved}"


def _interruption(journal: Journal, run: Path) -> str:
    kept = (
        f"the weights of epoch {journal.kept_epoch}" if journal.kept_epoch else "the first weights"
    )
    return f"interrupted after {journal.epoch} epochs; {kept} are saved in {run}; next: bpnet eval {run}"
