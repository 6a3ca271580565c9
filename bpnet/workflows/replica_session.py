"""The training of replicas: networks that train together on the same rows, into one run."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from bpnet.config.schema import Calibration
from bpnet.data.targets import Quantities
from bpnet.engine.loop.fit import Fit
from bpnet.engine.loop.initialization import initialize_by_rows
from bpnet.engine.loop.record import Record
from bpnet.engine.loop.settings import Training
from bpnet.engine.loop.sharded_rows import leads, ranks_of
from bpnet.engine.stateful import StateDict
from bpnet.integrations.trackers.tracker import Series, Setting
from bpnet.models.checkpoint_model import model_state
from bpnet.models.ensemble import Ensemble
from bpnet.models.model import Model
from bpnet.models.threads import shared_work
from bpnet.models.training_metrics import ranking_part, training_metrics
from bpnet.preparation.encode import EncodedDataset
from bpnet.runs import directory
from bpnet.runs.checkpoints import Checkpoints
from bpnet.runs.directory import RunPaths
from bpnet.runs.journal import EpochRow, Journal
from bpnet.runs.metrics import PartMetrics, mean_metrics, write_metrics
from bpnet.runs.run_file import Status
from bpnet.runs.splits import write_splits
from bpnet.workflows.calibrate import CalibrationResult, calibrate
from bpnet.workflows.fit_task import FitTask, Replay
from bpnet.workflows.model_folder import save_model_folder
from bpnet.workflows.run_rows import save_fingerprints
from bpnet.workflows.session import RunWatcher, TrainingSession
from bpnet.workflows.side_by_side import Elsewhere
from bpnet.workflows.tracking import TrackedFit


def new_run(prepared: EncodedDataset, runs: Path, name: str) -> RunPaths:
    """Create the next run directory of this name, with the split of the rows.

    Of processes that train together the first one makes it; the others write nothing.
    """
    if not leads(prepared.rows["train"]):
        return RunPaths(runs / name)
    run = RunPaths(directory.create(runs, name))
    write_splits(run.splits, prepared.split.part_numbers)
    save_fingerprints(run, prepared)
    return run


class ReplicaSession(TrainingSession):
    """The training of a network's replicas on the same rows, into one run directory.

    `each` gives the training settings of every replica where they differ. With `keep_before`
    records hold the parameters before the last step, for the doctor.
    """

    def __init__(
        self,
        model: Model,
        prepared: EncodedDataset,
        run: RunPaths,
        journal: Journal,
        watcher: RunWatcher,
        *,
        each: Sequence[Training] | None = None,
        keep_before: bool = False,
        state: StateDict | None = None,
    ) -> None:
        super().__init__(watcher, prepared.config, journal.file)
        journal.on_write_error = self.on_write_error
        self._state, self._checkpoints = state, Checkpoints(run.checkpoints)
        self._begin = watcher.begin
        self._model, self._prepared, self._run, self._journal = model, prepared, run, journal
        self._each, self._keep_before = each, keep_before
        self._looks_every: int | None = None
        self.elsewhere: Elsewhere | None = None
        self.calibration: CalibrationResult | None = None
        """How the saved model is calibrated, if it is."""
        seconds = prepared.config.seconds
        self.deadline = None if seconds is None else journal.start + seconds
        if (ranks := ranks_of(prepared.rows["train"])) is not None:
            self.join(ranks)

    def run(self) -> Status:
        """Train, save, and return how the training ended: see `TrainingSession`."""
        with shared_work():
            return super().run()

    def train(self) -> Status:
        """Train to the end; the training has diverged if every replica has."""
        parameters, networks = self._model.network.theta.shape[1], len(self._journal.seeds)
        # before the doctor looks at them
        initialize_by_rows(self._model.network, self._prepared.rows["train"])
        self._begin(self._run.folder, self._prepared, parameters, networks)
        if self.watch(self._epochs()):
            self._journal.end_by_budget()
        return "finished" if self._journal.finite.any() else "diverged"

    def _epochs(self) -> Generator[tuple[Record, EpochRow], None, None]:
        """Train, and yield each epoch's record with its row of metrics.csv, which is logged."""
        with self._journal as journal:
            outcome = None if self.elsewhere is None else self.elsewhere()
            if outcome is not None:
                with closing(Replay(self._model.network, outcome)) as replay:
                    for record in replay:
                        yield record, journal.log_epoch(record)
                return
            self.fitting = self.task.begin(
                self.after_step, None if self._state is None else self._state["fit"]
            )
            with closing(self.fitting) as records:
                if self._state is None:
                    self.after_epoch(self.fitting)
                for record in records:
                    self.after_epoch(self.fitting)
                    if record.stops:  # before it is logged, as it is yielded again
                        self._checkpoint(flush=False)
                    yield record, journal.log_epoch(record)

    @property
    def task(self) -> FitTask:
        """The fit of the networks."""
        rows = self._prepared.rows
        return FitTask(
            self._prepared.config.training,
            self._model.network,
            rows["train"],
            rows.get("validation"),
            training_metrics(self._model.description),
            each=self._each,
            keep_before=self._keep_before,
            looks_every=self._looks_every,
        )

    def task_of_workers(self) -> FitTask | None:
        """Return what workers may do of the training; None if this session does it."""
        training = self._prepared.config.training
        goes_on = self._state is not None or self._ranks is not None
        if goes_on or self.deadline is not None or training.snapshots is not None:
            return None
        return self.task

    def train_elsewhere(self, elsewhere: Elsewhere | None) -> None:
        """Wait for workers that do the task, in place of doing it."""
        self.elsewhere = self.waiting_for(elsewhere)

    def after_epoch(self, fitting: Fit) -> None:
        """Take the training before its first epoch, and after each."""

    def tracked(self) -> TrackedFit:
        """Return the networks, of which each has a series of its own if there are several."""
        each = [self.settings_of(k) for k in range(len(self._journal.seeds))]
        networks = [Series(f"replica-{k}", own) for k, own in enumerate(each, start=1)]
        return TrackedFit(self._model.network, Series(), networks)

    def settings_of(self, network: int) -> Mapping[str, Setting]:
        """Return the settings of a network, from 0, in which it differs from the run: none."""
        return {}

    def write_checkpoint(self, *, flush: bool = True) -> None:
        """Write the state of the training: see `TrainingSession`."""
        if self.fitting is None:
            return
        state = self.checkpoint_state(self.fitting, flush=flush)  # to which all processes add
        if self.leads:
            self._checkpoints.write(state, flush=flush)

    def checkpoint_state(self, fitting: Fit, *, flush: bool) -> dict[str, Any]:
        """Return the state of the training, and the model that it would keep now."""
        return {
            "fit": fitting.state(),
            "journal": self._journal.state(flush=flush),
            "model": model_state(self._model, fitting.kept(), self._journal.finite),
        }

    def save_model(
        self, model: Model, metrics: Sequence[PartMetrics], calibration: Calibration | None
    ) -> None:
        """Write the networks that the run keeps, and metrics.json with each one's metrics.

        The metrics are those of the networks before their calibration.
        """
        part = ranking_part(self._prepared.rows)
        model = model.with_losses([each[part]["loss"] for each in metrics])
        calibrated, self.calibration = calibrate(model, self._prepared, calibration)
        saved = self._with_intervals(calibrated)
        if not self.leads:
            return
        save_model_folder(
            saved,
            self._run,
            self._prepared.split.table,
            {part: len(rows) for part, rows in self._prepared.parts.items()},
            dict(mean_metrics(metrics).items()),
        )
        write_metrics(self._run.metrics_json, metrics)

    def _with_intervals(self, model: Ensemble) -> Ensemble:
        """Return the model with prediction intervals, where it predicts validated quantities."""
        rows = self._prepared.rows.get("validation")
        if rows is None or not isinstance(self._prepared.target, Quantities):
            return model
        if model.combination is not None:  # they came with it
            return model
        values = self._prepared.split.target_values.values[self._prepared.parts["validation"]]
        every = rows.picked(slice(None))
        return model.with_intervals([every.x], values, every.weights)
