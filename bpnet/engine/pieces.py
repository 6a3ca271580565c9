"""Pieces: the rows to predict, cut so that a cache has room for them and threads can share them."""

from collections.abc import Sequence
from typing import Protocol, Self

import numpy as np

from bpnet.engine.bound_network import BoundNetwork
from bpnet.engine.buffers import broadcast_unbuffered, empty
from bpnet.engine.component import Array

CHUNK_VALUES = 1 << 17
"""The number of values of the widest layer in a chunk of rows that are measured: 512 kB of float32,
so that a core's cache has room for several. A layer of 64 units has them in 2048 rows."""
PIECE_VALUES = 1 << 18
"""The number of such values in a chunk of rows that are predicted. With half as many, operations
are so short that two threads wait for Python's lock."""
PRODUCT_ROWS = 256
"""The number of rows that a product needs to be fast. A wide layer holds this number, unless that
is more than four times the values."""
SHARED_VALUES = 1 << 16
"""The fewest values of the widest layer in chunks that threads share: the calls of smaller ones
are so short that threads wait for Python's lock in between, and two take longer than one."""
APART_ROWS = 288
"""The most rows of a piece whose rows stay apart: with its margins less than a block of any kernel
of OpenBLAS, which computes the ends of a block in another order."""
APART_MARGIN = 16
"""The number of columns at either end of such a piece that hold no rows. In OpenBLAS a column's
bits depend on its place only within the first and last 8 of a block (its kernels for Haswell)."""


class Pieceable(Protocol):
    """What pieces ask of a network."""

    widths: list[int]
    dtype: np.dtype
    rows_apart: bool

    @property
    def seeds(self) -> Sequence[int]:
        """The seed of each replica."""

    @property
    def theta(self) -> Array:
        """The parameters (R, P)."""

    def repeated(self, count: int) -> Self:
        """Return a network of so many replicas, which have these parameters."""

    def bind(self, x: Array, *, training: bool, rows_apart: bool = False) -> BoundNetwork:
        """Bind all layers to one batch's input buffer x (R or 1, I, B)."""


def chunk_rows(network: Pieceable) -> int:
    """Return the number of rows that a network takes at once to be measured."""
    return _rows(network, CHUNK_VALUES)


def _rows(network: Pieceable, values: int) -> int:
    """Return the number of rows in which the widest layer has so many values."""
    rows = values // (max(network.widths) * len(network.seeds))
    return max(rows, min(PRODUCT_ROWS, 4 * rows), 1)


def apart_rows(network: Pieceable) -> int:
    """Return the number of rows of a piece whose rows stay apart: a multiple of 16."""
    rows = 4 * CHUNK_VALUES // (max(network.widths) * len(network.seeds))
    return max(16, min(rows, APART_ROWS) // 16 * 16)


def _apart_together(network: Pieceable) -> int:
    """Return the number of pieces whose rows stay apart that a network takes at once.

    A piece is as a replica then, with the bits that it has by itself: one call of NumPy goes
    through several. Those of one input are multiplied otherwise.
    """
    many = network.theta.size > CHUNK_VALUES  # tables of vectors, which a layer may copy
    if len(network.seeds) > 1 or min(network.widths[:-1]) == 1 or many:
        return 1
    return max(1, PIECE_VALUES // (max(network.widths) * (apart_rows(network) + 2 * APART_MARGIN)))


class Pieces:
    """The pieces into which rows x (N, I) are cut, and chunks that take them: one for each thread.

    With `network.rows_apart` a chunk has several pieces of one shape and order, whatever x is.
    """

    def __init__(self, network: Pieceable, x: Array) -> None:
        self._network, self._x = network, x
        together = _apart_together(network) if network.rows_apart else 1
        self._piece = apart_rows(network) if network.rows_apart else _rows(network, PIECE_VALUES)
        size = together * self._piece
        self.rows = [slice(start, min(start + size, len(x))) for start in range(0, len(x), size)]
        """The rows of each chunk; the last may have fewer."""
        self.shared = size * max(network.widths) * len(network.seeds) >= SHARED_VALUES
        """Whether it pays that threads share the chunks."""
        self._free: dict[tuple[int, int], list[Chunk]] = {}

    def take(self, rows: slice) -> "Chunk":
        """Return a chunk for these rows that nobody else has."""
        size = rows.stop - rows.start
        shape = (1, size)
        if self._network.rows_apart:
            shape = (-(-size // self._piece), self._piece)
        try:
            return self._free.setdefault(shape, []).pop()  # each call is one of C
        except IndexError:
            return Chunk(self._network, self._x, *shape)

    def give_back(self, chunk: "Chunk") -> None:
        """Let others take the chunk."""
        self._free[chunk.shape].append(chunk)


class Chunk:
    """The buffers of some pieces of `size` rows that a network takes forward together."""

    def __init__(self, network: Pieceable, x: Array, pieces: int, size: int) -> None:
        self.shape = pieces, size
        apart = network.rows_apart
        margin = APART_MARGIN if apart else 0
        self._inner = slice(margin, margin + size)
        if apart:
            # the same order of the inputs for any x: BLAS has a kernel for each
            columns = size + 2 * APART_MARGIN
            buffer = empty((x.shape[1], pieces, columns), network.dtype).transpose(1, 0, 2)
            buffer.fill(0)
        else:
            # (1, I, B), its inputs and rows in memory as those of x
            buffer = np.empty_like(x[:size], network.dtype).T[None]
        self._rows = buffer[:, :, self._inner].transpose(0, 2, 1)  # (pieces, rows, I)
        own = network.repeated(pieces) if pieces > 1 else network
        self._bound = own.bind(buffer, training=False, rows_apart=apart)
        self.scores = self._bound.output
        """The scores (R, O, B) of `forward`, R for pieces where there are several, with a margin
        at either end where rows stay apart."""

    def of_rows(self, values: Array, rows: slice) -> Array:
        """Return the values (R, O, B) of these rows among those of all columns."""
        values = values[:, :, self._inner]
        if self.shape[0] > 1:
            values = values.transpose(1, 0, 2).reshape(1, values.shape[1], -1)
        return values[:, :, : rows.stop - rows.start]

    def forward(self, x: Array) -> None:
        """Write the scores of rows x (B, I); where there are fewer, others stay in the rest."""
        whole, size = divmod(len(x), self.shape[1])
        cut = len(x) - size
        if whole:
            pieces = x[:cut].reshape(whole, self.shape[1], x.shape[1])
            np.copyto(self._rows[:whole], pieces, casting="same_kind")
        if size:
            np.copyto(self._rows[whole, :size], x[cut:], casting="same_kind")
        with np.errstate():  # restores the buffer size
            broadcast_unbuffered(self.scores.shape[2])
            self._bound.forward()
