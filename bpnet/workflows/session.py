"""The training session: what every training shares, from its first epoch to its last file."""

import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Protocol

from bpnet.engine.loop.fit import Record
from bpnet.engine.network import Network
from bpnet.engine.progress import OutOfTimeError
from bpnet.models.threads import suited_threads
from bpnet.preparation.encode import EncodedDataset
from bpnet.runs.run_file import Status
from bpnet.workflows.interruption import Interruption, interruptible_once


class Watcher(Protocol):
    """An observer of networks that train, such as the console."""

    def epoch(self, row: Mapping[str, float]) -> None:
        """Take the metrics of an epoch, which are the means of several networks."""

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


class TrainingSession(ABC):
    """A training that can be interrupted once, and is saved however it ends.

    A subclass defines how to train and what to save; `run` does both.
    """

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self.interruption = Interruption()
        self.deadline: float | None = None
        """The performance counter at which the time budget is spent; None if there is none."""

    @abstractmethod
    def train(self) -> Status:
        """Train to the end, and return "finished" or "diverged"."""

    @abstractmethod
    def save(self, status: Status) -> None:
        """Write what has been trained, and how the training ended."""

    def run(self) -> Status:
        """Train, save, and return how the training ended.

        Ctrl-C or SIGTERM ends the training with the status "interrupted"; one that arrives while
        the training is saved is only noted in `interruption.requested`. Any other exception is
        raised again after saving, with the status "failed".
        """
        status: Status = "failed"
        with interruptible_once() as self.interruption:
            try:
                status = self.train()
            except KeyboardInterrupt:
                status = "interrupted"
            finally:
                self.interruption.saving = True  # from now on an interruption is only noted
                self.save(status)
        return status

    @property
    def out_of_time(self) -> bool:
        """True if the time budget is spent."""
        return self.deadline is not None and time.perf_counter() >= self.deadline

    def watch(
        self,
        epochs: Generator[tuple[Record, Mapping[str, float]], None, None],
        network: Network,
    ) -> bool:
        """Train a network through the epochs, and show the watcher each one's metrics and warnings.

        Return True if the time budget ended the training, which it does not before there is an
        epoch to keep; from then on it may end it within an epoch, whose steps are dropped.
        """
        try:
            return self._watch(epochs, network)
        except OutOfTimeError:
            return True
        finally:
            network.progress.deadline = None

    def _watch(
        self,
        epochs: Generator[tuple[Record, Mapping[str, float]], None, None],
        network: Network,
    ) -> bool:
        # closed even after an error, which ends the logs that the generator writes
        with closing(epochs) as records:
            for record, row in records:
                self._watcher.epoch(row)
                for warning in (*record.warnings, *self.advise(record)):
                    self._watcher.warn(warning)
                if record.stops is None and record.kept_epoch.any():
                    if self.out_of_time:
                        return True
                    network.progress.deadline = self.deadline
        return False

    def advise(self, record: Record) -> Iterable[str]:
        """Return advice on an epoch, to be shown after its warnings."""
        return ()


def training_threads(prepared: EncodedDataset, network: Network) -> AbstractContextManager[None]:
    """Limit BLAS to the number of threads that suits the training's batches."""
    batch = prepared.config.training.batch_size
    return suited_threads(network, len(prepared.rows["train"]) if batch == "full" else batch)


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
