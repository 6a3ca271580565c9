"""The workers of a Ray cluster: how they are found, and how they do tasks.

Tasks are Ray's own, not those of joblib's pool of actors, which a worker that ends leaves broken.
"""

import logging
import re
import socket
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, suppress
from typing import Any, TypeVar

from bpnet.errors import RunError, UsageError
from bpnet.integrations.worker_call import MORE_MEMORY, doer, received, sent

Task = TypeVar("Task")
Result = TypeVar("Result")

_RETRIES = 3
"""How often a task is tried again whose worker has ended."""
_TIMEOUT = 15
"""Seconds in which a cluster must answer."""


def begin(stack: ExitStack, workers: int | None, cluster: str | None) -> None:
    """Join a cluster, or start one of processes here, until the stack is closed.

    Raises ImportError, or UsageError if it does not start, or does not answer.
    """
    import ray
    import ray.util.joblib

    if cluster is not None:
        _look_for(cluster)

    stack.callback(ray.shutdown)  # also of one that an interruption left half started
    try:
        if cluster is not None:
            ray.init(address=cluster, log_to_driver=False, logging_level=logging.CRITICAL)
        else:
            ray.init(
                address="local",
                num_cpus=workers,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
            )
    except Exception as error:  # Ray raises whatever its parts meet
        if cluster is None:
            raise UsageError(f"--backend ray: does not start ({error})") from None
        why = "none runs on this machine" if cluster == "auto" else error
        raise _no_cluster(cluster, why) from None
    register: Any = ray.util.joblib.register_ray
    register()


def _look_for(cluster: str) -> None:
    """Raise UsageError if nothing answers at an address, for which Ray would look a minute."""
    if cluster == "auto":
        return
    address = re.fullmatch(r"(?:ray://)?\[?([^/\[\]]+)\]?:([0-9]{1,5})", cluster)
    if address is None:
        raise UsageError(
            f"--cluster {cluster!r}: is not the address of a Ray cluster; give it as HOST:6379, or "
            "auto for that of this machine"
        )
    try:
        socket.create_connection((address[1], int(address[2])), _TIMEOUT).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(cluster, error) from None


def _no_cluster(cluster: str, why: object) -> UsageError:
    return UsageError(
        f"--cluster {cluster}: no Ray cluster answers ({why}); start one with: ray start --head; "
        "then --cluster auto on the same machine, HOST:6379 on others"
    )


def run(function: Callable[[Task], Result], tasks: Sequence[Task]) -> Generator[Result, None, None]:
    """Yield the result of each task, in their order; see `engines.run`."""
    import ray

    # with retries of its own Ray would try for ever where a worker has too little memory
    do = ray.remote(num_cpus=1, max_retries=0)(doer())
    waiting = [ray.put(sent(function, task)) for task in tasks]
    references = [do.remote(call) for call in waiting]
    tried = 0
    try:
        while references:
            try:
                result = _result(references[0])
            except ray.exceptions.RayError as error:
                if tried == _RETRIES:
                    raise RunError(
                        f"a worker of Ray ended before its task was done, as {_RETRIES} before it "
                        f"({type(error).__name__}): they were killed, or the memory was not "
                        f"enough; {MORE_MEMORY}"
                    ) from error
                tried += 1
                references[0] = do.remote(waiting[0])
                continue
            tried = 0
            yield received(result)
            del references[0], waiting[0]
    finally:
        for reference in references:
            with suppress(Exception):  # of a cluster that is gone
                ray.cancel(reference, force=True)


def _result(reference: Any) -> Any:
    """Wait for a result; raises what the task raised, or RayError if it was not done."""
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
