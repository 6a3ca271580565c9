"""Evaluation: a network's loss and metrics over rows, summed up batch by batch."""

from collections.abc import Sequence

import numpy as np

from bpnet.engine.buffers import broadcast_unbuffered
from bpnet.engine.component import Array
from bpnet.engine.loop.batches import Batch, Rows
from bpnet.engine.losses import Loss
from bpnet.engine.metrics import Metric
from bpnet.engine.network import Network, chunk_rows
from bpnet.engine.penalties import BoundPenalty


class Tally:
    """Sums over the batches of one pass through rows: of losses, and of each metric's amounts."""

    def __init__(self, rows: Rows, loss: Loss, metrics: Sequence[Metric], replicas: int) -> None:
        self._rows = len(rows)
        weight: Array | float = float(len(rows))
        if rows.weights is not None:
            weight = rows.by_set(rows.weights).sum(axis=1, dtype=np.float64)
        self._divisor = np.asarray(weight if loss.rows == "mean" else 1.0)  # () or (S,)
        self.loss = np.zeros(replicas)
        """Σ w l (R,)."""
        self.metrics = [(metric, np.zeros((replicas, metric.width))) for metric in metrics]
        """Each metric with its sums (R, M)."""

    def clear(self) -> None:
        """Begin again at 0."""
        self.loss.fill(0)
        for _, sums in self.metrics:
            sums.fill(0)

    def add_penalty(self, penalty: Array, rows: int) -> None:
        """Add the penalty (R,) of the weights with which a batch of `rows` rows was computed."""
        # `values` divides by the divisor; what remains is the penalties' mean over the rows
        self.loss += penalty * (self._divisor * rows / self._rows)

    def values(self) -> dict[str, Array]:
        """Return the loss, with the penalties added, and the metrics, each (R,)."""
        values = {"loss": self.loss / self._divisor}
        for metric, sums in self.metrics:
            values.update(metric.values(sums, self._rows))
        return values


class BoundBatch:
    """A batch's buffers with the network, the loss, the metrics and their tally bound to them."""

    def __init__(
        self, network: Network, loss: Loss, tally: Tally, batch: Batch, *, training: bool
    ) -> None:
        self.size = batch.size
        self.network = network.bind(batch.x, training=training)
        self.loss = loss.bind(self.network.output, batch.y, batch.weights, network.progress)
        self._loss_sums = tally.loss
        self._metrics = [
            (metric.bind(self.network.output, batch.y), sums) for metric, sums in tally.metrics
        ]

    def assess(self) -> None:
        """Run forward, compute the loss and its gradient by the scores, and add to the tally."""
        self.network.forward()
        self.loss.evaluate()
        np.add(self._loss_sums, self.loss.total, self._loss_sums)
        for metric, sums in self._metrics:
            metric.add(sums)


class Evaluator:
    """Loss and metrics of a network over fixed rows, with layers as they are outside training."""

    def __init__(
        self,
        network: Network,
        loss: Loss,
        metrics: Sequence[Metric],
        rows: Rows,
        penalty: BoundPenalty | None = None,
    ) -> None:
        metrics = metrics_over(metrics, rows)
        prepared = rows.prepared(loss.prepare)
        self._tally = Tally(prepared, loss, metrics, len(network.seeds))
        self._batches = prepared.batches(chunk_rows(network), network.seeds, shuffle=False)
        self._bound = [
            BoundBatch(network, loss, self._tally, batch, training=False)
            for batch in self._batches.shapes
        ]
        self._penalty = penalty

    def evaluate(self) -> dict[str, Array]:
        """Return the loss, penalty included, and the metrics, each (R,), of the present network."""
        self._tally.clear()
        with np.errstate(over="ignore", invalid="ignore"):
            broadcast_unbuffered(self._bound[0].size)
            for shape in self._batches.epoch(0):
                self._bound[shape].assess()
            values = self._tally.values()
            if self._penalty is not None and self._penalty.active:
                values["loss"] = values["loss"] + self._penalty.value()
        return values


def metrics_over(metrics: Sequence[Metric], rows: Rows) -> list[Metric]:
    """Return the metrics for these rows."""
    targets = rows.by_set(rows.y) if rows.sets > 1 else rows.y  # (S, N, O), or (N, O)
    return [metric.over(targets) for metric in metrics]
