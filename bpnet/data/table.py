"""A table as it was read: cells under named columns, with the line each row stands on."""

import csv
import hashlib
import io
import sys
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bpnet.errors import DataError
from bpnet.suggest import nearest, suggest

MOST_PROBLEMS = 5
"""How many problems of one kind are named one by one."""


LARGE = 4_000_000
"""The bytes from which pandas, though it takes a third of a second to import, reads a table sooner than `csv`."""


class Table:
    """A table with named columns. `columns` are its names, `digest` is the SHA-256 of its content.

    `lines` are the lines that its rows stand on, where they are not those of the content.
    Raises DataError where it is no CSV table: blank lines are passed over, white space around a cell is not part of it.
    """

    def __init__(self, name: str, content: bytes, lines: list[int] | None = None) -> None:
        self._given_lines = lines
        self.name, self._content, self._text = name, content, _decoded(name, content)
        self.digest = hashlib.sha256(content).hexdigest()
        self.columns = _header(name, self._text)
        _, first = next(islice(_cells(name, self._text), 1, 2), (0, []))
        self._fast: dict[str, npt.NDArray[np.float64] | None] = {}
        self._texts: dict[str, list[str]] = {}
        if len(content) >= LARGE and len(first) == len(self.columns):
            from bpnet.data.large import fast_columns

            fast = fast_columns(content)
            self._fast = fast if fast and list(fast) == self.columns else {}
        read = next((column for column in self._fast.values() if column is not None), None)
        self._length = len(self.rows) if read is None else len(read)

    def __len__(self) -> int:
        return self._length

    @property
    def rows(self) -> list[list[str]]:
        """Every row's cells, as text."""
        return self._parsed[0]

    @cached_property
    def _parsed(self) -> tuple[list[list[str]], list[int]]:
        return _rows(self.name, self._text, self.columns)

    def cells(self, column: str, *, wanted_for: str) -> list[str]:
        """One column's cells; raises DataError, with a near miss, where there is no such column."""
        if column not in self.columns:
            raise DataError(
                f"{self.name}: there is no column '{column}', which {wanted_for}; "
                f"the columns are {listed(self.columns)}{suggest(column, self.columns)}"
            )
        if column in self._fast:
            if column not in self._texts:
                from bpnet.data.large import text_column

                self._texts[column] = text_column(self._content, column)
            return self._texts[column]
        k = self.columns.index(column)
        return [row[k] for row in self.rows]

    def numbers(self, column: str) -> npt.NDArray[np.float64] | None:
        """A column that was read as finite numbers already, or None."""
        return self._fast.get(column)

    def where(self, row: int) -> str:
        """Name the place of a row, counted from 0: 'iris.csv, line 4 (row 3)'."""
        return f"{self.name}, line {(self._given_lines or self._parsed[1])[row]} (row {row + 1})"


def read_table(path: str | Path) -> Table:
    """Read a CSV file with a header, or standard input where the path is `-`; raises DataError."""
    name = "standard input" if str(path) == "-" else str(path)
    return Table(name, _content(Path(path), name))


def table_of(name: str, columns: Sequence[str], rows: Sequence[Sequence[object]], lines: list[int]) -> Table:
    """A table of cells that are at hand, which stand on these lines of what `name` names; raises DataError."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([columns, *rows])
    return Table(name, text.getvalue().encode(), lines)


def _decoded(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{name}, line {line}: byte 0x{content[error.start]:02x} is not UTF-8 text; save the table as UTF-8 CSV"
        ) from None


def _cells(name: str, text: str) -> Iterator[tuple[int, list[str]]]:
    """Each line that is not blank: its number and its cells."""
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
    line = 1
    try:
        for row in reader:
            if row:
                yield line, [cell.strip() for cell in row]
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{name}, line {line}: not valid CSV: {error}; check the quotes around the cells") from None


def _header(name: str, text: str) -> list[str]:
    """The column names; raises DataError where one is missing or stands twice."""
    _, header = next(_cells(name, text), (0, []))
    if not header:
        raise DataError(f"{name}: the table is empty; it must have a line of column names and then a line for each row")
    problems = []
    for k, column in enumerate(header):
        if not column:
            problems.append(f"{name}, line 1: column {k + 1} has no name; give each column one")
        elif column in header[:k]:
            problems.append(f"{name}, line 1: two columns are named '{column}'; rename one of them")
    other = next((mark for mark in (";", "\t", "|") if len(header) == 1 and mark in header[0]), None)
    if other:
        problems.append(f"{name}, line 1: the cells seem to be separated by {other!r}; bpnet reads commas")
    if problems:
        raise DataError(problems)
    return header


def _rows(name: str, text: str, header: Sequence[str]) -> tuple[list[list[str]], list[int]]:
    """The cells of each row, and the line it begins on; raises DataError where a row has too many cells or too few."""
    lines, rows = map(list, zip(*_cells(name, text), strict=True))
    del lines[0], rows[0]
    if not rows:
        raise DataError(f"{name}: the table has column names but no rows")
    wrong = [k for k, row in enumerate(rows) if len(row) != len(header)]
    if wrong:
        problems = [
            f"{name}, line {lines[k]} (row {k + 1}): {len(rows[k])} cells, but the header has {len(header)}; "
            "check the commas and quotes of that line"
            for k in wrong[:MOST_PROBLEMS]
        ]
        raise DataError([*problems, *more(len(wrong), "rows have the wrong number of cells")])
    return rows, lines


def _content(path: Path, name: str) -> bytes:
    if str(path) == "-":
        if sys.stdin is None:
            raise DataError(f"{name}: is closed; pipe a table into it, or name a file")
        return sys.stdin.buffer.read()
    try:
        return path.read_bytes()
    except FileNotFoundError:
        near = nearest(path.name, (file.name for file in path.parent.glob("*") if file.is_file()))
        hint = f"; did you mean '{path.with_name(near)}'?" if near else "; check the path"
        raise DataError(f"{name}: there is no such file{hint}") from None
    except IsADirectoryError:
        raise DataError(f"{name}: is a folder; give a CSV file") from None
    except OSError as error:
        raise DataError(f"{name}: the table cannot be read: {error.strerror}") from None


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names for a message: all of them, or the first ones and how many more."""
    shown = ", ".join(f"'{name}'" for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def more(count: int, what: str) -> list[str]:
    """A last line that says how many problems there are, where not all were named."""
    return [f"in all, {count} {what}"] if count > MOST_PROBLEMS else []
