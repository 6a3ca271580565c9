"""Runs that are killed at random moments and resumed end as if they had never been."""

import random
import signal
from pathlib import Path

import pytest
from chaos_runs import (
    KINDS,
    Command,
    Ended,
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

_KILLS = 3
"""How often a run is killed before it may end."""


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.name)
def whole(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Kind, Ended, dict[str, str]]:
    """A kind of training, how it ended without a kill, and what it came to."""
    kind: Kind = request.param
    for _ in range(2):  # the first fork is slow
        folder = tmp_path_factory.mktemp(kind.name)
        prepare(kind, folder)
        ended = run(kind.words, folder)
        assert ended.code == 0, ended.output
    return kind, ended, result(folder)


def _survives(
    kind: Kind, ended: Ended, expected: dict[str, str], folder: Path, seed: int, number: int
) -> None:
    """Send a signal at random moments of a training, and resume it until it is done."""
    rng = random.Random(f"{kind.name} {seed} {number}")
    prepare(kind, folder)
    codes = {0, -number} if number == signal.SIGKILL else {0, -number, 128 + number}
    for attempt in range(50):
        words = next_words(kind, folder)
        if words is None:
            break
        command = Command(words, folder)
        if attempt < _KILLS:
            command.signal(number, rng.uniform(0, ended.seconds))
        said = command.ended()
        assert said.code in codes or not said.output, said  # a signal before the command began
        check_files(folder)
    assert differences(result(folder), expected) == []


def _seeds(default: int, slow: int) -> list[object]:
    return [
        pytest.param(seed, marks=[pytest.mark.slow] if seed >= default else [])
        for seed in range(slow)
    ]


@pytest.mark.parametrize("seed", _seeds(1, 34))
def test_a_killed_run_ends_bit_for_bit_as_if_it_had_never_stopped(
    whole: tuple[Kind, Ended, dict[str, str]], tmp_path: Path, seed: int
) -> None:
    _survives(*whole, tmp_path, seed, signal.SIGKILL)


@pytest.mark.parametrize("seed", _seeds(1, 3))
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
    ],
)
def test_a_stopped_run_ends_bit_for_bit_as_if_it_had_never_stopped(
    whole: tuple[Kind, Ended, dict[str, str]], tmp_path: Path, seed: int, number: int
) -> None:
    _survives(*whole, tmp_path, seed, number)


@pytest.mark.parametrize("seed", _seeds(1, 10))
def test_of_two_that_resume_a_run_at_once_one_is_refused(
    whole: tuple[Kind, Ended, dict[str, str]], tmp_path: Path, seed: int
) -> None:
    kind, _, expected = whole
    prepare(kind, tmp_path)
    kill = Failure(random.Random(seed).randrange(40, 110), 0)
    assert run(kind.words, tmp_path, kill).code == -signal.SIGKILL
    (run_folder,) = map(str, begun_runs(tmp_path))
    both = [Command(("resume", run_folder), tmp_path) for _ in range(2)]
    said = sorted((one.ended() for one in both), key=lambda one: one.code)
    assert [one.code for one in said] == [0, 5], said
    (error,) = [line for line in said[1].output.splitlines() if line.startswith("error: ")]
    # "has finished" if it began so late
    assert "is in training" in error or "has finished" in error, error
    check_files(tmp_path)
    assert next_words(kind, tmp_path) is None
    assert differences(result(tmp_path), expected) == []


@pytest.mark.slow
def test_a_kill_within_every_change_of_a_file_loses_nothing(
    whole: tuple[Kind, Ended, dict[str, str]], tmp_path: Path
) -> None:
    kind, _, expected = whole
    # every call of the plain kind; of the others, which take longer, some
    for call in range(1, 10_000, 1 if kind.name == "plain" else 7):
        folder = tmp_path / str(call)
        folder.mkdir()
        prepare(kind, folder)
        said = run(kind.words, folder, Failure(call, 0))
        if said.code == 0:
            assert call > 20
            return
        assert said.code == -signal.SIGKILL, said
        check_files(folder)
        words = next_words(kind, folder)
        if words is not None:
            # the same kill again, in the run that goes on
            assert run(words, folder, Failure(call, 0)).code in {0, -signal.SIGKILL}
            check_files(folder)
        while (words := next_words(kind, folder)) is not None:
            said = run(words, folder)
            assert said.code == 0, said
        assert differences(result(folder), expected) == [], call
