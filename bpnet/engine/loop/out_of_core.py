"""Out of core: rows in a file, of which one window at a time is in memory and trained on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.loop.batches import Batch, Batches, PickedBatch, PickedBatches, Rows
from bpnet.engine.loop.passes import Picks
from bpnet.engine.randomness import Purpose, generator


def _unchanged(targets: Array) -> Array:
    """Return the targets, where the loss compares them as they are."""
    return targets


def _nothing() -> None:
    """Do nothing, where no mapping is to be released."""


@dataclass(frozen=True)
class StoredRows(Rows):
    """Rows whose x (N, I) and y (N, O) are mapped from a file, in any type.

    At most `window` rows, or one batch where it is larger, are in memory at once, as `dtype`; the
    weights (N,) always are, in that type already. `release` is called after each copy of a window,
    so that the owner of the mapping may drop its pages.

    An epoch reads blocks of `block` rows, each whole and once, in an order that all replicas share.
    512 rows of 50 float32 are 100 kB, about as much as a disk reads ahead, and a window of the
    default size holds 128 blocks: of a table sorted by two classes of equal size, the share of
    either in a window is 50 % ± 4.4 %.

    Raises ValueError if shapes differ, there are several sets, or window or block is below 1.
    """

    dtype: Any = np.float32
    window: int = 65_536
    block: int = 512
    release: Callable[[], None] = _nothing
    prepare: Callable[[Array], Array] = _unchanged
    """A loss's `prepare`, applied to the targets (K, O) of each copy."""

    in_memory: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sets != 1:
            raise ValueError(f"stored rows cannot be {self.sets} sets; keep them in memory")
        for name in ("window", "block"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"StoredRows.{name} is {getattr(self, name)}; it must be at least 1"
                )

    def prepared(self, prepare: Callable[[Array], Array]) -> "StoredRows":
        """Return the rows with their targets to be prepared when they are copied."""
        return replace(self, prepare=prepare)

    def picked(self, which: slice | Array) -> Rows:
        """Return some rows, in memory as `dtype`: a slice, indices (K,) or a mask (N,)."""
        weights = None if self.weights is None else self.weights[which]
        # copied even where the type is right, or they would still be a view of the file
        x, y = np.array(self.x[which], self.dtype, order="C"), np.array(self.y[which], self.dtype)
        self.release()
        return Rows(x, self.prepare(y), weights)

    def batches(
        self, size: int, seeds: Sequence[int], *, shuffle: bool, spread: bool = False
    ) -> Batches:
        """Return the batches of `size` rows for replicas with these seeds, as `cut` makes them."""
        if spread:
            every = [np.arange(len(self))] * len(seeds)
            picks = Picks(every, seeds, len(self), shuffle=shuffle)
            return self.picked_batches(picks, size, spread=True)
        return WindowedBatches(self, size, seeds, shuffle=shuffle)

    def picked_batches(self, picks: Picks, size: int, *, spread: bool = False) -> Batches:
        """Return the batches of `size` rows in which each replica has its picks of these rows."""
        return PickedWindows(self, picks, size, spread=spread)

    def window_of(self, length: int) -> Rows:
        """Return rows in memory, of which `copy` fills any place."""
        return Rows(
            np.empty((length, self.x.shape[1]), self.dtype),
            np.empty((length, self.y.shape[1]), self.dtype),
            None if self.weights is None else np.empty(length, self.weights.dtype),
        )

    def copy(self, rows: slice | Array, into: Rows, place: slice) -> None:
        """Copy rows, a slice or their numbers, to a place of rows in memory of type `dtype`."""
        into.x[place] = self.x[rows]
        into.y[place] = self.prepare(np.array(self.y[rows], self.dtype))
        if self.weights is not None and into.weights is not None:
            into.weights[place] = self.weights[rows]


