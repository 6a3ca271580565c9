"""The training session: what every training shares, from its first epoch to its last file."""

import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Protocol

from bpnet.config.schema import Config
from bpnet.engine.component import Array
from bpnet.engine.loop.fit import Fit
from bpnet.engine.loop.record import Record
from bpnet.engine.ranks import Ranks
from bpnet.errors import CutOffRunError, RunError
from bpnet.messages import shell_path, shell_quoted
from bpnet.paths import is_dir
from bpnet.preparation.encode import EncodedDataset
from bpnet.runs.run_file import RunFile, Status
from bpnet.workflows.fit_task import FitOutcome
from bpnet.workflows.interruption import (
    Interruption,
    SecondInterruption,
    interruptible,
    interrupts_kept,
)
from bpnet.workflows.rhythm import Rhythm
from bpnet.workflows.side_by_side import Elsewhere
from bpnet.workflows.tracking import TrackedFit, Tracking


class Watcher(Protocol):
    """An observer of networks that train, such as the console."""

    def epoch(self, row: Mapping[str, float], kept: Array) -> None:
        """Take the means of R networks' metrics in an epoch, and their best epochs so far (R,)."""

    def warn(self, text: str) -> None:
        """Take a warning for the user."""


class RunWatcher(Watcher, Protocol):
    """An observer of a training whose networks have the same rows."""

    def begin(self, run: Path, prepared: EncodedDataset, parameters: int, networks: int) -> None:
        """Take the run directory, the data and the number of networks, before the first epoch."""


class FoldWatcher(Watcher, Protocol):
    """An observer of a cross-validation."""

    def begin_pass(
        self, run: Path, first: EncodedDataset, parameters: int, number: int, passes: Sequence[int]
    ) -> None:
        """Take the data of a pass's first fold, before the pass begins.

        `number` counts the passes from 1; `passes` has the number of folds of each.
        """


class MemberWatcher(Watcher, Protocol):
    """An observer of an ensemble whose members train one after another."""

    def begin_member(
        self, run: Path, prepared: EncodedDataset, parameters: int, networks: int, title: str
    ) -> None:
        """Take the data of a member before it trains; the title says which it is, if several."""


class TrainWatcher(RunWatcher, MemberWatcher, Protocol):
    """An observer of any training."""


class CVWatcher(FoldWatcher, MemberWatcher, Protocol):
    """An observer of any cross-validation."""


class AnyWatcher(TrainWatcher, CVWatcher, Protocol):
    """An observer of any training or cross-validation."""


class OutOfTimeError(Exception):
    """The time budget of a training has ended within an epoch."""


