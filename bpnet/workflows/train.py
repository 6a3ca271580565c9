"""Training: one config in, one run directory out."""

import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bpnet.config.loading import LoadedConfig
from bpnet.config.presets.expand import preset_record, recorded_preset
from bpnet.doctor.doctor import Doctor
from bpnet.engine.loop.fit import Fit
from bpnet.engine.loop.record import Record
from bpnet.engine.loop.sharded_rows import leads, ranks_of
from bpnet.engine.stateful import StateDict
from bpnet.errors import DivergedError, InterruptedRunError
from bpnet.messages import counted, shell_path
from bpnet.models.build import build_model
from bpnet.models.checkpoint_model import model_state
from bpnet.models.model import Model, forget_model
from bpnet.models.training_metrics import measure_parts
from bpnet.paths import is_file
from bpnet.preparation.encode import EncodedDataset
from bpnet.preparation.prepare import prepare_opened
from bpnet.preparation.preset import open_with_preset
from bpnet.runs import directory, files
from bpnet.runs.config_file import config_text, write_config
from bpnet.runs.directory import RunPaths
from bpnet.runs.journal import Journal, ReplicaResult
from bpnet.runs.metrics import PartMetrics, mean_metrics
from bpnet.runs.naming import run_name
from bpnet.runs.run_file import Status, read_run_file
from bpnet.runs.snapshots import Snapshots, SnapshotWriter, snapshot_epochs
from bpnet.runs.splits import write_splits
from bpnet.workflows.calibrate import CalibrationResult
from bpnet.workflows.data_parallel import Together
from bpnet.workflows.first_weights import (
    FirstWeights,
    first_weights,
    refuse_first_weights,
    saved_first_weights,
)
from bpnet.workflows.replica_session import ReplicaSession, new_run
from bpnet.workflows.run_rows import save_fingerprints
from bpnet.workflows.session import RunWatcher, TrainWatcher, divergence_cause
from bpnet.workflows.side_by_side import side_by_side
from bpnet.workflows.tracking import require_trackers
from bpnet.workflows.train_folds import FoldsResult, train_folds


@dataclass(frozen=True)
class TrainResult:
    """A finished run: its directory, how it ended, its final metrics, and the doctor's advice."""

    run: Path
    stop_reason: str
    best_epoch: int
    epochs: int
    seconds: float
    figures: PartMetrics
    """The means over the replicas."""
    replicas: list[ReplicaResult]
    advice: list[str]
    """The troubles of the training, and the settings to change."""
    remarks: list[str] = field(default_factory=list)
    """Remarks on a training that needs no change."""
    findings: list[dict[str, Any]] = field(default_factory=list)
    """Both of these in parts: kind, cause, text and settings."""
    calibration: CalibrationResult | None = None
    """How the model is calibrated, if it is; the metrics are those before it."""
    first_weights: str | None = None
    """What the networks began with, if those are weights of another run."""
    processes: int = 1
    """The number of processes that trained together."""


def train(
    loaded: LoadedConfig,
    *,
    runs: Path,
    name: str | None,
    command: Sequence[str],
    watcher: TrainWatcher,
    start_from: Path | None = None,
    together: Together | None = None,
) -> TrainResult | FoldsResult:
    """Train as the config says, into a new run directory.

    Parameters
    ----------
    loaded
        The config.
    runs
        The folder in which the run directory is created.
    name
        The run's name, by default the config's.
    command
        The command line, for run.json.
    watcher
        The observer of the training.
    start_from
        A run, or a copied model, with whose weights the networks begin where they suit.
    together
        The processes that train the network together, if there are several.

    Raises
    ------
    ConfigError, DataError, RunError
        Before the run directory exists.
    DivergedError, InterruptedRunError
        After what has been trained is saved.
    """
    name = run_name(loaded) if name is None else directory.valid_name(name)
    if together is not None:
        together.agree_on(loaded)
    opened = open_with_preset(loaded)
    loaded = opened.loaded
    require_trackers(loaded)
    if loaded.config.folds is not None:
        if together is not None:
            raise together.refuse_folds(loaded)
        if start_from is not None:
            raise refuse_first_weights(start_from, "the config trains an ensemble on folds")
        return train_folds(opened, runs=runs, name=name, command=command, watcher=watcher)
    prepared = prepare_opened(
        opened, scratch=runs, ranks=None if together is None else together.world
    )
    model = build_model(prepared)
    first = None if start_from is None else first_weights(start_from, model)
    begin = partial(train_prepared, prepared, model, first, name=name, command=command)
    if together is None:
        return begin(runs, watcher=watcher)
    together.begin(prepared, model, None if first is None else first.arrays)
    with together.training():
        result = begin(runs, watcher=together.watched_by(watcher))
        return together.of_leader(result)


