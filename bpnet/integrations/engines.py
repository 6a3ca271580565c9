"""Engines: joblib's backends, whose workers do tasks side by side on one machine or several."""

import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Any, TypeVar

from bpnet.errors import RunError, UsageError
from bpnet.integrations import dask_workers, ray_workers

Task = TypeVar("Task")
Result = TypeVar("Result")

_LOST = {"BrokenProcessPool", "TerminatedWorkerError"}
"""The errors by which joblib's own backends report that a worker has ended, by name."""


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

    Closing the iterator cancels what is left. A task whose worker ends is tried again: on this
    machine once, on clusters three times. Raises RunError if the worker ends again, or the cluster
    is gone, and what the function raises.
    """
    from joblib.parallel import get_active_backend

    backend = get_active_backend()[0]
    if type(backend).__name__ == "DaskDistributedBackend":
        yield from dask_workers.run(backend.client, function, tasks)
    elif type(backend).__name__ == "RayBackend":
        yield from ray_workers.run(function, tasks)
    else:
        yield from _run_by_joblib(function, tasks)


def _run_by_joblib(
    function: Callable[[Task], Result], tasks: Sequence[Task]
) -> Generator[Result, None, None]:
    """Yield the result of each task from the workers of joblib's own backends."""
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
        begin = {"dask": dask_workers.begin, "ray": ray_workers.begin}.get(backend)
        if begin is not None:
            try:
                begin(stack, workers, cluster)
            except ImportError:
                raise UsageError(
                    f"--backend {backend} needs {backend}; install it with: pip install "
                    f"'bpnet-cli[{backend}]'"
                ) from None
        count = workers or -1
        stack.enter_context(joblib.parallel_config(backend=backend, n_jobs=count))
        if jobs() == 0:
            more = "give more: --jobs 4" if cluster is None else "start more on the cluster"
            raise UsageError(
                f"--backend {backend}: has one worker, which is no more than this process; {more}"
            )
        yield
