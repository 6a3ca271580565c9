"""The processes that mpiexec has started: `train` and `resume` join them, other verbs refuse."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from bpnet.errors import UsageError
from bpnet.integrations.launcher import launched

if TYPE_CHECKING:
    from bpnet.workflows.data_parallel import Together

SHARED = ("train", "resume")
"""The verbs that several processes do together."""


class When(StrEnum):
    """When processes train together."""

    AUTO = "auto"
    ALWAYS = "always"


Mpi = Annotated[
    When,
    typer.Option(help="Train together under mpiexec where it is faster, or always."),
]


@contextmanager
def processes(when: When) -> Iterator["Together | None"]:
    """Join the processes that mpiexec has started; None if it has not."""
    if launched()[0] == 1:
        yield None
        return
    # deferred: only under mpiexec
    from bpnet.integrations.mpi import joined
    from bpnet.workflows.data_parallel import Together

    with joined() as world:
        yield None if world is None else Together(world, always=when is When.ALWAYS)


def refusal(arguments: Sequence[str]) -> int | None:
    """Refuse a verb that several processes would each do; return its exit code, None if it may.

    One of them says so.
    """
    count, rank = launched()
    verb = next((word for word in arguments if not word.startswith("-")), None)
    if count == 1 or verb is None or verb in SHARED:
        return None
    if verb == "search" and any(word.startswith("--join") for word in arguments):
        return None  # they share the study
    if rank == 0:
        from bpnet.cli import console  # deferred: only an error needs it

        shared = " and ".join(f"bpnet {one}" for one in SHARED)
        console.print_errors(
            [
                f"mpiexec has started {count} processes, each of which would do all of bpnet {verb}"
                f"; {shared} share their work: type it without mpiexec"
            ]
        )
    return UsageError.exit_code


def end_others(exit_code: int) -> None:
    """End the processes that train with this one, if it ends without them."""
    mpi = sys.modules.get("bpnet.integrations.mpi")
    if mpi is not None:
        mpi.leave(exit_code)
