"""The threads that compute: how many are permitted.

The tasks of a step or a prediction are shared out among workers. BLAS multiplies on one thread,
from the beginning of a command to its end: so the number of threads changes no bit of a result.
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from bpnet.blas import given_threads, one_thread
from bpnet.engine.workers import thread_count, workers
from bpnet.errors import UsageError

_given: ContextVar[int | None] = ContextVar("threads", default=None)
_most: ContextVar[int | None] = ContextVar("most_threads", default=None)


@contextmanager
def permitted_threads(count: int | None) -> Iterator[None]:
    """Permit this number of threads; None for what is permitted already, by default each core.

    All that a command computes is within, where BLAS has one thread. Raises UsageError if it is no
    such number.
    """
    if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 1):
        raise UsageError(
            f"threads is {count!r}; it must be a whole number from 1, such as 2, or be left out"
        )
    token = _given.set(_given.get() if count is None else count)
    try:
        with one_thread():
            yield
    finally:
        _given.reset(token)


@contextmanager
def at_most(count: int) -> Iterator[None]:
    """Permit no more threads than these by default."""
    token = _most.set(count)
    try:
        yield
    finally:
        _most.reset(token)


def permitted() -> int:
    """Return the number of threads that may compute.

    By default it is that of the cores on which this process may run, or whose time its container
    may take, but at most what BLAS may have, as OPENBLAS_NUM_THREADS and threadpoolctl say.
    """
    given = _given.get()
    if given is not None:
        return given
    limits = [count for count in (_most.get(), given_threads()) if count is not None]
    return max(1, min([cores(), *limits]))


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


@contextmanager
def shared_work() -> Iterator[None]:
    """Let workers share steps, evaluations and predictions, with BLAS on one thread each."""
    if thread_count() > 1:  # they share it already
        yield
        return
    with one_thread(), workers(permitted()):
        yield
