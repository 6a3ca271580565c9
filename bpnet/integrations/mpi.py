"""MPI: the processes that mpiexec has started, as the ranks of one training (extra mpi)."""

import os
import socket
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from bpnet.engine.component import Array
from bpnet.engine.ranks import Ranks
from bpnet.errors import BpnetError, DataError, DivergedError, InterruptedRunError, UsageError
from bpnet.integrations.launcher import launched
from bpnet.messages import counted

PART = 1 << 16
"""Numbers that are added up at a time."""
_PAGE = 4096


def _reported_by_another(exit_code: int) -> BpnetError:
    """Return an error without a message, as another process has it."""
    error = BpnetError([])
    error.exit_code = exit_code
    return error


class World(Ranks):
    """The processes of an `mpiexec`."""

    def __init__(self, communicator: Any) -> None:
        from mpi4py import MPI  # deferred: an extra, which begins MPI when it is imported

        self._communicator = communicator
        self._mpi = MPI
        self._segments: list[Array] = []
        super().__init__(communicator.Get_rank(), communicator.Get_size(), self._add_up_anywhere)
        self.on_this_machine: int = communicator.Split_type(MPI.COMM_TYPE_SHARED).Get_size()
        """How many of the processes are on this machine."""
        self.training = False
        """True once all have begun to train."""
        self.failed = False
        """True if all know of an error."""

    def agree(self, digest: str | None = None, error: BpnetError | None = None) -> None:
        """Wait until all processes are here, and raise the error that any has brought.

        `digest` is that of the table, which must be the same for all. One process raises the error
        with its message, the others without.
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
                raise error if self.leads else _reported_by_another(code)
            raise self._of_one([f"{places[k]}: {problem}" for problem in problems], code)
        for k, (_, other, _) in enumerate(every):
            if other != every[0][1]:
                self.failed = True
                text = "read different content; copy the same table to all machines"
                raise self._of_one([f"{places[0]}, and {places[k]}: {text}"], DataError.exit_code)

    def _of_one(self, problems: list[str], code: int) -> BpnetError:
        """Return an error that all processes meet, and one reports."""
        if not self.leads:
            return _reported_by_another(code)
        error = BpnetError(problems)
        error.exit_code = code
        return error

    def _add_up_anywhere(self, array: Array) -> None:
        """Add up an array by way of the memory that all share, if it is there, else by MPI."""
        if not self._segments or array is not self._segments[self.rank]:
            self._communicator.Allreduce(self._mpi.IN_PLACE, array)
            return
        self.wait()  # for all to have written theirs
        first, last = (len(array) * k // self.size for k in (self.rank, self.rank + 1))
        for start in range(first, last, PART):  # which stays in the cache
            part = slice(start, min(start + PART, last))
            total = self._segments[0][part]
            for segment in self._segments[1:]:
                np.add(total, segment[part], total)
            for segment in self._segments[1:]:
                np.copyto(segment[part], total)
        self.wait()

    def shared_memory(self, count: int, dtype: np.dtype) -> Array | None:
        """Return an array that is added up without messages; None if machines share no memory.

        Each process adds up its part of all arrays where they are. It is the only array of its kind
        at a time.
        """
        if self.on_this_machine < self.size:
            return None
        size = -(-count * dtype.itemsize // _PAGE) * _PAGE
        window = self._mpi.Win.Allocate_shared(size, dtype.itemsize, comm=self._communicator)
        buffers: list[Any] = [window.Shared_query(rank)[0] for rank in range(self.size)]
        self._segments = [np.frombuffer(buffer, dtype, count) for buffer in buffers]
        return self._segments[self.rank]

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
            raise _reported_by_another(error.exit_code) from None
        raise
    except BpnetError as error:
        if not world.failed:
            if not world.training:
                world.agree(None, error)
            _alone.append(world)
        raise
    except (KeyboardInterrupt, OSError, MemoryError):  # an interrupt before the first step
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
    return UsageError(problem) if rank == 0 else _reported_by_another(UsageError.exit_code)
