"""MPI: the processes that mpiexec has started, as the ranks of one training (extra mpi)."""

import os
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
from typing import Any, Literal, NoReturn

import numpy as np

from bpnet import __version__
from bpnet.engine.component import Array
from bpnet.engine.network import Network
from bpnet.engine.ranks import Ranks
from bpnet.errors import BpnetError, DivergedError, InterruptedRunError, UsageError
from bpnet.integrations.launcher import Launched, launched
from bpnet.messages import counted
from bpnet.models.threads import at_most, cores

PART = 1 << 16
"""Numbers that are added up at a time."""
_PAGE = 4096
PATIENCE = 30.0
"""Seconds after which a process says that it waits for others to begin."""
_FIRST_WORD = 1.0
"""Seconds that the others leave to the first process to report what all may have met."""
Phase = Literal["agreeing", "adding", "apart"]
"""What processes do: they agree from time to time, add up arrays all the time, or have done so."""


class World(Ranks):
    """The processes of an `mpiexec`."""

    def __init__(self, communicator: Any) -> None:
        from mpi4py import MPI  # deferred: an extra, which begins MPI when it is imported

        self._communicator = communicator
        self._mpi = MPI
        self._windows: dict[str, list[Any]] = {}
        self._segments: dict[str, list[Array]] = {}
        """Each process's memory for a purpose, if all are on one machine, and the array in it."""
        rank, size = communicator.Get_rank(), communicator.Get_size()
        super().__init__(rank, size, self._add_up_anywhere, self._gather_anywhere)
        self.shares_steps = False  # until it is known that memory is shared
        self._here = communicator.Split_type(MPI.COMM_TYPE_SHARED)
        self.on_this_machine: int = self._here.Get_size()
        """How many of the processes are on this machine."""
        self._phase: Phase = "agreeing"
        self._of_all: BpnetError | None = None
        """The error that all have met."""
        self.place = _place(communicator)
        """The number of this process, and its machine."""

    def agree(
        self,
        fact: Any = None,
        difference: Callable[[Any, Any], BpnetError] | None = None,
        error: BpnetError | None = None,
    ) -> None:
        """Wait until all processes are here; raise the same error in all if one has brought any.

        It is also an error if they bring different facts: `difference` returns it for two of them.
        """
        every = self._communicator.allgather((error, fact, self.place))
        texts = [None if one is None else one.problems for one, _, _ in every]
        for one, _, place in every:
            if one is not None:
                # what each has met needs no place
                alike = all(text == one.problems for text in texts)
                self._raise_in_all(one, "" if alike else f"{place}: ")
        (_, first, of_first), *others = every
        for _, other, place in others:
            if difference is not None and other != first:
                self._raise_in_all(difference(first, other), f"{of_first}, and {place}: ")

    def _raise_in_all(self, error: BpnetError, before: str = "") -> NoReturn:
        error.problems = [before + problem for problem in error.problems]
        error.args = ("\n".join(error.problems),)
        self._of_all = error
        raise error

    def _add_up_anywhere(self, array: Array) -> None:
        """Add up an array by way of the memory that all share, if it is there, else by MPI."""
        segments = self._shared(array)
        if segments is None:
            self._communicator.Allreduce(self._mpi.IN_PLACE, array)
            return
        self.wait()  # for all to have written theirs
        first, last = (array.size * k // self.size for k in (self.rank, self.rank + 1))
        for start in range(first, last, PART):  # which stays in the cache
            part = slice(start, min(start + PART, last))
            total = segments[0][part]
            for segment in segments[1:]:
                np.add(total, segment[part], total)
            for segment in segments[1:]:
                np.copyto(segment[part], total)
        self.wait()

    def _gather_anywhere(self, array: Array, ends: Sequence[int]) -> None:
        """Gather the shares of an array from memory that all share, if it is there, or by MPI."""
        segments = self._shared(array)
        if segments is None:
            counts = [stop - start for start, stop in pairwise(ends)]
            self._communicator.Allgatherv(self._mpi.IN_PLACE, [array, (counts, ends[:-1])])
            return
        self.wait()  # for all to have written theirs
        for rank, (start, stop) in enumerate(pairwise(ends)):
            if rank != self.rank:
                np.copyto(array[start:stop], segments[rank][start:stop])
        self.wait()  # for all to have read them

    def _shared(self, array: Array) -> list[Array] | None:
        """Return each process's array in the place of this one's, flat; None if it is its own."""
        for segments in self._segments.values():
            own = segments[self.rank]
            if 0 <= (first := _address(array) - _address(own)) < own.nbytes:
                place = slice(first // own.itemsize, first // own.itemsize + array.size)
                return [segment[place] for segment in segments]
        return None

    def share_memory(self, network: Network) -> None:
        """Let a network's gradient and parameters live in memory that all on a machine share.

        Then they are added up and gathered without messages, and the processes share the steps of
        the optimizer. Nothing changes if there are several machines, or too little such memory, as
        in many containers.
        """
        vectors = {"gradient": network.gradients, "theta": network.parameters}
        needed = self.size * sum(vector.whole.nbytes + _PAGE for vector in vectors.values())
        self.shares_steps = self.on_this_machine == self.size and self.of_leader(_room() > needed)
        if not self.shares_steps:
            return
        theta = network.theta.copy()
        for purpose, vector in vectors.items():
            vector.live_in(self._memory(purpose, vector.whole.size, network.dtype))
        network.theta[...] = theta

    def _memory(self, purpose: str, count: int, dtype: np.dtype) -> Array:
        """Return shared memory for a purpose, the same one at each time if it is large enough."""
        size = -(-count * dtype.itemsize // _PAGE) * _PAGE
        if size > len(next(iter(self._windows.get(purpose, [])), b"")):
            window = self._mpi.Win.Allocate_shared(size, 1, comm=self._communicator)
            self._windows[purpose] = [window.Shared_query(rank)[0] for rank in range(self.size)]
        segments = [np.frombuffer(buffer, dtype, count) for buffer in self._windows[purpose]]
        self._segments[purpose] = segments
        return segments[self.rank]

    @contextmanager
    def adding(self, then: Phase = "agreeing") -> Iterator[None]:
        """Work in a way in which all add up arrays, so that an error of one process ends all."""
        self._phase = "adding"
        yield
        self._phase = then

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

    def begin(self) -> None:
        """Begin a training, which all join."""
        self._phase, self._of_all = "agreeing", None
        versions = {"bpnet": __version__, "NumPy": np.__version__}
        self.agree(versions, _other_versions)

    def end(self, error: BaseException) -> None:
        """Raise what all raise for an error of this process; return if it is the only one.

        Then the whole ends: by `leave`, or at once if the error is a bug.
        """
        if error is self._of_all or self._phase == "apart":
            return
        if self._phase == "adding" and isinstance(error, InterruptedRunError | DivergedError):
            self._raise_in_all(self.of_leader(error))  # of all, at the same step
        if isinstance(error, BpnetError) and self._phase == "agreeing":
            self.agree(error=error)
        if not self.leads:  # which may have met the same, and ends all then
            time.sleep(_FIRST_WORD)
        if not isinstance(error, KeyboardInterrupt):
            sys.stderr.write(f"{self.place}, ends all:\n")
        if isinstance(error, Exception) and not isinstance(error, _REPORTED):
            traceback.print_exception(error)
            self.abort(1)
        _alone.append(self)

    def cores_each(self) -> int:
        """Return the number of cores for each process of this machine."""
        affinity = getattr(os, "sched_getaffinity", None)  # Linux has it
        own = affinity(0) if affinity is not None else set(range(os.cpu_count() or 1))
        every = self._here.allgather(own)
        # of a core on which several may run each has a part
        share = sum(Fraction(1, sum(core in other for other in every)) for core in own)
        if cores() < len(own):  # the container's time, which all share
            share = min(share, Fraction(cores(), self.on_this_machine))
        return max(1, int(share))


def _room() -> float:
    """Return the bytes of memory that processes may share, where the system has a bound for it."""
    try:
        free = os.statvfs("/dev/shm")  # noqa: S108, nothing is written
    except (AttributeError, OSError):  # of Windows, and of systems without such a folder
        return float("inf")
    return free.f_bavail * free.f_frsize


def _address(array: Array) -> int:
    """Return where an array begins in memory."""
    return int(array.__array_interface__["data"][0])


_REPORTED = (BpnetError, OSError, MemoryError)
"""The errors that have messages."""
_worlds: list[World] = []
"""The processes, once this one has joined them."""
_alone: list[World] = []
"""The processes of which this one has met an error that the others do not know of."""


def _other_versions(one: Mapping[str, str], other: Mapping[str, str]) -> UsageError:
    """Return the error of packages that differ."""
    package = next(name for name in one if one[name] != other.get(name))
    return UsageError(
        f"have {package} {one[package]} and {other.get(package)}; install the same on all machines"
    )


def alone() -> bool:
    """Return True if this process ends by an error that the others do not know of."""
    return bool(_alone)


def leave(exit_code: int) -> None:
    """End the other processes, too, if this one ends alone."""
    for world in _alone:
        world.abort(exit_code)


@contextmanager
def joined() -> Iterator[World | None]:
    """Join the processes that a launcher has started; None if there is only one.

    Within, an error that one meets before they train, or that all meet, is raised in all. One that
    a process meets alone, while they train, ends all: see `leave`.
    """
    found = launched()
    if found.size == 1:
        yield None
        return
    world = _world(found)
    try:
        world.begin()
        # what shares a machine shares its cores
        with at_most(world.cores_each()):
            yield world
    except BaseException as error:
        world.end(error)
        raise


def _world(found: Launched) -> World:
    """Return the processes, once all are here.

    Raises UsageError if the extra is missing, or of another MPI.
    """
    communicator = _communicator(found)
    _meet(communicator)
    if not _worlds:
        # for the messages of training only
        _worlds.append(World(communicator.Dup()))
    return _worlds[0]


def _meet(communicator: Any) -> None:
    """Wait until all processes have come here, and say so if that takes long."""
    request, patience = communicator.Ibarrier(), time.monotonic() + PATIENCE
    while not request.Test():  # rather than `Barrier`, in which no signal would arrive
        time.sleep(0.002)
        if time.monotonic() > patience:
            patience = float("inf")
            if communicator.Get_rank() < 2:  # of which one may be what the others wait for
                sys.stderr.write(
                    f"{_place(communicator)}: waits for the others to train with it; where each "
                    "process trains a network of its own: --mpi never (in Python mpi='never')\n"
                )


def _place(communicator: Any) -> str:
    """Return the number of this process, and its machine, for messages."""
    rank, size = communicator.Get_rank(), communicator.Get_size()
    return f"process {rank} of {size}, on {socket.gethostname()}"


def _communicator(found: Launched) -> Any:
    """Return MPI's communicator of all processes; raises UsageError as `_world`."""
    each = "; where each process trains a network of its own: --mpi never"
    try:
        from mpi4py import MPI  # deferred: see above
    except (ImportError, RuntimeError) as error:
        missing = (
            "the extra mpi is missing: pip install 'bpnet-cli[mpi]'"
            if isinstance(error, ModuleNotFoundError)
            else f"mpi4py cannot be used: {error}"
        )
        raise UsageError(
            f"{found.launcher} has started {counted(found.size, 'process')}, but {missing}{each}"
        ) from None
    size = MPI.COMM_WORLD.Get_size()
    if size < found.size:
        library = " ".join(MPI.Get_library_version().split("\n")[0].strip("\x00").split())
        advice = (
            "srun --mpi=pmi2 (srun --mpi=list shows what there is), or mpiexec in the batch script"
            if found.launcher == "srun"
            else "the launcher of that one"
        )
        raise UsageError(
            f"{found.launcher} has started {found.size} processes, of which mpi4py sees {size}: "
            f"its MPI ({library}) is not told of the others; use {advice}{each}"
        )
    return MPI.COMM_WORLD
