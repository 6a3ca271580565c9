"""Class codes: a number for the class of each row, to compare predictions with targets."""

from collections.abc import Callable
from functools import partial

import numpy as np

from bpnet.engine.buffers import empty_units
from bpnet.engine.component import Array, constant

FEW = 512
"""The number of rows, of all replicas together, up to which np.argmax is the faster way."""


class BoundClassCodes:
    """The class of each row of values (R, O, B), that of the first largest, in `codes` (R, B).

    A single output has class 1 where its value is above the threshold. Codes can be compared with
    those of an array of the same shape; they are not always class numbers.

    np.argmax takes a call for each row, which is best for a few: of 150 rows and 3 outputs it takes
    4 µs, and looking for the largest value 7 µs; but of 64 such replicas 127 µs and 34 µs, and of
    100,000 rows 1500 µs and 100 µs.
    """

    __slots__ = ("codes", "compute")

    codes: Array
    compute: Callable[[], object]
    """Write the codes of what values now holds."""

    def __init__(self, values: Array, threshold: float) -> None:
        replicas, outputs, rows = values.shape
        if outputs == 1:
            self.codes = np.empty((replicas, rows), np.bool_)
            limit = constant(threshold, values.dtype)
            self.compute = partial(np.greater, values[:, 0], limit, self.codes)
            return
        # codes found by comparison are uint8, for up to 255 outputs
        few = replicas * rows <= FEW or outputs > np.iinfo(np.uint8).max
        way = _LargestByArgmax(values) if few else _LargestByComparison(values)
        self.codes, self.compute = way.codes, way.compute


class _LargestByArgmax:
    """The index of the first largest of values (R, O, B) in each row."""

    __slots__ = ("_by_row", "_values", "codes")

    def __init__(self, values: Array) -> None:
        replicas, outputs, rows = values.shape
        self._values = values.transpose(0, 2, 1)  # (R, B, O)
        self._by_row = np.empty((replicas, rows, outputs), values.dtype)
        self.codes = np.empty((replicas, rows), np.intp)

    def compute(self) -> None:
        """Write the indices."""
        # argmax along any axis but the last would make this copy again in each step
        self._by_row[...] = self._values
        self._by_row.argmax(2, self.codes)


class _LargestByComparison:
    """O minus the index of the first largest of values (R, O, B) in each row."""

    __slots__ = ("_coded", "_descending", "_is_largest", "_largest", "_values", "codes")

    def __init__(self, values: Array) -> None:
        replicas, outputs, rows = values.shape
        self._values = values
        self._largest = np.empty((replicas, 1, rows), values.dtype)
        self._is_largest = empty_units(replicas, outputs, rows, np.dtype(np.bool_))
        self._coded = self._is_largest.view(np.uint8)  # the same bytes as 0 and 1
        self._descending = np.arange(outputs, 0, -1).astype(np.uint8)[:, None]  # (O, 1)
        self.codes = np.empty((replicas, rows), np.uint8)

    def compute(self) -> None:
        """Write the codes."""
        np.maximum.reduce(self._values, axis=1, out=self._largest, keepdims=True)
        np.equal(self._values, self._largest, self._is_largest)
        np.multiply(self._coded, self._descending, self._coded)  # O - index where it is largest
        np.maximum.reduce(self._coded, axis=1, out=self.codes)  # of several, that of the first
