"""A pass of a cross-validation: folds that train together as replicas of one network."""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np

from bpnet.engine.loop.batches import stacked
from bpnet.engine.loop.record import Record
from bpnet.engine.stateful import StateDict
from bpnet.integrations.trackers.tracker import Series
from bpnet.models.build import describe
from bpnet.models.model import Model
from bpnet.models.threads import shared_work
from bpnet.models.training_metrics import training_metrics
from bpnet.preparation.encode import EncodedDataset
from bpnet.runs.journal import blank
from bpnet.runs.metrics_log import MetricsLog
from bpnet.workflows.cv_plan import PlannedFold
from bpnet.workflows.fit_task import FitTask
from bpnet.workflows.passes import Pass


class FoldPass(Pass):
    """Folds with their data, and a network whose replica k is the network of fold k."""

    def __init__(
        self, folds: Sequence[PlannedFold], prepared: Sequence[EncodedDataset], log: MetricsLog
    ) -> None:
        self.folds, self.prepared, self._log = folds, prepared, log
        self.descriptions = [
            replace(describe(data), seeds=[fold.seed])
            for fold, data in zip(folds, prepared, strict=True)
        ]
        description = replace(self.descriptions[0], seeds=[fold.seed for fold in folds])
        super().__init__(Model(description, description.network()))

    @property
    def task(self) -> FitTask:
        """The fit of the networks, each with the rows of its fold."""
        parts = [data.rows for data in self.prepared]
        validation = None
        if "validation" in parts[0]:
            validation = stacked([rows["validation"] for rows in parts])
        return FitTask(
            self.prepared[0].config.training,
            self.model.network,
            stacked([rows["train"] for rows in parts]),
            validation,
            training_metrics(*self.descriptions),
        )

    def epochs(
        self, after_step: Callable[[], None], state: StateDict | None = None
    ) -> Generator[tuple[Record, dict[str, float]], None, None]:
        """Train, log each epoch, and yield its record with the means over the folds.

        With a state the training goes on from it.
        """
        records = self.records(after_step, state)
        with closing(records), shared_work():
            for record in records:
                self.last = record
                self._write(record)
                yield record, _means(record)

    def network_series(self) -> Sequence[Series]:
        """Return the curves of each fold's network."""
        folds = [planned.fold for planned in self.folds]
        return [Series(f"repeat-{fold.repeat}-fold-{fold.fold}") for fold in folds]

    def _write(self, record: Record) -> None:
        values = np.array(
            [*record.metrics.values(), record.learning_rate, record.gradient_norm]
        )  # (C, R)
        rows = [
            [record.epoch, planned.fold.repeat, planned.fold.fold, *cells]
            for planned, cells, running in zip(
                self.folds, values.T.tolist(), record.running.tolist(), strict=True
            )
            if running
        ]
        self._log.append(*(rows if record.checked else map(blank, rows)), now=time.perf_counter())


def _means(record: Record) -> dict[str, float]:
    """Return the means of an epoch's metrics over the folds that still train and are finite."""
    counted = record.running & ~record.diverged
    chosen = counted if counted.any() else ~counted  # if none is left, all
    return {
        "epoch": record.epoch,
        **{name: float(values[chosen].mean()) for name, values in record.metrics.items()},
    }