def train_prepared(
    prepared: EncodedDataset,
    model: Model,
    first: FirstWeights | None,
    runs: Path,
    name: str,
    *,
    command: Sequence[str],
    watcher: TrainWatcher,
) -> TrainResult:
    """Train a config's network, with first weights or without, into a new run directory."""
    run, writes = new_run(prepared, runs, name), leads(prepared.rows["train"])
    if writes:
        write_config(prepared.config, name, prepared.split.loaded.folder, run)
    if first is not None:
        first.load(model, prepared)
        if writes:
            first.write(run)
        if first.left:
            watcher.warn(first.line)
    kind = _kind(first, prepared) | preset_record(prepared.split.loaded)
    journal = Journal(run, prepared, command, kind=kind)
    return _run(_TrainSession(model, prepared, run, journal, watcher, first=first))


def _kind(first: FirstWeights | None, prepared: EncodedDataset) -> dict[str, Any]:
    """Return what run.json says of the kind of run, its first weights and its processes."""
    kind: dict[str, Any] = {"kind": "train"}
    if first is not None:
        kind["first_weights"] = first.data()
    if (ranks := ranks_of(prepared.rows["train"])) is not None:
        kind["processes"] = ranks.size
    return kind


def resume_training(
    prepared: EncodedDataset,
    model: Model,
    run: RunPaths,
    state: StateDict | None,
    *,
    settings: Sequence[str],
    rewrites: bool,
    command: Sequence[str],
    watcher: TrainWatcher,
) -> TrainResult:
    """Go on with the training of a run's networks from a checkpoint, or from the beginning.

    With `rewrites` the run's config and split are replaced, as `settings` or the user change them.
    """
    first = None
    if is_file(run.first_weights):
        first = saved_first_weights(run, read_run_file(run.run), model)
        first.load(model, prepared)
    journal = Journal(
        run,
        prepared,
        command,
        state=None if state is None else state["journal"],
        kind=_kind(first, prepared) | recorded_preset(read_run_file(run.run)),
    )
    writes = leads(prepared.rows["train"])
    if writes:  # from here on the model is that of the checkpoints, until another is saved
        forget_model(run.model)
    if writes and rewrites:
        config, folder = prepared.config, prepared.split.loaded.folder
        write_splits(run.splits, prepared.split.part_numbers)
        save_fingerprints(run, prepared)
        text = config_text(config, config.name or run.folder.name, folder, run)
        journal.go_on_with(text, prepared.split.table.digest, settings)
    return _run(_TrainSession(model, prepared, run, journal, watcher, state, first))


def _run(session: "_TrainSession") -> TrainResult:
    with closing(side_by_side([session], _TrainSession.task_of_workers, 1)) as ahead:
        for one, elsewhere in ahead:
            one.train_elsewhere(elsewhere)
            status = one.run()
    session.warn_of_diverged_replicas()
    session.raise_unless_finished(status)
    return session.result(status)


