"""Batches: encoded rows in each epoch's order, gathered into buffers that are reused."""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from bpnet.engine.buffers import empty_units
from bpnet.engine.component import Array
from bpnet.engine.layers.base import Share
from bpnet.engine.loop.passes import Passes, Picks, cut
from bpnet.engine.randomness import Purpose, generator


@dataclass(frozen=True)
class Rows:
    """Encoded rows: inputs x (N, I), targets y (N, O) and, optionally, a weight for each row (N,).

    Classes are one-hot, or 0 and 1 in a single column. With S `sets`, each of S replicas has N rows
    of its own; the sets one after another make x (S N, I), y (S N, O) and the weights (S N,).
    Raises ValueError if the numbers of rows differ, or x is not floating point.
    """

    x: Array
    y: Array
    weights: Array | None = None
    sets: int = 1

    in_memory: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.x.ndim != 2 or self.y.ndim != 2 or len(self.x) != len(self.y):
            raise ValueError(
                f"x is {self.x.shape} and y {self.y.shape}; they must be (rows, inputs) "
                "and (rows, outputs)"
            )
        # stored rows may be narrower: they are cast as they are gathered
        if self.in_memory and not np.issubdtype(self.x.dtype, np.floating):
            raise ValueError(
                f"x is {self.x.dtype}; it must be floating point, as x.astype(np.float32) is"
            )
        if self.weights is not None and self.weights.shape != (len(self.x),):
            raise ValueError(f"the weights are {self.weights.shape}; they must be {(len(self.x),)}")
        if self.sets < 1 or len(self.x) % self.sets:
            raise ValueError(f"{len(self.x)} rows cannot be {self.sets} sets of equal size")

    def __len__(self) -> int:
        return len(self.x) // self.sets

    def by_set(self, values: Array) -> Array:
        """Return values (S N, …), one for each row of each set, as (S, N, …)."""
        return values.reshape(self.sets, len(self), *values.shape[1:])

    @property
    def counts(self) -> Array:
        """The number of rows of each set: () where it is one for all."""
        return np.asarray(float(len(self)))

    @property
    def weight_sums(self) -> Array:
        """The sum of each set's weights, () or (S,): the number of rows where there are none."""
        if self.weights is None:
            return self.counts
        return np.asarray(self.by_set(self.weights).sum(axis=1, dtype=np.float64))

    def targets(self) -> Array | list[Array]:
        """Return the targets (N, O), or those of several sets (S, N, O)."""
        return self.by_set(self.y) if self.sets > 1 else self.y

    def normalized(self) -> "Rows":
        """Return the rows with each set's weights scaled to a mean of 1.

        Steps are then as large as without weights.
        """
        if self.weights is None:
            return self
        weights = self.by_set(self.weights)  # (S, N)
        return replace(self, weights=(weights / weights.mean(axis=1, keepdims=True)).ravel())

    def prepared(self, prepare: Callable[[Array], Array]) -> "Rows":
        """Return the rows with their targets as a loss compares them, by its `prepare`."""
        return replace(self, y=prepare(self.y))

    def picked(self, which: slice | Array) -> "Rows":
        """Return some rows of each set, in memory: a slice, indices (K,) or a mask (N,)."""

        def pick(values: Array) -> Array:
            # (S N, …) -> (S, N, …) -> (S, K, …) -> (S K, …)
            return np.ascontiguousarray(
                self.by_set(values)[:, which].reshape(-1, *values.shape[1:])
            )

        return Rows(
            pick(self.x),
            pick(self.y),
            None if self.weights is None else pick(self.weights),
            self.sets,
        )

    def of_replicas(self, replicas: Sequence[int]) -> "Rows":
        """Return the rows of only these replicas: their sets, or the one set that all share."""
        if self.sets == 1:
            return self
        return stacked([self.of_set(replica) for replica in replicas])

    def of_set(self, number: int) -> "Rows":
        """Return one set, as a view."""
        part = slice(number * len(self), (number + 1) * len(self))
        weights = None if self.weights is None else self.weights[part]
        return Rows(self.x[part], self.y[part], weights)

    def batches(
        self, size: int, seeds: Sequence[int], *, shuffle: bool, spread: bool = False
    ) -> "Batches":
        """Return the batches of `size` rows for replicas with these seeds, as `cut` makes them.

        Raises ValueError if there are several sets, but not one for each replica.
        """
        if self.sets not in (1, len(seeds)):
            raise ValueError(
                f"there are {self.sets} sets of rows for {len(seeds)} replicas; each needs one"
            )
        return Batches(self, size, seeds, shuffle=shuffle, spread=spread)

    def one_pass(self, size: int, seeds: Sequence[int]) -> "Batches":
        """Return the batches of one pass through the rows in their order, to measure them."""
        return self.batches(size, seeds, shuffle=False)

    def picked_batches(self, picks: Picks, size: int, *, spread: bool = False) -> "Batches":
        """Return the batches of `size` rows in which each replica has its picks of these rows."""
        return PickedBatches(self, picks, size, spread=spread)


