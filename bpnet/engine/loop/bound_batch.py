"""A batch bound to a network: its loss and metrics, and the sums of them over a pass."""

import copy
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.loop.batches import Batch
from bpnet.engine.loop.replica_rows import AnyRows
from bpnet.engine.loop.sharded_rows import ranks_of
from bpnet.engine.losses import Loss
from bpnet.engine.matmul import BoundIncrement
from bpnet.engine.metrics import BoundMetric, Metric
from bpnet.engine.network import Network
from bpnet.engine.stateful import StateDict, Stateful


class Tally(Stateful):
    """Sums over the batches of one pass through rows: of losses, and of each metric's amounts."""

    stateful: ClassVar[tuple[str, ...]] = ("loss", "sums")

    def __init__(
        self,
        rows: AnyRows,
        loss: Loss,
        metrics: Sequence[Metric],
        replicas: int,
        length: int | None = None,
    ) -> None:
        counts, weights = rows.counts, rows.weight_sums  # () or (S,)
        # of each replica's rows, the share that an epoch of `length` rows takes
        share = np.asarray(1.0 if length is None else length / counts)
        self._rows = len(rows) if length is None else length
        self._counts = counts[:, None] if counts.ndim else counts
        self._excess = None
        if (share != 1).any():
            self._excess = share[:, None] if share.ndim else share
        self._divisor = np.asarray(weights * share if loss.rows == "mean" else 1.0)  # () or (S,)
        self.ranks = ranks_of(rows)
        """The processes that share the rows; None if this one has them all."""
        self.loss = np.zeros(replicas)
        """Σ w l (R,)."""
        self.sums = [np.zeros((replicas, metric.width)) for metric in metrics]
        """The sums (R, M) of each metric."""
        self.metrics = list(zip(metrics, self.sums, strict=True))
        """Each metric with its sums."""
        self._bound: list[tuple[BoundMetric, Array]] = []
        """The metrics bound to batches, each with the sums that it adds to."""
        self._at_once = False
        """True if each batch is added at once, and none kept until the sums are asked for."""

    def of_replicas(self, replicas: slice) -> "Tally":
        """Return the tally of neighboring replicas, which adds to the sums of this one."""
        tally = copy.copy(self)
        tally.loss = self.loss[replicas]
        tally.metrics = [
            (metric.of_replicas(replicas), sums[replicas]) for metric, sums in self.metrics
        ]
        return tally

    def of_slice(self) -> "Tally":
        """Return a tally from 0 of a part of each batch, to be moved into this one."""
        tally = copy.copy(self)
        tally.loss = np.zeros_like(self.loss)
        tally.metrics = [(metric, np.zeros_like(sums)) for metric, sums in self.metrics]
        tally._bound, tally._at_once = [], True
        return tally

    def bind(
        self, scores: Array, targets: Array, counted: Array | None
    ) -> list[tuple[BoundMetric, Array]]:
        """Bind the metrics to a batch, each with the sums that it adds to: see `Metric.bind`."""
        bound = []
        for metric, sums in self.metrics:
            bind = metric.bind if self._at_once else metric.bind_several
            bound.append((bind(scores, targets, counted), sums))
        self._bound += bound  # in place: tallies of replicas share the list
        return bound

    def move_in(self, tally: "Tally") -> None:
        """Add what a tally of a part has, which begins again at 0."""
        np.add(self.loss, tally.loss, self.loss)
        for (_, sums), (_, amounts) in zip(self.metrics, tally.metrics, strict=True):
            np.add(sums, amounts, sums)
        tally.clear()

    def clear(self) -> None:
        """Begin again at 0."""
        self._add_rest()
        self.loss.fill(0)
        for _, sums in self.metrics:
            sums.fill(0)

    def add_penalty(self, penalty: Array, rows: float) -> None:
        """Add the penalty (R,) of the weights with which a batch of `rows` rows was computed."""
        # `values` divides by the divisor; what remains is the penalties' mean over the rows
        self.loss[:] = self.loss + penalty * (self._divisor * rows / self._rows)

    def _add_rest(self) -> None:
        """Add what metrics have kept of the batches."""
        for metric, sums in self._bound:
            metric.add_rest(sums)

    def add_up(self) -> None:
        """Finish the sums of a pass, over all processes where several share the rows."""
        self._add_rest()
        if self.ranks is not None:
            for sums in (self.loss, *self.sums):
                self.ranks.add_up(sums)

    def state(self) -> dict[str, Any]:
        """Return the sums of all batches so far."""
        self._add_rest()
        return super().state()

    def load_state(self, state: StateDict) -> None:
        """Go on from these sums."""
        self._add_rest()
        super().load_state(state)

    def state_of_all(self) -> dict[str, Any]:
        """Return the state, added up over the processes that share the rows."""
        state = copy.deepcopy(self.state())
        if self.ranks is not None:
            for sums in (state["loss"], *state["sums"]):
                self.ranks.add_up(sums)
        return state

    def values(self) -> dict[str, Array]:
        """Return the loss, with the penalties added, and the metrics, each (R,)."""
        values = {"loss": self.loss / self._divisor}
        for metric, sums in self.metrics:
            once = sums if self._excess is None else sums / self._excess
            values.update(metric.values(once, self._counts))
        return values


class BoundBatch:
    """A batch's buffers with the network, the loss, the metrics and their tally bound to them."""

    def __init__(
        self,
        network: Network,
        loss: Loss,
        tally: Tally,
        batch: Batch,
        *,
        training: bool,
        shared: bool = True,
    ) -> None:
        self.size, self.rows = batch.size, (batch.x, batch.y, batch.weights)
        self._share, self._ranks = batch.share, tally.ranks
        self.network = network.bind(batch.x, training=training, share=batch.share, shared=shared)
        self.loss = loss.bind(self.network.output, batch.y, batch.weights, network.progress)
        self._add_loss = BoundIncrement(self.loss.total, tally.loss)
        self._metrics = tally.bind(self.network.output, batch.y, batch.counted)

    @property
    def penalized(self) -> float:
        """The number of rows whose penalty this process adds to the tally."""
        if self._share is None or self._ranks is None:
            return self.size
        return self._share.rows / self._ranks.size

    def assess(self) -> None:
        """Run forward, compute the loss and its gradient by the scores, and add to the tally."""
        self.network.forward()
        self._judge()

    def backward(self) -> None:
        """Write the gradient of every parameter, after `assess`."""
        self.network.backward(self.loss.gradient)

    def add_up(self, columns: slice) -> None:
        """Add up what `backward` has left apart of the gradient's columns."""

    def _judge(self) -> None:
        """Compute the loss and its gradient by the scores, and add to the tally."""
        if self._share is not None:
            self.loss.take_mean_over(self._share.rows)
        self.loss.evaluate()
        self._add_loss.compute()
        for metric, sums in self._metrics:
            metric.add(sums)
