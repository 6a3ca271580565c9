"""Sharded rows: of the rows of a data-parallel training, those that one process holds."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.layers.base import Share
from bpnet.engine.loop.batches import Batch, Batches, PickedBatch, Rows, WholeBatch, drawn_order
from bpnet.engine.loop.passes import Passes, Picks, cut
from bpnet.engine.loop.replica_rows import ReplicaRows
from bpnet.engine.ranks import Ranks


@dataclass(frozen=True, kw_only=True)
class ShardedRows(Rows):
    """Rows of which process k of n holds rows k, k + n, k + 2n, …; `total` is the number of all.

    Batches are those of all rows, in the same order: of each, a process gathers the rows that it
    holds. Raises ValueError if there are several sets, or a process would have no row.
    """

    ranks: Ranks
    total: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sets != 1:
            raise ValueError(f"sharded rows cannot be {self.sets} sets; each process needs all")
        if self.total < self.ranks.size:
            raise ValueError(f"{self.total} rows cannot be shared by {self.ranks.size} processes")
        held = len(range(self.ranks.rank, self.total, self.ranks.size))
        if len(self.x) != held:
            raise ValueError(
                f"process {self.ranks.rank} of {self.ranks.size} has {len(self.x)} of "
                f"{self.total} rows; it must have {held}"
            )

    @classmethod
    def of(cls, rows: Rows, ranks: Ranks) -> "ShardedRows":
        """Return the share of this process in rows that it has all."""
        mine = slice(ranks.rank, None, ranks.size)
        weights = None if rows.weights is None else np.ascontiguousarray(rows.weights[mine])
        x, y = np.ascontiguousarray(rows.x[mine]), np.ascontiguousarray(rows.y[mine])
        return cls(x, y, weights, ranks=ranks, total=len(rows))

    def __len__(self) -> int:
        return self.total

    @property
    def held(self) -> Rows:
        """The rows of this process."""
        return Rows(self.x, self.y, self.weights)

    @property
    def weight_sums(self) -> Array:
        """The sum () of all rows' weights."""
        if self.weights is None:
            return self.counts
        total = self.weights.sum(keepdims=True, dtype=np.float64)
        self.ranks.add_up(total)
        return np.asarray(total[0])

    def normalized(self) -> "ShardedRows":
        """Return the rows with all weights scaled to a mean of 1."""
        if self.weights is None:
            return self
        mean = self.weights.dtype.type(self.weight_sums / self.total)
        return replace(self, weights=self.weights / mean)

    def prepared(self, prepare: Callable[[Array], Array]) -> "ShardedRows":
        """Return the rows with their targets as a loss compares them, by its `prepare`."""
        return replace(self, y=prepare(self.y))

    def picked(self, which: slice | Array) -> Rows:
        """Return some of all rows, which every process then has: see `Rows.picked`."""
        places = np.arange(self.total)[which]
        mine = places % self.ranks.size == self.ranks.rank
        numbers = places[mine] // self.ranks.size

        def gather(values: Array) -> Array:
            gathered = np.zeros((len(places), *values.shape[1:]), values.dtype)
            gathered[mine] = values[numbers]
            self.ranks.add_up(gathered)
            return gathered

        weights = None if self.weights is None else gather(self.weights)
        return Rows(gather(self.x), gather(self.y), weights)

    def of_replicas(self, replicas: Sequence[int]) -> "ShardedRows":
        """Return the rows of only these replicas: all share them."""
        return self

    def batches(
        self, size: int, seeds: Sequence[int], *, shuffle: bool, spread: bool = False
    ) -> Batches:
        """Return this process's shares of the batches of `size` rows, as `cut` makes them."""
        return ShardedBatches(self, size, seeds, shuffle=shuffle, spread=spread)

    def one_pass(self, size: int, seeds: Sequence[int]) -> Batches:
        """Return the batches of one pass through the rows of this process, to measure them."""
        return self.held.one_pass(size, seeds)

    def picked_batches(self, picks: Picks, size: int, *, spread: bool = False) -> Batches:
        """Raise ValueError: replicas that have rows of their own are trained by one process."""
        raise ValueError("replicas with rows of their own cannot share them among processes")


def ranks_of(rows: Rows | ReplicaRows) -> Ranks | None:
    """Return the processes that share rows; None if this one has them all."""
    return rows.ranks if isinstance(rows, ShardedRows) else None


