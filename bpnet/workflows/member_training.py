"""The training of a member: networks of one kind, each of which holds out another fold."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from bpnet.data.targets import Quantities
from bpnet.engine.component import Array
from bpnet.engine.loop.evaluation import out_of_fold_scores
from bpnet.engine.loop.fit import Record, fit
from bpnet.engine.loop.replica_rows import ReplicaRows
from bpnet.models.averaging import compared_rows
from bpnet.models.build import build_model
from bpnet.models.model import Model
from bpnet.models.training_metrics import training_metrics
from bpnet.preparation.encode import EncodedDataset
from bpnet.preparation.training_folds import TrainingFolds
from bpnet.runs.members_log import MembersLog
from bpnet.workflows.session import training_threads


@dataclass(frozen=True)
class TrainedMember:
    """A member after training: its networks, and the end of their training."""

    position: int
    """The number of the member, from 0."""
    name: str
    model: Model
    """The networks of the folds; those that diverged are left out."""
    scores: Array
    """Mean scores (N, O) for the training rows by networks that have not seen them; nan if none."""
    test: Array | None
    """Inputs (M, I) of the test rows; None if there are none."""
    compared: Array | None
    """Quantities (R, n, K) by each network of the folds for `compared_rows`, in the targets' units.
    """
    best_epoch: int
    epochs: int
    stop_reason: str
    left_out: list[int]
    """The networks that diverged, numbered from 1."""


class MemberTraining:
    """A member's networks, one for each fold, that train in one pass on the same encoded rows."""

    def __init__(
        self,
        position: int,
        name: str,
        prepared: EncodedDataset,
        folds: TrainingFolds,
        log: MembersLog,
    ) -> None:
        self.prepared, self.name = prepared, name
        self._position, self._folds, self._log = position, folds, log
        config = prepared.config
        seeds = [seed + position * len(config.seeds) for seed in config.seeds]
        self.model = build_model(prepared, seeds)
        self.last: Record | None = None
        """The record of the last epoch."""
        rows = prepared.rows["train"]
        self._train = ReplicaRows(rows, folds.trained)
        self._held_out = ReplicaRows(rows, folds.held_out)

    def epochs(self) -> Generator[tuple[Record, dict[str, float]], None, None]:
        """Train, log each epoch, and yield its record with the means over the networks."""
        records = fit(
            self.prepared.config.training,
            self.model.network,
            self._train,
            self._held_out,
            training_metrics(self.model.description),
            pools=[range(len(self._folds.folds))],
        )
        with closing(records), training_threads(self.prepared, self.model.network):
            for record in records:
                self.last = record
                yield record, self._log.log_epoch(self._position + 1, record)

    def trained(self) -> TrainedMember | None:
        """Return the member as its networks are now; None if every one has diverged."""
        assert self.last is not None
        finite = np.flatnonzero(~self.last.diverged).tolist()
        if not finite:
            return None
        each = out_of_fold_scores(self.model.network, self._held_out)
        scores = self._folds.out_of_fold([each[k] for k in finite], finite)
        stops: Sequence[str] = self.last.stops or ["interrupted"] * len(each)
        test = self.prepared.rows.get("test")
        return TrainedMember(
            position=self._position,
            name=self.name,
            model=self.model.select(finite),
            scores=scores,
            test=None if test is None else test.picked(slice(None)).x,
            compared=self._compared(finite),
            best_epoch=int(self.last.kept_epoch[finite[0]]),
            epochs=self.last.epoch,
            stop_reason=stops[finite[0]],
            left_out=[k + 1 for k in range(len(each)) if k not in finite],
        )

    def _compared(self, networks: Sequence[int]) -> Array | None:
        """Return what networks predict for the rows that they are compared on."""
        if not isinstance(self.prepared.target, Quantities):
            return None
        rows = self.prepared.rows["train"].picked(compared_rows(len(self._folds.rows)))
        return self.model.select(networks).predict_each(rows.x)

    def refitted(self, member: TrainedMember) -> TrainedMember:
        """Return the member with networks trained on all rows, for the epochs that it has kept.

        They are as many as the config's replicas.
        """
        config = self.prepared.config
        seeds = self.model.description.seeds[: config.replicas]
        model = build_model(self.prepared, seeds)
        training = replace(config.training, keep="last", early_stopping=None, target_loss=None)
        records = fit(training, model.network, self.prepared.rows["train"])
        with closing(records), training_threads(self.prepared, model.network):
            for _ in islice(records, member.best_epoch):
                pass
        return replace(member, model=model)
