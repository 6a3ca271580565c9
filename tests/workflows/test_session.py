"""The training session: it saves once, however training ends; an interruption waits for that."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from workflow_runs import Watcher

from bpnet.cli.exit_codes import exit_codes
from bpnet.config.dataset_schema import Dataset
from bpnet.config.schema import Config
from bpnet.errors import RunError
from bpnet.runs.lock import is_locked
from bpnet.runs.run_file import RunFile, Status, run_status
from bpnet.workflows.interruption import (
    SIGNALS,
    SecondInterruption,
    SignalInterrupt,
    signals_raise,
)
from bpnet.workflows.session import TrainingSession
from bpnet.workflows.tracking import TrackedFit


@pytest.fixture(autouse=True)
def _handlers_of_before() -> Iterator[None]:
    """The handlers of signals that `signals_raise` leaves ignored."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def nothing() -> None:
    """Do nothing."""


def ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


class Session(TrainingSession):
    """A session whose steps are given, and which notes what it saves."""

    def __init__(
        self, folder: Path, step: Callable[[], None], save: Callable[[], None] = nothing
    ) -> None:
        self.file = folder / "run.json"
        run_file = RunFile(self.file, seed=1, data_sha256="", command=["bpnet"])
        super().__init__(Watcher(), Config(dataset=Dataset(path="t.csv", target="y")), run_file)
        self._step, self._save = step, save
        self.saved: list[Status] = []

    def train(self) -> Status:
        self._step()
        return "finished"

    def tracked(self) -> TrackedFit:
        raise NotImplementedError

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
def test_a_training_is_saved_once_with_its_status(tmp_path, step, save, status, asked):
    session = Session(tmp_path, step, save)
    assert session.run() == status
    assert session.saved == [status]
    assert session.interruption.requested is asked
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def as_a_library() -> None:
    """Take a signal for a failure, as NumPy does while it reads the format of a buffer."""
    try:
        ctrl_c()
    except KeyboardInterrupt as error:
        raise ValueError("is not a valid PEP 3118 buffer format string") from error


def as_bare_except() -> None:
    """Take a signal for a failure, and hide its cause."""
    try:
        ctrl_c()
    except BaseException:
        raise ValueError("cannot be read") from None


def as_code_in_c() -> None:
    """Take a signal for a failure, and lose it, as pydantic does while it builds a validator."""
    lost = False
    try:
        ctrl_c()
    except KeyboardInterrupt:
        lost = True
    if lost:
        raise ValueError("Error building `literal` serializer:\n  SignalInterrupt: 2")


@pytest.mark.parametrize("step", [as_a_library, as_bare_except, as_code_in_c])
def test_an_interruption_that_a_library_takes_for_a_failure_stays_one(tmp_path, step):
    session = Session(tmp_path, step)
    assert session.run() == "interrupted"
    assert session.saved == ["interrupted"]
    with signals_raise(), pytest.raises(typer.Exit) as ended, exit_codes():
        step()
    assert ended.value.exit_code == 130


def test_an_error_after_an_earlier_command_was_interrupted_stays_an_error(tmp_path):
    assert Session(tmp_path, ctrl_c).run() == "interrupted"

    def fail() -> None:
        raise ValueError("of its own")

    with pytest.raises(ValueError, match="of its own"):
        Session(tmp_path, fail).run()


def test_what_an_interruption_cannot_write_is_reported(tmp_path):
    def step() -> None:
        try:
            ctrl_c()
        except KeyboardInterrupt:
            raise RunError("state: cannot be written") from None

    with pytest.raises(RunError, match="cannot be written"):
        Session(tmp_path, step).run()


def test_a_training_that_fails_is_saved_and_the_error_goes_on(tmp_path):
    def fail() -> None:
        raise OSError("no space left")

    session = Session(tmp_path, fail)
    with pytest.raises(OSError, match="no space left"):
        session.run()
    assert session.saved == ["failed"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_interruption_leaves_at_once(tmp_path):
    def twice() -> None:
        try:
            ctrl_c()
        finally:
            ctrl_c()

    session = Session(tmp_path, twice)
    with pytest.raises(SecondInterruption):
        session.run()
    assert session.saved == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert not is_locked(tmp_path)
    assert run_status(session.file) == "died"


def test_a_run_that_cannot_be_saved_has_failed_and_names_what_goes_on_with_it(tmp_path):
    def full() -> None:
        raise RunError("model.json: cannot be written: No space left on device")

    session = Session(tmp_path, nothing, full)
    with pytest.raises(RunError, match=r"No space left on device; then go on: bpnet resume \S+"):
        session.run()
    assert session.saved == []
    assert not is_locked(tmp_path)
    # in place: the file has kept its length, and parses
    assert json.loads(session.file.read_text())["status"] == run_status(session.file) == "failed"


def test_the_first_error_is_the_one_that_is_reported(tmp_path):
    def fail(text: str) -> Callable[[], None]:
        def step() -> None:
            raise RunError(text)

        return step

    session = Session(tmp_path, fail("metrics.csv: full"), fail("model.json: full"))
    with pytest.raises(RunError, match=r"metrics\.csv: full"):
        session.run()
    assert run_status(session.file) == "failed"


def test_a_signal_outside_of_a_training_keeps_its_number():
    with signals_raise(), pytest.raises(SignalInterrupt) as caught:
        signal.raise_signal(signal.SIGTERM)
    assert caught.value.number == signal.SIGTERM


def test_a_signal_after_the_command_has_its_exit_code_changes_nothing():
    with signals_raise():
        pass
    for number in SIGNALS:
        signal.raise_signal(number)


def test_an_ignored_signal_stays_ignored(tmp_path):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with signals_raise():
        session = Session(tmp_path, lambda: signal.raise_signal(signal.SIGTERM))
        assert session.run() == "finished"


def test_after_the_second_signal_the_command_line_ignores_further_ones(tmp_path):
    def twice() -> None:
        try:
            ctrl_c()
        finally:
            ctrl_c()

    with signals_raise():
        with pytest.raises(SecondInterruption):
            Session(tmp_path, twice).run()
        ctrl_c()


def test_a_signal_that_code_cannot_raise_comes_again():
    class Deleted:
        def __del__(self) -> None:
            ctrl_c()  # what is raised here is lost

    def lose_a_signal() -> None:
        Deleted()
        time.sleep(10)

    start = time.perf_counter()
    with signals_raise(), pytest.raises(SignalInterrupt):
        lose_a_signal()
    assert time.perf_counter() - start < 5