class WindowedBatches(Batches):
    """The batches of every epoch of stored rows, gathered from one window after another.

    A window holds whole batches, up to its number of rows. With `shuffle`, windows are filled from
    blocks in an order drawn from the epoch only, and within a window each replica has its own
    order, drawn from its seed and the epoch. Where one window holds all rows, that order is the one
    of rows in memory.
    """

    def __init__(self, rows: StoredRows, size: int, seeds: Sequence[int], *, shuffle: bool) -> None:
        self._stored, self._seeds, self._size = rows, seeds, min(size, len(rows))
        replicas = len(seeds)
        # a multiple of the batch size, so that a window ends where a batch does
        length = min(max(rows.window // self._size, 1) * self._size, len(rows))
        self._window = rows.window_of(length)
        rest = len(rows) % self._size
        self.shapes = [Batch(self._window, n, replicas) for n in (self._size, rest) if n]
        self._shuffle = shuffle and self._size < len(rows)
        self._order = np.broadcast_to(np.arange(length), (replicas, length)).copy()
        self.per_epoch, self.length = -(-len(rows) // self._size), len(rows)

    def epoch(self, number: int) -> Iterator[int]:
        """Gather this epoch's batches in turn, and yield the index of the buffers in `shapes`."""
        # once for all windows, so that each is shuffled differently
        generators = [generator(seed, Purpose.ROW_ORDER, number) for seed in self._seeds]
        for rows in self._windows(number):
            if self._shuffle:
                for replica, rng in enumerate(generators):
                    self._order[replica, :rows] = rng.permutation(rows)
            for start in range(0, rows, self._size):
                order = self._order[:, start : min(start + self._size, rows)]
                shape = 0 if order.shape[1] == self._size else 1
                self.shapes[shape].gather(order)
                yield shape

    def _windows(self, number: int) -> Iterator[int]:
        """Fill the window from this epoch's blocks, and yield the number of rows each time."""
        filled = 0
        for first, end in self._blocks(number):
            start = first
            while start < end:
                # a block that does not fit goes on in the next window
                stop = min(end, start + len(self._window) - filled)
                self._stored.copy(
                    slice(start, stop), self._window, slice(filled, filled + stop - start)
                )
                start, filled = stop, filled + stop - start
                if filled == len(self._window):
                    self._stored.release()
                    yield filled
                    filled = 0
        if filled:
            self._stored.release()
            yield filled

    def _blocks(self, number: int) -> Iterator[tuple[int, int]]:
        """Yield the first row of each block and the one after its last, in this epoch's order."""
        rows, block = len(self._stored), self._stored.block
        order = np.arange(-(-rows // block))
        # a window of all rows needs no order of blocks
        if self._shuffle and len(self._window) < rows:
            # seed 0: replicas share the window, whatever their seeds
            order = generator(0, Purpose.BLOCK_ORDER, number).permutation(len(order))
        for k in order.tolist():
            yield k * block, min((k + 1) * block, rows)


class PickedWindows(PickedBatches):
    """The batches of replicas of which each has its own picks of the rows in a file.

    The window has a part for each replica, which holds its next rows. Where a part holds a whole
    epoch, batches are those of rows in memory. Else a pass with `shuffle` takes the file's blocks
    in an order drawn from the number of the pass only, of each block the replica's rows, and within
    a part each replica has its own order, drawn from its seed and the epoch.
    """

    def __init__(self, rows: StoredRows, picks: Picks, size: int, *, spread: bool) -> None:
        self._stored, self._picks = rows, picks
        super().__init__(rows, picks, size, spread=spread)

    def _buffers(self, rows: Rows, picks: Picks) -> list[PickedBatch]:
        """Make the window, and return the buffers of each size of batch, filled from it."""
        stored, replicas = self._stored, len(picks.each)
        # a multiple of the batch size, so that a window ends where a batch does
        batches = max(stored.window // (replicas * self._size), 1)
        self._part = min(batches * self._size, self.length)
        self._window = stored.window_of(replicas * self._part)
        self._starts = np.arange(replicas)[:, None] * self._part  # (R, 1)
        self._shuffle = picks.shuffle and self._part < self.length
        if self._shuffle:
            blocks = -(-len(stored) // stored.block)  # rounded up
            self._orders = picks.orders(self.length, (stored.block, blocks))
        return super()._buffers(self._window, picks)

    def _gathered(self, number: int) -> Iterator[int]:
        self._orders.go_to(number)
        order, counted = self._orders.order, self._orders.counted
        # once for all windows, so that each is shuffled differently
        generators = [generator(seed, Purpose.ROW_ORDER, number) for seed in self._picks.seeds]
        for start in range(0, self.length, self._part):
            rows = order[:, start : start + self._part]  # (R, K)
            for first, of_replica in zip(self._starts[:, 0].tolist(), rows, strict=True):
                self._stored.copy(of_replica, self._window, slice(first, first + len(of_replica)))
            self._stored.release()
            places = self._starts + np.arange(rows.shape[1])
            if self._shuffle:
                for of_replica, rng in zip(places, generators, strict=True):
                    rng.shuffle(of_replica)
            mask = None if counted is None else counted[:, start : start + self._part]
            yield from self._in_turn(places, mask)
