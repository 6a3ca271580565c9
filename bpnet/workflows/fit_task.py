"""A fit as a task, which another process may do; the session then goes through its records."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.loop.fit import Fit, fit
from bpnet.engine.loop.record import Record
from bpnet.engine.loop.replica_rows import AnyRows
from bpnet.engine.loop.running import picked_metrics
from bpnet.engine.loop.settings import Training
from bpnet.engine.metrics import Metric
from bpnet.engine.network import Network
from bpnet.engine.pieces import chunk_rows
from bpnet.engine.schedules import ReduceOnPlateau
from bpnet.engine.stateful import StateDict
from bpnet.models.threads import permitted_threads

_FEWEST = 2
"""Replicas of a part: a single one adds up in another order than several do."""


@dataclass(frozen=True)
class FitTask:
    """What `fit` is called with, but for what ties it to a session: see there."""

    training: Training
    network: Network
    rows: AnyRows
    validation: AnyRows | None
    metrics: Sequence[Metric]
    each: Sequence[Training] | None = None
    keep_before: bool = False
    pools: Sequence[Sequence[int]] = ()
    restores: bool = False
    chunk: int | None = None
    """Rows that are measured at once, of a part as many as of the whole."""
    looks_every: int | None = None
    """Epochs after which the doctor looks at the network, besides at the end."""

    def begin(
        self, after_step: Callable[[], None] | None = None, state: StateDict | None = None
    ) -> Fit:
        """Begin the fit in this process, or go on with it from a state."""
        return fit(
            self.training,
            self.network,
            self.rows,
            self.validation,
            self.metrics,
            each=self.each,
            keep_before=self.keep_before,
            pools=self.pools,
            restores=self.restores,
            chunk=self.chunk,
            after_step=after_step,
            state=state,
        )

    @property
    def can_move(self) -> bool:
        """True if another process can do it: its rows are in memory, and not in a file."""
        held_out = self.validation
        return self.rows.in_memory and (held_out is None or held_out.in_memory)

    def parts(self, most: int) -> "list[FitTask]":
        """Return at most this many tasks, each of some replicas; together they are this one.

        Replicas that look at one another stay together, and so do those of which the doctor sees
        the last epoch of all, if some may stop before it.
        """
        training, count = self.training, len(self.network.seeds)
        together = (
            training.optimizer.searches
            or training.on_divergence == "backtrack"
            or isinstance(training.schedule, ReduceOnPlateau)
            or (self.keep_before and _stops_early(training))
        )
        units = [list(pool) for pool in self.pools] or [[k] for k in range(count)]
        if together or sum(map(len, units)) != count:
            return [self]
        fewest = -(-_FEWEST // min(map(len, units)))
        pieces = max(1, min(most, len(units) // fewest))
        bounds = [len(units) * k // pieces for k in range(pieces + 1)]
        chosen = [
            [replica for unit in units[start:end] for replica in unit]
            for start, end in pairwise(bounds)
        ]
        return [self] if pieces == 1 else [self._picked(replicas) for replicas in chosen]

    def _picked(self, replicas: Sequence[int]) -> "FitTask":
        """Return the task of some replicas, which are consecutive."""
        place = {replica: k for k, replica in enumerate(replicas)}
        return replace(
            self,
            network=self.network.picked(replicas),
            rows=self.rows.of_replicas(replicas),
            validation=self.validation and self.validation.of_replicas(replicas),
            metrics=picked_metrics(self.metrics, replicas),
            each=self.each and [self.each[replica] for replica in replicas],
            pools=[[place[k] for k in pool] for pool in self.pools if pool[0] in place],
            chunk=self.chunk or chunk_rows(self.network),
        )


def _stops_early(training: Training) -> bool:
    return training.early_stopping is not None or training.target_loss is not None


class NetworkState(NamedTuple):
    """The parameters (R, P) and statistics of a network, and θ (R, P) a step before."""

    theta: Array
    statistics: Array
    before: Array | None = None

    def load(self, network: Network) -> None:
        """Give a network these."""
        network.parameters.load(self.theta)
        network.statistics.load(self.statistics)


@dataclass(frozen=True)
class FitOutcome:
    """What a fit has come to: its records, and the network where somebody looks at it."""

    records: Sequence[Record]
    looks: Mapping[int, NetworkState]
    """The network after some epochs, the last one among them."""
    kept: NetworkState
    warnings: Mapping[str, str]


def run_task(task: FitTask) -> FitOutcome:
    """Do a task on one thread, without changing it."""
    task = replace(task, network=copy.deepcopy(task.network))
    network, records, looks = task.network, [], {}
    with permitted_threads(1), closing(task.begin()) as fitting:
        for record in fitting:
            every = task.looks_every
            if record.stops or (every and record.epoch % every == 0):
                looks[record.epoch] = _state(network, record.before)
            records.append(_copied(record))
    return FitOutcome(records, looks, _state(network, None), dict(network.warnings))


def _state(network: Network, before: Array | None) -> NetworkState:
    return NetworkState(
        network.theta.copy(),
        network.statistics.flat.copy(),
        None if before is None else before.copy(),
    )


def _copied(record: Record) -> Record:
    """Return a record whose arrays no later epoch overwrites."""
    return copy.deepcopy(record._replace(before=None))


class CannotJoin(Exception):  # noqa: N818 - it is met before anybody is told
    """The outcomes of parts are not that of the whole, which trains again as one."""


def joined(task: FitTask, parts: Sequence[FitOutcome]) -> FitOutcome:
    """Return the outcome of a task from those of its parts, in their order.

    Raises CannotJoin if a part ended before others, and it matters how its network went on.
    """
    if len(parts) == 1:
        return parts[0]
    last = max(len(part.records) for part in parts)
    longest = [part for part in parts if len(part.records) == last]
    if task.keep_before and len(longest) < len(parts):
        raise CannotJoin
    records = [_joined_record([_record(part, k) for part in parts], k + 1) for k in range(last)]
    shortest = min(len(part.records) for part in parts)
    if any(not (record.running & ~record.diverged).any() for record in records[shortest:]):
        raise CannotJoin  # what is logged then is of a network that has stopped
    warned: set[str] = set()
    for k, record in enumerate(records):
        fresh = [text for text in dict.fromkeys(record.warnings) if text not in warned]
        warned.update(fresh)
        records[k] = record._replace(warnings=tuple(fresh))
    epochs = sorted(set(longest[0].looks).intersection(*(set(part.looks) for part in parts)))
    return FitOutcome(
        records,
        {epoch: _joined_state([part.looks[epoch] for part in parts]) for epoch in epochs},
        _joined_state([part.kept for part in parts]),
        {key: text for part in parts for key, text in part.warnings.items()},
    )


def _record(part: FitOutcome, k: int) -> Record:
    """Return a record of a part; of an epoch after its last one in which nothing trains."""
    if k < len(part.records):
        return part.records[k]
    last = part.records[-1]
    nothing = np.full(len(last.running), np.nan)
    off = np.zeros(len(last.running), bool)
    return last._replace(
        metrics=dict.fromkeys(last.metrics, nothing),
        learning_rate=nothing,
        gradient_norm=nothing,
        running=off,
        stopped=off,
        warnings=(),
    )


def _joined_record(parts: Sequence[Record], epoch: int) -> Record:
    longest = next(part for part in parts if part.epoch == epoch)
    ended = all(part.stops is not None for part in parts)

    def arrays(name: str) -> Array:
        return np.concatenate([getattr(part, name) for part in parts])

    return Record(
        epoch=epoch,
        step=longest.step,
        metrics={
            name: np.concatenate([part.metrics[name] for part in parts]) for name in longest.metrics
        },
        learning_rate=arrays("learning_rate"),
        gradient_norm=arrays("gradient_norm"),
        kept_epoch=arrays("kept_epoch"),
        running=arrays("running"),
        diverged=arrays("diverged"),
        stops=tuple(stop for part in parts for stop in part.stops or ()) if ended else None,
        warnings=tuple(text for part in parts for text in part.warnings),
        checked=longest.checked,
        stopped=None if longest.stopped is None else arrays("stopped"),
    )


def _joined_state(parts: Sequence[NetworkState]) -> NetworkState:
    before = [part.before for part in parts if part.before is not None]
    return NetworkState(
        np.concatenate([part.theta for part in parts]),
        np.concatenate([part.statistics for part in parts]),
        np.concatenate(before) if before else None,
    )


class Replay(Iterator[Record]):
    """The records of a fit that another process has done, as if it were done here.

    The network has what it had after each epoch that the doctor looks at, and at the end what it
    keeps.
    """

    def __init__(self, network: Network, outcome: FitOutcome, *, kept: bool = False) -> None:
        self._network, self._outcome, self._next = network, outcome, 0
        network.awaits_rows = False
        if kept:  # of replicas that have stopped what they keep is asked for before the end
            outcome.kept.load(network)

    def __next__(self) -> Record:
        if self._next == len(self._outcome.records):
            self.close()
            raise StopIteration
        record = self._outcome.records[self._next]
        self._next += 1
        look = self._outcome.looks.get(record.epoch)
        if look is not None:
            look.load(self._network)
            record = record._replace(before=look.before)
        return record

    def close(self) -> None:
        """Give the network what it keeps."""
        self._outcome.kept.load(self._network)
        self._network.warnings.update(self._outcome.warnings)
