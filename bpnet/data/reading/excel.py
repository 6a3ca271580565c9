"""Workbooks of Excel and OpenDocument, read by python-calamine: the extra `excel` installs it."""

import datetime
import io
from collections.abc import Iterator, Sequence
from typing import Any

import python_calamine as calamine

from bpnet.data.numbers.cells import number_text
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading.chunk import Chunk, ColumnTypes
from bpnet.data.reading.column import Column, column_from_texts
from bpnet.data.reading.expansion import file_size
from bpnet.data.reading.header import FirstRecord, read_header
from bpnet.data.reading.settings import Reading
from bpnet.data.reading.streams import Opener, sha256, stream_errors
from bpnet.data.reading.workbook_gaps import gap_warnings
from bpnet.data.reading.workbook_limits import refuse_large_workbook
from bpnet.errors import DataError
from bpnet.messages import MAX_PROBLEMS, did_you_mean, quoted_list, shell_quoted, total_line

_FIRST = 50
"""Rows from which the header is read."""
_ROWS = 50_000
"""Rows of a chunk."""


class ExcelFile:
    """A sheet of a workbook that begins with a row of column names; blank rows are skipped.

    Cells are their values: dates in ISO 8601, percentages as numbers, results of formulas. Raises
    DataError.
    """

    kind = "Excel"
    reads_only_wanted = False
    declared_categories = frozenset[str]()

    def __init__(self, name: str, opener: Opener, settings: Reading) -> None:
        self.name, self._opener = name, opener
        self._number_format = settings.number_format()
        with stream_errors(name), opener() as stream:
            size, content = file_size(stream), stream.read()
        refuse_large_workbook(content, name, size)
        self._sheet = self._open(content, settings.sheet)
        self._skipped = settings.skip_lines
        first = [
            FirstRecord(number, cells, number)
            for (number, cells), _ in zip(self._rows(), range(_FIRST), strict=False)
        ]
        if not first:
            raise DataError(
                f"{name}: the sheet is empty; it must have a row of column names and then the rows"
            )
        self._header = read_header(
            first, name, self._number_format, present=settings.has_header, unit="sheet row"
        )
        self.columns = self._header.columns
        self.warnings = self._header.warnings + gap_warnings(content, self._sheet.name, name)
        self.header_hint = self._header.hint(self._skipped)

    @property
    def digest(self) -> str:
        """The SHA-256 of the file, decompressed."""
        return sha256(self._opener, self.name)

    def _open(self, content: bytes, wanted: str | None) -> Any:
        """Return the sheet that is wanted, or the only one with cells."""
        try:
            workbook = calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
            names = workbook.sheet_names
            if wanted is not None:
                if wanted not in names:
                    raise DataError(
                        f"{self.name}: there is no sheet '{wanted}'; the sheets are "
                        f"{quoted_list(names)}{did_you_mean(wanted, names)}"
                    )
                return workbook.get_sheet_by_name(wanted)
            sheets = [workbook.get_sheet_by_name(name) for name in names]
        except calamine.PasswordError:
            raise DataError(
                f"{self.name}: needs a password; save the workbook without one"
            ) from None
        except calamine.CalamineError as error:
            raise DataError(
                f"{self.name}: is not a workbook of Excel or OpenDocument that can be read "
                f"({str(error).splitlines()[0]}); save it again as .xlsx, or the sheet as CSV"
            ) from None
        if not sheets:
            raise DataError(f"{self.name}: the workbook has no sheet; save it again")
        filled = [sheet for sheet in sheets if sheet.height]
        if len(filled) > 1:
            names = [sheet.name for sheet in filled]
            largest = max(filled, key=lambda sheet: sheet.height * sheet.width)
            setting = shell_quoted(f"dataset.reading.sheet={largest.name}")
            raise DataError(
                f"{self.name}: {len(names)} sheets hold cells, {quoted_list(names)}; "
                f"name the one to read, for example with --set {setting}"
            )
        return (filled or sheets)[0]

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the number in the sheet, from 1, and the cells of each row that is not blank."""
        for number, values in enumerate(self._sheet.iter_rows(), start=1):
            # calamine gives rows from the first on, and columns from the first that is filled
            if number <= self._skipped:
                continue
            cells = [_text(value) for value in values]
            if any(cells):
                yield number, cells

    def chunks(self, types: ColumnTypes, start: int) -> Iterator[Chunk]:
        """Yield the rows in order; raise DataError."""
        numbers: list[int] = []
        rows: list[list[str]] = []
        for number, cells in self._rows():
            if number <= self._header.end:
                continue
            numbers.append(number)
            rows.append(cells)
            if len(rows) == _ROWS:
                yield self._chunk(start, numbers, rows)
                start += len(rows)
                numbers, rows = [], []
        if rows:
            yield self._chunk(start, numbers, rows)

    def _chunk(self, start: int, numbers: list[int], rows: list[list[str]]) -> "SheetChunk":
        width = len(self.columns)
        wrong = [k for k, row in enumerate(rows) if any(row[width:])]
        if wrong:
            raise DataError(
                [
                    f"{self.name}, sheet row {numbers[k]}: holds a cell beyond the last "
                    "column name; give its column a name, or clear the cell"
                    for k in wrong[:MAX_PROBLEMS]
                ]
                + total_line(len(wrong), "rows hold cells beyond the last column name")
            )
        rows = [row[:width] for row in rows]
        return SheetChunk(self.name, start, self.columns, rows, numbers, self._number_format)


class SheetChunk(Chunk):
    """Rows of a sheet; `numbers` are those of the rows in the sheet."""

    def __init__(
        self,
        name: str,
        start: int,
        columns: list[str],
        rows: list[list[str]],
        numbers: list[int],
        number_format: NumberFormat,
    ) -> None:
        super().__init__(name, start)
        self.columns, self._rows, self._numbers = columns, rows, numbers
        self._number_format = number_format
        self._positions = {column: k for k, column in enumerate(columns)}

    def __len__(self) -> int:
        return len(self._rows)

    def _column(self, name: str) -> Column:
        """Return one of the columns."""
        k = self._positions[name]
        return column_from_texts([row[k] for row in self._rows], self._number_format)

    def rows(self) -> Sequence[Sequence[str]]:
        """Return every row's cells as text."""
        return self._rows

    def place(self, row: int) -> str:
        """Return the number of a row in the sheet."""
        return f"sheet row {self._numbers[row]}"


def _text(value: Any) -> str:
    """Return a cell's value as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, datetime.timedelta):  # a time of more than a day
        return str(value.total_seconds() / 3600)
    return str(value).strip()
