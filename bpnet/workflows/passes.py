"""Passes: fits of one session, one after another; resuming repeats none that has ended."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

from bpnet.config.schema import Config
from bpnet.engine.loop.fit import Fit
from bpnet.engine.loop.record import Record
from bpnet.engine.network import Network
from bpnet.engine.stateful import StateDict
from bpnet.integrations.trackers.tracker import Series
from bpnet.models.model import Model
from bpnet.runs.checkpoints import Checkpoints
from bpnet.runs.directory import RunPaths
from bpnet.runs.outcomes import Outcome, SavedPasses, write_outcome
from bpnet.runs.run_file import RunFile, Status
from bpnet.workflows.fit_task import FitTask, Replay
from bpnet.workflows.interruption import SecondInterruption, interrupts_kept
from bpnet.workflows.session import TrainingSession, Watcher
from bpnet.workflows.side_by_side import Elsewhere
from bpnet.workflows.tracking import TrackedFit


class Pass(ABC):
    """Networks that train together, and can go on from a state or take an outcome."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.series = Series()
        """The curves of the pass."""
        self.last: Record | None = None
        """The record of the last epoch."""
        self.out_of_time = False
        """True if a time budget has ended the training."""
        self.fitting: Fit | None = None
        """The training, once it has begun in this process."""
        self.elsewhere: Elsewhere | None = None
        """How to wait for a worker that trains it, if one does."""

    @property
    def network(self) -> Network:
        """The network of all replicas."""
        return self.model.network

    @property
    def task(self) -> FitTask:
        """The fit of the networks, made anew each time."""
        raise TypeError(f"{type(self).__name__} is not a task")

    @property
    def restores(self) -> bool:
        """True if replicas have what they keep once they have stopped."""
        return False

    def records(
        self, after_step: Callable[[], None], state: StateDict | None = None
    ) -> Fit | Replay:
        """Begin to train, or go on from a state, or take what a worker has trained."""
        if self.elsewhere is not None and state is None:
            outcome = self.elsewhere()
            if outcome is not None:
                return Replay(self.network, outcome, kept=self.restores)
        self.fitting = self.task.begin(after_step, None if state is None else state["fit"])
        self.last = self.fitting.last
        return self.fitting

    @abstractmethod
    def epochs(
        self, after_step: Callable[[], None], state: StateDict | None = None
    ) -> Generator[tuple[Record, Mapping[str, float]], None, None]:
        """Train, from a state if there is one, and yield each record with its mean metrics."""

    def network_series(self) -> Sequence[Series]:
        """Return the curves of each network: by default they have none of their own."""
        return ()

    def details(self) -> dict[str, Any]:
        """Return what a state and the outcome hold beside those of the fit: by default nothing."""
        return {}

    def replay(self, outcome: Outcome) -> None:
        """Take the outcome of this pass, in place of training."""
        self.last = outcome.load(self.network)


