"""Steps: one epoch's batches, each taken forward, backward and into a step of the optimizer."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any, ClassVar

import numpy as np

from bpnet.engine.buffers import broadcast_unbuffered
from bpnet.engine.component import Array
from bpnet.engine.loop.averaging import BoundAverage
from bpnet.engine.loop.bound_batch import BoundBatch, Tally
from bpnet.engine.loop.evaluation import metrics_over
from bpnet.engine.loop.full_batch import bind_solver
from bpnet.engine.loop.lazy_embeddings import LazyTables
from bpnet.engine.loop.replica_optimizer import replica_optimizers
from bpnet.engine.loop.replica_rows import AnyRows
from bpnet.engine.loop.settings import Training
from bpnet.engine.loop.sharded_rows import ranks_of
from bpnet.engine.loop.slices import bound_batch
from bpnet.engine.losses import Loss
from bpnet.engine.matmul import BoundIncrement, BoundMatmul, BoundSum
from bpnet.engine.metrics import Metric
from bpnet.engine.network import Network
from bpnet.engine.optimizers.state import SHARED, Memory
from bpnet.engine.penalties import BoundPenalty
from bpnet.engine.schedules import ReduceOnPlateau
from bpnet.engine.stateful import StateDict, Stateful


class Steps(Stateful):
    """The steps of a network through epochs over the training rows; `penalty` is bound to it.

    Optimizer, learning rate, schedule and clipping are those of each replica's training in `each`;
    all else is that of `training`. Raises ValueError if the batch size is full and the rows are not
    in memory.
    """

    stateful: ClassVar[tuple[str, ...]] = (
        "count",
        "finite",
        "_epoch",
        "_taken",
        "_squares",
        "_tally",
        "_optimizers",
        "_average",
        "_solver",
    )

    def __init__(
        self,
        training: Training,
        network: Network,
        loss: Loss,
        rows: AnyRows,
        metrics: Sequence[Metric],
        penalty: BoundPenalty,
        each: Sequence[Training],
    ) -> None:
        if training.batch_size == "full" and not rows.in_memory:
            raise ValueError(
                "batch_size is full, but the rows are not in memory; give a number of rows"
            )
        self._ranks = ranks_of(rows)
        if self._ranks is not None and (training.optimizer.searches or training.lazy_embeddings):
            raise ValueError("the rows of a search, or of lazy embeddings, cannot be shared")
        metrics = metrics_over(metrics, rows)
        prepared = rows.prepared(loss.prepare)
        replicas, self._epochs = len(network.seeds), training.epochs
        self._network, self._penalty, self._searches = network, penalty, training.optimizer.searches
        size = len(rows) if training.batch_size == "full" else training.batch_size
        self._batch_size = min(size, len(rows))
        self._batches = prepared.batches(
            size,
            network.seeds,
            shuffle=training.shuffle,
            spread=training.last_batch == "spread",
        )
        self._tally = Tally(prepared, loss, metrics, replicas, self._batches.length)
        self._bind = partial(bound_batch, network, training, loss, self._tally)
        self._bound = [self._bind(batch) for batch in self._batches.shapes]
        self._tables: LazyTables | None = None
        if training.lazy_embeddings:
            self._tables = LazyTables(network, max(batch.size for batch in self._batches.shapes))
            for bound in self._bound:
                self._tables.attach(bound.network)
        self._optimizers = replica_optimizers(each, network, self._tables, self._ranks)
        averaging = training.averaging
        self._average = None if averaging is None else BoundAverage(averaging, network)
        self._solver = bind_solver(training, network, loss, self._bound[0], penalty)
        self._square = np.zeros(replicas, network.dtype)  # |g|²
        self._sum = np.zeros(replicas, network.dtype)  # Σ θ
        gradient = network.gradient[:, 0 if self._tables is None else self._tables.columns :]
        # g·g: (R, 1, P) (R, P, 1) = (R, 1, 1)
        self._square_gradient = BoundMatmul(
            gradient[:, None], gradient[:, :, None], self._square[:, None, None]
        )
        if network.theta.shape[1] < SHARED:
            self._sum_theta = BoundSum(network.theta[:, None], self._sum[:, None]).compute
        else:  # without as many ones, which would take memory and time
            self._sum_theta = partial(np.add.reduce, network.theta, 1, None, self._sum)
        self._squares = np.zeros(replicas)  # Σ |g|² over the epoch's steps
        self._add_square = BoundIncrement(self._square, self._squares)
        self._of_all = np.zeros(replicas)  # finite only where all that it adds up is
        self._add_sum = BoundIncrement(self._sum, self._of_all)
        self._run_squares: Array | None = None
        """|g|² of each run of the gradient, where only the optimizer reads it, run by run."""
        whole = penalty.active or any(one.gradient_clipping is not None for one in each)
        runs = self._optimizers[0].runs
        alone = replicas == 1 and self._ranks is None and self._tables is None
        if runs > 1 and alone and not whole:
            self._run_squares = np.zeros(runs, network.dtype)
        self._rates: Array | None = None
        self.before: Array | None = None
        """θ (R, P) before the last step of the epoch, written where there is such an array."""
        self.after_step: Callable[[], None] | None = None
        """What to call after each step but the last of an epoch."""
        self._epoch = self._taken = 0  # the epoch that has begun, and its steps that are taken
        self.count = 0
        """Number of steps taken."""
        self.finite: Array = np.ones(replicas, np.bool_)
        """Mask (R,) of the replicas whose last epoch had only finite numbers."""

    def memory(self, replica: int) -> Memory:
        """Return what is kept of a replica's steps: see `ReplicaOptimizer.memory`."""
        replicas = len(self._squares)
        for optimizer in self._optimizers:
            if replica in range(*optimizer.replicas.indices(replicas)):
                # layer by layer, of which each has a generator for each replica
                generators = self._network.generators[replica::replicas]
                draws = [one.bit_generator.state for one in generators]
                return replace(optimizer.memory(replica), layer_draws=draws)
        raise IndexError(f"there is no replica {replica}")

    def adopt(self, other: "Steps", replicas: Sequence[int]) -> None:
        """Go on from where another network's steps are, of which this one has some replicas."""
        self.count, self._epoch, self._taken = other.count, other._epoch, other._taken
        chosen = np.asarray(replicas)
        for optimizer in self._optimizers:
            for before in other._optimizers:
                # positions of this network's replicas that both optimizers move
                moved = np.arange(len(chosen))[optimizer.replicas]
                first, stop, _ = before.replicas.indices(len(other._squares))
                shared = moved[(chosen[moved] >= first) & (chosen[moved] < stop)]
                if shared.size:
                    optimizer.adopt(before, shared - moved[0], chosen[shared] - first)
        if self._average is not None and other._average is not None:
            self._average.adopt(other._average, replicas)

    def state(self) -> dict[str, Any]:
        """Return the state; within an epoch that of the layers' generators is part of it."""
        drawing = self._network.generators if self._taken else []
        state = {
            **super().state(),
            "drawing": [dict(one.bit_generator.state) for one in drawing],
        }
        if self._ranks is not None and self._taken:
            state["_tally"] = self._tally.state_of_all()
        return state

    def load_state(self, state: StateDict) -> None:
        """Go on from a state, before or within an epoch."""
        attributes = {name: value for name, value in state.items() if name != "drawing"}
        if state["_taken"]:
            self._begin(state["_epoch"])  # makes the generators
            for one, place in zip(self._network.generators, state["drawing"], strict=True):
                one.bit_generator.state = place
        super().load_state(attributes)
        if self._ranks is not None and not self._ranks.leads:
            self._tally.clear()  # the first process has what all had summed up
        self._rates = None

    @np.errstate(all="ignore")
    def run(self, epoch: int) -> dict[str, Array]:
        """Take this epoch's steps; return the loss and metrics (R,) of its batches.

        With averaging the network then holds the average, until `resume`.
        """
        broadcast_unbuffered(self._batch_size)  # until errstate ends
        if not self._taken:
            self._tally.clear()
            self._squares.fill(0)
            self._begin(epoch)
        try:
            self._take(epoch)
        finally:
            self._network.progress.leave()
        self._taken = 0
        self._tally.add_up()
        measured = self._tally.values()
        if self._solver is not None:
            measured |= self._solver.figures
        self._sum_theta()
        np.add(self._squares, measured["loss"], self._of_all)
        self._add_sum.compute()
        self.finite = np.isfinite(self._of_all)
        if self._average is not None:
            self._average.enter()
        return measured

    def _begin(self, epoch: int) -> None:
        """Renew what draws, for an epoch."""
        self._epoch = epoch
        self._network.begin_epoch(epoch)
        if self._searches:
            for optimizer in self._optimizers:
                optimizer.begin_epoch(epoch)

    def resume(self) -> None:
        """Put the parameters that move back into the network, for the next epoch."""
        if self._average is not None:
            self._average.leave()

    def _take(self, epoch: int) -> None:
        """Take this epoch's steps."""
        network, tally, penalty = self._network, self._tally, self._penalty
        steps = self._batches.per_epoch
        # a solver goes on from losses of the same rows
        shapes = self._batches.epoch(epoch if self._solver is None else 1)
        for shape in islice(shapes, self._taken, None):
            network.progress.move(self.count, steps, self._epochs)
            while shape >= len(self._bound):  # of a process's shares of batches, a new size
                self._bound.append(self._bind(self._batches.shapes[len(self._bound)]))
            batch = self._bound[shape]
            batch.assess()
            if penalty.active:
                tally.add_penalty(penalty.value(), batch.penalized)
            for optimizer in self._optimizers:
                if optimizer.begin_step(self.count, steps):
                    self._rates = None
            self.count += 1
            # the step about to be taken is the epoch's last
            if self.before is not None and self.count % steps == 0:
                np.copyto(self.before, network.theta)
            if self._solver is not None:
                self._solver.step(self._loss(batch).astype(np.float64))
            elif self._searches:
                self._search(batch)
            else:
                self._follow_gradient(batch)
            if self._average is not None:
                self._average.update()
            self._taken += 1
            if self.after_step is not None and self._taken < steps:
                self.after_step()

    def _follow_gradient(self, batch: BoundBatch) -> None:
        """Run backward, and take a step along the gradient."""
        batch.backward()
        if self._run_squares is not None:
            self._optimizers[0].move(partial(self._prepare, batch, self._run_squares))
            np.add.reduce(self._run_squares, out=self._square, keepdims=True)
            self._add_square.compute()
            return
        batch.add_up(slice(None))
        if self._ranks is not None:
            self._ranks.add_up_step(self._network.gradients.whole)
        if self._penalty.active:
            self._penalty.add_gradient()
        # before clipping, which `move` does
        self._square_gradient.compute()
        self._add_square.compute()
        if self._tables is not None:
            np.add(self._squares, self._tables.squares(), self._squares)
        for optimizer in self._optimizers:
            optimizer.move()

    def _prepare(self, batch: BoundBatch, squares: Array, number: int, columns: slice) -> None:
        """Complete and measure a run of the gradient."""
        batch.add_up(columns)
        gradient = self._network.gradient[0, columns]
        squares[number] = gradient.dot(gradient)

    def _search(self, batch: BoundBatch) -> None:
        """Let the optimizer try other parameters on this batch."""
        # the only one: a search has the same settings in all replicas
        self._optimizers[0].search(self._loss(batch), partial(self._recompute_loss, batch))

    def _loss(self, batch: BoundBatch) -> Array:
        """Return the loss (R,) that was computed last, penalty included."""
        return batch.loss.value() + self._penalty.value()

    def _recompute_loss(self, batch: BoundBatch) -> Array:
        """Compute and return the loss (R,) of the network's present parameters."""
        batch.network.forward()
        batch.loss.evaluate()
        return self._loss(batch)

    @property
    def bound_to_replicas(self) -> bool:
        """True if other steps cannot go on from these with only some of the replicas."""
        return self._solver is not None or self._tables is not None

    @property
    def converged(self) -> Array | None:
        """Mask (R,) of the replicas that the optimizer improves no more; None if it cannot tell."""
        return None if self._solver is None else self._solver.converged

    def learning_rates(self) -> Array:
        """Return the learning rate (R,) of the last step: the same array until one changes.

        It is nan where the optimizer finds its own step sizes for all rows at once.
        """
        if self._solver is not None:
            return np.full(len(self._squares), np.nan)
        if self._rates is None:
            rates = np.empty((len(self._squares), 1))
            for optimizer in self._optimizers:
                rates[optimizer.replicas] = optimizer.learning_rate
            self._rates = rates[:, 0]
            self._rates.setflags(write=False)
        return self._rates

    def gradient_norm(self) -> Array:
        """Return the root mean square (R,) of the gradient's norm over the epoch's steps.

        The norm is that before clipping, and nan where the optimizer searches.
        """
        if self._solver is not None:
            return self._solver.gradient_norm
        if self._searches:
            return np.full(len(self._squares), np.nan)
        steps = self._batches.per_epoch
        # √(Σ |g|² / steps)
        norm: Array = np.sqrt(self._squares if steps == 1 else self._squares / steps)
        return norm

    @property
    def within_epoch(self) -> bool:
        """True if some steps of an epoch are taken, and some are left."""
        return self._taken > 0

    def begin_again(self, which: Array) -> None:
        """Forget the gradients of each replica in a mask (R,), and halve its learning rate."""
        for optimizer in self._optimizers:
            optimizer.begin_again(which)

    def reduce_rate(self, plateau: ReduceOnPlateau, late: Array) -> None:
        """Reduce the rate of each replica in a mask (R,)."""
        for optimizer in self._optimizers:
            optimizer.reduce_rate(plateau, late)
