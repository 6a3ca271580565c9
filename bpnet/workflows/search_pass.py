"""A pass of a search: trials of one shape that train as replicas, of which the worst stop early.

At each rung, a number of epochs, only those trials go on that are among the best of all that have
reached it, in their pass or in earlier generations: successive halving (Jamieson and Talwalkar
2016), with the memory of its asynchronous kin (Li et al. 2020). What a pass finds depends on its
trials and on earlier generations, not on when it trains or where.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np

from bpnet.config.grid import pass_key
from bpnet.config.loading import LoadedConfig
from bpnet.config.trial_configs import TrialConfigs
from bpnet.engine.component import Array
from bpnet.engine.loop.fit import Fit, fit
from bpnet.engine.loop.pools import OOF_LOSS
from bpnet.engine.loop.record import Record
from bpnet.engine.loop.replica_rows import AnyRows, ReplicaRows
from bpnet.errors import ConfigError
from bpnet.models.build import architecture_errors, most_at_once
from bpnet.models.description import Description
from bpnet.models.model import Model
from bpnet.models.threads import shared_work
from bpnet.models.training_metrics import measure_replicas, training_metrics
from bpnet.preparation.encode import EncodedDataset
from bpnet.preparation.resolved_config import ResolvedConfig
from bpnet.preparation.training_folds import TrainingFolds
from bpnet.runs.study import Drawn
from bpnet.runs.trial_log import Trial, TrialState
from bpnet.workflows.search_plan import SearchPlan
from bpnet.workflows.search_rows import PreparedRows, TrialRows


class OutOfTimeError(Exception):
    """The time of the search has ended within an epoch."""


@dataclass(frozen=True)
class Clock:
    """The time of a study, and when it ends."""

    now: Callable[[], float]
    """The seconds since it began."""
    deadline: float = math.inf

    @property
    def out_of_time(self) -> bool:
        """True if the time is spent."""
        return self.now() >= self.deadline


@dataclass(frozen=True)
class _Planned:
    """A trial with its config, resolved for the table."""

    drawn: Drawn
    loaded: LoadedConfig
    rows: PreparedRows
    resolved: ResolvedConfig
    description: Description


def train_trials(
    plan: SearchPlan,
    rows: TrialRows,
    drawn: Sequence[Drawn],
    earlier: Sequence[Trial],
    *,
    generation: int,
    clock: Clock,
    worker: str = "",
) -> list[Trial]:
    """Train the trials of a pass, and return how each ended.

    `earlier` are the trials of all earlier generations. Those whose shapes differ after all, or
    that do not fit into memory together, train one after another.
    """
    trials: list[Trial] = []
    groups: dict[str, list[_Planned]] = {}
    configs = TrialConfigs(plan.base, plan.space)
    for one in drawn:
        try:
            planned = _planned(configs, rows, one)
        except ConfigError as error:
            trials.append(_refused(one, generation, clock, worker, "; ".join(error.problems)))
        else:
            groups.setdefault(pass_key(planned.resolved.config), []).append(planned)
    earlier_rungs = _scores_at_rungs([*earlier])
    for group in groups.values():
        for part in _fitting(group):
            if clock.out_of_time and trials:
                return trials
            training = _GroupTraining(plan, part, earlier_rungs, clock)
            training.run()
            trials += training.results(generation, worker)
    return sorted(trials, key=lambda trial: trial.number)


def _planned(configs: TrialConfigs, rows: TrialRows, drawn: Drawn) -> _Planned:
    loaded = configs.loaded(drawn.values)
    prepared = rows.prepared(loaded)
    resolved = prepared.resolved(loaded)
    return _Planned(drawn, loaded, prepared, resolved, prepared.description(resolved))


def _refused(drawn: Drawn, generation: int, clock: Clock, worker: str, reason: str) -> Trial:
    return Trial(
        drawn.number,
        generation,
        drawn.values,
        "refused",
        None,
        [],
        epochs=0,
        best_epoch=0,
        seconds=clock.now(),
        worker=worker,
        reason=reason,
    )


def _scores_at_rungs(trials: Sequence[Trial]) -> list[list[float]]:
    """Return the scores of all trials that have reached each rung."""
    most = max((len(trial.rungs) for trial in trials), default=0)
    return [[trial.rungs[k][1] for trial in trials if len(trial.rungs) > k] for k in range(most)]


def _fitting(group: Sequence[_Planned]) -> list[Sequence[_Planned]]:
    """Return trials of one shape in parts that fit into memory."""
    first = group[0]
    with architecture_errors(first.loaded):
        single = first.description.network()
    rows = len(first.rows.fitted.split.parts["train"])
    most = most_at_once(first.loaded, single, rows)
    size = max(1, most // first.resolved.config.networks_each)
    return [group[k : k + size] for k in range(0, len(group), size)]


def rung_epochs(epochs: int, rungs: int, reduction: float, check_every: int) -> list[int]:
    """Return the epochs after which trials are compared, in which held-out rows are looked at."""
    found = [math.ceil(epochs / reduction ** (rungs - k)) for k in range(rungs)]
    found = [-(-epoch // check_every) * check_every for epoch in found]
    return [epoch for epoch in dict.fromkeys(found) if epoch < epochs]


class _GroupTraining:
    """The training of trials whose networks are replicas of one."""

    def __init__(
        self,
        plan: SearchPlan,
        group: Sequence[_Planned],
        earlier: Sequence[Sequence[float]],
        clock: Clock,
    ) -> None:
        self._plan, self._group, self._earlier, self._clock = plan, group, earlier, clock
        first = group[0]
        self._folds: TrainingFolds | None = first.rows.folds
        self._encoded: EncodedDataset = first.rows.encoded(first.resolved)
        config = first.resolved.config
        self._each = config.networks_each
        description = replace(first.description, seeds=config.seeds * len(group))
        layers = [one.description.layers for one in group for _ in range(self._each)]
        with architecture_errors(first.loaded):
            self._model = Model(description, description.network(layers))
            self._scored = None if self._folds else description.network(layers)
        self._fitting: Fit | None = None
        count, training = len(group), config.training
        settings = plan.settings
        self._rungs = rung_epochs(
            training.epochs, settings.rungs, settings.reduction, training.check_every
        )
        self._reached: list[list[tuple[int, float]]] = [[] for _ in range(count)]
        self._halved = np.zeros(count, np.bool_)
        self._runs = np.ones(count, np.bool_)
        self._epochs = np.zeros(count, np.int64)
        self._ended = np.zeros(count)
        """The time at which each trial ended."""
        self._held_out = np.full(count, np.nan)
        """Of folds, the score of each trial's epoch that is kept."""
        self._diverged = np.zeros(count * self._each, np.bool_)
        self._kept_epoch = np.zeros(count * self._each, np.int64)
        self._checked = False
        self._cut = False

    def run(self) -> None:
        """Train until every trial has ended, or the time is spent."""
        network, description = self._model.network, self._model.description
        rows, folds = self._encoded.rows, self._folds
        groups = len(self._group)
        train: AnyRows = rows["train"]
        held_out: AnyRows | None = rows.get("validation")
        pools: list[range] = []
        if folds is not None:
            train, held_out = (
                ReplicaRows(rows["train"], [*picks] * groups)
                for picks in (folds.trained, folds.held_out)
            )
            pools = [range(k * self._each, (k + 1) * self._each) for k in range(groups)]
        each = [one.resolved.config.training for one in self._group for _ in range(self._each)]
        self._fitting = fit(
            each[0],
            network,
            train,
            held_out,
            training_metrics(description),
            each=each,
            pools=pools,
            after_step=self._after_step,
        )
        with shared_work(), closing(self._fitting) as records:
            try:
                for record in records:
                    self._note(record)
                    if record.stops is None:
                        self._compare(record, self._fitting)
                    if self._checked and self._clock.out_of_time:
                        raise OutOfTimeError
            except OutOfTimeError:
                self._cut = True
                self._ended[self._runs] = self._clock.now()

    def _after_step(self) -> None:
        if self._checked and self._clock.out_of_time:
            raise OutOfTimeError

    def _per_trial(self, values: Array) -> Array:
        return values.reshape(len(self._group), self._each)

    def _note(self, record: Record) -> None:
        """Note what an epoch has brought for each trial."""
        self._checked |= record.checked and bool(record.kept_epoch.any())
        self._epochs[self._runs] = record.epoch
        self._diverged, self._kept_epoch = record.diverged.copy(), record.kept_epoch.copy()
        if self._folds is not None and record.checked:
            kept = self._per_trial(record.kept_epoch == record.epoch)
            name = OOF_LOSS if self._plan.metric == "loss" else f"val_{self._plan.metric}"
            with np.errstate(all="ignore"):
                values = np.array([_mean(one) for one in self._per_trial(record.metrics[name])])
            changed = kept.any(axis=1)
            self._held_out[changed] = values[changed]
        runs = self._per_trial(record.running & ~_or_nobody(record.stopped)).any(axis=1)
        self._ended[self._runs & ~runs] = self._clock.now()
        self._runs = runs & ~self._halved

    def _compare(self, record: Record, fitting: Fit) -> None:
        """At a rung, stop all trials but the best; leave out what has stopped from then on."""
        stops = np.zeros(len(self._group), np.bool_)
        if record.checked and record.epoch in self._rungs:
            place = self._rungs.index(record.epoch)
            costs = self._costs()
            for k in np.flatnonzero(~self._halved & np.isfinite(costs)):
                self._reached[k].append((record.epoch, self._score_of(float(costs[k]))))
            goes_on = self._best(costs, place)
            stops = self._runs & ~goes_on
            self._halved |= stops
            self._ended[stops] = self._clock.now()
            self._runs = self._runs & ~stops
        if stops.any() or (record.stopped is not None and record.stopped.any()):
            fitting.stop(np.repeat(stops, self._each))

    def _best(self, costs: Array, rung: int) -> Array:
        """Return the mask of the trials that are among the best that have reached a rung so far."""
        candidates = np.where(self._halved | ~np.isfinite(costs), np.inf, costs)
        finite = candidates[np.isfinite(candidates)]
        earlier = self._earlier[rung] if rung < len(self._earlier) else []
        reached = np.sort(np.concatenate([finite, self._sign * np.array(earlier, float)]))
        if not len(reached):
            return np.zeros(len(candidates), np.bool_)
        limit = reached[math.ceil(len(reached) / self._plan.settings.reduction) - 1]
        return np.asarray(candidates <= limit) & np.isfinite(candidates)

    @property
    def _sign(self) -> float:
        return -1.0 if self._plan.maximizes else 1.0

    def _score_of(self, cost: float) -> float:
        return self._sign * cost

    def _costs(self) -> Array:
        """Return the score of each trial by the weights that it keeps, lower is better; or nan."""
        assert self._fitting is not None
        if self._scored is None:
            return np.asarray(self._sign * self._held_out)
        theta, statistics = self._fitting.kept()
        self._scored.parameters.load(theta)
        self._scored.statistics.load(statistics)
        bare = Model(replace(self._model.description, l1=0.0, l2=0.0), self._scored)
        with np.errstate(all="ignore"):
            measured = measure_replicas(bare, self._encoded.rows["validation"])
        values = np.where(self._diverged, np.nan, measured[self._plan.metric])
        return np.array([self._sign * _mean(one) for one in self._per_trial(values)])

    def results(self, generation: int, worker: str) -> list[Trial]:
        """Return how each trial ended."""
        costs = self._costs()
        return [self._result(k, costs[k], generation, worker) for k in range(len(self._group))]

    def _result(self, k: int, cost: float, generation: int, worker: str) -> Trial:
        finite = bool(np.isfinite(cost))
        diverged = bool(self._per_trial(self._diverged)[k].all())
        state: TrialState = "finished"
        if diverged or not finite:
            state = "diverged"
        elif self._halved[k]:
            state = "stopped"
        elif self._cut and self._runs[k]:
            state = "cut"
        return Trial(
            number=self._group[k].drawn.number,
            generation=generation,
            values=self._group[k].drawn.values,
            state=state,
            score=self._score_of(float(cost)) if finite and not diverged else None,
            rungs=self._reached[k],
            epochs=int(self._epochs[k]),
            best_epoch=int(self._per_trial(self._kept_epoch)[k].max()),
            seconds=round(float(self._ended[k]), 3),
            worker=worker,
        )


def _or_nobody(mask: Array | None) -> Array:
    return np.array(False) if mask is None else mask


def _mean(values: Array) -> float:
    """Return the mean of the values that are numbers; nan if none is."""
    numbers = values[np.isfinite(values)]
    return float(numbers.mean()) if numbers.size else math.nan
