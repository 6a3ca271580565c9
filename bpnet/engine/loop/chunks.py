"""Chunks: the rows that a network is measured on, in parts that threads take beside one another.

What is summed up over the rows of a chunk does not depend on the thread that takes it, and the sums
of the chunks are added up in their order.
"""

from functools import partial
from typing import TypeGuard

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.loop.batches import Batch, Rows
from bpnet.engine.loop.bound_batch import BoundBatch, Tally
from bpnet.engine.loop.replica_rows import AnyRows
from bpnet.engine.losses import Loss
from bpnet.engine.network import Network
from bpnet.engine.pieces import SHARED_VALUES
from bpnet.engine.workers import do_all


def shares_chunks(rows: AnyRows, network: Network, size: int) -> TypeGuard[Rows]:
    """Return whether it pays that threads share the chunks of `size` rows."""
    alone = len(network.seeds) == 1 and type(rows) is Rows
    return alone and len(rows) > size and size * max(network.widths) >= SHARED_VALUES


class Chunks:
    """The chunks of `size` rows in memory, of a network without other replicas."""

    def __init__(self, network: Network, loss: Loss, tally: Tally, rows: Rows, size: int) -> None:
        self._network, self._loss, self._tally, self._rows = network, loss, tally, rows
        self.length, self.size = len(rows), size
        self._order = np.arange(len(rows))[None]
        self._parts = [slice(start, start + size) for start in range(0, len(rows), size)]
        self._sums = [tally.of_slice() for _ in self._parts]
        self._free: dict[int, list[_Chunk]] = {}

    def measure(self, scores: Array | None) -> None:
        """Add the loss and the metrics of all rows to the tally; write the scores (O, R, N)."""
        do_all(
            [
                partial(self._measure, part, sums, scores)
                for part, sums in zip(self._parts, self._sums, strict=True)
            ]
        )
        for sums in self._sums:
            self._tally.move_in(sums)

    def _measure(self, part: slice, sums: Tally, scores: Array | None) -> None:
        order = self._order[:, part]
        free = self._free.setdefault(order.shape[1], [])
        try:
            chunk = free.pop()  # one call of C, so that no two threads get the same
        except IndexError:
            chunk = _Chunk(self._network, self._loss, self._tally, self._rows, order.shape[1])
        chunk.batch.gather(order)
        chunk.bound.assess()
        sums.move_in(chunk.tally)
        if scores is not None:
            np.copyto(scores[:, :, part], chunk.bound.network.output.transpose(1, 0, 2))
        free.append(chunk)


class _Chunk:
    """The buffers of one chunk, and what is summed up over its rows."""

    def __init__(self, network: Network, loss: Loss, tally: Tally, rows: Rows, size: int) -> None:
        self.batch, self.tally = Batch(rows, size, 1), tally.of_slice()
        self.bound = BoundBatch(network, loss, self.tally, self.batch, training=False)
