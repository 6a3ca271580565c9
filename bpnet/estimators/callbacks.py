"""Callbacks of scikit-learn, which it has from 1.9 on: they follow the epochs of a training."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bpnet.engine.component import Array
from bpnet.preparation.encode import EncodedDataset
from bpnet.workflows.session import TrainWatcher

try:
    from sklearn.callback import CallbackSupportMixin as CallbackSupportMixin
    from sklearn.callback import with_callbacks as with_callbacks
except ImportError:  # before scikit-learn 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing: there are no callbacks."""

    def with_callbacks(method: Any) -> Any:
        """Return the method."""
        return method


class CallbackWatcher:
    """A watcher that tells an estimator's callbacks of each epoch, and another watcher of all."""

    def __init__(self, watcher: TrainWatcher, estimator: Any) -> None:
        self._watcher, self._estimator = watcher, estimator
        self._context = None
        if getattr(estimator, "_skl_callbacks", None) or hasattr(estimator, "_parent_callback_ctx"):
            self._context = estimator._init_callback_context(max_subtasks=None)
            self._context.call_on_fit_task_begin(estimator=estimator)

    def begin(self, run: Path, prepared: EncodedDataset, parameters: int, networks: int) -> None:
        """Pass on what will be trained."""
        self._watcher.begin(run, prepared, parameters, networks)

    def begin_member(
        self, run: Path, prepared: EncodedDataset, parameters: int, networks: int, title: str
    ) -> None:
        """Pass on which member will be trained."""
        self._watcher.begin_member(run, prepared, parameters, networks, title)

    def epoch(self, row: Mapping[str, float], kept: Array) -> None:
        """Tell the callbacks of an epoch, with its metrics as metadata."""
        self._watcher.epoch(row, kept)
        if self._context is not None:
            context = self._context.subcontext(task_name="epoch")
            context.call_on_fit_task_begin(estimator=self._estimator)
            context.call_on_fit_task_end(estimator=self._estimator, metadata=dict(row))

    def warn(self, text: str) -> None:
        """Pass on a warning."""
        self._watcher.warn(text)

    def end(self) -> None:
        """Tell the callbacks that the training has ended."""
        if self._context is not None:
            self._context.call_on_fit_task_end(estimator=self._estimator)
