"""Delimited text, such as CSV: read block by block, a large block by pandas.

A small block, and one that pandas cannot parse, is read cell by cell, which names the line of an
error.
"""

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from bpnet.data.formats import READABLE, titles
from bpnet.data.reading.chunk import Chunk, ColumnTypes
from bpnet.data.reading.column import Column, column_from_texts
from bpnet.data.reading.dialect import Dialect, detect_dialect
from bpnet.data.reading.header import Header, read_header
from bpnet.data.reading.preamble import Preamble, lines_of, read_preamble
from bpnet.data.reading.settings import Reading
from bpnet.data.reading.streams import Opener, record_blocks, sha256, stream_errors, utf8_pieces
from bpnet.errors import DataError
from bpnet.messages import MAX_PROBLEMS, total_line

LARGE = 4_000_000
"""Bytes of a block from which pandas, whose import takes 0.3 s, is faster than `csv`."""

_HEAD = 200_000
"""Bytes from which the dialect is detected."""


class DelimitedFile:
    """A delimited table that begins with a line of column names.

    Blank lines are skipped, and white space around a cell is not part of it. `lines` are those the
    rows are on in the file `name`, if the content is not the file itself. Raises DataError.
    """

    kind = "Delimited"
    reads_only_wanted = False
    declared_categories = frozenset[str]()

    def __init__(
        self, name: str, opener: Opener, settings: Reading, lines: Sequence[int] | None = None
    ) -> None:
        self.name, self._opener, self._settings, self._lines = name, opener, settings, lines
        first = next(self._blocks(settings.separator), (1, b""))[1]
        # cut at a line end, so that no character of UTF-8 is split
        head = _decoded(first if len(first) <= _HEAD else first[: _line_end(first)], 1, name)
        preamble = read_preamble(head, name, settings)
        head = "".join(lines_of(head)[preamble.lines :])
        self.dialect = detect_dialect(head, name, preamble.settings)
        self.header = _header(name, head, self.dialect, preamble)
        self.columns = self.header.columns
        self.warnings = [
            *_encoding_warnings(name, opener, settings),
            *preamble.warnings,
            *self.header.warnings,
        ]
        self.header_hint = self.header.hint(settings.skip_lines)
        self.positions = {column: k for k, column in enumerate(self.columns)}
        self._whole: TextChunk | None = None

    def _blocks(self, separator: str | None) -> Iterator[tuple[int, bytes]]:
        quote = self._settings.quote.encode()
        pieces = utf8_pieces(self._opener, self._settings.encoding, self.name)
        return record_blocks(pieces, quote, self.name, separator)

    @property
    def digest(self) -> str:
        """The SHA-256 of the content, decompressed."""
        return sha256(self._opener, self.name)

    def chunks(self, types: ColumnTypes, start: int) -> Iterator[Chunk]:
        """Yield the rows in order, a block at a time; raise DataError."""
        # a small table, which an earlier pass has parsed
        if self._whole is not None and self._whole.start == start:
            yield self._whole.with_columns(types)
            return
        blocks, row = 0, start
        for line, content in self._blocks(self.dialect.separators):
            if not blocks:
                content, line = self._without_header(content)
            chunk = TextChunk(self, content, line, row, types)
            if len(chunk):
                yield chunk
            row += len(chunk)
            blocks += 1
        if blocks == 1 and row > start and len(content) < LARGE:
            self._whole = chunk  # a small table is parsed once

    def _without_header(self, content: bytes) -> tuple[bytes, int]:
        """Return the first block without the column names, and the line it then begins on."""
        start = 0
        # several lines, if a quoted column name holds a line break
        for _ in range(self.header.end):
            start = content.find(b"\n", start) + 1 or len(content)  # -1 + 1: no line end
        return content[start:], self.header.end + 1

    def line(self, row: int, line: int) -> int:
        """Return the line of a row of the table that begins on `line` of the content."""
        return self._lines[row] if self._lines else line


