"""Buffers: arrays placed and ordered in memory so that passes over them are fast."""

import math
from collections.abc import Sequence

import numpy as np

from bpnet.engine.component import Array

CACHE_LINE = 64
"""Bytes that a core fetches at once.

In an array that begins elsewhere every vector of 64 bytes lies across two lines: adding two such
arrays into a third takes up to twice as long.
"""

UNITS_FIRST_ROWS = 16
"""Number of rows from which a batch has its units first in memory."""

LONG_ROWS = 256
"""Number of rows from which a smaller ufunc buffer makes a difference."""


def broadcast_unbuffered(rows: int) -> None:
    """Let NumPy broadcast over rows without a copy. Call it within np.errstate, which undoes it.

    An operand with one number for each run of an array, such as a bias, is otherwise written into a
    buffer of 8192 numbers first if the runs are shorter: adding a bias to 600 or 4096 rows then
    takes twice as long.
    """
    if rows >= LONG_ROWS:
        np.setbufsize(1024)


def empty(shape: Sequence[int], dtype: np.dtype) -> Array:
    """Return an array in C order that begins where a cache line does."""
    size = math.prod(shape) * dtype.itemsize
    room = np.empty(size + CACHE_LINE, np.uint8)
    address: int = room.__array_interface__["data"][0]
    start = -address % CACHE_LINE  # bytes to the next cache line
    return room[start : start + size].view(dtype).reshape(shape)


def empty_units(replicas: int, units: int, rows: int, dtype: np.dtype) -> Array:
    """Return an array (R, O, B) for the values of units, laid out in memory as (O, R, B).

    An operand that a row has once for all units, such as their sum, then meets runs of R B numbers;
    in the order of the axes it would meet runs of B, and each run costs as much as a hundred
    numbers. Few rows stay in the order of the axes: in float32 BLAS adds 8 or fewer numbers in an
    order that depends on whether a replica's units are next to one another, so a replica would
    differ from its solo run in the last bit.
    """
    if rows < UNITS_FIRST_ROWS:
        return empty((replicas, units, rows), dtype)
    return empty((units, replicas, rows), dtype).transpose(1, 0, 2)  # seen as (R, O, B)


def empty_like(array: Array, dtype: np.dtype | None = None) -> Array:
    """Return an array of the same shape and order that begins where a cache line does."""
    # axes by falling stride: the order in which they lie in memory
    order = sorted(range(array.ndim), key=lambda axis: -array.strides[axis])
    made = empty([array.shape[axis] for axis in order], dtype or array.dtype)
    return made.transpose(np.argsort(order).tolist())  # argsort inverts a permutation


FULL_VALUES = 1 << 16
"""Number of values up to which `filled_like` has each of them in memory."""
SHORTEST_SLAB = 256
"""Fewest values of a slab that stands for all of a larger array."""


def filled_like(array: Array, value: float) -> Array:
    """Return a read-only array of one value, with the shape and order of another.

    np.maximum and np.minimum of two arrays take a quarter to a half of the time that they take of
    an array and a number. Of a large array, only the first slab along the axis of largest stride is
    in memory.
    """
    slowest = max(range(array.ndim), key=lambda axis: (array.shape[axis] > 1, array.strides[axis]))
    slab = array.size // max(array.shape[slowest], 1)
    part: list[slice] = [slice(None)] * array.ndim
    if array.size > FULL_VALUES and slab >= SHORTEST_SLAB:
        part[slowest] = slice(1)
    filled = empty_like(array[tuple(part)])
    filled.fill(value)
    return np.broadcast_to(filled, array.shape)
