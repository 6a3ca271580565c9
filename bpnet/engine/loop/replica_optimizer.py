"""Optimizers of replicas: from a gradient to a step, by learning rate, clipping and optimizer."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.loop.lazy_embeddings import LazyState, LazyTables
from bpnet.engine.loop.settings import Training
from bpnet.engine.network import Network
from bpnet.engine.optimizers.base import Before
from bpnet.engine.optimizers.state import Memory
from bpnet.engine.randomness import Purpose, generator
from bpnet.engine.ranks import Ranks
from bpnet.engine.schedules import ReduceOnPlateau
from bpnet.engine.stateful import Stateful


class ReplicaOptimizer(Stateful):
    """The optimizer of neighboring replicas, a slice of the network's, with the same settings."""

    stateful: ClassVar[tuple[str, ...]] = ("_state", "_lazy", "_reduction")

    def __init__(
        self,
        training: Training,
        network: Network,
        replicas: slice,
        tables: LazyTables | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        self._training, self.replicas = training, replicas
        self._seeds, self._dtype = network.seeds[replicas], network.dtype
        first = 0 if tables is None else tables.columns  # lazy tables move apart
        self._gradient = network.gradient[replicas, first:]  # a view, as that of theta
        self._gradients = [self._gradient]
        self._optimizer = training.optimizer
        self._state = self._optimizer.bind(
            network.theta[replicas, first:],
            self._gradient,
            network.weights - first,
            [block.moved(-first) for block in network.blocks if block.columns.start >= first],
            training.learning_rate_factors,
            network.progress,
        )
        self._ranks = ranks
        self._ends = None  # of the processes' shares of the parameters
        if ranks is not None and ranks.shares_steps:
            self._ends = self._state.share(ranks.rank, ranks.size)
        self._lazy: LazyState | None = None
        if tables is not None:
            self._lazy = LazyState(
                self._optimizer, network, tables, replicas, training.learning_rate_factors
            )
            self._gradients.append(tables.gradient[replicas])
        reduces = isinstance(training.schedule, ReduceOnPlateau)
        reduces = reduces or training.on_divergence == "backtrack"
        self._reduction: Array | float = (
            np.ones((len(self._seeds), 1), network.dtype) if reduces else 1.0
        )
        self._factor = math.nan  # unequal to any factor, so that the first step sets the rate
        self.learning_rate: Array | float = training.learning_rate
        """The learning rate of the present step: a number, or (R, 1)."""

    def adopt(self, other: "ReplicaOptimizer", here: Array, there: Array) -> None:
        """Go on from the state of another optimizer's replicas `there`, which are those `here`.

        Both are numbers among each one's own replicas.
        """
        other.gather()
        state, before = self._state, other._state
        for name, slot in state.slots.items():
            slot[here] = before.slots[name][there]
        state.count, state.momentum_product = before.count, before.momentum_product
        if isinstance(self._reduction, np.ndarray) and isinstance(other._reduction, np.ndarray):
            self._reduction[here] = other._reduction[there]

    @property
    def runs(self) -> int:
        """The number of runs of parameters that `move` moves."""
        return len(self._state.runs)

    def begin_epoch(self, epoch: int) -> None:
        """Renew the generators of an optimizer that searches."""
        self._state.generators = [
            generator(seed, Purpose.PERTURBATION, epoch) for seed in self._seeds
        ]

    def begin_step(self, step: int, steps_per_epoch: int) -> bool:
        """Set the learning rate of a step, from 0; return whether it has changed."""
        training = self._training
        factor = training.schedule.factor(step, steps_per_epoch, training.epochs)
        if factor == self._factor:
            return False
        self._factor = factor
        self.learning_rate = training.learning_rate * factor * self._reduction
        return True

    def move(self, before: Before | None = None) -> None:
        """Take a step along the gradient: see `Optimizer.step`."""
        if self._training.gradient_clipping is not None:
            self._training.gradient_clipping.clip(*self._gradients)
        self._optimizer.step(self._state, self.learning_rate, before)
        self._gather(self._state.theta)
        if self._lazy is not None:
            self._lazy.step(self.learning_rate)

    def state(self) -> dict[str, Any]:
        """Return the state, for which processes that share the steps gather their shares."""
        self.gather()
        return super().state()

    def gather(self) -> None:
        """Give each process the whole state, if they share the steps."""
        for slot in self._state.slots.values():
            self._gather(slot)

    def _gather(self, array: Array) -> None:
        if self._ranks is not None and self._ends is not None:
            self._ranks.gather(array.reshape(-1), self._ends)  # a view: the rows lie together

    def search(self, loss: Array, evaluate: Callable[[], Array]) -> None:
        """Let the optimizer try other parameters, whose loss (R,) `evaluate` computes."""
        self._optimizer.search(self._state, self.learning_rate, loss, evaluate)

    def memory(self, replica: int) -> Memory:
        """Return what is kept of a replica, counted among the network's; raise ValueError if lazy.

        Lazy tables keep their own state for each category.
        """
        if self._lazy is not None:
            raise ValueError("lazy embeddings have a state of their own for each category")
        row = replica - self.replicas.indices(replica + 1)[0]
        reduction = self._reduction
        return self._state.memory(
            row, float(reduction[row, 0]) if isinstance(reduction, np.ndarray) else reduction
        )

    def begin_again(self, which: Array) -> None:
        """Forget the gradients of each of the network's replicas in a mask (R,); halve its rate."""
        which = which[self.replicas]
        lazy = {} if self._lazy is None else self._lazy.slots
        for slot in (*self._state.slots.values(), *lazy.values()):
            slot[which] = 0
        self._reduction = (self._reduction * np.where(which, 0.5, 1.0)[:, None]).astype(self._dtype)
        self._factor = math.nan  # so that the next step sets its rate again

    def reduce_rate(self, plateau: ReduceOnPlateau, late: Array) -> None:
        """Reduce the rate of each of the network's replicas where `late` (R,) is true."""
        factor = np.where(late[self.replicas, None], plateau.decay, 1.0)
        reduced = np.maximum(self._reduction * factor, plateau.smallest)  # float64, by np.where
        self._reduction = reduced.astype(self._dtype)
        self._factor = math.nan  # so that the next step sets its rate again


def replica_optimizers(
    each: Sequence[Training],
    network: Network,
    tables: LazyTables | None = None,
    ranks: Ranks | None = None,
) -> list[ReplicaOptimizer]:
    """Return the optimizers of all replicas, one for neighbors with equal settings.

    Of `ranks` that share steps each moves its share of the parameters.

    Raises ValueError if only some replicas have an optimizer that searches, since it evaluates all
    replicas at once.
    """
    optimizers = [
        ReplicaOptimizer(training, network, replicas, tables, ranks)
        for replicas, training in _alike(each)
    ]
    if len(optimizers) > 1 and any(training.optimizer.searches for training in each):
        raise ValueError("an optimizer that searches must have the same settings for all replicas")
    return optimizers


def _alike(each: Sequence[Training]) -> Iterator[tuple[slice, Training]]:
    """Yield the settings of neighboring replicas that are equal, with the replicas."""
    start = 0
    for k, training in enumerate(each):
        if k + 1 == len(each) or each[k + 1] != training:
            yield slice(start, k + 1), training
            start = k + 1
