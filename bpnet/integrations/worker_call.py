"""Calls of a function on the workers of a cluster, which must have the versions of the caller."""

import os
import pickle  # noqa: TID251 - as Dask and Ray send what they are given; nothing is kept so
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from bpnet.errors import BpnetError, RunError

Task = TypeVar("Task")
Result = TypeVar("Result")

MORE_MEMORY = "fewer workers on a machine leave each more memory"
"""What to do about workers that have not enough of it."""


def versions() -> dict[str, str]:
    """Return the versions on which the results of a task depend."""
    import numpy as np

    import bpnet

    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return {"Python": python, "bpnet": bpnet.__version__, "NumPy": np.__version__}


def version_problem(here: Mapping[str, str], there: Mapping[str, str]) -> str:
    """Return which version of a worker differs from that of the caller, or the empty string."""
    for name, version in here.items():
        if there.get(name) != version:
            return (
                f"has {name} {there.get(name)}, and this process {version}; install the same there"
            )
    return ""


@dataclass(frozen=True)
class _Call(Generic[Task, Result]):
    """A task, the function that does it, and the versions of the process that sent it."""

    function: Callable[[Task], Result]
    task: Task
    versions: Mapping[str, str] = field(default_factory=versions)

    def __call__(self) -> Result:
        """Do the task; raises RunError if the worker has other versions: it may have come late."""
        name = f"the worker {socket.gethostname()} (process {os.getpid()})"
        if problem := version_problem(self.versions, versions()):
            raise RunError(f"{name} {problem}")
        try:
            return self.function(self.task)
        except BpnetError as error:
            error.problems = [f"{name}: {text}" for text in error.problems]
            error.args = ("\n".join(error.problems),)
            raise
        except MemoryError:
            raise RunError(f"{name} has not enough memory for its task; {MORE_MEMORY}") from None


def sent(function: Callable[[Task], Result], task: Task) -> bytes:
    """Return the call of a function as it is sent to a worker."""
    return pickle.dumps(_Call(function, task))


def doer() -> Callable[[bytes], tuple[str, Any]]:
    """Return the function that a worker calls with what it was sent, for `received`.

    It is a local one, which Dask and Ray send by its code, so that a process without bpnet can take
    it: the scheduler, or a worker that answers what it lacks.
    """

    def bpnet_task(call: bytes) -> tuple[str, Any]:
        # here, as all that it needs is sent with it
        import os
        import pickle  # noqa: TID251
        import socket

        try:
            loaded = pickle.loads(call)  # noqa: S301 - of the process that has this worker work
        except (ImportError, AttributeError) as error:
            return f"{socket.gethostname()} (process {os.getpid()})", str(error)
        return "", loaded()

    return bpnet_task


def received(answer: tuple[str, Any]) -> Any:
    """Return the result of a task; raises RunError if the worker has no bpnet, or another one."""
    worker, result = answer
    if worker:
        here = versions()["bpnet"]
        raise RunError(f"the worker {worker} cannot load bpnet {here} ({result}); install it there")
    return result
