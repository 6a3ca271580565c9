"""A chunk: consecutive rows of a table, to be read column by column or passed on row by row."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from bpnet.data.reading.column import Column

CellType = Literal["number", "text", "any"]
ColumnTypes = Mapping[str, CellType]
"""The columns to read, and as what; `any` is numbers where every cell is one, else text."""


class Chunk:
    """Rows `start`, `start` + 1, … of a table, counted from 0."""

    columns: list[str]

    def __init__(self, name: str, start: int) -> None:
        self.name, self.start = name, start

    def __len__(self) -> int:
        raise TypeError(f"{type(self).__name__} has no rows")

    def column(self, name: str) -> Column:
        """One of the wanted columns."""
        raise TypeError(f"{type(self).__name__} has no columns")

    def rows(self) -> Sequence[Sequence[str]]:
        """Every row's cells as text, in the order of `columns`."""
        raise TypeError(f"{type(self).__name__} has no cells")

    def lines(self) -> list[str] | None:
        """The rows as lines of comma-separated text, as they were read, where that is what they are; else None."""
        return None

    def place(self, row: int) -> str | None:
        """The line on which a row of the chunk, counted from 0, begins; None where there are no lines."""
        return None

    def where(self, row: int) -> str:
        """Name the place of a row of the chunk: 'iris.csv, line 4 (row 3)'."""
        place = self.place(row)
        number = f"row {self.start + row + 1}"
        return f"{self.name}, {place} ({number})" if place else f"{self.name}, {number}"


class ChunkSelection(Chunk):
    """Some of a chunk's rows, counted from 0 in there."""

    def __init__(self, chunk: Chunk, rows: npt.NDArray[np.intp]) -> None:
        super().__init__(chunk.name, chunk.start)
        self._chunk, self._rows = chunk, rows
        self.columns = chunk.columns

    def __len__(self) -> int:
        return len(self._rows)

    def column(self, name: str) -> Column:
        """One of the wanted columns, in these rows."""
        return self._chunk.column(name).take(self._rows)

    def where(self, row: int) -> str:
        """Name the place of one of these rows."""
        return self._chunk.where(int(self._rows[row]))


class ColumnChunk(Chunk):
    """A chunk whose columns are at hand."""

    def __init__(
        self,
        name: str,
        start: int,
        columns: Mapping[str, Column],
        lines: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name, start)
        self._columns, self._lines = columns, lines
        self.columns = list(columns)

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))

    def column(self, name: str) -> Column:
        """One of the columns."""
        return self._columns[name]

    def rows(self) -> Sequence[Sequence[str]]:
        """Every row's cells as text."""
        return list(zip(*(column.cells() for column in self._columns.values()), strict=True))

    def place(self, row: int) -> str | None:
        """The line of a row, where lines are known."""
        return f"line {self._lines[row]}" if self._lines else None
