"""The replicas that still train: a smaller network once others have stopped."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.loop.evaluation import Evaluator
from bpnet.engine.loop.replica_rows import AnyRows
from bpnet.engine.loop.settings import Training
from bpnet.engine.loop.steps import Steps
from bpnet.engine.losses import Loss, SquaredError
from bpnet.engine.metrics import Metric
from bpnet.engine.network import Network
from bpnet.engine.optimizers.state import Memory
from bpnet.engine.penalties import Penalty, bind_penalties
from bpnet.engine.pieces import chunk_rows
from bpnet.engine.schedules import ReduceOnPlateau
from bpnet.engine.stateful import StateDict, Stateful


@dataclass(frozen=True)
class Measured:
    """What a training measures, and by which settings and rows."""

    training: Training
    each: Sequence[Training]
    rows: AnyRows
    validation: AnyRows | None
    metrics: Sequence[Metric]
    remeasures: bool
    """True if the training rows are measured again after each epoch."""
    chunk: int
    """Rows that are measured at once."""

    @property
    def loss(self) -> Loss:
        """The loss to minimize."""
        return self.training.loss or SquaredError()

    def picked(self, replicas: Sequence[int]) -> "Measured":
        """Return what concerns only these replicas."""
        return replace(
            self,
            each=[self.each[replica] for replica in replicas],
            rows=self.rows.of_replicas(replicas),
            validation=self.validation and self.validation.of_replicas(replicas),
            metrics=picked_metrics(self.metrics, replicas),
        )


def picked_metrics(metrics: Sequence[Metric], replicas: Sequence[int]) -> list[Metric]:
    """Return metrics of only these replicas."""
    return [metric.of_replicas(replicas) for metric in metrics]


class Bound:
    """Steps and evaluators bound to one network."""

    def __init__(self, network: Network, measured: Measured) -> None:
        penalties = [Penalty(l1=one.l1, l2=one.l2) for one in measured.each]
        penalty = bind_penalties(penalties, network.theta, network.gradient, network.weights)
        training, rows, held_out = measured.training, measured.rows, measured.validation
        how = measured.loss, measured.metrics
        self.network = network
        self.steps = Steps(training, network, how[0], rows, how[1], penalty, measured.each)
        self.validation = (
            None
            if held_out is None
            else Evaluator(network, *how, held_out, penalty, measured.chunk)
        )
        self.again = (
            Evaluator(network, *how, rows, penalty, measured.chunk) if measured.remeasures else None
        )


class Running(Stateful):
    """A network's replicas, of which those that have stopped are no longer computed.

    All arrays that it returns have an entry for each replica (R,): nan, or false, for those that
    have stopped. At least two train on, since a single replica adds up in another order; so the
    results of those that train are the same, bit for bit, as if none had stopped.
    """

    def __init__(
        self,
        network: Network,
        measured: Measured,
        *,
        keep_before: bool,
        after_step: Callable[[], None] | None = None,
    ) -> None:
        self._network, self._measured, self._after_step = network, measured, after_step
        self._all = self._now = Bound(network, measured)
        self._replicas: list[int] | None = None  # None for all
        self.before = np.empty_like(network.theta) if keep_before else None
        """θ (R, P) before the epoch's last step."""
        self._now.steps.before = self.before
        self._now.steps.after_step = after_step

    def state(self) -> dict[str, Any]:
        """Return the state, with parameters and statistics of all replicas."""
        self._show()
        network = self._network
        return {
            "replicas": self._replicas,
            "theta": network.theta,
            "statistics": network.statistics.flat,
            "warnings": dict(network.warnings),
            "steps": self._now.steps.state(),
        }

    def load_state(self, state: StateDict) -> None:
        """Go on from a state with the replicas that were computed then."""
        network = self._network
        network.parameters.load(state["theta"])
        network.statistics.load(state["statistics"])
        network.warnings.update(state["warnings"])
        if state["replicas"] is not None:
            self._go_on_with(list(state["replicas"]))
        self._now.steps.load_state(state["steps"])

    def memory(self, replica: int) -> Memory:
        """Return what the optimizer keeps of a replica; raise ValueError if it trains no more."""
        if self._replicas is None:
            return self._now.steps.memory(replica)
        if replica not in self._replicas:
            raise ValueError(f"replica {replica + 1} has stopped")
        return self._now.steps.memory(self._replicas.index(replica))

    @property
    def count(self) -> int:
        """The number of steps taken."""
        return self._now.steps.count

    @property
    def finite(self) -> Array:
        """Mask (R,) of the replicas whose last epoch had only finite numbers."""
        return self._spread(self._now.steps.finite)

    @property
    def converged(self) -> Array | None:
        """Mask (R,) of the replicas whose solver has converged, where there is a solver."""
        return self._now.steps.converged

    @property
    def validation(self) -> Evaluator | None:
        """The evaluator of all replicas, which holds the scores and sums of the last check."""
        return self._all.validation

    def run(self, epoch: int) -> dict[str, Array]:
        """Take this epoch's steps; return the loss and metrics (R,) of its batches."""
        measured = self._now.steps.run(epoch)
        self._show()
        return self._spread_each(measured)

    def validate(self) -> dict[str, Array]:
        """Return the loss and metrics (R,) of the validation rows; without such rows nothing."""
        now, whole = self._now.validation, self._all.validation
        if now is None or whole is None:
            return {}
        values = now.evaluate()
        if self._replicas is not None:
            whole.take(now, self._replicas)
        return self._spread_each(values)

    def measure_again(self) -> dict[str, Array] | None:
        """Return the loss and metrics (R,) of the training rows, where they decide something."""
        return None if self._now.again is None else self._spread_each(self._now.again.evaluate())

    def resume(self) -> None:
        """Put the parameters that move back into the network, for the next epoch."""
        self._now.steps.resume()
        self._show()

    def learning_rates(self) -> Array:
        """Return the learning rate (R,) of the last step."""
        return self._spread(self._now.steps.learning_rates())

    def gradient_norm(self) -> Array:
        """Return the root mean square (R,) of the gradient's norm over the epoch's steps."""
        return self._spread(self._now.steps.gradient_norm())

    def reduce_rate(self, plateau: ReduceOnPlateau, late: Array) -> None:
        """Reduce the learning rate of the replicas in a mask (R,)."""
        late = late if self._replicas is None else late[self._replicas]
        self._now.steps.reduce_rate(plateau, late)

    @property
    def within_epoch(self) -> bool:
        """True if some steps of an epoch are taken."""
        return self._now.steps.within_epoch

    def begin_again(self, which: Array, theta: Array, statistics: Array) -> None:
        """Give the replicas in a mask (R,) these parameters, and half their learning rate."""
        chosen = slice(None) if self._replicas is None else self._replicas
        mask, network = which[chosen], self._now.network
        network.theta[mask] = theta[chosen][mask]
        network.statistics.flat[mask] = statistics[chosen][mask]
        self._now.steps.begin_again(mask)
        self._show()

    def go_on_with(self, running: Array) -> None:
        """Leave out of the computation all replicas but those in a mask (R,), which train on.

        Solvers and lazy embeddings go on with all, as their states stay with their replicas.
        """
        if self._now.steps.bound_to_replicas:
            return
        present = list(range(len(running))) if self._replicas is None else self._replicas
        chosen = [replica for replica in present if running[replica]]
        if len(chosen) == 1:
            others = [replica for replica in present if not running[replica]]
            chosen = sorted([*chosen, *others[:1]])
        if len(chosen) != len(present):
            self._go_on_with(chosen)

    def _go_on_with(self, chosen: list[int]) -> None:
        """Go on with a network of only the chosen ones among the replicas that are computed."""
        present = range(len(self._network.seeds)) if self._replicas is None else self._replicas
        network = self._network.picked(chosen)
        now = Bound(network, self._measured.picked(chosen))
        now.steps.adopt(self._now.steps, [present.index(replica) for replica in chosen])
        if now.validation is not None and self._all.validation is not None:
            now.validation.keep_as(self._all.validation)
        now.steps.before = None if self.before is None else np.empty_like(network.theta)
        now.steps.after_step = self._after_step
        self._now, self._replicas = now, chosen

    def _show(self) -> None:
        """Copy the parameters and statistics of a smaller network into the whole one."""
        if self._replicas is not None:
            small = self._now.network
            self._network.theta[self._replicas] = small.theta
            self._network.statistics.flat[self._replicas] = small.statistics.flat
            if self.before is not None:
                self.before[self._replicas] = self._now.steps.before

    def _spread(self, values: Array) -> Array:
        """Return values of the replicas that train as values (R,) of all."""
        if self._replicas is None:
            return values
        nothing = False if values.dtype == np.bool_ else np.nan
        spread = np.full(len(self._network.seeds), nothing, values.dtype)
        spread[self._replicas] = values
        return spread

    def _spread_each(self, measured: dict[str, Array]) -> dict[str, Array]:
        if self._replicas is None:
            return measured
        return {name: self._spread(values) for name, values in measured.items()}


def running(
    network: Network,
    training: Training,
    each: Sequence[Training],
    rows: AnyRows,
    validation: AnyRows | None,
    metrics: Sequence[Metric],
    *,
    remeasures: bool,
    keep_before: bool,
    chunk: int | None = None,
    after_step: Callable[[], None] | None = None,
) -> Running:
    """Return the replicas of a network, all of which train."""
    chunk = chunk or chunk_rows(network)
    measured = Measured(training, each, rows, validation, metrics, remeasures, chunk)
    return Running(network, measured, keep_before=keep_before, after_step=after_step)
