"""Ranks in one process: each is a thread, and they add up arrays at a barrier."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bpnet.engine.ranks import Ranks


def with_ranks(
    size: int, function: Callable[[Ranks], Any], *, shares_steps: bool = False
) -> list[Any]:
    """Return what the function returns in each of `size` ranks; an error of one ends them all."""
    barrier = threading.Barrier(size)
    given: list[Any] = [None] * size
    results: list[Any] = [None] * size
    errors: list[BaseException] = []

    def add_up_of(rank: int) -> Callable[[np.ndarray], None]:
        def add_up(array: np.ndarray) -> None:
            given[rank] = array.copy()
            barrier.wait(20)
            shapes = {(one.shape, one.dtype) for one in given}
            assert len(shapes) == 1, f"ranks add up different arrays: {shapes}"
            total = sum(given[1:], given[0])
            barrier.wait(20)
            array[...] = total

        return add_up

    def gather_of(rank: int) -> Callable[[np.ndarray, Sequence[int]], None]:
        def gather(array: np.ndarray, ends: Sequence[int]) -> None:
            given[rank] = array.copy()
            barrier.wait(20)
            for k, other in enumerate(given):
                array[ends[k] : ends[k + 1]] = other[ends[k] : ends[k + 1]]
            barrier.wait(20)

        return gather

    def run(rank: int) -> None:
        gather = gather_of(rank) if shares_steps else None
        try:
            results[rank] = function(Ranks(rank, size, add_up_of(rank), gather))
        except BaseException as error:
            errors.append(error)
            barrier.abort()

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise next(
            (e for e in errors if not isinstance(e, threading.BrokenBarrierError)), errors[0]
        )
    return results