class _TrainSession(ReplicaSession):
    """The training of a config's replicas, under the eyes of the doctor."""

    def __init__(
        self,
        model: Model,
        prepared: EncodedDataset,
        run: RunPaths,
        journal: Journal,
        watcher: RunWatcher,
        state: StateDict | None = None,
        first: FirstWeights | None = None,
    ) -> None:
        super().__init__(model, prepared, run, journal, watcher, keep_before=True, state=state)
        self._first = first
        training = prepared.config.training
        self._snapshots = None
        if training.snapshots is not None:
            epochs = snapshot_epochs(training.snapshots, training.epochs)
            begun = 0 if state is None else int(state["fit"]["epoch"])
            self._snapshots = SnapshotWriter(Snapshots(run.snapshots), epochs, begun)
        self._looks_every = training.diagnose_every
        configs = (prepared.split.loaded.config, prepared.config)
        replicas = len(prepared.config.seeds)
        self._doctor = Doctor([configs] * replicas, model.network, prepared.rows)
        if state is not None:
            self._doctor.load_state(state["doctor"])

    def checkpoint_state(self, fitting: Fit, *, flush: bool) -> dict[str, Any]:
        """Return the state of the training, and that of the doctor."""
        return {**super().checkpoint_state(fitting, flush=flush), "doctor": self._doctor.state()}

    def after_epoch(self, fitting: Fit) -> None:
        """Write the snapshot of the epoch, if it has one."""
        if self._snapshots is None:
            return
        due = self._snapshots.due(fitting.epoch)
        if self._ranks is not None:
            due = self._ranks.of_first(due)
        if due:
            snapshot = self._snapshot(fitting)  # to which all processes add
            if self.leads:
                self._snapshots.take(fitting.epoch, snapshot, self.on_write_error)

    def _snapshot(self, fitting: Fit) -> dict[str, Any]:
        """Return the state of the training, and the model of the weights as they are."""
        network = self._model.network
        present = network.theta, network.statistics.flat
        model = model_state(self._model, present, self._journal.finite)
        return {"fit": fitting.state(), "model": model}

    def advise(self, record: Record) -> Iterable[str]:
        """Return the doctor's advice on an epoch."""
        return self._doctor.note(record)

    def save(self, status: Status) -> None:
        """Write the model, the final metrics, the doctor's report and the end of run.json."""
        model = self._model.select(self._journal.survivors)
        metrics = measure_parts(model, self._prepared.rows)
        self.save_model(model, metrics, self._prepared.config.calibration)
        self._replicas = self._journal.replicas(metrics, status)
        losses = [replica.figures["train"]["loss"] for replica in self._replicas]
        self._infinite_from_start = not self._journal.kept_epoch and not np.isfinite(losses).any()
        self._doctor.finish(dict(zip(self._journal.survivors, metrics, strict=True)))
        if self.leads:
            files.write_json(self._run.diagnosis, self._doctor.report())
        self._journal.close(status, self._doctor.advice, self._replicas)

    def warn_of_diverged_replicas(self) -> None:
        """Warn of each replica that the run leaves out."""
        seeds = self._journal.seeds
        for k in set(range(len(seeds))) - set(self._journal.survivors):
            self._watcher.warn(f"replica {k + 1} (seed {seeds[k]}) diverged and is left out")

    def raise_unless_finished(self, status: Status) -> None:
        """Raise InterruptedRunError or DivergedError if the training ended so.

        The latter has the likeliest cause that the doctor has seen; of the others it warns.
        """
        run, epoch, kept = self._run.folder, self._journal.epoch, self._journal.kept_epoch
        if status == "interrupted":
            weights = f"the weights of epoch {kept}" if kept else "the first weights"
            raise InterruptedRunError(
                f"interrupted after {counted(epoch, 'epoch')}; {weights} are saved in {run}; "
                f"next: bpnet resume {shell_path(run)}, or bpnet eval {shell_path(run)}",
                self.interruption.number,
                run,
            )
        if status == "diverged":
            causes = [one for one in self._doctor.findings if one.kind == "alarm"]
            for cause in causes[1:]:
                self._watcher.warn(cause.line)
            saved = (
                f"the weights of epoch {kept} are saved"
                if kept
                else "no epoch was finite: the first weights are saved"
            )
            rate = self._prepared.config.training.learning_rate
            reason = causes[0].text if causes else divergence_cause(rate)
            if self._infinite_from_start:
                reason = divergence_cause(rate, from_start=True)
            raise DivergedError(
                f"training diverged in epoch {epoch}: {reason}. In {run}, {saved}", run
            )

    def result(self, status: Status) -> TrainResult:
        """Return the result of a finished training."""
        return TrainResult(
            run=self._run.folder,
            stop_reason=self._journal.stop_reason or status,
            best_epoch=self._journal.kept_epoch,
            epochs=self._journal.epoch,
            seconds=time.perf_counter() - self._journal.start,
            figures=mean_metrics([replica.figures for replica in self._replicas]),
            replicas=self._replicas,
            advice=self._doctor.advice,
            remarks=self._doctor.remarks,
            findings=[finding.data() for finding in self._doctor.findings],
            calibration=self.calibration,
            first_weights=None if self._first is None else self._first.line,
            processes=1 if self._ranks is None else self._ranks.size,
        )
