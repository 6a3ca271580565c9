"""Dialects: the separator, quote and number format of a delimited text, as set or detected."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from bpnet.data.numbers.detection import shown_decimal
from bpnet.data.numbers.number_format import DecimalMark, NumberFormat
from bpnet.data.reading.header import FirstRecord
from bpnet.data.reading.separators import (
    RECORDS,
    detect_separator,
    first_records,
    has_single_spaces,
)
from bpnet.data.reading.settings import Reading
from bpnet.data.reading.streams import LONGEST_RECORD
from bpnet.errors import DataError

# by default a cell of more than 131,072 characters is an error, in a small table only
csv.field_size_limit(LONGEST_RECORD)


@dataclass(frozen=True)
class Dialect:
    """The characters around cells, and the format of their numbers."""

    separator: str
    quote: str
    number_format: NumberFormat
    runs: bool = False
    """True if spaces and tabs in a row are one separator, as where columns are aligned."""

    @property
    def separators(self) -> str:
        """The characters that separate cells."""
        return " \t" if self.runs else self.separator

    def first_records(self, text: str, first_line: int, name: str) -> list[FirstRecord]:
        """Return the first records, up to one that the end of the text may cut."""
        records: list[FirstRecord] = []
        try:
            for line, cells, end in self._read(text, first_line, name):
                records.append(FirstRecord(line, cells, end))
                if len(records) > RECORDS:
                    break
        except DataError:
            if not records:
                raise
        return records

    def records(self, text: str, first_line: int, name: str) -> Iterator[tuple[int, list[str]]]:
        """Yield the line and the cells, without white space around them, of each record.

        Blank lines are skipped. Raises DataError if quotes do not match.
        """
        return ((line, cells) for line, cells, _ in self._read(text, first_line, name))

    def _read(self, text: str, first_line: int, name: str) -> Iterator[tuple[int, list[str], int]]:
        if self.runs:
            text = text.replace("\t", " ")
        reader = csv.reader(
            io.StringIO(text, newline=""),
            delimiter=self.separator,
            quotechar=self.quote,
            skipinitialspace=self.runs or self.separator != " ",
            strict=True,
        )
        line = first_line
        try:
            for row in reader:
                end = first_line + reader.line_num - 1  # line_num counts from 1
                if self.runs and row and not row[-1]:
                    row.pop()  # spaces at the end of a line
                if row:
                    yield line, list(map(str.strip, row)), end
                line = end + 1
        except csv.Error as error:
            unclosed = "unexpected end" in str(error)
            raise DataError(
                f"{name}, line {line}: not valid CSV: {error}; check the quotes around the cells"
                + ("; one that opens here is never closed" if unclosed else "")
            ) from None


def detect_dialect(head: str, name: str, settings: Reading) -> Dialect:
    """Return the dialect of a table that begins with `head`; `settings` come first."""
    separator = settings.separator or detect_separator(head, name, settings.quote)
    runs = separator == " " and not has_single_spaces(head, settings.quote)
    shown = _decimal(head, separator, settings.quote)
    number_format = replace(settings.number_format(shown), semicolons=separator == ";")
    return Dialect(separator, settings.quote, number_format, runs)


def _decimal(head: str, separator: str, quote: str) -> DecimalMark | None:
    """Return the decimal mark that most numbers of the first lines show, None if none does."""
    cells = {cell.strip() for row in first_records(head, separator, quote) for cell in row}
    marks = Counter(map(shown_decimal, cells))
    comma, point = marks[","], marks["."]
    return None if comma == point else "," if comma > point else "."
