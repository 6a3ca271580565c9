"""Batches: the rows of a table in each epoch's order, gathered into buffers that are reused."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.randomness import Purpose, generator


@dataclass(frozen=True)
class Rows:
    """Encoded rows: inputs x (N, I), targets y (N, O) and, optionally, a weight for each row (N,).

    Classes are one-hot, or 0 and 1 in a single column. Raises ValueError where the numbers of rows differ.
    """

    x: Array
    y: Array
    weights: Array | None = None

    in_memory: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.x.ndim != 2 or self.y.ndim != 2 or len(self.x) != len(self.y):
            raise ValueError(
                f"x is {self.x.shape} and y {self.y.shape}; they must be (rows, inputs) and (rows, outputs)"
            )
        if self.weights is not None and self.weights.shape != (len(self.x),):
            raise ValueError(f"the weights are {self.weights.shape}; they must be {(len(self.x),)}")

    def __len__(self) -> int:
        return len(self.x)

    def normalized(self) -> "Rows":
        """The same rows, their weights scaled to a mean of 1, so that the learning rate keeps its meaning."""
        return self if self.weights is None else replace(self, weights=self.weights / self.weights.mean())

    def prepared(self, prepare: Callable[[Array], Array]) -> "Rows":
        """The same rows with their targets as a loss compares them, by its `prepare`."""
        return replace(self, y=prepare(self.y))

    def picked(self, which: slice | Array) -> "Rows":
        """Some of the rows, in memory; `which` is a slice, or indices (K,) or a mask (N,)."""
        weights = None if self.weights is None else self.weights[which]
        return Rows(np.ascontiguousarray(self.x[which]), self.y[which], weights)

    def batches(self, size: int, seeds: Sequence[int], *, shuffle: bool) -> "Batches":
        """The batches of so many rows for replicas with these seeds."""
        return Batches(self, size, seeds, shuffle=shuffle)


class Batch:
    """The buffers of one batch shape: x (R, I, B), y (R, O, B), weights (R, 1, B) or None.

    Rows are gathered whole, so x and y are transposed views of (R, B, I) and (R, B, O).
    """

    def __init__(self, rows: Rows, size: int, replicas: int) -> None:
        self._rows = rows
        self._x = np.empty((replicas, size, rows.x.shape[1]), rows.x.dtype)
        self._y = np.empty((replicas, size, rows.y.shape[1]), rows.y.dtype)
        self._weights = None if rows.weights is None else np.empty((replicas, size), rows.weights.dtype)
        self.x = self._x.transpose(0, 2, 1)
        self.y = np.empty((replicas, rows.y.shape[1], size), rows.y.dtype)
        self.weights = None if self._weights is None else self._weights[:, None]
        self.size = size

    def gather(self, order: Array) -> None:
        """Fill the buffers with the rows that order (R, B) names."""
        # mode="clip" writes straight into out; the default would go through a copy
        self._rows.x.take(order, 0, self._x, "clip")
        self._rows.y.take(order, 0, self._y, "clip")
        np.copyto(self.y, self._y.transpose(0, 2, 1))
        if self._rows.weights is not None:
            self._rows.weights.take(order, None, self._weights, "clip")


class WholeBatch(Batch):
    """All rows, in file order, as views that are never copied again; every replica sees the same, and y is read-only.

    Raises ValueError where the rows are not in memory.
    """

    def __init__(self, rows: Rows, replicas: int) -> None:
        if not rows.in_memory:
            raise ValueError(f"all {len(rows)} rows cannot be one batch, for they are not in memory; pick some of them")
        self.size = len(rows)
        self.x = rows.x.T[None]
        y = np.ascontiguousarray(rows.y.T)
        self.y = np.broadcast_to(y, (replicas, *y.shape))
        self.weights = None if rows.weights is None else np.broadcast_to(rows.weights, (replicas, 1, len(rows)))

    def gather(self, order: Array) -> None:
        """Nothing is left to do."""


class Batches:
    """The batches of every epoch, of `size` rows each; the last is shorter where the rows do not divide evenly.

    `shapes` holds one Batch for each size that occurs. With `shuffle`, each replica has an order of its own in each
    epoch, drawn from its seed; a single batch of all rows is never shuffled.
    """

    def __init__(self, rows: Rows, size: int, seeds: Sequence[int], *, shuffle: bool) -> None:
        self._seeds, self._size, self._rows = seeds, min(size, len(rows)), len(rows)
        replicas = len(seeds)
        self.shapes: list[Batch]
        if self._size == len(rows):
            self.shapes, self._shuffle = [WholeBatch(rows, replicas)], False
        else:
            rest = len(rows) % self._size
            self.shapes = [Batch(rows, n, replicas) for n in (self._size, rest) if n]
            self._shuffle = shuffle
        self._order = np.broadcast_to(np.arange(len(rows)), (replicas, len(rows))).copy()
        self.per_epoch = -(-len(rows) // self._size)

    def epoch(self, number: int) -> Iterator[int]:
        """Gather each batch of this epoch in turn, and yield which of `shapes` holds it."""
        if self.per_epoch == 1:
            yield 0
            return
        if self._shuffle:
            for replica, seed in enumerate(self._seeds):
                self._order[replica] = generator(seed, Purpose.ROW_ORDER, number).permutation(self._rows)
        for start in range(0, self._rows, self._size):
            order = self._order[:, start : start + self._size]
            shape = 0 if order.shape[1] == self._size else 1
            self.shapes[shape].gather(order)
            yield shape
