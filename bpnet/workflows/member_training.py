"""The training of a member: networks of one kind, each of which holds out another fold."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bpnet.data.targets import Quantities
from bpnet.engine.component import Array
from bpnet.engine.loop.evaluation import out_of_fold_scores
from bpnet.engine.loop.record import Record
from bpnet.engine.loop.replica_rows import ReplicaRows
from bpnet.engine.network import Network
from bpnet.engine.stateful import StateDict
from bpnet.integrations.trackers.tracker import Series
from bpnet.models.averaging import compared_rows
from bpnet.models.build import architecture_errors, build_model
from bpnet.models.description import Description
from bpnet.models.model import Model
from bpnet.models.threads import shared_work
from bpnet.models.training_metrics import training_metrics
from bpnet.preparation.encode import EncodedDataset
from bpnet.preparation.training_folds import TrainingFolds
from bpnet.runs.members_log import MembersLog
from bpnet.runs.outcomes import Outcome
from bpnet.workflows.fit_task import FitTask
from bpnet.workflows.growing_ensemble import GrowingEnsemble
from bpnet.workflows.members_plan import ENSEMBLE_LOSS
from bpnet.workflows.pack_plan import PlannedDraw
from bpnet.workflows.passes import Pass


@dataclass(frozen=True)
class TrainedMember:
    """A member after training, or a draw of its settings: its networks, and how they ended."""

    position: int
    """The number of the member, from 0, where those of a later round count on."""
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
    draw: int | None = None
    """The number of the draw, from 1; None of a member without a pack."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The settings of the draw."""
    round: int = 1
    """The number of the round in which it trained."""


