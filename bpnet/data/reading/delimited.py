"""Delimited text: CSV and its kin, read block by block; cell by cell where it is small, or to name what is amiss."""

from collections.abc import Iterator, Sequence
from functools import cached_property

from bpnet.data.formats import READABLE, titles
from bpnet.data.reading.chunk import Chunk, ColumnTypes
from bpnet.data.reading.column import Column, column_from_texts
from bpnet.data.reading.dialect import Dialect, detect_dialect
from bpnet.data.reading.settings import Reading
from bpnet.data.reading.streams import Opener, record_blocks, sha256, utf8_pieces
from bpnet.errors import DataError
from bpnet.messages import MAX_PROBLEMS, total_line

LARGE = 4_000_000
"""The bytes from which pandas, though it takes a third of a second to import, reads a block sooner than `csv`."""

_HEAD = 200_000
"""How many bytes the separator and the like are read off."""


class DelimitedFile:
    """A delimited table with a line of column names; `lines` are those its rows stand on, where it was made here.

    Raises DataError where it is none: blank lines are passed over, white space around a cell is not part of it.
    """

    kind = "Delimited"

    def __init__(
        self, name: str, opened: Opener, settings: Reading, lines: Sequence[int] | None = None
    ) -> None:
        self.name, self._opened, self._settings, self._lines = name, opened, settings, lines
        first = next(self._blocks(), (1, b""))[1]
        head = _decoded(
            first[:_HEAD] if len(first) <= _HEAD else first[: _line_end(first)], 1, name
        )
        self.dialect = detect_dialect(head, name, settings)
        self.columns, self._header_end = _header(name, head, self.dialect)
        self.places = {column: k for k, column in enumerate(self.columns)}
        self._whole: TextChunk | None = None

    def _blocks(self) -> Iterator[tuple[int, bytes]]:
        quote = self._settings.quote.encode()
        return record_blocks(
            utf8_pieces(self._opened, self._settings.encoding, self.name), quote, self.name
        )

    @property
    def digest(self) -> str:
        """The SHA-256 of the content, decompressed."""
        return sha256(self._opened, self.name)

    def chunks(self, wanted: ColumnTypes, start: int) -> Iterator[Chunk]:
        """The rows in order, those of a large table many at a time; raises DataError."""
        if self._whole is not None and self._whole.start == start:
            yield self._whole.with_columns(wanted)
            return
        found, row = 0, start
        for line, content in self._blocks():
            if not found:
                content, line = self._without_header(content)
            chunk = TextChunk(self, content, line, row, wanted)
            if len(chunk):
                yield chunk
            row += len(chunk)
            found += 1
        if row == start:
            raise DataError(f"{self.name}: the table has column names but no rows")
        if found == 1 and len(content) < LARGE:
            self._whole = chunk

    def _without_header(self, content: bytes) -> tuple[bytes, int]:
        """What follows the line of column names in the first block, and the line it begins on."""
        start = 0
        for _ in range(self._header_end):
            start = content.find(b"\n", start) + 1 or len(content)
        return content[start:], self._header_end + 1

    def line(self, row: int, line: int) -> int:
        """The line that a row of the table stands on, where it begins on this line of the content."""
        return self._lines[row] if self._lines else line


