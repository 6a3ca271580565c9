"""The sides of suite.py: bpnet and its peers, each in a process of its own with so many threads."""

import functools
import gc
import importlib
import importlib.util
import multiprocessing
import os
import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import suite_bpnet
from suite_jobs import JOBS, Job, Table
from threadpoolctl import threadpool_info, threadpool_limits

SIDE = 2048
"""Rows and columns of the matrices whose product gives the machine's rate."""

Part = Literal["warm-up", "quick", "whole"]


@dataclass(frozen=True)
class Peer:
    """A library that does the same jobs: functions of a module, by their prefix."""

    title: str
    library: str
    module: str
    prefix: str = ""
    needs: tuple[str, ...] = ()
    """Programs of which one must be installed, too."""

    @property
    def missing(self) -> str | None:
        """What is not installed, if anything."""
        if importlib.util.find_spec(self.library) is None:
            return f"{self.title} is not installed (pip install -e '.[bench]')"
        if self.needs and not any(map(shutil.which, self.needs)):
            return f"{self.title} needs a compiler, one of {', '.join(self.needs)}"
        return None


PEERS = {
    "torch": Peer("PyTorch", "torch", "suite_torch"),
    "compile": Peer(
        "torch.compile", "torch", "suite_torch", "compiled_", needs=("g++", "clang++", "c++")
    ),
    "jax": Peer("JAX", "jax", "suite_jax"),
    "sklearn": Peer("scikit-learn", "sklearn", "suite_sklearn"),
}


class Turn(NamedTuple):
    """One turn of a side: seconds of the job, and of compiling and preparing it; its last loss."""

    seconds: float
    preparing: float
    loss: float


@functools.lru_cache(1)
def table_of(name: str) -> tuple[Job, Table]:
    """Return a job and its table."""
    job = next(job for job in JOBS if job.name == name)
    return job, job.table()


def prepared(side: str, job: Job, table: Table, log_path: Path) -> Callable[[], float | np.ndarray]:
    """Return the function that is timed: a training or a prediction."""
    network = suite_bpnet.make_network(job, table)
    verb = "predicting" if job.predicts else "training"
    if side == "bpnet":
        return getattr(suite_bpnet, verb)(job, table, network, log_path)
    module = importlib.import_module(PEERS[side].module)  # in this side's process only
    make = getattr(module, PEERS[side].prefix + verb)
    return make(job, table, suite_bpnet.weights(network), log_path)


def take_turn(side: str, name: str, part: Part, log_path: Path) -> Turn:
    """Do a job, or a part of it; the loss of a prediction is the cross-entropy of all rows."""
    job, table = table_of(name)
    if part != "whole":
        job, table = job.warm_up(table) if part == "warm-up" else job.quick(table)
    start = time.perf_counter()
    run = prepared(side, job, table, log_path)
    preparing = time.perf_counter() - start
    gc.collect()
    time.sleep(0.05)  # until the threads of the one before have gone to sleep
    start = time.perf_counter()
    result = run()
    seconds = time.perf_counter() - start
    if isinstance(result, np.ndarray):
        right = result[np.arange(len(result)), table.labels]
        result = float(-np.log(right, dtype=np.float64).mean())
    return Turn(seconds, preparing, result)


def blas_kernels() -> str:
    """Return for which processors NumPy's BLAS computes: OPENBLAS_CORETYPE may name older ones."""
    kinds = {
        library.get("architecture", "unknown")
        for library in threadpool_info()
        if library["user_api"] == "blas"
    }
    return ", ".join(sorted(kinds))


def matmul_rate() -> float:
    """Measure the GFLOP/s of a large float32 product by NumPy, with the permitted threads."""
    a, b = np.random.default_rng(0).standard_normal((2, SIDE, SIDE), np.float32)
    out = a @ b
    times = []
    for _ in range(3):
        start = time.perf_counter()
        np.matmul(a, b, out)
        times.append(time.perf_counter() - start)
    return 2 * SIDE**3 / statistics.median(times) / 1e9


def limit(side: str, threads: int) -> None:
    """Limit this process to so many cores and threads, before a peer's library starts its own."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    os.environ |= {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    # JAX has a thread for each of the process's cores
    os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"
    os.environ["JAX_PLATFORMS"] = "cpu"
    if side != "bpnet" and PEERS[side].library == "torch":
        import torch  # only where it is the side

        torch.set_num_threads(threads)
    threadpool_limits(threads)


@contextmanager
def workers(sides: Sequence[str], threads: int) -> Iterator[dict[str, ProcessPoolExecutor]]:
    """Start the process of each side."""
    spawn = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        yield {
            side: stack.enter_context(
                ProcessPoolExecutor(1, spawn, initializer=limit, initargs=(side, threads))
            )
            for side in sides
        }
