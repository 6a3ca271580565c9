"""Passes: the order in which each replica takes its rows, cut into epochs and batches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.randomness import Purpose, generator

_FEWEST_FOR_EIGHTS = 16


def cut(rows: int, size: int, *, spread: bool = False) -> tuple[int, int, int]:
    """Return the rows of a batch, the batches of an epoch, and the rows that an epoch takes.

    By default the last batch has what is left over. With `spread` it is spread over the others,
    which are then of equal size, and the few rows that remain wait for the next epoch. From 16 rows
    on the size is a multiple of 8, for which matrix products take least time.
    """
    size = min(size, rows)
    if not spread:
        return size, -(-rows // size), rows  # rounded up
    even = rows // (rows // size)
    if even >= _FEWEST_FOR_EIGHTS:
        even -= even % 8
    return even, rows // even, rows // even * even


class Passes:
    """The order in which each replica takes its rows: pass after pass, cut into epochs.

    A pass takes each of a replica's rows once; `draw(replica, number)` returns its order (N,), for
    numbers from 1. An epoch is the next `length` rows: one pass where a replica has that many.
    """

    counted: Array | None = None
    """Every row of an epoch counts."""

    def __init__(
        self, draw: Callable[[int, int], Array], counts: Sequence[int], length: int
    ) -> None:
        self._draw, self._counts, self._length = draw, counts, length
        self._drawn: list[tuple[int, Array] | None] = [None] * len(counts)
        self.order = np.empty((len(counts), length), np.intp)
        """Row numbers (R, length) of the present epoch."""

    def go_to(self, epoch: int) -> None:
        """Write the order of an epoch, which depends on none before it."""
        for replica, rows in enumerate(self._counts):
            filled = 0
            while filled < self._length:
                number, first = divmod((epoch - 1) * self._length + filled, rows)
                drawn = self._pass(replica, number + 1)[first : first + self._length - filled]
                self.order[replica, filled : filled + len(drawn)] = drawn
                filled += len(drawn)

    def _pass(self, replica: int, number: int) -> Array:
        """Return the order of a pass, drawn once although two epochs may share it."""
        latest = self._drawn[replica]
        if latest is None or latest[0] != number:
            latest = self._drawn[replica] = (number, self._draw(replica, number))
        return latest[1]


class OnePass:
    """One pass of each replica through its rows in their order, the same in every epoch.

    Where some have fewer rows than others, their first row fills the rest, and does not count.
    """

    def __init__(self, each: Sequence[Array], longest: int) -> None:
        self.order = np.empty((len(each), longest), np.intp)
        """Row numbers (R, longest)."""
        self.counted: Array | None = None
        """Mask (R, longest) of the rows that count; None where all do."""
        if min(map(len, each)) < longest:
            self.counted = np.array([np.arange(longest) < len(picks) for picks in each])
        for order, picks in zip(self.order, each, strict=True):
            order[: len(picks)] = picks
            order[len(picks) :] = picks[0]

    def go_to(self, epoch: int) -> None:
        """Do nothing: every epoch has the same order."""


@dataclass(frozen=True)
class Picks:
    """The rows of each replica by their numbers (N,), and how its epochs go through them."""

    each: Sequence[Array]
    seeds: Sequence[int]
    length: int
    """Rows in an epoch. A replica with fewer goes round again, pass after pass."""
    means: Array | None = None
    """The mean (R, 1) of each replica's weights, by which they are divided; None for 1."""
    shuffle: bool = False
    """Draw the order of each pass from the replica's seed."""
    once: bool = False
    """Take one pass, and let rows that only fill up a replica's batches not count."""

    def orders(self, length: int, blocks: tuple[int, int] | None = None) -> Passes | OnePass:
        """Return the orders of epochs of `length` rows.

        With `blocks`, the rows of a block and the number of blocks, only the order of blocks is
        drawn: one for all replicas, so that they read the same blocks at the same time.
        """
        if self.once:
            return OnePass(self.each, length)

        def draw(replica: int, number: int) -> Array:
            picks = self.each[replica]
            if not self.shuffle:
                return picks
            if blocks is None:
                rng = generator(self.seeds[replica], Purpose.ROW_ORDER, number)
                return picks[rng.permutation(len(picks))]
            size, count = blocks
            place = generator(0, Purpose.BLOCK_ORDER, number).permutation(count)
            return picks[np.argsort(place[picks // size], kind="stable")]

        return Passes(draw, [len(picks) for picks in self.each], length)
