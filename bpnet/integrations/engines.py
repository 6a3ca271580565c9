"""Engines: joblib's backends, whose workers do tasks side by side on one machine or several."""

import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Any, TypeVar

from bpnet.errors import RunError, UsageError

Task = TypeVar("Task")
Result = TypeVar("Result")

_LOST = {
    "ActorDiedError",
    "BrokenProcessPool",
    "KilledWorker",
    "OutOfMemoryError",
    "RayActorError",
    "TerminatedWorkerError",
    "WorkerCrashedError",
}
"""The errors by which the backends report that a worker has ended, by name: they are extras."""
_TIMEOUT = 15
"""Seconds in which a scheduler must answer."""


def jobs() -> int:
    """Return the number of workers of joblib's active backend; 0 if there is one, or no backend.

    Python code chooses it by `joblib.parallel_config`, the command line by `engine`.
    """
    if "joblib" not in sys.modules:  # nobody can have chosen one
        return 0
    import joblib

    count = int(joblib.effective_n_jobs(None))
    return count if count > 1 else 0


def run(function: Callable[[Task], Result], tasks: Sequence[Task]) -> Generator[Result, None, None]:
    """Yield the result of each task, in their order, as workers finish them.

    Closing the iterator cancels what is left. A task whose worker ends is tried once more. Raises
    RunError if the worker ends again, and what the function raises.
    """
    import joblib

    done, tried = 0, -1
    while done < len(tasks):
        parallel = joblib.Parallel(
            batch_size=1,
            pre_dispatch="all",
            return_as="generator" if _yields() else "list",
        )
        try:
            results = parallel(joblib.delayed(function)(task) for task in tasks[done:])
            with closing(iter_of(results)) as iterator:
                for result in iterator:
                    done += 1
                    yield result
        except Exception as error:
            if not _LOST & {kind.__name__ for kind in type(error).__mro__}:
                raise
            if tried == done:
                raise RunError(
                    f"a worker process ended before its task was done ({type(error).__name__}): "
                    "it was killed, or the memory was not enough; fewer workers need less (--jobs)"
                ) from error
            tried = done


def iter_of(results: Any) -> Any:
    """Return results as an iterator that can be closed."""
    return results if hasattr(results, "close") else (result for result in results)


def _yields() -> bool:
    """Return whether the backend gives results while others are still awaited."""
    from joblib.parallel import get_active_backend

    return bool(getattr(get_active_backend()[0], "supports_return_generator", False))


@contextmanager
def engine(
    backend: str | None, workers: int | None, cluster: str | None, *, alone: bool = True
) -> Iterator[None]:
    """Choose a backend, its number of workers, and the scheduler of a cluster, for a while.

    Without any of them nothing changes. Raises UsageError if they do not fit together, a package is
    missing, the scheduler does not answer, or its workers have other versions, or if the process is
    not alone, but one of several that train together.
    """
    if backend is None and workers is None and cluster is None:
        yield
        return
    if not alone:
        raise UsageError(
            "--jobs, --backend and --cluster: mpiexec has started processes that train together; "
            "leave them out, or mpiexec"
        )
    backend = backend or ("dask" if cluster is not None else "loky")
    if cluster is not None and backend == "loky":
        raise UsageError(
            "--cluster is for --backend dask or ray; loky's workers are processes of this machine"
        )
    import joblib

    with ExitStack() as stack:
        if backend == "dask":
            _begin_dask(stack, workers, cluster)
        elif backend == "ray":
            _begin_ray(stack, workers, cluster)
        count = workers or -1
        stack.enter_context(joblib.parallel_config(backend=backend, n_jobs=count))
        if jobs() == 0:
            raise UsageError(
                f"--backend {backend}: has one worker, which is no more than this process; "
                "give more: --jobs 4"
            )
        yield


def _missing(backend: str) -> UsageError:
    return UsageError(
        f"--backend {backend} needs {backend}; install it with: pip install 'bpnet-cli[{backend}]'"
    )


def _begin_dask(stack: ExitStack, workers: int | None, cluster: str | None) -> None:
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise _missing("dask") from None
    if cluster is None:
        local: Any = LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=workers, threads_per_worker=1, dashboard_address=":0", silence_logs=40
        )
        stack.enter_context(stack.enter_context(local).get_client())
        return
    try:
        client = stack.enter_context(Client(cluster, timeout=_TIMEOUT))  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TimeoutError) as error:
        raise UsageError(
            f"--cluster {cluster}: no scheduler answers ({error}); start one on HOST with: dask "
            "scheduler; workers with: dask worker tcp://HOST:8786 --nthreads 1"
        ) from None
    try:
        client.wait_for_workers(1, timeout=_TIMEOUT)
    except TimeoutError:
        raise UsageError(
            f"--cluster {cluster}: the scheduler has no workers; start some with: dask worker "
            f"{cluster} --nworkers 4 --nthreads 1"
        ) from None
    _check_versions(cluster, client.run(versions, on_error="return"))


def versions() -> dict[str, str]:
    """Return the versions on which the results of a task depend."""
    import numpy as np

    import bpnet

    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return {"Python": python, "bpnet": bpnet.__version__, "NumPy": np.__version__}


def _check_versions(cluster: str, found: dict[str, Any]) -> None:
    """Raise UsageError if a worker lacks bpnet, or has other versions."""
    here = versions()
    for worker, there in found.items():
        if not isinstance(there, dict):
            raise UsageError(
                f"--cluster {cluster}: the worker {worker} cannot load bpnet {here['bpnet']} "
                f"({there}); install it there"
            )
        for name, version in here.items():
            if there.get(name) != version:
                raise UsageError(
                    f"--cluster {cluster}: the worker {worker} has {name} {there.get(name)}, and "
                    f"this process {version}; install the same there"
                )


def _begin_ray(stack: ExitStack, workers: int | None, cluster: str | None) -> None:
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError:
        raise _missing("ray") from None
    try:
        if cluster is not None:
            ray.init(address=cluster, log_to_driver=False)
        else:
            ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise UsageError(
            f"--backend ray: does not start ({error}); start a cluster with: ray start --head"
        ) from None
    stack.callback(ray.shutdown)
    register_ray()
