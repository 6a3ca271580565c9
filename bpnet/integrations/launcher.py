"""Launchers: how many processes mpiexec, or another like it, has started, and which one this is."""

import os
from collections.abc import Mapping

_VARIABLES = {
    "PMI_SIZE": "PMI_RANK",  # MPICH, Intel MPI and what follows them
    "OMPI_COMM_WORLD_SIZE": "OMPI_COMM_WORLD_RANK",  # Open MPI
    "MV2_COMM_WORLD_SIZE": "MV2_COMM_WORLD_RANK",  # MVAPICH
}
"""The variables of launchers that say how many processes there are, and which one this is."""


def launched(environment: Mapping[str, str] = os.environ) -> tuple[int, int]:
    """Return the number of processes that were started together, and which one this is: 1, 0."""
    for size, rank in _VARIABLES.items():
        if environment.get(size, "").isdigit():
            return int(environment[size]), int(environment.get(rank) or 0)
    return 1, 0
