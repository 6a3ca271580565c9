"""Workers: threads that share the tasks of a step, since NumPy computes without Python's lock.

What a task computes never depends on the thread that takes it, nor on the number of threads: who
cuts work into tasks does so by its shape alone. So results are the same for any number.
"""

import contextvars
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

Task = Callable[[], object]

LOOKS = 5
"""How often a thread looks whether its wait is over before it sleeps: for as long as it takes to
wake it on a virtual machine, 0.05 ms. Where other processes have the cores, longer looks cost much
more than they save."""
PAUSE = 1 << 15
"""Number of square roots between two looks: 0.01 ms without Python's lock, so that other threads
rarely meet it taken."""


class Workers:
    """Threads that take tasks in turn beside the one that calls `run`, until `close`.

    They start with the first tasks, sleep in between, and see the caller's np.errstate.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        """The number of threads, the caller's included."""
        self._process = os.getpid()
        self._helpers: list[_Helper] = []
        self._busy = False

    def run(self, tasks: Sequence[Task]) -> None:
        """Do all tasks, each once, and return when all are done.

        What a task raises is raised here, once no task runs any more: of several the first of the
        caller's thread. Tasks that have not begun by then are left out. A task that runs tasks of
        its own does them by itself.
        """
        if len(tasks) < 2 or self._busy or self.threads < 2 or os.getpid() != self._process:
            for task in tasks:
                task()
            return
        self._busy = True
        try:
            self._share(tasks)
        finally:
            self._busy = False

    def _share(self, tasks: Sequence[Task]) -> None:
        while len(self._helpers) < min(self.threads, len(tasks)) - 1:
            self._helpers.append(_Helper())
        rest = iter(tasks)  # whose next is one call of C, so that no two threads get the same
        asked = self._helpers[: len(tasks) - 1]
        for helper in asked:
            helper.begin(rest)
        try:
            for task in rest:
                task()
        finally:
            for _ in rest:  # after an exception nobody takes the others
                pass
            _wait_for(asked)
        for helper in asked:
            if helper.error is not None:
                error, helper.error = helper.error, None
                raise error

    def close(self) -> None:
        """End the threads."""
        if os.getpid() == self._process:  # a forked process has none of them
            for helper in self._helpers:
                helper.end()
        self._helpers.clear()


def _wait_for(helpers: "Sequence[_Helper]") -> None:
    """Wait until all are done, even if a signal's handler raises meanwhile; then raise that."""
    raised: BaseException | None = None
    for helper in helpers:
        while True:
            try:
                helper.wait()
            except BaseException as error:
                raised = error
            else:
                break
    if raised is not None:
        raise raised


_ones = np.ones(PAUSE, np.float32)


def _acquire(lock: threading.Lock) -> None:
    """Acquire a lock: look for it a few times, then sleep until it is released."""
    roots = np.empty_like(_ones)
    for _ in range(LOOKS):
        if lock.acquire(False):
            return
        np.sqrt(_ones, roots)
    lock.acquire()


class _Helper:
    """One thread beside the caller's. Two locks wake it and tell that it is done."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        """What a task raised."""
        self._tasks: Iterator[Task] | None = None
        self._context = contextvars.Context()
        self._begin, self._done = threading.Lock(), threading.Lock()
        self._begin.acquire()
        self._done.acquire()
        self._works = False
        self._thread = threading.Thread(target=self._loop, name="bpnet worker", daemon=True)
        self._thread.start()

    def begin(self, tasks: Iterator[Task]) -> None:
        """Take tasks, in a copy of the caller's context."""
        self.error, self._tasks, self._context = None, tasks, contextvars.copy_context()
        self._works = True
        self._begin.release()

    def wait(self) -> None:
        """Return once there is no task left and this thread has done its last one."""
        while self._works:  # for a signal's handler may raise once the lock is acquired
            _acquire(self._done)

    def end(self) -> None:
        """Let the thread end, and wait for it."""
        self._tasks = None
        self._begin.release()
        self._thread.join()

    def _loop(self) -> None:
        while True:
            _acquire(self._begin)
            if self._tasks is None:
                return
            try:
                self._context.run(self._take, self._tasks)
            except BaseException as error:  # raised again in the caller's thread
                self.error = error
                for _ in self._tasks:
                    pass
            self._works = False
            if self._done.locked():  # else nobody waited for the last release
                self._done.release()

    @staticmethod
    def _take(tasks: Iterator[Task]) -> None:
        for task in tasks:
            task()


_ALONE = Workers(1)


class _Present(threading.local):
    """The workers of each thread; those of a helper are itself alone."""

    workers = _ALONE


_present = _Present()


@contextmanager
def workers(threads: int) -> Iterator[None]:
    """Let `do_all` use this number of threads, the caller's included.

    Within it BLAS should use one thread for each product: see `bpnet/models/threads.py`.
    """
    before, own = _present.workers, Workers(threads)
    _present.workers = own
    try:
        yield
    finally:
        _present.workers = before
        own.close()


def do_all(tasks: Sequence[Task]) -> None:
    """Do all tasks with the present workers, and return when all are done."""
    _present.workers.run(tasks)


def thread_count() -> int:
    """Return the number of threads that `do_all` uses."""
    return _present.workers.threads
