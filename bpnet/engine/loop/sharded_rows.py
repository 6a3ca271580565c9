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

LENT = 8
"""One of so many rows of a process is held by the next one, too, which evens out their shares."""


class Shard:
    """The numbers of the rows that one of n processes holds, of `total` rows from 0.

    Process k owns rows k, k + n, k + 2n, … With `lends` it has besides every eighth of the rows
    that process k - 1 owns. Raises ValueError if a process would own no row.
    """

    def __init__(self, ranks: Ranks, total: int, *, lends: bool = False) -> None:
        if total < ranks.size:
            raise ValueError(f"{total} rows cannot be shared by {ranks.size} processes")
        self.ranks, self.total, self.lends = ranks, total, lends and ranks.size > 1
        self._before = (ranks.rank - 1) % ranks.size
        self.owned = len(range(ranks.rank, total, ranks.size))
        """How many of the rows held are this process's own: the first ones."""
        borrowed = range(self._before, total, LENT * ranks.size) if self.lends else range(0)
        self.held = self.owned + len(borrowed)
        """How many rows this process holds."""

    def mask(self) -> Array:
        """Return the mask (N,) of the rows that are held."""
        mask = np.zeros(self.total, np.bool_)
        mask[self.ranks.rank :: self.ranks.size] = True
        if self.lends:
            mask[self._before :: LENT * self.ranks.size] = True
        return mask

    def places(self, rows: Array) -> Array:
        """Return the places of rows that are held, by their numbers."""
        owner, number = rows % self.ranks.size, rows // self.ranks.size
        return np.where(owner == self.ranks.rank, number, self.owned + number // LENT)

    def taken(self, order: Array, size: int) -> Array:
        """Return the mask (L,) of the rows in an order that this process takes in their batch.

        Each of a batch of `size` rows is taken by its owner, or by the next process if it is lent
        and that one would have fewer rows.
        """
        n, rank = self.ranks.size, self.ranks.rank
        owner = order % n
        mine = owner == rank
        if not self.lends:
            return np.asarray(mine)
        steps = np.arange(len(order)) // size
        places = steps * n + owner
        lent = order // n % LENT == 0
        batches = -(-len(order) // size)

        def count(places: Array) -> Array:
            return np.bincount(places, minlength=batches * n).reshape(batches, n)

        owned = count(places)
        rows = owned.sum(axis=1, keepdims=True)
        even = rows * np.arange(1, n + 1) // n - rows * np.arange(n) // n
        # k hands on to k + 1 what is too much in 0 … k, and at least 0
        flow = np.cumsum(owned - even, axis=1)
        flow -= flow.min(axis=1, keepdims=True)
        np.minimum(flow, count(places[lent]), out=flow)
        # a chain that breaks where too few are lent may end in a larger share: then each keeps its
        shares = owned - flow + np.roll(flow, 1, axis=1)
        flow[shares.max(axis=1) > owned.max(axis=1)] = 0
        for giver, takes in ((rank, False), (self._before, True)):
            candidates = np.flatnonzero(lent & (owner == giver))
            of_step = steps[candidates]
            # the first ones of each batch
            nth = np.arange(len(candidates)) - np.searchsorted(of_step, of_step)
            mine[candidates[nth < flow[of_step, giver]]] = takes
        return np.asarray(mine)


@dataclass(frozen=True, kw_only=True)
class ShardedRows(Rows):
    """The rows of a shard, its own first, of rows that several processes train on.

    Batches are those of all rows, in the same order: of each, a process gathers its share. Raises
    ValueError if there are several sets, or other rows than the shard has.
    """

    shard: Shard

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sets != 1:
            raise ValueError(f"sharded rows cannot be {self.sets} sets; each process needs all")
        if len(self.x) != self.shard.held:
            raise ValueError(f"there are {len(self.x)} rows; the shard has {self.shard.held}")

    @classmethod
    def of(cls, rows: Rows, ranks: Ranks, *, lends: bool = True) -> "ShardedRows":
        """Return the shard of this process in rows that it has all."""
        shard = Shard(ranks, len(rows), lends=lends)
        numbers = np.flatnonzero(shard.mask())
        held = rows.picked(numbers[np.argsort(shard.places(numbers))])
        return cls(held.x, held.y, held.weights, shard=shard)

    def __len__(self) -> int:
        return self.shard.total

    @property
    def held(self) -> Rows:
        """The rows that this process holds."""
        return Rows(self.x, self.y, self.weights)

    @property
    def owned(self) -> Rows:
        """Those of them that it owns: each row is one process's."""
        count = self.shard.owned
        weights = None if self.weights is None else self.weights[:count]
        return Rows(self.x[:count], self.y[:count], weights)

    @property
    def weight_sums(self) -> Array:
        """The sum () of all rows' weights."""
        weights = self.owned.weights
        if weights is None:
            return self.counts
        total = weights.sum(keepdims=True, dtype=np.float64)
        self.shard.ranks.add_up(total)
        return np.asarray(total[0])

    def targets(self) -> Array | list[Array]:
        """Return the targets (N, O) of the rows that are owned."""
        return self.owned.y

    def normalized(self) -> "ShardedRows":
        """Return the rows with all weights scaled to a mean of 1."""
        if self.weights is None:
            return self
        mean = self.weights.dtype.type(self.weight_sums / len(self))
        return replace(self, weights=self.weights / mean)

    def prepared(self, prepare: Callable[[Array], Array]) -> "ShardedRows":
        """Return the rows with their targets as a loss compares them, by its `prepare`."""
        return replace(self, y=prepare(self.y))

    def picked(self, which: slice | Array) -> Rows:
        """Return some of all rows, which every process then has: see `Rows.picked`."""
        ranks, rows = self.shard.ranks, np.arange(len(self))[which]
        mine = rows % ranks.size == ranks.rank
        places = self.shard.places(rows[mine])

        def gather(values: Array) -> Array:
            gathered = np.zeros((len(rows), *values.shape[1:]), values.dtype)
            gathered[mine] = values[places]
            ranks.add_up(gathered)
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
        """Return the batches of one pass through the rows that are owned, to measure them."""
        return self.owned.one_pass(size, seeds)

    def picked_batches(self, picks: Picks, size: int, *, spread: bool = False) -> Batches:
        """Raise ValueError: replicas that have rows of their own are trained by one process."""
        raise ValueError("replicas with rows of their own cannot share them among processes")


def ranks_of(rows: Rows | ReplicaRows) -> Ranks | None:
    """Return the processes that share rows; None if this one has them all."""
    return rows.shard.ranks if isinstance(rows, ShardedRows) else None


def leads(rows: Rows | ReplicaRows) -> bool:
    """Return True in the process that writes what is trained: the only one, or the first."""
    ranks = ranks_of(rows)
    return ranks is None or ranks.leads


class ShardedBatch(PickedBatch):
    """The buffers of a process's share of a batch, of which rows at the end may not count."""

    def __init__(self, rows: Rows, size: int, replicas: int, share: Share) -> None:
        super().__init__(rows, size, replicas, None, masked=True)
        self.share = self._part = share
        share.columns = np.zeros((replicas, size), np.intp)
        self._order = np.empty((replicas, size), np.intp)
        self._held = np.empty((replicas, size), np.bool_)

    def gather_share(self, parts: Sequence[tuple[Array, Array]], rows: int) -> None:
        """Fill the buffers from each replica's columns in a batch of `rows` rows, and their places.

        The first row fills the rest up, and does not count.
        """
        columns = self._part.columns
        for k, (of_batch, places) in enumerate(parts):
            count = len(places)
            self._order[k, :count], columns[k, :count] = places, of_batch
            self._order[k, count:] = places[0] if count else 0
            columns[k, count:] = 0
            self._held[k, :count], self._held[k, count:] = True, False
        self._part.rows = rows
        self.gather_counted(self._order, self._held)


class WholeShard(WholeBatch):
    """All rows that a process owns, of a batch that is all rows of the training."""

    def __init__(self, rows: ShardedRows, replicas: int) -> None:
        super().__init__(rows.owned, replicas)
        ranks = rows.shard.ranks
        columns = np.arange(ranks.rank, len(rows), ranks.size)
        self.share = Share(len(rows), np.broadcast_to(columns, (replicas, len(columns))))


class ShardedBatches(Batches):
    """A process's shares of the batches of all rows, in the order that `Batches` would take them.

    The number of rows may vary from step to step by chance. `shapes` grows as sizes occur; they are
    apart by about a thirtieth, and rows that do not count fill a share up to the next.
    """

    _FILLED: ClassVar[int] = 32

    def __init__(
        self, rows: ShardedRows, size: int, seeds: Sequence[int], *, shuffle: bool, spread: bool
    ) -> None:
        self._shard, self._held, self._seeds, self._shuffle = rows.shard, rows.held, seeds, shuffle
        self._size, self.per_epoch, self.length = cut(len(rows), size, spread=spread)
        self._whole = self._size == len(rows)
        self.shapes: list[Batch] = []
        self._numbers: dict[int, int] = {}  # of a size in `shapes`
        self._even = -(-self._size // rows.shard.ranks.size)
        self._apart = 1 << max(self._even // self._FILLED, 1).bit_length() - 1
        if self._whole:
            self.shapes = [WholeShard(rows, len(seeds))]
        else:
            self._of_size(self._even)

    def order(self, number: int) -> Array:
        """Return the indices (R, L) of an epoch's rows among all, in the order of the batches."""
        replicas, rows = len(self._seeds), self._shard.total
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
        starts = range(0, self.length, self._size)
        each = []
        for order in self.order(number):  # of which only what this process takes is kept
            taken = np.flatnonzero(self._shard.taken(order, self._size))
            cuts = np.searchsorted(taken, [*starts, self.length])
            each.append((taken, self._shard.places(order[taken]), cuts))
        for step, start in enumerate(starts):
            parts = []
            for taken, places, cuts in each:
                of_step = slice(cuts[step], cuts[step + 1])
                parts.append((taken[of_step] - start, places[of_step]))
            shape = self._of_size(max(len(places) for _, places in parts))
            batch = self.shapes[shape]
            assert isinstance(batch, ShardedBatch)  # for mypy: only a whole batch is another
            batch.gather_share(parts, min(self._size, self.length - start))
            yield shape

    def _of_size(self, rows: int) -> int:
        """Return the index of the buffers for a number of rows; they are made when first needed."""
        over = max(rows, 1) - self._even
        size = self._even + -(-over // self._apart) * self._apart  # rounded up
        if size not in self._numbers:
            self._numbers[size] = len(self.shapes)
            share = Share(self._size, np.empty((0, 0), np.intp))
            self.shapes.append(ShardedBatch(self._held, size, len(self._seeds), share))
        return self._numbers[size]
