"""Threads: how many of them the matrix products of a network may use."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

from threadpoolctl import threadpool_limits

from bpnet.engine.network import Network

SMALLEST_SHARED = 100_000_000
"""A product of fewer floating-point operations (about 2 ms on one core) is not shared out among threads.

They would gain little on an idle machine; beside another busy process they wait for one another, and a small network's
step was seen to take ten to a hundred times as long.
"""


@contextmanager
def suited_threads(network: Network, rows: int) -> Iterator[None]:
    """Let BLAS use one thread, or as many as it likes where the network's products over so many rows are large."""
    largest = max((2 * rows * inputs * outputs for inputs, outputs in pairwise(network.widths)), default=0)
    with threadpool_limits(None if largest >= SMALLEST_SHARED else 1, "blas"):
        yield
