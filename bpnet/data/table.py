"""A table as it was read: text cells under named columns, with the line each row stands on."""

import csv
import hashlib
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bpnet.errors import DataError
from bpnet.suggest import nearest, suggest

MOST_PROBLEMS = 5
"""How many problems of one kind are named one by one."""


@dataclass(frozen=True)
class Table:
    """Rows of text cells; `lines` holds the line that each row begins on, `digest` the SHA-256 of the content."""

    name: str
    columns: list[str]
    rows: list[list[str]]
    lines: list[int]
    digest: str

    def __len__(self) -> int:
        return len(self.rows)

    def cells(self, column: str, *, wanted_for: str) -> list[str]:
        """One column's cells; raises DataError, with a near miss, where there is no such column."""
        if column not in self.columns:
            raise DataError(
                f"{self.name}: there is no column '{column}', which {wanted_for}; "
                f"the columns are {listed(self.columns)}{suggest(column, self.columns)}"
            )
        k = self.columns.index(column)
        return [row[k] for row in self.rows]

    def where(self, row: int) -> str:
        """Name the place of a row, counted from 0: 'iris.csv, line 4 (row 3)'."""
        return f"{self.name}, line {self.lines[row]} (row {row + 1})"


def read_table(path: str | Path) -> Table:
    """Read a CSV file with a header, or standard input where the path is `-`; raises DataError.

    Blank lines are passed over. White space around a cell is not part of it.
    """
    name = "standard input" if str(path) == "-" else str(path)
    content = _content(Path(path), name)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{name}, line {line}: byte 0x{content[error.start]:02x} is not UTF-8 text; save the table as UTF-8 CSV"
        ) from None
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    line = 1
    try:
        for row in reader:
            if row:
                rows.append([cell.strip() for cell in row])
                lines.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{name}, line {line}: not valid CSV: {error}; check the quotes around the cells") from None
    if not rows:
        raise DataError(f"{name}: the table is empty; it must have a line of column names and then a line for each row")
    header, rows, lines = rows[0], rows[1:], lines[1:]
    _check_header(name, header)
    if not rows:
        raise DataError(f"{name}: the table has column names but no rows")
    _check_widths(name, header, rows, lines)
    return Table(name, header, rows, lines, hashlib.sha256(content).hexdigest())


def _content(path: Path, name: str) -> bytes:
    if str(path) == "-":
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


def _check_header(name: str, header: Sequence[str]) -> None:
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


def _check_widths(name: str, header: Sequence[str], rows: Sequence[Sequence[str]], lines: Sequence[int]) -> None:
    wrong = [k for k, row in enumerate(rows) if len(row) != len(header)]
    problems = [
        f"{name}, line {lines[k]} (row {k + 1}): {len(rows[k])} cells, but the header has {len(header)}; "
        "check the commas and quotes of that line"
        for k in wrong[:MOST_PROBLEMS]
    ]
    if problems:
        raise DataError([*problems, *more(len(wrong), "rows have the wrong number of cells")])


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names for a message: all of them, or the first ones and how many more."""
    shown = ", ".join(f"'{name}'" for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def more(count: int, what: str) -> list[str]:
    """A last line that says how many problems there are, where not all were named."""
    return [f"in all, {count} {what}"] if count > MOST_PROBLEMS else []
