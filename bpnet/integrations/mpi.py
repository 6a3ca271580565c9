"""MPI: the processes that mpiexec has started, as the ranks of one training (extra mpi)."""

import os
import socket
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from threadpoolctl import threadpool_limits

from bpnet.engine.ranks import Ranks
from bpnet.errors import BpnetError, DataError, DivergedError, InterruptedRunError, UsageError
from bpnet.integrations.launcher import launched
from bpnet.messages import counted


class OtherRankError(BpnetError):
    """The error of another process, which reports it."""

    def __init__(self, exit_code: int) -> None:
        super().__init__([])
        self.exit_code = exit_code


class World(Ranks):
    """The processes of an `mpiexec`."""

    def __init__(self, communicator: Any) -> None:
        from mpi4py import MPI  # deferred: an extra, which begins MPI when it is imported

        self._communicator = communicator
        super().__init__(
            communicator.Get_rank(),
            communicator.Get_size(),
            lambda array: communicator.Allreduce(MPI.IN_PLACE, array),
        )
        self.on_this_machine: int = communicator.Split_type(MPI.COMM_TYPE_SHARED).Get_size()
        """How many of the processes are on this machine."""
        self.training = False
        """True once all have begun to train."""
        self.failed = False
        """True if all know of an error."""

    def agree(self, digest: str | None = None, error: BpnetError | None = None) -> None:
        """Wait until all processes are here, and raise the error that any has brought.

        `digest` is that of the table, which must be the same for all. One process raises the error
        itself, the others `OtherRankError`.
        """
        brought = None if error is None else (error.exit_code, error.problems)
        every = self._communicator.allgather((brought, digest, socket.gethostname()))
        places = [f"process {k} of {self.size}, on {host}" for k, (_, _, host) in enumerate(every)]
        for k, (one, _, _) in enumerate(every):
            if one is None:
                continue
            code, problems = one
            self.failed = True
            if error is not None and all(other == one for other, _, _ in every):
                raise error if self.leads else OtherRankError(code)
            raise self._of_one([f"{places[k]}: {problem}" for problem in problems], code)
        for k, (_, other, _) in enumerate(every):
            if other != every[0][1]:
                self.failed = True
                text = "read different content; copy the same table to all machines"
                raise self._of_one([f"{places[0]}, and {places[k]}: {text}"], DataError.exit_code)

    def _of_one(self, problems: list[str], code: int) -> BpnetError:
        """Return an error that all processes meet, and one reports."""
        if not self.leads:
            return OtherRankError(code)
        error = BpnetError(problems)
        error.exit_code = code
        return error

    def of_leader(self, value: Any) -> Any:
        """Return the first process's value in all of them."""
        return self._communicator.bcast(value)

    def wait(self) -> None:
        """Wait until all processes are here."""
        self._communicator.Barrier()

    def abort(self, exit_code: int) -> None:
        """End all processes at once."""
        sys.stdout.flush()
        sys.stderr.flush()
        self._communicator.Abort(exit_code)


_alone: list[World] = []
"""The processes of which this one has met an error that the others do not know of."""


@contextmanager
def joined() -> Iterator[World | None]:
    """Join the processes that mpiexec has started; None if it has not, or only one.

    Within, an error that all meet is raised by one of them, with its message, and in the others
    without any. One that a process meets alone, while they train, ends all: see `leave`.
    """
    count, rank = launched()
    if count == 1:
        yield None
        return
    world = _world(count, rank)
    cores = os.cpu_count() or 1
    try:
        # what shares a machine shares its cores
        with threadpool_limits(max(1, cores // world.on_this_machine), "blas"):
            yield world
    except (InterruptedRunError, DivergedError) as error:  # of all, at the same step
        if world.training and not world.leads:
            raise OtherRankError(error.exit_code) from None
        raise
    except BpnetError as error:
        if not world.failed:
            if not world.training:
                world.agree(None, error)
            _alone.append(world)
        raise
    except (KeyboardInterrupt, OSError, MemoryError):
        _alone.append(world)
        raise
    except Exception:
        traceback.print_exc()
        world.abort(1)


def leave(exit_code: int) -> None:
    """End the other processes, too, if this one ends alone."""
    for world in _alone:
        world.abort(exit_code)


def _world(count: int, rank: int) -> World:
    """Return the processes. Raises UsageError if the extra is missing, or of another MPI."""
    try:
        from mpi4py import MPI  # deferred: see above
    except (ImportError, RuntimeError) as error:
        missing = (
            "the extra mpi is missing: pip install 'bpnet-cli[mpi]'"
            if isinstance(error, ModuleNotFoundError)
            else f"mpi4py cannot be used: {error}"
        )
        problem = f"mpiexec has started {counted(count, 'process')}, but {missing}"
        raise _usage_error(rank, problem) from None
    size = MPI.COMM_WORLD.Get_size()
    if size != count:
        library = MPI.Get_library_version().split("\n")[0].strip("\x00 ")
        raise _usage_error(
            rank,
            f"mpiexec has started {count} processes, of which mpi4py sees {size}: it is built for "
            f"another MPI ({library}); use the mpiexec of that one",
        )
    return World(MPI.COMM_WORLD)


def _usage_error(rank: int, problem: str) -> BpnetError:
    """Return an error that all processes meet, and one reports."""
    return UsageError(problem) if rank == 0 else OtherRankError(UsageError.exit_code)