def stacked(each: Sequence[Rows]) -> Rows:
    """Return the rows of several replicas as one set for each.

    Raises ValueError if their numbers of rows differ.
    """
    if len(each) == 1:
        return each[0]
    if len({len(rows) for rows in each}) > 1:
        counts = ", ".join(str(len(rows)) for rows in each)
        raise ValueError(f"replicas cannot have {counts} rows; the numbers must be equal")
    weights = [rows.weights for rows in each if rows.weights is not None]
    return Rows(
        np.concatenate([rows.x for rows in each]),
        np.concatenate([rows.y for rows in each]),
        np.concatenate(weights) if weights else None,
        len(each),
    )


class Batch:
    """The buffers of one batch shape: x (R, I, B), y (R, O, B), weights (R, 1, B) or None.

    Rows are gathered whole: x is a transposed view of (R, B, I), y a copy of (R, B, O).
    """

    def __init__(self, rows: Rows, size: int, replicas: int) -> None:
        self._rows = rows
        self._x = np.empty((replicas, size, rows.x.shape[1]), rows.x.dtype)
        self._y = np.empty((replicas, size, rows.y.shape[1]), rows.y.dtype)
        self._weights = (
            None if rows.weights is None else np.empty((replicas, size), rows.weights.dtype)
        )
        self.x = self._x.transpose(0, 2, 1)
        # a second buffer, since the loss is faster on the order that scores have
        self.y = empty_units(replicas, rows.y.shape[1], size, rows.y.dtype)
        self._y_by_unit = self._y.transpose(0, 2, 1)  # (R, O, B)
        self.weights = None if self._weights is None else self._weights[:, None]  # (R, 1, B)
        self._take_x, self._take_y = rows.x.take, rows.y.take
        self.size = size
        self.counted: Array | None = None
        """Mask (R, B) of the rows that count, where some only fill the batch up."""

    _leaves_inputs = False
    share: Share | None = None
    """The place of these rows in a batch of which they are a part; None where they are all."""

    def of_replicas(self, replicas: slice) -> "Batch":
        """Return the buffers of neighboring replicas, as views that the whole batch fills."""
        batch = copy.copy(self)
        batch.x = self.x[replicas] if len(self.x) > 1 else self.x  # or one set that all share
        batch.y = self.y[replicas]
        batch.weights = None if self.weights is None else self.weights[replicas]
        batch.counted = None if self.counted is None else self.counted[replicas]
        return batch

    def of_rows(self, rows: slice) -> "Batch":
        """Return the buffers of neighboring rows, as views that the whole batch fills."""
        batch = copy.copy(self)
        batch.size = rows.stop - rows.start
        batch.x, batch.y = self.x[:, :, rows], self.y[:, :, rows]
        batch.weights = None if self.weights is None else self.weights[:, :, rows]
        batch.counted = None if self.counted is None else self.counted[:, rows]
        return batch

    def leave_inputs(self) -> bool:
        """Leave the inputs to `gather_inputs` from now on; return whether it has them to gather."""
        self._leaves_inputs = type(self) is Batch
        return self._leaves_inputs

    def gather_inputs(self, rows: slice) -> None:
        """Fill some rows of x, from the order of the last `gather`."""
        # mode="clip" writes straight into out; the default would go through a copy
        self._rows.x.take(self._order[:, rows], 0, self._x[:, rows], "clip")

    def gather(self, order: Array) -> None:
        """Fill the buffers with the rows whose indices are in order (R, B)."""
        self._order = order
        if not self._leaves_inputs:
            # mode="clip" writes straight into out; the default would go through a copy
            self._take_x(order, 0, self._x, "clip")
        self._take_y(order, 0, self._y, "clip")
        np.copyto(self.y, self._y_by_unit)
        if self._rows.weights is not None:
            self._rows.weights.take(order, None, self._weights, "clip")


