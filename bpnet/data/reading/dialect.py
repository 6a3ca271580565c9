"""Dialects: the separator, quote and number format of a delimited text, as set or detected."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from bpnet.data.reading.number_format import DecimalMark, NumberFormat
from bpnet.data.reading.settings import Reading
from bpnet.errors import DataError

_RECORDS = 50
"""Records from which a dialect is detected."""
_SEPARATORS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Dialect:
    """The characters around cells, and the format of their numbers."""

    separator: str
    quote: str
    number_format: NumberFormat

    def header(self, text: str, name: str) -> tuple[int, list[str], int]:
        """Return the first record's line, its cells, and the line it ends on.

        There are no cells if the text has no record.
        """
        for line, cells, end in self._read(text, 1, name):
            return line, cells, end
        return 1, [], 1

    def records(self, text: str, first_line: int, name: str) -> Iterator[tuple[int, list[str]]]:
        """Yield the line and the cells, without white space around them, of each record.

        Blank lines are skipped. Raises DataError if quotes do not match.
        """
        return ((line, cells) for line, cells, _ in self._read(text, first_line, name))

    def _read(self, text: str, first_line: int, name: str) -> Iterator[tuple[int, list[str], int]]:
        reader = csv.reader(
            io.StringIO(text, newline=""),
            delimiter=self.separator,
            quotechar=self.quote,
            skipinitialspace=self.separator != " ",
            strict=True,
        )
        line = first_line
        try:
            for row in reader:
                end = first_line + reader.line_num - 1  # line_num counts from 1
                if row:
                    yield line, [cell.strip() for cell in row], end
                line = end + 1
        except csv.Error as error:
            unclosed = "unexpected end" in str(error)
            raise DataError(
                f"{name}, line {line}: not valid CSV: {error}; check the quotes around the cells"
                + ("; one that opens here is never closed" if unclosed else "")
            ) from None


def detect_dialect(head: str, name: str, settings: Reading) -> Dialect:
    """Return the dialect of a table that begins with `head`; `settings` come first."""
    separator = settings.separator or _separator(head, name, settings.quote)
    number_format = settings.number_format(_decimal(head, separator, settings.quote))
    return Dialect(separator, settings.quote, number_format)


def _separator(head: str, name: str, quote: str) -> str:
    """Return the separator that splits the first records into the same number of cells, the most.

    If none does, it is the one that gives the most column names.
    """
    best, most = ",", (False, 1)
    # of a .tsv the tab comes first, and wins a tie
    candidates = ("\t", *_SEPARATORS) if ".tsv" in name.lower() else _SEPARATORS
    for separator in candidates:
        widths = [len(cells) for cells in _first_records(head, separator, quote)]
        # the same number of cells in each record counts before many cells
        if widths and (len(set(widths)) == 1, widths[0]) > most and widths[0] > 1:
            best, most = separator, (len(set(widths)) == 1, widths[0])
    return best


def _first_records(head: str, separator: str, quote: str) -> list[list[str]]:
    """Return the first records, up to one whose quotes do not close: the head may cut it."""
    reader = csv.reader(
        io.StringIO(head, newline=""),
        delimiter=separator,
        quotechar=quote,
        skipinitialspace=True,
        strict=True,
    )
    records: list[list[str]] = []
    try:
        for row in reader:
            if row:
                records.append(row)
            if len(records) == _RECORDS:
                break
    except csv.Error:
        pass
    return records


def _decimal(head: str, separator: str, quote: str) -> DecimalMark | None:
    """Return the decimal mark that the numbers of the first lines show, None if they do not.

    A mark that three digits follow may be between thousands.
    """
    cells = [cell.strip() for row in _first_records(head, separator, quote) for cell in row]
    comma, point = (
        any(
            re.fullmatch(rf"[-+]?(0{mark}\d+|\d+{mark}(\d\d?|\d{{4,}}))([eE][-+]?\d+)?", cell)
            for cell in cells
        )
        for mark in (",", r"\.")
    )
    return None if comma == point else "," if comma else "."
