"""Launchers: how many processes mpiexec, or another like it, has started, and which one this is."""

import os
from collections.abc import Mapping
from typing import NamedTuple


class Launched(NamedTuple):
    """What a launcher has started: `size` processes, of which this one is number `rank`, from 0.

    Its name is that of the command; None if no launcher has started this process.
    """

    size: int = 1
    rank: int = 0
    launcher: str | None = None


_VARIABLES = (
    ("PMI_SIZE", "PMI_RANK", "mpiexec"),  # MPICH, Intel MPI and what follows them
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "mpiexec"),  # Open MPI
    ("MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK", "mpiexec"),  # MVAPICH
    ("FLUX_JOB_SIZE", "FLUX_TASK_RANK", "flux run"),
    ("JSM_NAMESPACE_SIZE", "JSM_NAMESPACE_RANK", "jsrun"),
    # Slurm without one of the above; a batch script has SLURM_NTASKS, too, but is not in a step
    ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "srun"),
)
"""The variables of launchers that say how many processes there are, and which one this is."""


def launched(environment: Mapping[str, str] = os.environ) -> Launched:
    """Return what the launcher of this process says, in the variables of its environment."""
    for size, rank, launcher in _VARIABLES:
        if environment.get(size, "").isdigit():
            return Launched(int(environment[size]), int(environment.get(rank) or 0), launcher)
    return Launched()