class ShardedBatch(PickedBatch):
    """The buffers of a process's share of a batch, of which rows at the end may not count."""

    def __init__(self, rows: Rows, size: int, replicas: int, share: Share) -> None:
        super().__init__(rows, size, replicas, None, masked=True)
        self.share = self._part = share
        share.columns = np.zeros((replicas, size), np.intp)
        self._order = np.empty((replicas, size), np.intp)
        self._held = np.empty((replicas, size), np.bool_)

    def gather_share(self, parts: Sequence[tuple[Array, Array]], rows: int) -> None:
        """Fill the buffers from each replica's places in a batch of `rows` rows, and row numbers.

        The first row fills the rest up, and does not count.
        """
        columns = self._part.columns
        for k, (places, numbers) in enumerate(parts):
            count = len(places)
            self._order[k, :count], columns[k, :count] = numbers, places
            self._order[k, count:] = numbers[0] if count else 0
            columns[k, count:] = 0
            self._held[k, :count], self._held[k, count:] = True, False
        self._part.rows = rows
        self.gather_counted(self._order, self._held)


class WholeShard(WholeBatch):
    """All rows of a process, of a batch that is all rows of the training."""

    def __init__(self, rows: ShardedRows, replicas: int) -> None:
        super().__init__(rows.held, replicas)
        places = np.arange(rows.ranks.rank, rows.total, rows.ranks.size)
        self.share = Share(rows.total, np.broadcast_to(places, (replicas, len(places))))


class ShardedBatches(Batches):
    """A process's shares of the batches of all rows, in the order that `Batches` would take them.

    The number of rows varies from step to step by chance. `shapes` grows as sizes occur; they are
    apart by about a thirtieth, and rows that do not count fill a share up to the next.
    """

    _FILLED: ClassVar[int] = 32

    def __init__(
        self, rows: ShardedRows, size: int, seeds: Sequence[int], *, shuffle: bool, spread: bool
    ) -> None:
        self._rows, self._held, self._seeds, self._shuffle = rows, rows.held, seeds, shuffle
        self._size, self.per_epoch, self.length = cut(len(rows), size, spread=spread)
        self._whole = self._size == len(rows)
        self.shapes: list[Batch] = []
        self._numbers: dict[int, int] = {}  # of a size in `shapes`
        share = -(-self._size // rows.ranks.size)
        self._apart = 1 << max(share // self._FILLED, 1).bit_length() - 1
        if self._whole:
            self.shapes = [WholeShard(rows, len(seeds))]
        else:
            self._of_size(share)

    def order(self, number: int) -> Array:
        """Return the indices (R, L) of an epoch's rows among all, in the order of the batches."""
        replicas, rows = len(self._seeds), len(self._rows)
        if self._whole:
            return np.broadcast_to(np.arange(rows), (replicas, rows))
        draw = drawn_order(rows, self._seeds, [0] * replicas, shuffle=self._shuffle)
        passes = Passes(draw, [rows] * replicas, self.length)
        passes.go_to(number)
        return passes.order

    def epoch(self, number: int) -> Iterable[int]:
        """Gather this epoch's shares in turn, and yield the index of the buffers in `shapes`."""
        return (0,) if self._whole else self._gathered(number)

    def _gathered(self, number: int) -> Iterator[int]:
        rank, size = self._rows.ranks.rank, self._rows.ranks.size
        # only what this process holds of the order is kept
        each = []
        for order in self.order(number):
            places = np.flatnonzero(order % size == rank)
            each.append((places, order[places] // size))
        starts = range(0, self.length, self._size)
        cuts = [np.searchsorted(places, [*starts, self.length]) for places, _ in each]
        for step, start in enumerate(starts):
            parts = [
                (places[cut[step] : cut[step + 1]] - start, numbers[cut[step] : cut[step + 1]])
                for (places, numbers), cut in zip(each, cuts, strict=True)
            ]
            shape = self._of_size(max(len(places) for places, _ in parts))
            batch = self.shapes[shape]
            assert isinstance(batch, ShardedBatch)  # for mypy: only a whole batch is another
            batch.gather_share(parts, min(self._size, self.length - start))
            yield shape

    def _of_size(self, rows: int) -> int:
        """Return the index of the buffers for a number of rows; they are made when first needed."""
        size = max(-(-rows // self._apart), 1) * self._apart
        if size not in self._numbers:
            self._numbers[size] = len(self.shapes)
            share = Share(self._size, np.empty((0, 0), np.intp))
            self.shapes.append(ShardedBatch(self._held, size, len(self._seeds), share))
        return self._numbers[size]
