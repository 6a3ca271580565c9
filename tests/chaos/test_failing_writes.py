"""Writes that fail at every call in turn: one message, exit code 5, and a run that can go on."""

import errno
import json
import os
import random
from pathlib import Path

import pytest
from chaos_runs import (
    KINDS,
    Kind,
    check_files,
    differences,
    newest_run,
    next_words,
    prepare,
    result,
    run,
)
from failing_files import Failure

from bpnet.runs.run_file import run_status

_NAMES = [errno.ENOSPC, errno.EIO, errno.EACCES]


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.name)
def whole(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Kind, dict[str, str]]:
    """A kind of training, and what it comes to."""
    kind: Kind = request.param
    folder = tmp_path_factory.mktemp(kind.name)
    prepare(kind, folder)
    said = run(kind.words, folder)
    assert said.code == 0, said
    newest = newest_run(folder)
    assert newest is not None
    return kind, result(newest)


def _fails_and_goes_on(kind: Kind, expected: dict[str, str], folder: Path, failure: Failure) -> int:
    """Let a training fail, and go on with it; return the exit code of the first."""
    folder.mkdir()
    prepare(kind, folder)
    earlier = folder / "runs" / "c-000"
    earlier.mkdir(parents=True)
    (earlier / "note").write_text("an earlier run")
    said = run(kind.words, folder, failure)
    assert (earlier / "note").read_text() == "an earlier run"
    (earlier / "note").unlink()
    check_files(folder)
    newest = newest_run(folder)
    if said.code == 0:  # what failed was to remove a file that nobody needs
        assert newest is not None
        assert json.loads((newest / "run.json").read_text())["status"] == "finished"
        assert differences(result(newest, temporary=True), expected) == []
        return 0
    assert said.code == 5, said
    (error,) = [line for line in said.output.splitlines() if line.startswith("error: ")]
    assert any(part in error for part in ("cannot be", "a run directory cannot")), error
    assert os.strerror(failure.number) in error, error
    if newest is not None:
        status = json.loads((newest / "run.json").read_text())["status"]
        # "running" is what no process could replace: its lock is gone, so that it has died
        assert status == "failed" or (failure.lasting and run_status(newest / "run.json") == "died")
        assert "bpnet resume" in error, error
    while (words := next_words(kind, folder)) is not None:
        again = run(words, folder)
        assert again.code == 0, again
    newest = newest_run(folder)
    assert newest is not None
    assert differences(result(newest), expected) == [], (failure, said.output)
    return 5


def _counted(kind: Kind, folder: Path) -> int:
    """Return the number of calls that change files in a whole training."""
    folder.mkdir()
    prepare(kind, folder)
    low, high = 1, 4096
    while low < high:  # the first call that no training reaches
        middle = (low + high) // 2
        place = folder / str(middle)
        place.mkdir()
        prepare(kind, place)
        if run(kind.words, place, Failure(middle, 0)).code == 0:
            high = middle
        else:
            low = middle + 1
    return low - 1


def test_some_writes_that_fail(whole: tuple[Kind, dict[str, str]], tmp_path: Path) -> None:
    kind, expected = whole
    rng, most = random.Random(kind.name), 120
    codes = set()
    for k, number in enumerate(_NAMES):
        failure = Failure(rng.randrange(1, most), number, lasting=k % 2 == 0)
        codes.add(_fails_and_goes_on(kind, expected, tmp_path / str(k), failure))
    assert 5 in codes


@pytest.mark.slow
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize("number", _NAMES, ids=errno.errorcode.get)
def test_a_write_that_fails_at_any_call(
    whole: tuple[Kind, dict[str, str]], tmp_path: Path, number: int, lasting: bool
) -> None:
    kind, expected = whole
    step = int(os.environ.get("BPNET_CHAOS_STEP", "15"))  # with 1 it takes half an hour
    for call in range(1, _counted(kind, tmp_path / "counted") + 1, step):
        failure = Failure(call, number, lasting)
        _fails_and_goes_on(kind, expected, tmp_path / str(call), failure)
