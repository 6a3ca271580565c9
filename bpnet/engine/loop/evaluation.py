"""Evaluation: loss and metrics of a network over rows, batch by batch, with sums kept for every replica."""

import numpy as np

from bpnet.engine.buffers import broadcast_unbuffered
from bpnet.engine.component import Array
from bpnet.engine.loop.batches import Batch, Rows
from bpnet.engine.losses import Loss
from bpnet.engine.metrics import Metric
from bpnet.engine.network import Network, chunk_rows
from bpnet.engine.penalties import BoundPenalty


class Tally:
    """Sums over the batches of a pass through some rows: of the losses (R,) and of a metric's amounts (R, M)."""

    def __init__(self, rows: Rows, loss: Loss, metric: Metric, replicas: int) -> None:
        self._metric, self._rows = metric, len(rows)
        weight: Array | float = float(len(rows))
        if rows.weights is not None:
            weight = rows.apart(rows.weights).sum(axis=1, dtype=np.float64)
        self._divisor = np.asarray(weight if loss.rows == "mean" else 1.0)
        self.loss = np.zeros(replicas)
        self.amounts = np.zeros((replicas, metric.width))

    def clear(self) -> None:
        """Begin again at 0."""
        self.loss.fill(0)
        self.amounts.fill(0)

    def add_penalty(self, penalty: Array, rows: int) -> None:
        """Add the penalty (R,) of the weights that a batch of so many rows met."""
        self.loss += penalty * (self._divisor * rows / self._rows)

    def metrics(self) -> dict[str, Array]:
        """Return the loss, with the penalties added, and the metric's values, each (R,)."""
        return {"loss": self.loss / self._divisor, **self._metric.values(self.amounts, self._rows)}


class BoundBatch:
    """A batch's buffers with the network, the loss and the metric bound to them."""

    def __init__(
        self, network: Network, loss: Loss, metric: Metric, batch: Batch, *, training: bool
    ) -> None:
        self.size = batch.size
        self.layers = network.bind(batch.x, training=training)
        self.loss = loss.bind(self.layers.output, batch.y, batch.weights)
        self._count = metric.bind(self.layers.output, batch.y)

    def assess(self, tally: Tally) -> None:
        """Forward, the loss with its gradient by the scores, and both added to the tally."""
        self.layers.forward()
        self.loss.evaluate()
        np.add(tally.loss, self.loss.total, tally.loss)
        self._count(tally.amounts)


class Evaluator:
    """Loss and metrics of a network over fixed rows, outside training: no dropout, running batch statistics."""

    def __init__(
        self,
        network: Network,
        loss: Loss,
        metric: Metric,
        rows: Rows,
        penalty: BoundPenalty | None = None,
    ) -> None:
        prepared = rows.prepared(loss.prepare)
        replicas = len(network.seeds)
        size = chunk_rows(network)
        self._batches = prepared.batches(size, network.seeds, shuffle=False)
        self._bound = [
            BoundBatch(network, loss, metric, batch, training=False)
            for batch in self._batches.shapes
        ]
        self._tally = Tally(prepared, loss, metric, replicas)
        self._penalty = penalty

    def evaluate(self) -> dict[str, Array]:
        """Return the loss, penalty included, and the metric's values, each (R,), of the network as it is."""
        self._tally.clear()
        with np.errstate(over="ignore", invalid="ignore"):
            broadcast_unbuffered(self._bound[0].size)
            for shape in self._batches.epoch(0):
                self._bound[shape].assess(self._tally)
            metrics = self._tally.metrics()
            if self._penalty is not None and self._penalty.active:
                metrics["loss"] = metrics["loss"] + self._penalty.value()
        return metrics
