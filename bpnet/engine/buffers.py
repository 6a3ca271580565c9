"""Memory: where the arrays of a training stand, so that passes over them are fast."""

from collections.abc import Sequence

import numpy as np

from bpnet.engine.component import Array

CACHE_LINE = 64
"""The bytes that a core fetches at once. Of arrays that begin elsewhere, every vector of 64 bytes lies across two: a
sum of two arrays into a third then takes up to twice as long."""

FEW_ROWS = 16
"""Batches of fewer rows are in the order of the axes."""

LONG_ROWS = 256
"""From how many rows on a smaller buffer makes a difference."""


def broadcast_unbuffered(rows: int) -> None:
    """Let NumPy spread numbers over rows without copies of them. Call it within np.errstate, which undoes it.

    What has one number for each run of an array, such as a bias, NumPy otherwise writes into a buffer of 8192 numbers
    first, for all runs that are shorter: adding a bias to 600 or 4096 rows then takes twice as long.
    """
    if rows >= LONG_ROWS:
        np.setbufsize(1024)


def empty(shape: Sequence[int], dtype: np.dtype) -> Array:
    """An array in C order that begins where a cache line does."""
    size = int(np.prod(shape)) * dtype.itemsize
    room = np.empty(size + CACHE_LINE, np.uint8)
    start = -room.ctypes.data % CACHE_LINE
    return room[start : start + size].view(dtype).reshape(shape)


def empty_units(replicas: int, units: int, rows: int, dtype: np.dtype) -> Array:
    """Values (R, U, B) of units, in the order (U, R, B).

    What each row has once for all its units, such as their sum, then meets whole runs of R B numbers; in the order of
    the axes it would meet runs of B, and every run costs as much as a hundred numbers. Few rows stay in that order: in
    float32 BLAS adds up 8 or fewer numbers in an order that depends on whether the units of a replica stand next to
    one another, and a replica would no longer be its solo run to the last bit.
    """
    if rows < FEW_ROWS:
        return empty((replicas, units, rows), dtype)
    return empty((units, replicas, rows), dtype).transpose(1, 0, 2)


def empty_like(array: Array, dtype: np.dtype | None = None) -> Array:
    """An array of the same shape, order and, unless another is given, type, that begins where a cache line does."""
    order = sorted(range(array.ndim), key=lambda axis: -array.strides[axis])
    made = empty([array.shape[axis] for axis in order], dtype or array.dtype)
    return made.transpose(np.argsort(order).tolist())
