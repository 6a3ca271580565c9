"""Workers: fits of several passes done side by side, where an engine of joblib is active."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import TypeVar

from bpnet.integrations import engines
from bpnet.workflows.fit_task import CannotJoin, FitOutcome, FitTask, joined, run_task

Item = TypeVar("Item")

Elsewhere = Callable[[], FitOutcome | None]
"""Waits for what workers have come to; None if the fit must be done in this process."""

_WINDOW = 2
"""Tasks that are prepared at a time, for each worker."""


def side_by_side(
    items: Iterable[Item],
    task_of: Callable[[Item], FitTask | None],
    count: int,
    light: Callable[[Item], bool] = lambda _: False,
) -> Generator[tuple[Item, Elsewhere | None], None, None]:
    """Yield `count` items in their order, each with how to wait for its task, if workers do it.

    Without an engine an item is made when it is asked for. With one, those of the next tasks are
    made at once; where there are more workers than items, a task is done in parts. `Elsewhere` must
    be called before the next item is asked for. An item that is `light` is nothing to train.
    """
    jobs = engines.jobs()
    if jobs == 0:
        for item in items:
            yield item, None
        return
    each = max(1, -(-jobs // max(1, count)))
    for window in _windows(items, task_of, light, jobs, each):
        tasks = [part for _, _, parts in window for part in parts]
        if len(tasks) == count == 1:  # there is nothing to share
            yield window[0][0], None
            return
        with closing(engines.run(run_task, tasks)) as outcomes:
            for item, task, parts in window:
                if task is None or not parts:
                    yield item, None
                else:
                    yield item, _Waiting(task, len(parts), outcomes)


def _windows(
    items: Iterable[Item],
    task_of: Callable[[Item], FitTask | None],
    light: Callable[[Item], bool],
    jobs: int,
    each: int,
) -> Iterator[list[tuple[Item, FitTask | None, Sequence[FitTask]]]]:
    """Yield as many items at a time as there are tasks for the workers to do."""
    window: list[tuple[Item, FitTask | None, Sequence[FitTask]]] = []
    size = 0
    for item in items:
        task = task_of(item)
        parts = task.parts(each) if task is not None and task.can_move else []
        window.append((item, task, parts))
        size += len(parts)
        # after one that is done here others would only wait, and take memory
        if not (parts or light(item)) or size >= _WINDOW * jobs:
            yield window
            window, size = [], 0
    if window:
        yield window


class _Waiting:
    """Waits for the outcomes of the parts of a task."""

    def __init__(self, task: FitTask, parts: int, outcomes: Iterator[FitOutcome]) -> None:
        self._task, self._parts, self._outcomes = task, parts, outcomes

    def __call__(self) -> FitOutcome | None:
        parts = [next(self._outcomes) for _ in range(self._parts)]
        try:
            return joined(self._task, parts)
        except CannotJoin:
            return None