class TrainingSession(ABC):
    """A training that can be interrupted once, and is saved however it ends.

    A subclass defines how to train and what to save; `run` does both.
    """

    def __init__(self, watcher: Watcher, config: Config, run_file: RunFile) -> None:
        self._watcher, self._file = watcher, run_file
        self._tracking: Tracking | None = None
        """The trackers that are told of the training; None if there are none."""
        if config.logging:
            self._tracking = Tracking(config, run_file.folder, watcher.warn)
        checkpoint = config.checkpoint
        self.interruption = Interruption()
        self.deadline: float | None = None
        """The performance counter at which the time budget is spent; None if there is none."""
        self.fitting: Fit | None = None
        """The training of networks that goes on now."""
        self._rhythm = Rhythm(checkpoint)
        self._continues = checkpoint.on_write_error == "continue"
        self._unwritten = False
        self._may_end = False
        self.replays = False
        """True while the epochs are those that a worker has trained."""
        self._ranks: Ranks | None = None
        """The processes that train together, which agree on what to do after each step."""

    def join(self, ranks: Ranks) -> None:
        """Let this process train with others, of which only the first one writes and reports."""
        self._ranks, ranks.vote = ranks, self._vote
        self._rhythm.decided = lambda: bool(ranks.votes[3])
        if not ranks.leads:
            self._tracking = None

    def _vote(self) -> Sequence[float]:
        """Return whether a signal has come, and which, and what is due by the first one's clock."""
        leads = self._ranks is not None and self._ranks.leads
        due = leads and self._rhythm.time_has_come()
        signaled = self.interruption.requested
        return signaled, self.interruption.number, leads and self._time_is_up(), due

    @property
    def leads(self) -> bool:
        """True in the process that writes the run: the only one, or the first of several."""
        return self._ranks is None or self._ranks.leads

    @property
    def interrupted(self) -> bool:
        """True if a signal asks this process, or one of those it trains with, to end."""
        if self._ranks is None:
            return self.interruption.requested
        signaled, numbers = self._ranks.votes[:2]
        if signaled and not self.interruption.requested:
            self.interruption.number = round(numbers / signaled)
        return bool(signaled)

    @abstractmethod
    def train(self) -> Status:
        """Train to the end, and return "finished" or "diverged"."""

    @abstractmethod
    def save(self, status: Status) -> None:
        """Write what has been trained, and how the training ended."""

    @abstractmethod
    def tracked(self) -> TrackedFit:
        """Return the networks that train now, as trackers see them."""

    @abstractmethod
    def write_checkpoint(self, *, flush: bool = True) -> None:
        """Write the state of the training, from which it can go on."""

    def run(self) -> Status:
        """Train, save, and return how the training ended.

        The first Ctrl-C, SIGTERM or SIGHUP ends the training with the status "interrupted"; one
        that arrives while the training is saved is only noted in `interruption.requested`. A second
        one leaves at once. Any other exception is raised again after saving, with the status
        "failed"; a RunError tells how the training can go on.
        """
        with interruptible() as self.interruption, self._file:
            if self._ranks is not None:  # a process that left at once would leave the others
                self.interruption.postponed = True
            try:
                with interrupts_kept():
                    if self._tracking is not None:
                        self._tracking.begin()
                    status = self.train()
            except SecondInterruption:
                raise
            except KeyboardInterrupt:
                status = "interrupted"
            except BaseException as error:
                self.interruption.postponed = True
                with suppress(RunError):  # the first error is the cause of those that follow
                    if self._ranks is None:  # saving is work that all share
                        self.save("failed")
                self._end_tracking("failed")
                if isinstance(error, RunError):
                    raise self._cut_off(error) from error
                raise
            self.interruption.postponed = True  # from now on a signal is only noted
            try:
                self.save(status)
            except RunError as error:
                raise self._cut_off(error) from error
            self._end_tracking(status)
        return status

    def _end_tracking(self, status: Status) -> None:
        if self._tracking is not None:
            self._tracking.end(status)

    def _cut_off(self, error: RunError) -> RunError:
        if is_dir(self._file.folder):
            return cut_off(error, self._file.folder)
        command = " ".join(map(shell_quoted, self._file.command))
        return CutOffRunError(
            f"{self._file.folder}: the run directory is gone, and with it what was trained; "
            f"train again: {command}"
        )

    def on_write_error(self, error: RunError) -> None:
        """Raise the error of a log or a checkpoint, or warn of the first if the training goes on.

        What could not be written is tried again.
        """
        if not self._continues:
            raise error
        if not self._unwritten:
            self._unwritten = True
            text = "; ".join(error.problems)
            self._watcher.warn(f"{text}; the training goes on in memory, and tries again")

    @property
    def out_of_time(self) -> bool:
        """True if the time budget is spent."""
        return self._time_is_up() if self._ranks is None else bool(self._ranks.votes[2])

    def _time_is_up(self) -> bool:
        """Return True if the time budget is spent by the clock of this process."""
        return self.deadline is not None and time.perf_counter() >= self.deadline

    def after_step(self) -> None:
        """Write a checkpoint that is due, and end the training if a signal or the budget asks so.

        Raises KeyboardInterrupt or OutOfTimeError.
        """
        if self.interrupted:
            self._checkpoint()
            raise KeyboardInterrupt
        if self._may_end and self.out_of_time:
            raise OutOfTimeError
        if self._rhythm.due_after_step():
            self._checkpoint()

    def _checkpoint(self, *, flush: bool = True) -> None:
        if self._tracking is not None:  # which then has all epochs that are not trained again
            self._tracking.flush()
        try:
            self.write_checkpoint(flush=flush)
        except RunError as error:
            self.on_write_error(error)
        self._rhythm.restart()

    def waiting_for(self, elsewhere: Elsewhere | None) -> Elsewhere | None:
        """Return how to wait for a worker so that a signal ends it; what is done is saved first."""
        if elsewhere is None:
            return None

        def wait() -> FitOutcome | None:
            try:
                if self.interruption.requested:
                    raise KeyboardInterrupt
                self.interruption.postponed = False
                outcome = elsewhere()
            except (KeyboardInterrupt, RunError):
                self.interruption.postponed = True
                self._checkpoint()
                raise
            self.interruption.postponed = True
            self.replays = outcome is not None
            return outcome

        return wait

    def watch(self, epochs: Generator[tuple[Record, Mapping[str, float]], None, None]) -> bool:
        """Train through the epochs, and show the watcher each one's metrics and warnings.

        Return True if the time budget ended the training, which it does not before there is an
        epoch to keep; from then on it may end it within an epoch, whose steps are dropped. From
        here on a signal waits for the end of a step, until `interruption.postponed` is unset.
        """
        self._may_end, self.interruption.postponed = False, True
        try:
            # closed even after an error, which ends the logs that the generator writes
            with closing(epochs) as records:
                return self._watch(records)
        except OutOfTimeError:
            return True

    def _watch(self, records: Iterable[tuple[Record, Mapping[str, float]]]) -> bool:
        for record, row in records:
            self._watcher.epoch(row, record.kept_epoch)
            if self._tracking is not None:
                self._tracking.epoch(self.tracked(), record, row)
            for warning in (*record.warnings, *self.advise(record)):
                self._watcher.warn(warning)
            # an epoch that a worker has trained is no state to go on from
            if record.stops is not None or self.replays:
                continue
            if self.interrupted:
                self._checkpoint()
                raise KeyboardInterrupt
            self._may_end = bool(record.kept_epoch.any())
            if self._may_end and self.out_of_time:
                return True
            if self._rhythm.due_after_epoch(record.epoch):
                self._checkpoint()
        return False

    def advise(self, record: Record) -> Iterable[str]:
        """Return advice on an epoch, to be shown after its warnings."""
        return ()


def cut_off(error: RunError, run: Path) -> CutOffRunError:
    """Return an error that cut off the training of a run, with the command that goes on with it."""
    *others, last = error.problems
    return CutOffRunError([*others, f"{last}; then go on: bpnet resume {shell_path(run)}"], run)


def divergence_cause(learning_rate: float, *, from_start: bool = False) -> str:
    """Return the likely cause of a divergence, and settings to try.

    With `from_start` the loss of the first weights is not finite already.
    """
    if from_start:
        return (
            "the loss of the first weights is not a finite number, so that no step can be taken: "
            "the weights that the initializer draws, or the penalty (training.l1, training.l2), "
            "are too large; lower them"
        )
    lower = min(learning_rate / 10, 0.01)
    return (
        "the loss is no longer a finite number. The likely cause is a learning rate that is too "
        f"high ({learning_rate:g}): try --set training.learning_rate={lower:g}"
    )
