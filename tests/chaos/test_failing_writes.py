"""Writes that fail at every call in turn: one message, exit code 5, and a run that can go on."""

import errno
import os
import random
from pathlib import Path

import pytest
from chaos_runs import (
    KINDS,
    Kind,
    begun_runs,
    check_files,
    differences,
    next_words,
    prepare,
    result,
    run,
)
from failing_files import Failure

from bpnet.runs.run_file import run_status

_NAMES = [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EDQUOT]


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
    return kind, result(folder)


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
    runs = begun_runs(folder)
    if said.code == 0:  # what failed was to remove a file that nobody needs
        assert {content["status"] for content in runs.values()} == {"finished"}
        assert differences(result(folder, temporary=True), expected) == []
        return 0
    assert said.code == 5, said
    (error,) = [line for line in said.output.splitlines() if line.startswith("error: ")]
    assert any(part in error for part in ("cannot be", "a run directory cannot")), error
    assert os.strerror(failure.number) in error, error
    if runs:
        newest, content = list(runs.items())[-1]
        # "running" is what no process could replace: its lock is gone, so that it has died
        died = failure.lasting and run_status(newest / "run.json") == "died"
        # between the runs of a grid the newest has finished
        assert content["status"] == "failed" or died or "grid" in content, content
        assert "bpnet resume" in error, error
    while (words := next_words(kind, folder)) is not None:
        again = run(words, folder)
        assert again.code == 0, again
    assert differences(result(folder), expected) == [], (failure, said.output)
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