class WholeBatch(Batch):
    """All rows in file order: x is a view of them, y a read-only copy for each replica.

    If there is a single set, every replica has the same rows. Raises ValueError if the rows are not
    in memory.
    """

    def __init__(self, rows: Rows, replicas: int) -> None:
        if not rows.in_memory:
            raise ValueError(
                f"all {len(rows)} rows cannot be one batch, because they are not in memory; "
                "pick some of them"
            )
        self.size, self.counted = len(rows), None
        self.x = rows.by_set(rows.x).transpose(0, 2, 1)  # (S, I, B)
        # a copy for each replica, since the loss is faster on the order that scores have
        self.y = empty_units(replicas, rows.y.shape[1], len(rows), rows.y.dtype)
        np.copyto(self.y, rows.by_set(rows.y).transpose(0, 2, 1))
        self.y.setflags(write=False)  # so that metrics compute true classes once
        self.weights = None
        if rows.weights is not None:
            self.weights = np.broadcast_to(
                rows.by_set(rows.weights)[:, None], (replicas, 1, len(rows))
            )

    def gather(self, order: Array) -> None:
        """Do nothing: the buffers hold all rows from the start."""


class PickedBatch(Batch):
    """The buffers of a batch of which some rows may not count, and weights are divided by `means`.

    `counted` (R, B) is None where all rows count.
    """

    def __init__(
        self, rows: Rows, size: int, replicas: int, means: Array | None, *, masked: bool
    ) -> None:
        super().__init__(rows, size, replicas)
        self._means = means
        if masked:
            self.counted = np.ones((replicas, size), np.bool_)
            if self._weights is None:
                self._weights = np.ones((replicas, size), rows.x.dtype)
                self.weights = self._weights[:, None]

    def gather_counted(self, order: Array, counted: Array | None) -> None:
        """Fill the buffers with rows in order (R, B), of which those in a mask count."""
        self.gather(order)
        if self._weights is None:
            return
        if self._rows.weights is None:
            self._weights.fill(1)
        elif self._means is not None:
            np.divide(self._weights, self._means, self._weights)
        if counted is not None and self.counted is not None:
            np.copyto(self.counted, counted)
            np.multiply(self._weights, counted, self._weights)


def drawn_order(
    rows: int, seeds: Sequence[int], starts: Sequence[int], *, shuffle: bool
) -> Callable[[int, int], Array]:
    """Return what draws the order (N,) of a replica's pass: see `Passes`.

    The replica's rows are the next ones from its start on.
    """

    def draw(replica: int, number: int) -> Array:
        if not shuffle:
            return np.arange(starts[replica], starts[replica] + rows)
        order = generator(seeds[replica], Purpose.ROW_ORDER, number).permutation(rows)
        if starts[replica]:
            order += starts[replica]
        return order

    return draw


