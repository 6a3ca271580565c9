"""The training session: it saves once, however training ends; an interruption waits for that."""

import signal
from collections.abc import Callable

import pytest
from workflow_runs import Watcher

from bpnet.config.checkpoint import Checkpoint
from bpnet.runs.run_file import Status
from bpnet.workflows.interruption import SecondInterruption
from bpnet.workflows.session import TrainingSession


def nothing() -> None:
    """Do nothing."""


def ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


class Session(TrainingSession):
    """A session whose steps are given, and which notes what it saves."""

    def __init__(self, step: Callable[[], None], save: Callable[[], None] = nothing) -> None:
        super().__init__(Watcher(), Checkpoint())
        self._step, self._save = step, save
        self.saved: list[Status] = []

    def train(self) -> Status:
        self._step()
        return "finished"

    def write_checkpoint(self, *, flush: bool = True) -> None:
        """Nothing is trained."""

    def save(self, status: Status) -> None:
        self._save()
        self.saved.append(status)


@pytest.mark.parametrize(
    ("step", "save", "status", "asked"),
    [
        (nothing, nothing, "finished", False),
        (ctrl_c, nothing, "interrupted", True),
        (nothing, ctrl_c, "finished", True),
    ],
)
def test_a_training_is_saved_once_with_its_status(step, save, status, asked):
    session = Session(step, save)
    assert session.run() == status
    assert session.saved == [status]
    assert session.interruption.requested is asked
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_training_that_fails_is_saved_and_the_error_goes_on():
    def fail() -> None:
        raise OSError("no space left")

    session = Session(fail)
    with pytest.raises(OSError, match="no space left"):
        session.run()
    assert session.saved == ["failed"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_interruption_leaves_at_once():
    def twice() -> None:
        try:
            ctrl_c()
        finally:
            ctrl_c()

    session = Session(twice)
    with pytest.raises(SecondInterruption):
        session.run()
    assert session.saved == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
