"""The distinct values of a column, and the rows of each."""

from dataclasses import dataclass

import numpy as np

from bpnet.engine.component import Array


@dataclass(frozen=True)
class Distinct:
    """A column's distinct values: the code (N,) of each cell, and the number of each code."""

    codes: Array
    counts: Array

    @property
    def rows(self) -> int:
        """The number of rows with a value."""
        return int(self.counts.sum())


def distinct_values(cells: Array) -> Distinct:
    """Return the codes (N,) of cells (N,), -1 for a missing value, and the rows of each code."""
    if cells.dtype == object:
        numbers: dict[str, int] = {}
        codes = np.array(
            [-1 if cell is None else numbers.setdefault(cell, len(numbers)) for cell in cells], int
        )
    else:
        missing = np.isnan(cells)
        codes = np.full(len(cells), -1)
        codes[~missing] = np.unique(cells[~missing], return_inverse=True)[1]
    return Distinct(codes, np.bincount(codes[codes >= 0]))


def are_whole(cells: Array) -> bool:
    """Return whether all cells are texts, or all whole numbers."""
    if cells.dtype == object:
        return True
    present = cells[~np.isnan(cells)]
    return bool((present == np.floor(present)).all())
