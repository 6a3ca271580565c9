"""The places of many numbers among sorted bounds, found with a table of evenly wide cells."""

from functools import cached_property

import numpy as np
import numpy.typing as npt

from bpnet.data.reading.column import Floats

_FEWEST_VALUES = 1000
"""Numbers from which on the table is worth the time that it takes to make."""
_CELLS = 8
"""Cells for each bound."""

_Places = npt.NDArray[np.intp]


class StepSearch:
    """`np.searchsorted(bounds, values, side="right")`, several times as fast for many values.

    Arithmetic gives a value's cell, and the table tells how many bounds are in the cells before.
    Two more are compared; in fuller cells, and in the last, the search is the usual one.
    """

    def __init__(self, bounds: Floats) -> None:
        self._bounds = bounds
        self._last = _CELLS * len(bounds) - 1
        with np.errstate(all="ignore"):  # where it overflows, or is 0, there is no table
            extent = bounds[-1] - bounds[0] if len(bounds) > 1 else np.inf
            self._cells_per_unit = self._last / extent

    def places(self, values: Floats) -> _Places:
        """Return the number of bounds (N,) that are no larger than each value (N,)."""
        if len(values) < _FEWEST_VALUES or not 0 < self._cells_per_unit < np.inf:
            return np.searchsorted(self._bounds, values, side="right")
        before, is_full = self._table
        cells = self._cells(values)
        places = before[cells]
        for _ in range(2):
            places += values >= self._padded[places]
        others = np.flatnonzero(is_full[cells])
        places[others] = np.searchsorted(self._bounds, values[others], side="right")
        return places

    @cached_property
    def _padded(self) -> Floats:
        """The bounds, and after them what no value is as large as."""
        return np.append(self._bounds, np.nan)

    @cached_property
    def _table(self) -> tuple[_Places, npt.NDArray[np.bool_]]:
        """The number of bounds before each cell, and the mask of cells to be searched."""
        counts = np.bincount(self._cells(self._bounds), minlength=self._last + 1)
        is_full = counts > 2
        is_full[-1] = True
        return np.cumsum(counts) - counts, is_full

    def _cells(self, values: Floats) -> _Places:
        """Return the cell (N,) of each value, which rises with it; nan is in the last."""
        with np.errstate(all="ignore"):
            cells: Floats = values - self._bounds[0]
            cells *= self._cells_per_unit
        np.fmin(cells, self._last, out=cells)
        np.fmax(cells, 0, out=cells)
        return cells.astype(np.intp)
