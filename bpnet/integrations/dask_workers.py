"""The workers of a Dask cluster: how they are found, and how they do tasks.

Tasks are submitted to the client of joblib's backend, and not by joblib itself, which waits for
ever if a task ends by an error of Dask: a worker that is killed again and again, or a scheduler
that is gone.
"""

import logging
import time
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any, TypeVar

from bpnet.errors import RunError, UsageError
from bpnet.integrations.worker_call import (
    MORE_MEMORY,
    doer,
    received,
    sent,
    version_problem,
    versions,
)

Task = TypeVar("Task")
Result = TypeVar("Result")

_TIMEOUT = 15
"""Seconds in which a scheduler must answer, and in which its workers may start."""
_WITHOUT_WORKERS = 60
"""Seconds after which a cluster that has lost its last worker is given up."""
_LOOK = 5
"""Seconds between two looks whether there are workers."""


def begin(stack: ExitStack, workers: int | None, cluster: str | None) -> None:
    """Connect to a scheduler, or start a cluster of processes here, until the stack is closed.

    Raises ImportError, or UsageError if the scheduler does not answer, or its workers have other
    versions.
    """
    from distributed import Client, LocalCluster
    from distributed.comm.addressing import resolve_address

    _silence(stack)
    if cluster is None:
        local: Any = LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=workers, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        )
        stack.enter_context(stack.enter_context(local).get_client())
        return
    try:
        resolve_address(cluster)  # before a client has threads
        client = stack.enter_context(Client(cluster, timeout=_TIMEOUT))  # type: ignore[no-untyped-call]
    except ValueError as error:
        raise UsageError(
            f"--cluster {cluster!r}: is not the address of a Dask scheduler ({error}); give it as "
            "tcp://HOST:8786, or, for a cluster of Ray, add --backend ray"
        ) from None
    except (OSError, TimeoutError) as error:
        raise UsageError(
            f"--cluster {cluster}: no scheduler answers ({error}); start one on HOST with: dask "
            "scheduler; workers with: dask worker tcp://HOST:8786 --nthreads 1"
        ) from None
    deadline = time.monotonic() + _TIMEOUT
    while (threads := sum(client.nthreads().values())) < (workers or 2):  # some may still start
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    if threads == 0:
        raise UsageError(
            f"--cluster {cluster}: the scheduler has no workers; start some with: dask worker "
            f"{cluster} --nworkers 4 --nthreads 1"
        )
    check_versions(cluster, client.run(versions, on_error="return"))


def _silence(stack: ExitStack) -> None:
    """Let Dask log nothing until the stack is closed: what goes wrong has a message of ours."""
    for name in [*logging.root.manager.loggerDict, "asyncio"]:
        if name.split(".")[0] in ("distributed", "tornado", "asyncio"):
            logger = logging.getLogger(name)
            stack.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.CRITICAL + 1)


def check_versions(cluster: str, found: Mapping[str, Any]) -> None:
    """Raise UsageError if a worker lacks bpnet, or has other versions."""
    here = versions()
    for worker, there in found.items():
        if not isinstance(there, dict):
            raise UsageError(
                f"--cluster {cluster}: the worker {worker} cannot load bpnet {here['bpnet']} "
                f"({there}); install it there"
            )
        if problem := version_problem(here, there):
            raise UsageError(f"--cluster {cluster}: the worker {worker} {problem}")


def run(
    client: Any, function: Callable[[Task], Result], tasks: Sequence[Task]
) -> Generator[Result, None, None]:
    """Yield the result of each task, in their order; see `engines.run`."""
    with warnings.catch_warnings():
        # of tasks with many rows, which are large
        warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
        futures = [client.submit(doer(), sent(function, task), pure=False) for task in tasks]
    try:
        while futures:
            yield received(_result(client, futures[0]))
            del futures[0]  # which frees the memory of the result on the cluster
    finally:
        with suppress(Exception):  # of a scheduler that is gone
            client.cancel(futures)


def _result(client: Any, future: Any) -> Any:
    """Wait for a result; raises RunError if no worker can give it."""
    from distributed import KilledWorker
    from distributed.client import FutureCancelledError

    last_seen = time.monotonic()
    while True:
        try:
            return future.result(timeout=_LOOK)
        except TimeoutError:
            if future.done():  # it is the task's own
                raise
        except KilledWorker as error:
            raise RunError(
                f"the worker {error.last_worker.address} ended before its task was done, as "
                f"{error.allowed_failures} before it: they were killed, or the memory was not "
                f"enough; {MORE_MEMORY}"
            ) from error
        except FutureCancelledError as error:
            raise RunError(
                f"the scheduler {client.scheduler.address} is gone, or has cancelled a task; "
                "start it and its workers again"
            ) from error
        with suppress(Exception):  # of a scheduler that is gone
            if client.nthreads():
                last_seen = time.monotonic()
        if time.monotonic() - last_seen > _WITHOUT_WORKERS:
            raise RunError(
                f"the scheduler {client.scheduler.address} has had no workers for "
                f"{_WITHOUT_WORKERS} s; start some with: dask worker "
                f"{client.scheduler.address} --nworkers 4 --nthreads 1"
            )