class Batches:
    """The batches of every epoch, as `cut` makes them of `size` rows.

    `shapes` holds one Batch for each size that occurs. With `shuffle`, each replica has its own
    order in each pass, drawn from its seed; a single batch of all rows is never shuffled.
    """

    length: int
    """Rows in an epoch."""

    def __init__(
        self,
        rows: Rows,
        size: int,
        seeds: Sequence[int],
        *,
        shuffle: bool,
        spread: bool = False,
    ) -> None:
        self._size, self.per_epoch, self.length = cut(len(rows), size, spread=spread)
        self.shapes: list[Batch]
        self._whole = self._size == len(rows)
        if self._whole:
            self.shapes = [WholeBatch(rows, len(seeds))]
            return
        rest = self.length % self._size
        self.shapes = [Batch(rows, n, len(seeds)) for n in (self._size, rest) if n]
        # the first row of each replica's set
        starts = np.broadcast_to(np.arange(rows.sets) * len(rows), len(seeds)).tolist()
        draw = drawn_order(len(rows), seeds, starts, shuffle=shuffle)
        self._passes = Passes(draw, [len(rows)] * len(seeds), self.length)
        order = self._passes.order  # (R, L), the same array in every epoch
        full = order[:, : self.length - rest].reshape(len(seeds), -1, self._size)
        self._of_full = full.transpose(1, 0, 2)
        """The order of each batch of full size (n, R, B)."""
        self._of_rest = order[:, self.length - rest :]
        """That of the rows that are left (R, L - n B)."""

    def order(self, number: int) -> Array:
        """Return the indices (R, L) of an epoch's rows, in the order in which batches take them."""
        if self._whole:
            replicas, rows = self.shapes[0].y.shape[0], self.length
            return np.broadcast_to(np.arange(rows), (replicas, rows))
        self._passes.go_to(number)
        return self._passes.order.copy()

    def epoch(self, number: int) -> Iterable[int]:
        """Gather this epoch's batches in turn, and yield the index of the buffers in `shapes`."""
        return (0,) if self._whole else self._gathered(number)

    def _gathered(self, number: int) -> Iterator[int]:
        self._passes.go_to(number)
        for order in self._of_full:
            self.shapes[0].gather(order)
            yield 0
        if self._of_rest.size:
            self.shapes[1].gather(self._of_rest)
            yield 1


class PickedBatches(Batches):
    """The batches of replicas of which each has its own picks of the same rows."""

    def __init__(self, rows: Rows, picks: Picks, size: int, *, spread: bool) -> None:
        self._size, self.per_epoch, self.length = cut(picks.length, size, spread=spread)
        if self.per_epoch == 1:
            # a single batch is never shuffled, and is always the same where nobody goes round again
            same = {self.length} == {len(each) for each in picks.each}
            picks = replace(picks, shuffle=False, once=picks.once or same)
        self._orders = picks.orders(self.length)
        self.picked = self._buffers(rows, picks)
        self.shapes = [*self.picked]
        # a batch that never changes is gathered once, and its targets are read-only, so that
        # metrics compute true classes once
        self._fixed = rows.in_memory and picks.once and self.per_epoch == 1
        if self._fixed:
            self.picked[0].gather_counted(self._orders.order, self._orders.counted)
            self.picked[0].y.setflags(write=False)

    def _buffers(self, rows: Rows, picks: Picks) -> list[PickedBatch]:
        """Return the buffers of each size of batch, which are filled from these rows."""
        masked = self._orders.counted is not None
        return [
            PickedBatch(rows, n, len(picks.each), picks.means, masked=masked)
            for n in (self._size, self.length % self._size)
            if n
        ]

    def epoch(self, number: int) -> Iterable[int]:
        """Gather this epoch's batches in turn, and yield the index of the buffers in `shapes`."""
        return (0,) if self._fixed else self._gathered(number)

    def _gathered(self, number: int) -> Iterator[int]:
        self._orders.go_to(number)
        yield from self._in_turn(self._orders.order, self._orders.counted)

    def _in_turn(self, order: Array, counted: Array | None) -> Iterator[int]:
        """Gather the batches of an order and a mask (R, K), and yield their buffers' index."""
        for start in range(0, order.shape[1], self._size):
            rows = order[:, start : start + self._size]  # (R, B)
            shape = 0 if rows.shape[1] == self._size else 1
            mask = None if counted is None else counted[:, start : start + self._size]
            self.picked[shape].gather_counted(rows, mask)
            yield shape
