"""CSV: cells separated by commas, quoted where they must be."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from bpnet.data.reading.chunk import Chunk
from bpnet.data.writing.kept_cells import number_texts
from bpnet.data.writing.labels import LabelColumn
from bpnet.data.writing.numbers import Numbers
from bpnet.data.writing.writer import AddedColumns, OutputColumns

_NEEDS_QUOTES = re.compile(r'[,"\r\n]|^\s|\s$')
_FORMULA = re.compile(r"\s*[=+\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"\s*[+-]?[\d.,\s]*\d[\d.,\s]*(?:[eE][+-]?\d+)?\s*%?\s*\Z")


class CsvWriter:
    """Writes CSV; lines of the table that are CSV already are copied as they are."""

    def __init__(self, stream: BinaryIO, columns: OutputColumns) -> None:
        self._stream, self._columns = stream, columns
        self._cell = _safe_cell if columns.safe_csv else _cell
        names = map(self._cell, [*columns.kept, *columns.added])
        self._header = (",".join(names) + "\n").encode()

    def write(self, chunk: Chunk, added: AddedColumns) -> None:
        """Write a chunk's rows."""
        new = [self._texts(values) for values in added.values()]
        plain = self._plain_numbers(chunk)
        whole = list(self._columns.kept) == chunk.columns
        copied = whole and not plain and not self._columns.safe_csv
        lines = chunk.lines() if copied else None
        if lines is None:
            rows, positions = self._columns.rows(chunk), self._columns.positions(chunk)
            if plain:
                rows = [_replaced(row, plain, k) for k, row in enumerate(rows)]
            kept = ([self._cell(row[k]) for k in positions] for row in rows)
            text = "\n".join(
                ",".join([*row, *cells])
                for row, cells in zip(kept, zip(*new, strict=True), strict=True)
            )
        else:
            text = "\n".join(map(",".join, zip(lines, *new, strict=True)))
        self._stream.write(self._header)
        # half of a surrogate pair, which UTF-8 cannot hold, is written as \udc80
        self._stream.write(text.encode("utf-8", "backslashreplace"))
        self._stream.write(b"\n" * bool(len(chunk)))
        self._header = b""  # only before the first rows

    def _plain_numbers(self, chunk: Chunk) -> dict[int, list[str]]:
        """Return the cells of columns whose numbers have marks as plain numbers, by position."""
        plain = {}
        for position, name in zip(self._columns.positions(chunk), self._columns.kept, strict=True):
            if name in self._columns.numeric:
                texts = number_texts(chunk, name, self._columns.numeric[name])
                if texts is not None:
                    plain[position] = texts
        return plain

    def _texts(self, values: list[str] | LabelColumn | Numbers) -> list[str]:
        """Return a column's cells as CSV."""
        if isinstance(values, Numbers):
            return values.texts()
        if isinstance(values, LabelColumn):
            quoted = [self._cell(label) for label in values.labels]
            return [quoted[code] for code in values.codes]
        # each distinct text is quoted once
        cells = {text: self._cell(text) for text in set(values)}
        return [cells[text] for text in values]

    def close(self, summary: Mapping[str, Any]) -> None:
        """Write nothing: a CSV table ends with its last row."""


def _cell(text: str) -> str:
    """Return a cell as CSV."""
    if not _NEEDS_QUOTES.search(text):
        return text
    line = io.StringIO(newline="")
    # a line break is quoted only if it is in the line's end
    csv.writer(line, lineterminator="\r\n").writerow([text])
    return line.getvalue().removesuffix("\r\n")


def _safe_cell(text: str) -> str:
    """Return a cell as CSV that no spreadsheet takes for a formula, as OWASP's rule has it.

    Text that begins with = + - @, a tab or a line break, or one of their full-width forms, has an
    apostrophe before it and is in quotes. https://owasp.org/www-community/attacks/CSV_Injection
    """
    if not _FORMULA.match(text) or _NUMBER.match(text):
        return _cell(text)
    return "\"'" + text.replace('"', '""') + '"'


def _replaced(row: Sequence[str], plain: Mapping[int, list[str]], k: int) -> list[str]:
    """Return row k with the cells of some columns replaced."""
    return [plain[position][k] if position in plain else cell for position, cell in enumerate(row)]
