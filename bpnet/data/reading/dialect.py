"""Dialects: separator, quote and number marks of a delimited text, as set or as read off its first records."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from bpnet.data.reading.number_format import NumberFormat
from bpnet.data.reading.settings import Reading
from bpnet.errors import DataError

_LOOKED_AT = 50
_SEPARATORS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Dialect:
    """How cells are told apart, and what their numbers look like."""

    separator: str
    quote: str
    number_format: NumberFormat

    def header(self, text: str, name: str) -> tuple[int, list[str], int]:
        """The line of the first record, its cells, and the line it ends on; no cells where there is no record."""
        for line, cells, end in self._read(text, 1, name):
            return line, cells, end
        return 1, [], 1

    def records(self, text: str, first_line: int, name: str) -> Iterator[tuple[int, list[str]]]:
        """Each line that is not blank: its number and its cells, white space around them left out; raises DataError."""
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
                end = first_line + reader.line_num - 1
                if row:
                    yield line, [cell.strip() for cell in row], end
                line = end + 1
        except csv.Error as error:
            raise DataError(
                f"{name}, line {line}: not valid CSV: {error}; check the quotes around the cells"
                + (
                    "; one that opens here is never closed"
                    if "unexpected end" in str(error)
                    else ""
                )
            ) from None


def detect_dialect(head: str, name: str, settings: Reading) -> Dialect:
    """The dialect of a table that begins so."""
    separator = settings.separator or _separator(head, name, settings.quote)
    decimal = settings.decimal or _decimal(head, separator, settings)
    return Dialect(
        separator,
        settings.quote,
        NumberFormat(decimal, settings.thousands, frozenset(settings.missing or ())),
    )


def _separator(head: str, name: str, quote: str) -> str:
    """The separator by which the first records have equally many cells, and most; else that of most names."""
    best, most = ",", (False, 1)
    candidates = ("\t", *_SEPARATORS) if ".tsv" in name.lower() else _SEPARATORS
    for separator in candidates:
        widths = [len(cells) for cells in _first(head, separator, quote)]
        if widths and (len(set(widths)) == 1, widths[0]) > most and widths[0] > 1:
            best, most = separator, (len(set(widths)) == 1, widths[0])
    return best


def _first(head: str, separator: str, quote: str) -> list[list[str]]:
    """The first records, up to one whose quotes do not close: it may be cut off."""
    text = io.StringIO(head, newline="")
    reader = csv.reader(
        text, delimiter=separator, quotechar=quote, skipinitialspace=True, strict=True
    )
    records: list[list[str]] = []
    try:
        for row in reader:
            if row:
                records.append(row)
            if len(records) == _LOOKED_AT:
                break
    except csv.Error:
        pass
    return records


def _decimal(head: str, separator: str, settings: Reading) -> str:
    """A comma where commas do not separate and stand in numbers as points do not, else a point.

    Where each comma has three digits behind it, it may as well stand between thousands, and is not taken for the mark.
    """
    if settings.thousands == ".":
        return ","
    if separator == "," or settings.thousands == ",":
        return "."
    cells = [cell.strip() for row in _first(head, separator, settings.quote) for cell in row]
    found = [
        match[1]
        for cell in cells
        if (match := re.fullmatch(r"[-+]?\d+,(\d+)([eE][-+]?\d+)?", cell))
    ]
    commas = any(len(digits) != 3 for digits in found)
    points = sum(1 for cell in cells if re.fullmatch(r"[-+]?\d+\.\d+([eE][-+]?\d+)?", cell))
    return "," if commas and not points else "."