class PassesSession(TrainingSession):
    """A training of several passes, which have keys in rising order.

    A checkpoint has the state of the pass under way; the outcomes of earlier ones are in files
    beside it, each of which is written once, before the first checkpoint that needs it.
    """

    def __init__(
        self,
        run: RunPaths,
        watcher: Watcher,
        config: Config,
        run_file: RunFile,
        saved: SavedPasses,
    ) -> None:
        super().__init__(watcher, config, run_file)
        self.run_folder, self._run_start, self._saved = run.folder, run_file.start, saved
        self._checkpoints = Checkpoints(run.checkpoints)
        self._ended: dict[str, Outcome | None] = dict.fromkeys(saved.outcomes)  # None: is written
        self._latest = max([saved.key, *saved.outcomes])
        self._key, self._pass_start = "", 0.0
        self._pass: Pass | None = None
        self.begin_budget(None)
        self.seconds = 0.0
        """The time in which networks of passes that have ended trained."""

    @property
    def under_way(self) -> bool:
        """True while a pass has begun and not ended."""
        return self._pass is not None

    def tracked(self) -> TrackedFit:
        """Return the networks of the pass under way."""
        assert self._pass is not None
        return TrackedFit(self._pass.network, self._pass.series, self._pass.network_series())

    @abstractmethod
    def log_sizes(self, *, flush: bool) -> Mapping[str, int]:
        """Return the number of bytes of each log, with all rows so far."""

    def begin_budget(self, seconds: float | None, spent: float = 0.0) -> None:
        """Begin a time budget for the passes that follow, some of which is spent already."""
        self._budget = seconds
        self._spend(spent)

    def _spend(self, seconds: float) -> None:
        """Count these seconds of the budget as spent by now."""
        self._budget_start = time.perf_counter() - seconds
        self.deadline = None if self._budget is None else self._budget_start + self._budget

    def begun_before(self, key: str) -> bool:
        """Return True if the training goes on, and had begun with this pass."""
        return key in self._saved.outcomes or (bool(self._saved.key) and key == self._saved.key)

    def left_out_before(self, key: str) -> bool:
        """Return True if the training goes on, and had left out this pass."""
        return key < self._latest and not self.begun_before(key)

    def task_of(self, key: str, training: Pass) -> FitTask | None:
        """Return what a worker may do of a pass; None if this session does it, or has done it."""
        done = key in self._saved.outcomes or (
            self._saved.state is not None and key == self._saved.key
        )
        return None if done or self._budget is not None else training.task

    def train_pass(
        self,
        key: str,
        training: Pass,
        collect: Callable[[], None],
        elsewhere: Elsewhere | None = None,
    ) -> None:
        """Train a pass, or take its outcome if it has ended, and collect its networks.

        `elsewhere` waits for a worker that trains it.

        They are collected after an interruption, too, before KeyboardInterrupt goes on.
        """
        try:
            if not self._replayed(key, training):
                state = self.begin_pass(key, training)
                training.elsewhere = self.waiting_for(elsewhere)
                training.out_of_time = self.watch(training.epochs(self.after_step, state))
                self.end_pass()
        finally:
            # an interruption waits until the networks are collected
            self.interruption.postponed = True
            if training.last is not None:
                collect()
            self.interruption.postponed = False
        if self.interruption.requested:  # while they were collected
            raise KeyboardInterrupt

    def _replayed(self, key: str, training: Pass) -> bool:
        """Give a pass its outcome, and return True, if it has ended before."""
        outcome = self._saved.outcomes.pop(key, None)
        if outcome is None:
            return False
        training.out_of_time = outcome.out_of_time
        training.replay(outcome)
        self.seconds += outcome.seconds
        self._spend(outcome.spent)
        return True

    def train_quietly(self, key: str, training: Pass) -> None:
        """Train a pass without reporting its epochs to the watcher; no time budget ends it."""
        if self._replayed(key, training):
            return
        self._may_end = False
        state = self.begin_pass(key, training)
        with closing(training.epochs(self.after_step, state)) as records:
            for record, _ in records:
                if self.interruption.requested:
                    self._checkpoint()
                    raise KeyboardInterrupt
                if self._rhythm.due_after_epoch(record.epoch):
                    self._checkpoint()
        self.end_pass()

    def begin_pass(self, key: str, training: Pass) -> StateDict | None:
        """Begin a pass; return its state, if it was under way when the training was saved."""
        self._key, self._pass, self._pass_start = key, training, time.perf_counter()
        self.replays = False
        if self._saved.state is None or key != self._saved.key:
            return None
        state, self._saved.state, self._saved.key = self._saved.state, None, ""
        self._pass_start -= state["used"]
        self._spend(state["spent"])
        return dict(state["pass"])

    def end_pass(self) -> None:
        """Keep the outcome of the pass under way, which has ended."""
        training, now = self._pass, time.perf_counter()
        self._pass = None
        self.seconds += now - self._pass_start
        if training is None or training.last is None:  # of no epochs
            return
        self._ended[self._key] = Outcome(
            record={**training.last._asdict(), "before": None},
            parameters=training.network.theta,
            statistics=training.network.statistics.flat,
            details=training.details(),
            out_of_time=training.out_of_time,
            seconds=now - self._pass_start,
            spent=now - self._budget_start,
        )

    @contextmanager
    def saved_between_passes(self) -> Iterator[None]:
        """Write a checkpoint if an interruption comes while no pass is under way."""
        try:
            with interrupts_kept():
                yield
        except SecondInterruption:
            raise
        except KeyboardInterrupt:
            # a pass whose state is still to be gone on with is in the last checkpoint
            if self._pass is None and self._ended and not self._saved.key:
                self.interruption.postponed = True
                self._checkpoint()
            raise

    def write_checkpoint(self, *, flush: bool = True) -> None:
        """Write the state of the training: see `TrainingSession`."""
        for key, outcome in self._ended.items():
            if outcome is not None:
                write_outcome(self._checkpoints.folder, key, outcome, flush=flush)
                self._ended[key] = None
        now, training = time.perf_counter(), self._pass
        state = None
        if training is not None and training.fitting is not None:
            state = {"fit": training.fitting.state(), "details": training.details()}
        self._checkpoints.write(
            {
                "outcomes": list(self._ended),
                "key": "" if state is None else self._key,
                "pass": state,
                "used": now - self._pass_start,
                "spent": now - self._budget_start,
                "sizes": self.log_sizes(flush=flush),
                "seconds": now - self._run_start,
            },
            flush=flush,
        )

    def remove_checkpoints(self, status: Status) -> None:
        """Remove the checkpoints of a training that has come to its end."""
        if status in ("finished", "diverged"):
            self._checkpoints.remove()