class TextChunk(Chunk):
    """A block of delimited text; `content` is UTF-8 and begins on `line`."""

    def __init__(
        self, file: DelimitedFile, content: bytes, line: int, start: int, types: ColumnTypes
    ) -> None:
        super().__init__(file.name, start)
        self._file, self._content, self._line = file, content, line
        self.columns = file.columns
        self._parsed_by_pandas = self._parse_by_pandas(types) or {}
        self._parsed_by_cell: dict[str, Column] = {}
        first = next(iter(self._parsed_by_pandas.values()), None)
        self._length = len(self._records[0]) if first is None else len(first)

    def __len__(self) -> int:
        return self._length

    def with_columns(self, types: ColumnTypes) -> "TextChunk":
        """Return the same rows with other columns; columns parsed cell by cell are kept."""
        if not self._parsed_by_pandas:
            return self  # which parses each column when it is asked for
        return TextChunk(self._file, self._content, self._line, self.start, types)

    def _parse_by_pandas(self, types: ColumnTypes) -> dict[str, Column] | None:
        if len(self._content) < LARGE or not types:
            return None
        from bpnet.data.reading.pandas_parser import parse_columns  # imports pandas

        blank = max(0, self._file.header.width - len(self.columns))
        return parse_columns(self._content, self.columns, self._file.dialect, types, blank)

    def _column(self, name: str) -> Column:
        """Return one column, as pandas parsed it, else from its cells."""
        if name in self._parsed_by_pandas:
            return self._parsed_by_pandas[name]
        if name not in self._parsed_by_cell:
            k = self._file.positions[name]
            self._parsed_by_cell[name] = column_from_texts(
                [row[k] for row in self.rows()], self._file.dialect.number_format
            )
        return self._parsed_by_cell[name]

    def rows(self) -> list[list[str]]:
        """Return every row's cells as they are written; raise DataError."""
        return self._records[0]

    def lines(self) -> list[str] | None:
        """Return the lines of the block where each is a row of CSV, else None."""
        dialect = self._file.dialect
        if self._file.header.width != len(self.columns):
            return None
        # with quotes, a row may span lines, or not be CSV as it stands
        quoted = dialect.quote.encode() in self._content or b'"' in self._content
        if dialect.separator != "," or quoted:
            return None
        text = _decoded(self._content, self._line, self.name).replace("\r\n", "\n")
        lines = text.removesuffix("\n").split("\n")
        # a blank line, or a lone \r, would shift the lines against the rows
        return lines if len(lines) == len(self) and "\r" not in text else None

    def place(self, row: int) -> str:
        """Return the line of a row."""
        return f"line {self._file.line(self.start + row, self._records[1][row])}"

    @cached_property
    def _records(self) -> tuple[list[list[str]], list[int]]:
        """The cells of each row, and the line on which it begins.

        Raises DataError if a row has too many or too few cells.
        """
        text = _decoded(self._content, self._line, self.name)
        if "\0" in text:
            line = self._line + text[: text.index("\0")].count("\n")
            raise DataError(
                f"{self.name}, line {line}: holds a NUL byte, which is not text; correct it"
            )
        dialect = self._file.dialect
        numbered = list(dialect.records(text, self._line, self.name))
        lines, rows = [line for line, _ in numbered], [row for _, row in numbered]
        width = len(self.columns)
        # blank cells after the last column are those of a separator at the end of a line
        longer = [k for k, row in enumerate(rows) if len(row) > width and not any(row[width:])]
        for k in longer:
            del rows[k][width:]
        wrong = [k for k, row in enumerate(rows) if len(row) != width]
        if wrong:
            raise DataError(
                [
                    f"{self.name}, line {lines[k]} (row {self.start + k + 1}): "
                    f"{len(rows[k])} cells, but the header has {width}; "
                    f"check the separators ({dialect.separator!r}) and quotes of that line"
                    for k in wrong[:MAX_PROBLEMS]
                ]
                + total_line(len(wrong), "rows have the wrong number of cells")
            )
        return rows, lines


def _decoded(content: bytes, line: int, name: str) -> str:
    """Decode UTF-8 that begins on `line`; raise DataError, with the line of the first bad byte."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line += content.count(b"\n", 0, error.start)
        raise DataError(
            f"{name}, line {line}: byte 0x{content[error.start]:02x} is not UTF-8 text; "
            "save the table as UTF-8, or set its encoding, for example with "
            "--set dataset.reading.encoding=cp1252 (usual on Windows; spreadsheets use utf-16)"
        ) from None


def _line_end(content: bytes) -> int:
    """Return the position after the last whole line of the head, at least after the first line."""
    return content.rfind(b"\n", 0, _HEAD) + 1 or content.find(b"\n") + 1 or len(content)


def _encoding_warnings(name: str, opener: Opener, settings: Reading) -> list[str]:
    """Return a warning if a text that is UTF-8 is to be read in another encoding."""
    if settings.encoding is None or codecs.lookup(settings.encoding).name.startswith("utf"):
        return []
    with stream_errors(name), opener() as stream:
        head = stream.read(_HEAD)
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return []
    if text.isascii():
        return []
    return [
        f"{name}: is read as {settings.encoding}, but it is UTF-8; "
        "if letters are wrong, add --set dataset.reading.encoding=utf-8"
    ]


def _header(name: str, head: str, dialect: Dialect, preamble: Preamble) -> Header:
    """Return the column names, which come after the preamble; raise DataError."""
    if "\0" in head:
        line = preamble.lines + head[: head.index("\0")].count("\n") + 1
        raise DataError(
            f"{name}, line {line}: holds a NUL byte: this is not a text table; "
            f"give {titles(READABLE)}"
        )
    records = dialect.first_records(head, preamble.lines + 1, name)
    if not records:
        raise DataError(
            f"{name}: the table is empty; "
            "it must have a line of column names and then a line for each row"
        )
    first = records[0]
    # in a text whose columns are aligned, the mark of a comment is a cell of its own
    if dialect.runs and first.cells[0] == "#" and len(first.cells) > 2:
        records[0] = replace(first, cells=first.cells[1:])
    present = preamble.settings.has_header
    return read_header(records, name, dialect.number_format, present=present)
