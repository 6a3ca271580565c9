"""Steps: one epoch's batches, each taken forward, backward and into a step of the optimizer."""

import numpy as np

from bpnet.engine.batches import Rows
from bpnet.engine.component import Array
from bpnet.engine.evaluation import BoundBatch, Tally
from bpnet.engine.losses import Loss
from bpnet.engine.metrics import Metric
from bpnet.engine.monitoring import Best
from bpnet.engine.network import Network
from bpnet.engine.penalties import BoundPenalty
from bpnet.engine.products import product, total
from bpnet.engine.randomness import Purpose, generator
from bpnet.engine.schedules import ReduceOnPlateau
from bpnet.engine.settings import Training


class Steps:
    """Takes a network through epochs over the training rows. `penalty` is bound to the network.

    Raises ValueError where rows that are not in memory shall be a single batch.
    """

    def __init__(
        self, training: Training, network: Network, loss: Loss, rows: Rows, metric: Metric, penalty: BoundPenalty
    ) -> None:
        if training.batch_size == "full" and not rows.in_memory:
            raise ValueError("batch_size is full, but the rows are not in memory; give a number of rows")
        prepared = rows.prepared(loss.prepare)
        replicas = len(network.seeds)
        self._training, self._network, self._penalty = training, network, penalty
        size = len(rows) if training.batch_size == "full" else training.batch_size
        self._batches = prepared.batches(size, network.seeds, shuffle=training.shuffle)
        self._bound = [BoundBatch(network, loss, metric, batch, training=True) for batch in self._batches.shapes]
        self._tally = Tally(prepared, loss, metric, replicas)
        self._state = training.optimizer.bind(network.theta, network.gradient, network.weights)
        self._square, self._sum = np.zeros(replicas, network.dtype), np.zeros(replicas, network.dtype)
        gradient = network.gradient
        self._square_gradient = product(gradient[:, None], gradient[:, :, None], self._square[:, None, None])
        self._sum_theta = total(network.theta[:, None], self._sum[:, None])
        self._squares = np.zeros(replicas)
        plateau = isinstance(training.schedule, ReduceOnPlateau)
        self._reduction: Array | float = np.ones((replicas, 1), network.dtype) if plateau else 1.0
        self.before: Array | None = None
        """Theta (R, P) before the last step of the epoch; kept where an array is given."""
        self.count = 0
        """How many steps have been taken."""
        self.learning_rate: Array | float = training.learning_rate
        """The learning rate of the last step: a number, or (R, 1)."""
        self.finite: Array = np.ones(replicas, np.bool_)
        """Whether the last epoch's loss and gradients, and the parameters it left, are finite (R,)."""

    @np.errstate(all="ignore")
    def run(self, epoch: int) -> dict[str, Array]:
        """Take the steps of this epoch; the loss and the metric's figures of its batches, each (R,)."""
        training, network, tally = self._training, self._network, self._tally
        optimizer, steps, penalty = training.optimizer, self._batches.per_epoch, self._penalty
        tally.clear()
        self._squares.fill(0)
        network.begin_epoch(epoch)
        if optimizer.searches:
            self._state.generators = [generator(seed, Purpose.PERTURBATION, epoch) for seed in network.seeds]
        for shape in self._batches.epoch(epoch):
            batch = self._bound[shape]
            batch.assess(tally)
            if penalty.active:
                tally.add_penalty(penalty.value(), batch.size)
            factor = training.schedule.factor(self.count, steps, training.epochs)
            self.learning_rate = training.learning_rate * factor * self._reduction
            self.count += 1
            if self.before is not None and self.count % steps == 0:
                np.copyto(self.before, network.theta)
            if optimizer.searches:
                self._search(batch)
            else:
                self._descend(batch)
        figures = tally.figures()
        self._sum_theta()
        # a sum is finite where all its terms are
        self.finite = np.isfinite(self._squares + self._sum + figures["loss"])
        return figures

    def _descend(self, batch: BoundBatch) -> None:
        """Backward, and a step along the gradient."""
        batch.layers.backward(batch.loss.gradient)
        if self._penalty.active:
            self._penalty.add_gradient()
        self._square_gradient()
        np.add(self._squares, self._square, self._squares)
        if self._training.gradient_clipping is not None:
            self._training.gradient_clipping.clip(self._network.gradient)
        self._training.optimizer.step(self._state, self.learning_rate)

    def _search(self, batch: BoundBatch) -> None:
        """Let the optimizer try other parameters on this batch."""

        def loss() -> Array:
            batch.layers.forward()
            batch.loss.evaluate()
            return batch.loss.value() + self._penalty.value()

        current = batch.loss.value() + self._penalty.value()
        self._training.optimizer.search(self._state, self.learning_rate, current, loss)

    def gradient_norm(self) -> Array:
        """The root mean square (R,) of the gradient's norm over the epoch's steps, before clipping; nan without one."""
        if self._training.optimizer.searches:
            return np.full(len(self._squares), np.nan)
        return np.asarray(np.sqrt(self._squares / self._batches.per_epoch))

    def reduce_rate(self, plateau: ReduceOnPlateau, stalled: Best) -> None:
        """Reduce the rate of each replica that has stalled for more than the patience, which begins anew."""
        late = (stalled.since > plateau.patience)[:, None]
        if late.any():
            reduced = np.maximum(self._reduction * np.where(late, plateau.decay, 1.0), plateau.smallest)
            self._reduction = reduced.astype(self._network.dtype)
            stalled.since[late[:, 0]] = 0
