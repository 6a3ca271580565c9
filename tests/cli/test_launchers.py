"""Processes that mpiexec has started: who may share a verb, by the variables of launchers."""

import pytest

from bpnet.cli.processes import refusal
from bpnet.integrations.launcher import launched


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, (1, 0)),
        ({"PMI_SIZE": "4", "PMI_RANK": "3"}, (4, 3)),
        ({"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "0"}, (2, 0)),
        ({"PMI_SIZE": "1", "PMI_RANK": "0"}, (1, 0)),
        ({"PMI_SIZE": "many"}, (1, 0)),
    ],
)
def test_launchers_tell_how_many_processes_there_are(environment, found):
    assert launched(environment) == found


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        (["train", "a.yaml"], False),
        (["resume", "runs/a-001"], False),
        (["search", "a.yaml", "--join", "runs/a"], False),
        (["search", "a.yaml"], True),
        (["predict", "runs/a-001", "a.csv"], True),
        (["--version"], False),
    ],
)
@pytest.mark.parametrize("rank", [0, 1])
def test_a_verb_that_each_process_would_do_is_refused_by_one(
    words, refused, rank, monkeypatch, capsys
):
    assert refusal(words) is None  # without a launcher
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setenv("PMI_RANK", str(rank))
    assert refusal(words) == (2 if refused else None)
    assert ("mpiexec" in capsys.readouterr().err) == (refused and rank == 0)
