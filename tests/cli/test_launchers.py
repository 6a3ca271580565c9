"""Processes that mpiexec has started: who may share a verb, by the variables of launchers."""

import pytest

from bpnet.cli.processes import refusal
from bpnet.integrations.launcher import launched

STEP = {"SLURM_STEP_NUM_TASKS": "3", "SLURM_PROCID": "2"}


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, (1, 0, None)),
        ({"PMI_SIZE": "4", "PMI_RANK": "3"}, (4, 3, "mpiexec")),
        ({"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "0"}, (2, 0, "mpiexec")),
        ({"PMI_SIZE": "1", "PMI_RANK": "0"}, (1, 0, "mpiexec")),
        ({"PMI_SIZE": "many"}, (1, 0, None)),
        (STEP, (3, 2, "srun")),
        # mpiexec in a batch script starts by srun what starts the processes: one on each machine
        (STEP | {"PMI_SIZE": "8", "PMI_RANK": "5"}, (8, 5, "mpiexec")),
        # a batch script itself
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "0"}, (1, 0, None)),
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
        (["predict", "runs/a-001", "a.csv", "-o", "out/", "--shard", "1/2"], False),
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


def test_processes_of_srun_may_each_do_any_verb(monkeypatch):
    for name, value in STEP.items():
        monkeypatch.setenv(name, value)
    assert refusal(["cv", "a.yaml"]) is None