class TextChunk(Chunk):
    """A block of delimited text; `content` is UTF-8 and begins on `line`."""

    def __init__(
        self, file: DelimitedFile, content: bytes, line: int, start: int, wanted: ColumnTypes
    ) -> None:
        super().__init__(file.name, start)
        self._file, self._content, self._line = file, content, line
        self.columns = file.columns
        self._columns: dict[str, Column] = self._fast(wanted) or {}
        self._length = (
            len(next(iter(self._columns.values()))) if self._columns else len(self._parsed[0])
        )

    def __len__(self) -> int:
        return self._length

    def with_columns(self, wanted: ColumnTypes) -> "TextChunk":
        """The same rows; what was parsed cell by cell is kept."""
        return (
            self
            if not self._columns
            else TextChunk(self._file, self._content, self._line, self.start, wanted)
        )

    def _fast(self, wanted: ColumnTypes) -> dict[str, Column] | None:
        if len(self._content) < LARGE or not wanted:
            return None
        from bpnet.data.reading.pandas_parser import parse_columns

        return parse_columns(self._content, self.columns, self._file.dialect, wanted)

    def column(self, name: str) -> Column:
        """One column, from wherever it was read."""
        if name not in self._columns:
            k = self._file.places[name]
            self._columns_by_cell[name] = self._columns_by_cell.get(name) or column_from_texts(
                [row[k] for row in self.rows()], self._file.dialect.number_format
            )
            return self._columns_by_cell[name]
        return self._columns[name]

    @cached_property
    def _columns_by_cell(self) -> dict[str, Column]:
        return {}

    def rows(self) -> list[list[str]]:
        """Every row's cells as they are written; raises DataError."""
        return self._parsed[0]

    def lines(self) -> list[str] | None:
        """The lines of the block, where each is a row."""
        dialect = self._file.dialect
        if (
            dialect.separator != ","
            or dialect.quote.encode() in self._content
            or b'"' in self._content
        ):
            return None
        text = _decoded(self._content, self._line, self.name).replace("\r\n", "\n")
        lines = text.removesuffix("\n").split("\n")
        return lines if len(lines) == len(self) and "\r" not in text else None

    def place(self, row: int) -> str:
        """The line of a row."""
        return f"line {self._file.line(self.start + row, self._parsed[1][row])}"

    @cached_property
    def _parsed(self) -> tuple[list[list[str]], list[int]]:
        """The cells of each row, and the line it begins on; raises DataError where a row has too many or too few."""
        text = _decoded(self._content, self._line, self.name)
        if "\0" in text:
            line = self._line + text[: text.index("\0")].count("\n")
            raise DataError(
                f"{self.name}, line {line}: holds a NUL byte, which is no text; correct it"
            )
        numbered = list(self._file.dialect.records(text, self._line, self.name))
        lines, rows = [line for line, _ in numbered], [row for _, row in numbered]
        width = len(self.columns)
        wrong = [k for k, row in enumerate(rows) if len(row) != width]
        if wrong:
            raise DataError(
                [
                    f"{self.name}, line {lines[k]} (row {self.start + k + 1}): {len(rows[k])} cells, but the header "
                    f"has {width}; check the separators ({self._file.dialect.separator!r}) and quotes of that line"
                    for k in wrong[:MAX_PROBLEMS]
                ]
                + total_line(len(wrong), "rows have the wrong number of cells")
            )
        return rows, lines


def _decoded(content: bytes, line: int, name: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line += content.count(b"\n", 0, error.start)
        raise DataError(
            f"{name}, line {line}: byte 0x{content[error.start]:02x} is not UTF-8 text; save the table as UTF-8, or "
            "set dataset.reading.encoding to what it was saved in (cp1252 is usual on Windows, utf-16 in spreadsheets)"
        ) from None


def _line_end(content: bytes) -> int:
    """Where the last whole line among the first bytes ends."""
    return content.rfind(b"\n", 0, _HEAD) + 1 or content.find(b"\n") + 1 or len(content)


def _header(name: str, head: str, dialect: Dialect) -> tuple[list[str], int]:
    """The column names, and the line they end on; raises DataError where one is missing or stands twice."""
    line, header, end = dialect.header(head, name)
    if not header:
        raise DataError(
            f"{name}: the table is empty; it must have a line of column names and then a line for each row"
        )
    seen: set[str] = set()
    problems = []
    for k, column in enumerate(header):
        if not column:
            problems.append(
                f"{name}, line {line}: column {k + 1} has no name; give each column one"
            )
        elif column in seen:
            problems.append(
                f"{name}, line {line}: two columns are named '{column}'; rename one of them"
            )
        seen.add(column)
    if "\0" in head:
        line = head[: head.index("\0")].count("\n") + 1
        problems = [
            f"{name}, line {line}: holds a NUL byte: this is not a text table; "
            f"give {titles(READABLE)}"
        ]
    if problems:
        raise DataError(
            [
                *problems[:MAX_PROBLEMS],
                *total_line(len(problems), "column names are missing or stand twice"),
            ]
        )
    return header, end
