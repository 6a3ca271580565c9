"""The threads that compute: how many are permitted.

The tasks of a step or a prediction are shared out among workers, each of which multiplies with BLAS
on one thread: so the number of threads changes no bit of a result.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from threadpoolctl import threadpool_info, threadpool_limits

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


def permitted() -> int:
    """Return the number of threads that may compute.

    By default it is that of BLAS, which OPENBLAS_NUM_THREADS and threadpoolctl set, but at most
    that of the cores on which this process may run.
    """
    given = _given.get()
    if given is not None:
        return given
    blas = [int(one["num_threads"]) for one in threadpool_info() if one["user_api"] == "blas"]
    return max(1, min([_cores(), *blas]))


def _cores() -> int:
    """Return the number of cores on which this process may run."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux has it
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


@contextmanager
def shared_work() -> Iterator[None]:
    """Let workers share steps, evaluations and predictions, with BLAS on one thread each."""
    if thread_count() > 1:  # they share it already
        yield
        return
    with workers(permitted()), threadpool_limits(1, "blas"):
        yield