class MemberTraining(Pass):
    """A member's networks, one for each fold, that train in one pass on the same encoded rows.

    The folds are those of the round of a number, from 1. With `draws` there are as many for each of
    these settings. `first_seed` is that of the first network; the seeds of the others follow it.
    """

    def __init__(
        self,
        position: int,
        name: str,
        prepared: EncodedDataset,
        folds: TrainingFolds,
        round_number: int,
        log: MembersLog,
        first_seed: int,
        draws: Sequence[PlannedDraw] = (),
        growing: GrowingEnsemble | None = None,
    ) -> None:
        self.prepared, self.name = prepared, name
        self._position, self._folds, self._log = position, folds, log
        self._round = round_number
        self._draws, self._growing = draws, growing
        each = len(folds.folds)
        groups = max(1, len(draws))
        seeds = list(range(first_seed, first_seed + groups * each))
        super().__init__(_build(prepared, seeds, draws) if draws else build_model(prepared, seeds))
        self._pools = [range(k * each, (k + 1) * each) for k in range(groups)]
        self._joined: list[list[int]] = []
        """The draws that joined the growing ensemble, in the order in which they did."""
        rows = prepared.rows["train"]
        self._train = ReplicaRows(rows, [*folds.trained] * groups)
        self._held_out = ReplicaRows(rows, [*folds.held_out] * groups)

    @property
    def networks(self) -> int:
        """The number of networks."""
        return len(self.model.description.seeds)

    def network_series(self) -> Sequence[Series]:
        """Return the curves of each network: of a single setting, one for each fold."""
        if len(self._pools) > 1:
            return ()
        begin = f"{self.series.name}/" if self.series.name else ""
        return [Series(f"{begin}replica-{k}") for k in range(1, self.networks + 1)]

    def details(self) -> dict[str, Any]:
        """Return the draws that have joined the growing ensemble, in their order."""
        return {"joined": self._joined}

    def replay(self, outcome: Outcome) -> None:
        """Take the outcome of this pass, in place of training."""
        super().replay(outcome)
        self._join_again(outcome.details["joined"], outcome.parameters, outcome.statistics)

    @property
    def task(self) -> FitTask:
        """The fit of the networks, each with the rows of its folds."""
        each = [draw.training for draw in self._draws for _ in self._folds.folds]
        return FitTask(
            self.prepared.config.training,
            self.model.network,
            self._train,
            self._held_out,
            training_metrics(self.model.description),
            each=each or None,
            pools=self._pools,
            restores=self.restores,
        )

    @property
    def restores(self) -> bool:
        """True if draws join an ensemble as they stop."""
        return self._growing is not None

    def epochs(
        self, after_step: Callable[[], None], state: StateDict | None = None
    ) -> Generator[tuple[Record, dict[str, float]], None, None]:
        """Train, log each epoch, and yield its record with the means over the networks.

        With a state the training goes on from it.
        """
        records = self.records(after_step, state)
        if state is not None and self.fitting is not None:
            self._join_again(state["details"]["joined"], *self.fitting.kept())
        with closing(records), shared_work():
            for record in records:
                self.last = record
                self._grow(record)
                row = self._log.log_epoch(self._position + 1, record)
                if self._growing is not None and self._growing.loss is not None:
                    row |= {ENSEMBLE_LOSS: self._growing.loss}
                yield record, row

    def _grow(self, record: Record) -> None:
        """Let the draws that have stopped join the ensemble of those that are done."""
        if self._growing is None or record.stopped is None or not record.stopped.any():
            return
        done = [k for k, pool in enumerate(self._pools) if record.stopped[pool[0]]]
        done = [k for k in done if not record.diverged[self._pools[k]].any()]
        if done and self._growing is not None:
            self._join(done, self.network.picked(self._replicas(done)))
            record.metrics[ENSEMBLE_LOSS] = np.full(
                self.networks, np.nan if self._growing.loss is None else self._growing.loss
            )

    def _replicas(self, draws: Sequence[int]) -> list[int]:
        return [replica for k in draws for replica in self._pools[k]]

    def _join(self, done: list[int], network: Network) -> None:
        """Let draws, whose networks these are, join the growing ensemble."""
        if self._growing is None:
            return
        scores = out_of_fold_scores(network, self._held_out.of_replicas(self._replicas(done)))
        self._growing.add(
            [
                (
                    self._description(k),
                    self._folds.out_of_fold(
                        scores[place * len(self._pools[k]) :][: len(self._pools[k])],
                        range(len(self._pools[k])),
                    ),
                )
                for place, k in enumerate(done)
            ]
        )
        self._joined.append(done)

    def _join_again(
        self, joined: Sequence[Sequence[int]], parameters: Array, statistics: Array
    ) -> None:
        """Let draws join the growing ensemble as before, with the parameters that they keep."""
        for done in joined:
            replicas = self._replicas(done)
            network = self.network.picked(replicas)
            network.parameters.load(parameters[replicas])
            network.statistics.load(statistics[replicas])
            self._join(list(done), network)

    def trained(self) -> list[TrainedMember]:
        """Return the member as its networks are now, once for each draw.

        It is left out if every network has diverged.
        """
        last = self.last
        assert last is not None
        scores = out_of_fold_scores(self.model.network, self._held_out)
        ended = "budget" if self.out_of_time else "interrupted"
        stops: Sequence[str] = last.stops or [ended] * self.networks
        test = self.prepared.rows.get("test")
        x = None if test is None else test.picked(slice(None)).x
        found = []
        for k, pool in enumerate(self._pools):
            finite = [replica for replica in pool if not last.diverged[replica]]
            if not finite:
                continue
            draw = self._draws[k] if self._draws else None
            model = self.model.select(finite)
            if draw is not None:
                description = replace(draw.description, seeds=model.description.seeds)
                model = Model(description, model.network)
            found.append(
                TrainedMember(
                    position=self._position,
                    name=_named(self.name, draw, self._round),
                    model=model,
                    scores=self._folds.out_of_fold(
                        [scores[replica] for replica in finite],
                        [replica - pool[0] for replica in finite],
                    ),
                    test=x,
                    compared=self._compared(model),
                    best_epoch=int(last.kept_epoch[finite[0]]),
                    epochs=last.epoch,
                    stop_reason=stops[finite[0]],
                    left_out=[r - pool[0] + 1 for r in pool if r not in finite],
                    draw=None if draw is None else draw.number,
                    settings={} if draw is None else draw.settings,
                    round=self._round,
                )
            )
        return found

    def _description(self, group: int) -> Description:
        return self._draws[group].description if self._draws else self.model.description

    def _compared(self, model: Model) -> Array | None:
        """Return what a model's networks predict for the rows that they are compared on."""
        if not isinstance(self.prepared.target, Quantities):
            return None
        rows = self.prepared.rows["train"].picked(compared_rows(len(self._folds.rows)))
        return model.predict_each(rows.x)


def _build(prepared: EncodedDataset, seeds: Sequence[int], draws: Sequence[PlannedDraw]) -> Model:
    """Build the networks of draws, as many of each: replica k of all has the kth seed."""
    description = replace(draws[0].description, seeds=list(seeds))
    each = len(seeds) // len(draws)
    layers = [draw.description.layers for draw in draws for _ in range(each)]
    with architecture_errors(prepared.split.loaded):
        return Model(description, description.network(layers))


def _named(name: str, draw: PlannedDraw | None, in_round: int) -> str:
    """Return the name of a member, or of one of its draws, in a round."""
    parts = [name, *([] if draw is None else [f"draw {draw.number}"])]
    return " ".join(filter(None, [*parts, *([f"round {in_round}"] if in_round > 1 else [])]))
