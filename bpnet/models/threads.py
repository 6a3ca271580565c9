"""The threads that compute: how many are permitted.

The tasks of a step or a prediction are shared out among workers, each of which multiplies with BLAS
on one thread: so the number of threads changes no bit of a result.
"""

import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from threadpoolctl import ThreadpoolController

from bpnet.engine.workers import thread_count, workers
from bpnet.errors import UsageError

_given: ContextVar[int | None] = ContextVar("threads", default=None)


@contextmanager
def permitted_threads(count: int | None) -> Iterator[None]:
    """Permit this number of threads; None for as many as there are cores for this process.

    Raises UsageError if it is no such number.
    """
    if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 1):
        raise UsageError(
            f"threads is {count!r}; it must be a whole number from 1, such as 2, or be left out"
        )
    token = _given.set(count)
    try:
        yield
    finally:
        _given.reset(token)


def permitted(libraries: ThreadpoolController) -> int:
    """Return the number of threads that may compute, beside the libraries that are loaded.

    By default it is that of BLAS, which OPENBLAS_NUM_THREADS and threadpoolctl set, but at most
    that of the cores on which this process may run, or whose time its container may take.
    """
    given = _given.get()
    if given is not None:
        return given
    blas = [int(one["num_threads"]) for one in libraries.info() if one["user_api"] == "blas"]
    return max(1, min([cores(), *blas]))


QUOTAS = (
    ("cpu.max", None),
    ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"),
)
"""Files with the processor time that a container may take in a period, and those with the period:
of version 2 of Linux's control groups, which has both in one, and of version 1."""
CONTROL_GROUP = Path("/sys/fs/cgroup")
"""The control group of a container, as its processes see it."""


def cores() -> int:
    """Return the number of cores on which this process may run, or whose time it may take."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux has it
    present = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return max(1, min([present, *_quota()]))


def _quota() -> list[int]:
    """Return the cores whose time a container may take, rounded up; nothing if it has no limit."""
    for times, periods in QUOTAS:
        names = [times] if periods is None else [times, periods]
        try:
            words = [word for name in names for word in (CONTROL_GROUP / name).read_text().split()]
            time, period = (int(word) for word in words)
        except (OSError, ValueError):  # no such file, or "max"
            continue
        if time > 0 and period > 0:
            return [math.ceil(time / period)]
    return []


_looked_up: dict[int, ThreadpoolController] = {}


def loaded_libraries() -> ThreadpoolController:
    """Return the libraries with threads, which are looked up again once there are more modules.

    That takes a millisecond, as long as fifty steps of a small training.
    """
    modules = len(sys.modules)
    libraries = _looked_up.get(modules)
    if libraries is None:
        libraries = ThreadpoolController()
        _looked_up.clear()
        _looked_up[modules] = libraries
    return libraries


@contextmanager
def shared_work() -> Iterator[None]:
    """Let workers share steps, evaluations and predictions, with BLAS on one thread each."""
    if thread_count() > 1:  # they share it already
        yield
        return
    libraries = loaded_libraries()
    with workers(permitted(libraries)), libraries.limit(limits=1, user_api="blas"):
        yield
