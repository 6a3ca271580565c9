"""The threads that compute: how many are permitted, and who uses them, bpnet's workers or BLAS.

Either the tasks of a step or a prediction are shared out among workers, each of which multiplies
with BLAS on one thread; or, in trainings that cannot be cut, BLAS shares out large products.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import pairwise

from threadpoolctl import threadpool_info, threadpool_limits

from bpnet.engine.loop.settings import Training
from bpnet.engine.loop.slices import slice_count
from bpnet.engine.network import Network
from bpnet.engine.workers import thread_count, workers

SMALLEST_SHARED = 30_000_000
"""Products of fewer floating-point operations (about 0.2 ms on one core) stay on one thread.

On two idle cores a product of 34 million operations takes 0.71 of the time that one thread takes,
one of 51 million 0.57, and one of 8 million 1.08. Beside another busy process, threads wait for
one another: a small network's step was seen to take ten to a hundred times as long.
"""

_given: ContextVar[int | None] = ContextVar("threads", default=None)


@contextmanager
def permitted_threads(count: int | None) -> Iterator[None]:
    """Permit this number of threads; None for as many as there are cores for this process."""
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
    """Let workers share predictions and evaluations, with BLAS on one thread each."""
    if thread_count() > 1:  # they share it already
        yield
        return
    with workers(permitted()), threadpool_limits(1, "blas"):
        yield


@contextmanager
def suited_threads(network: Network, training: Training, rows: int) -> Iterator[None]:
    """Let workers share a training's steps over `rows` rows, or BLAS its large products."""
    largest = max(
        (2 * rows * inputs * outputs for inputs, outputs in pairwise(network.widths)), default=0
    )
    if slice_count(network, training, rows) > 1 or largest < SMALLEST_SHARED:
        with shared_work():
            yield
        return
    with threadpool_limits(permitted(), "blas"):
        yield
