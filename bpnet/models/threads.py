"""The number of threads that BLAS uses for a network's matrix products."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

from threadpoolctl import threadpool_limits

from bpnet.engine.network import Network

SMALLEST_SHARED = 30_000_000
"""Products of fewer floating-point operations (about 0.2 ms on one core) stay on one thread.

On two idle cores a product of 34 million operations takes 0.71 of the time that one thread takes,
one of 51 million 0.57, and one of 8 million 1.08. Beside another busy process, threads wait for
one another: a small network's step was seen to take ten to a hundred times as long.
"""


@contextmanager
def suited_threads(network: Network, rows: int) -> Iterator[None]:
    """Limit BLAS to one thread unless the network's products over `rows` rows are large."""
    largest = max(
        (2 * rows * inputs * outputs for inputs, outputs in pairwise(network.widths)), default=0
    )
    with threadpool_limits(None if largest >= SMALLEST_SHARED else 1, "blas"):
        yield
