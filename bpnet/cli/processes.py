"""The processes that mpiexec has started: `train` and `resume` join them, other verbs refuse."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from bpnet.errors import BpnetError, UsageError
from bpnet.integrations.launcher import launched

if TYPE_CHECKING:
    from bpnet.workflows.data_parallel import Together

SHARED = ("train", "resume")
"""The verbs that several processes do together."""
_SHARED_WITH = {"search": "--join", "predict": "--shard"}
"""The verbs of which several processes each do a part with this option."""
_FIRST_WORD = 0.2
"""Seconds that the others leave to the first process to report."""


class When(StrEnum):
    """When processes train together."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


Mpi = Annotated[
    When,
    typer.Option(help="Train together under mpiexec where it is faster, or always, or never."),
]


@contextmanager
def joined(when: When) -> Iterator["Together | None"]:
    """Join the processes that mpiexec has started; None if it has not, or each trains for itself.

    An error is raised in all of them: see `joined`.
    """
    if when is When.NEVER or launched().size == 1:
        yield None
        return
    # deferred: only under mpiexec
    from bpnet.integrations import mpi
    from bpnet.workflows.data_parallel import Together

    with mpi.joined() as world:
        yield None if world is None else Together(world, always=when is When.ALWAYS)


@contextmanager
def processes(when: When) -> Iterator["Together | None"]:
    """Join the processes that mpiexec has started, of which one reports an error that all meet."""
    try:
        with joined(when) as together:
            yield together
    except BpnetError as error:
        if when is When.NEVER or launched().rank == 0 or ends_alone():
            raise
        time.sleep(_FIRST_WORD)
        silent = BpnetError([])
        silent.exit_code = error.exit_code
        raise silent from None


def refusal(arguments: Sequence[str]) -> int | None:
    """Refuse a verb that several processes would each do; return its exit code, None if it may.

    One of them says so. Slurm's srun starts also processes that have nothing to do with another.
    """
    count, rank, launcher = launched()
    verb = next((word for word in arguments if not word.startswith("-")), None)
    if count == 1 or launcher == "srun" or verb is None or verb in SHARED:
        return None
    option = _SHARED_WITH.get(verb)
    if option is not None and any(word.startswith(option) for word in arguments):
        return None
    if rank == 0:
        from bpnet.cli import console  # deferred: only an error needs it

        shared = " and ".join(f"bpnet {one}" for one in SHARED)
        console.print_errors(
            [
                f"{launcher} has started {count} processes, each of which would do all of bpnet "
                f"{verb}; {shared} share their work: type it without {launcher}"
            ]
        )
    else:  # Open MPI ends all as soon as one has ended
        time.sleep(_FIRST_WORD)
    return UsageError.exit_code


def ends_alone() -> bool:
    """Return True if this process ends by an error that the others do not know of."""
    mpi = sys.modules.get("bpnet.integrations.mpi")
    return mpi is not None and bool(mpi.alone())


def end_others(exit_code: int) -> None:
    """End the processes that train with this one, if it ends without them."""
    mpi = sys.modules.get("bpnet.integrations.mpi")
    if mpi is not None:
        mpi.leave(exit_code)
