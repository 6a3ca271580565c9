"""A chunk: consecutive rows of a table, read column by column or row by row."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bpnet.data.numbers.formats_so_far import FormatsSoFar
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading.column import Column

CellType = Literal["number", "text", "any"]
"""The type that cells are read as; `any` is numbers if every cell is one, else text."""

ColumnTypes = Mapping[str, CellType]
"""The columns to read, each with the type of its cells."""


def number_cell_type(number_format: NumberFormat | None) -> CellType:
    """Return the type of cells with numbers in a format, if it is known.

    Those with marks are read as text: 1.234 may not mean what a parser of numbers takes it for.
    """
    if number_format is None or (number_format.decimal, number_format.thousands) == (".", None):
        return "number"
    return "text"


class Chunk:
    """Rows of a table from row `start` on, counted from 0."""

    columns: list[str]
    formats: Mapping[str, FormatsSoFar] | None = None
    """The formats of each column's numbers in the chunks before; None outside a table."""

    def __init__(self, name: str, start: int) -> None:
        self.name, self.start = name, start

    def __len__(self) -> int:
        raise TypeError(f"{type(self).__name__} has no rows")

    def column(self, name: str) -> Column:
        """Return one of the columns that were asked for."""
        column = self._column(name).without_missing_numbers()
        if self.formats is None:
            return column
        return column.with_formats(self.formats[name])

    def _column(self, name: str) -> Column:
        raise TypeError(f"{type(self).__name__} has no columns")

    def rows(self) -> Sequence[Sequence[str]]:
        """Return every row's cells as text, in the order of `columns`."""
        raise TypeError(f"{type(self).__name__} has no cells")

    def values(self, name: str) -> Any:
        """Return a column's values (N,) in the types that the file has; None if it is all text."""
        return None

    def lines(self) -> list[str] | None:
        """Return the rows as lines of CSV if they were read as such, else None."""
        return None

    def place(self, row: int) -> str | None:
        """Return the line of a row, counted from 0 in the chunk; None if there are no lines."""
        return None

    def where(self, row: int) -> str:
        """Return the place of a row, counted from 0 in the chunk: 'iris.csv, line 4 (row 3)'."""
        place = self.place(row)
        number = f"row {self.start + row + 1}"
        return f"{self.name}, {place} ({number})" if place else f"{self.name}, {number}"


class ChunkSelection(Chunk):
    """Some rows of a chunk; `rows` counts them from 0 in the chunk."""

    def __init__(self, chunk: Chunk, rows: npt.NDArray[np.intp]) -> None:
        super().__init__(chunk.name, chunk.start)
        self._chunk, self._rows = chunk, rows
        self.columns = chunk.columns

    def __len__(self) -> int:
        return len(self._rows)

    def _column(self, name: str) -> Column:
        return self._chunk.column(name).take(self._rows)

    def where(self, row: int) -> str:
        """Return the place of one of the selected rows."""
        return self._chunk.where(int(self._rows[row]))


class ColumnChunk(Chunk):
    """A chunk of columns in memory; `lines` are those its rows are on, if there are any."""

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

    def _column(self, name: str) -> Column:
        return self._columns[name]

    def rows(self) -> Sequence[Sequence[str]]:
        """Return every row's cells as text."""
        return list(
            zip(*(column.written_cells() for column in self._columns.values()), strict=True)
        )

    def place(self, row: int) -> str | None:
        """Return the line of a row, if lines are known."""
        return f"line {self._lines[row]}" if self._lines else None
