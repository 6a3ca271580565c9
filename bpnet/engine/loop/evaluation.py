"""Evaluation: a network's loss and metrics over rows, summed up batch by batch."""

from collections.abc import Sequence

import numpy as np

from bpnet.engine.buffers import broadcast_unbuffered
from bpnet.engine.component import Array
from bpnet.engine.loop.bound_batch import BoundBatch, Tally
from bpnet.engine.loop.chunks import Chunks, shares_chunks
from bpnet.engine.loop.replica_rows import AnyRows, ReplicaRows
from bpnet.engine.loop.sharded_rows import ranks_of
from bpnet.engine.losses import Loss
from bpnet.engine.metrics import Metric
from bpnet.engine.network import Network
from bpnet.engine.penalties import BoundPenalty
from bpnet.engine.pieces import chunk_rows


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
        self._network, size = network, chunk or chunk_rows(network)
        self._chunks: Chunks | _Batches
        if shares_chunks(prepared, network, size):
            self._chunks = Chunks(network, loss, self._tally, prepared, size)
        else:
            self._chunks = _Batches(network, loss, self._tally, prepared, size)
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
        network = self._network
        shape = (network.outputs, len(network.seeds), self._chunks.length)
        self._scores = np.zeros(shape, network.dtype)
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
            broadcast_unbuffered(self._chunks.size)
            self._chunks.measure(self._scores)
            self._tally.add_up()
            values = self._tally.values()
            if self._penalty is not None and self._penalty.active:
                values["loss"] = values["loss"] + self._penalty.value()
        return values


class _Batches:
    """The rows to measure a network on, in batches that are taken one after another."""

    def __init__(
        self, network: Network, loss: Loss, tally: Tally, rows: AnyRows, size: int
    ) -> None:
        self._batches = rows.one_pass(size, network.seeds)
        self._bound = [
            BoundBatch(network, loss, tally, batch, training=False)
            for batch in self._batches.shapes
        ]
        self.length, self.size = self._batches.length, self._bound[0].size

    def measure(self, scores: Array | None) -> None:
        """Add the loss and the metrics of all rows to the tally; write the scores (O, R, N)."""
        start = 0
        for shape in self._batches.epoch(0):
            bound = self._bound[shape]
            bound.assess()
            if scores is not None:
                place = slice(start, start := start + bound.size)
                np.copyto(scores[:, :, place], bound.network.output.transpose(1, 0, 2))


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
