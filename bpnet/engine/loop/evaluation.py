"""Evaluation: a network's loss and metrics over rows, summed up batch by batch."""

import copy
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from bpnet.engine.buffers import broadcast_unbuffered
from bpnet.engine.component import Array
from bpnet.engine.loop.batches import Batch
from bpnet.engine.loop.replica_rows import AnyRows, ReplicaRows
from bpnet.engine.loop.sharded_rows import ranks_of
from bpnet.engine.losses import Loss
from bpnet.engine.matmul import BoundIncrement
from bpnet.engine.metrics import Metric
from bpnet.engine.network import Network
from bpnet.engine.penalties import BoundPenalty
from bpnet.engine.pieces import chunk_rows
from bpnet.engine.stateful import Stateful


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
        return tally

    def move_in(self, tally: "Tally") -> None:
        """Add what a tally of a part has, which begins again at 0."""
        np.add(self.loss, tally.loss, self.loss)
        for (_, sums), (_, amounts) in zip(self.metrics, tally.metrics, strict=True):
            np.add(sums, amounts, sums)
        tally.clear()

    def clear(self) -> None:
        """Begin again at 0."""
        self.loss.fill(0)
        for _, sums in self.metrics:
            sums.fill(0)

    def add_penalty(self, penalty: Array, rows: float) -> None:
        """Add the penalty (R,) of the weights with which a batch of `rows` rows was computed."""
        # `values` divides by the divisor; what remains is the penalties' mean over the rows
        self.loss += penalty * (self._divisor * rows / self._rows)

    def add_up(self) -> None:
        """Add up what each process has summed over its rows, where several share them."""
        if self.ranks is not None:
            for sums in (self.loss, *self.sums):
                self.ranks.add_up(sums)

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
        self._metrics = [
            (metric.bind(self.network.output, batch.y, batch.counted), sums)
            for metric, sums in tally.metrics
        ]

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


class Evaluator:
    """Loss and metrics of a network over fixed rows, with layers as they are outside training.

    It takes `chunk` rows at once, by default as many as suit the network.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        metrics: Sequence[Metric],
        rows: AnyRows,
        penalty: BoundPenalty | None = None,
        chunk: int | None = None,
    ) -> None:
        metrics = metrics_over(metrics, rows)
        prepared = rows.prepared(loss.prepare)
        self._tally = Tally(prepared, loss, metrics, len(network.seeds))
        self._batches = prepared.one_pass(chunk or chunk_rows(network), network.seeds)
        self._bound = [
            BoundBatch(network, loss, self._tally, batch, training=False)
            for batch in self._batches.shapes
        ]
        self._penalty = penalty
        self._scores: Array | None = None

    @property
    def loss_sums(self) -> Array:
        """Σ w l (R,) over the rows, penalty excluded; the next evaluation overwrites it."""
        return self._tally.loss

    @property
    def names(self) -> list[str]:
        """The names of what `evaluate` returns."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return list(self._tally.values())

    def keep_scores(self) -> Array:
        """Return the array (O, R, N) into which each evaluation writes its scores from now on."""
        replicas, outputs, _ = self._bound[0].network.output.shape
        self._scores = np.zeros(
            (outputs, replicas, self._batches.length), self._bound[0].network.output.dtype
        )
        return self._scores

    def keep_as(self, other: "Evaluator") -> None:
        """Keep scores if another evaluator, which will take them, does."""
        if other._scores is not None:
            self.keep_scores()

    def take(self, other: "Evaluator", replicas: Sequence[int]) -> None:
        """Take the sums and scores of these replicas from an evaluator that has only them."""
        self._tally.loss[replicas] = other._tally.loss
        if self._scores is not None and other._scores is not None:
            self._scores[:, replicas] = other._scores

    def evaluate(self) -> dict[str, Array]:
        """Return the loss, penalty included, and the metrics, each (R,), of the present network."""
        self._tally.clear()
        with np.errstate(over="ignore", invalid="ignore"):
            broadcast_unbuffered(self._bound[0].size)
            start = 0
            for shape in self._batches.epoch(0):
                bound = self._bound[shape]
                bound.assess()
                if self._scores is not None:
                    place = slice(start, start := start + bound.size)
                    np.copyto(self._scores[:, :, place], bound.network.output.transpose(1, 0, 2))
            self._tally.add_up()
            values = self._tally.values()
            if self._penalty is not None and self._penalty.active:
                values["loss"] = values["loss"] + self._penalty.value()
        return values


def out_of_fold_scores(network: Network, held_out: ReplicaRows) -> list[Array]:
    """Return the scores (N_r, O) that each replica gives to the rows that are its picks."""
    batches = held_out.one_pass(chunk_rows(network), network.seeds)
    bound = [network.bind(batch.x, training=False) for batch in batches.shapes]
    scores = np.empty((len(network.seeds), batches.length, network.outputs), network.dtype)
    start = 0
    with np.errstate(over="ignore", invalid="ignore"):
        for shape in batches.epoch(0):
            bound[shape].forward()
            place = slice(start, start := start + batches.shapes[shape].size)
            np.copyto(scores[:, place], bound[shape].output.transpose(0, 2, 1))
    return [own[: len(picks)] for own, picks in zip(scores, held_out.picks, strict=True)]


def metrics_over(metrics: Sequence[Metric], rows: AnyRows) -> list[Metric]:
    """Return the metrics for these rows."""
    targets = rows.targets() if metrics else []
    return [metric.over(targets, ranks_of(rows)) for metric in metrics]
