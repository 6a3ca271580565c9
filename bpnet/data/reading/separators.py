"""Separators: the character between cells, detected from the first lines of a text."""

import csv
import io
import itertools
import re
from collections import Counter

RECORDS = 50
"""Records from which a dialect is detected."""
_SEPARATORS = (",", ";", "\t", "|")


def detect_separator(head: str, name: str, quote: str) -> str:
    """Return the separator that splits the first records into the same number of cells, the most.

    The header may have a cell more or less. A space stands for white space of any length, where no
    other separator does so. If none does, it is the one that gives the most column names, or else
    that splits most records alike.
    """
    best, most = ",", (0, 1)
    # of a .tsv the tab comes first, and wins a tie
    candidates = ("\t", *_SEPARATORS) if ".tsv" in name.lower() else _SEPARATORS
    for separator in candidates:
        widths = [len(cells) for cells in first_records(head, separator, quote)]
        if widths and (_evenness(widths), widths[0]) > most and widths[0] > 1:
            best, most = separator, (_evenness(widths), widths[0])
    if (most[0] < 2 or (best == "\t" and "  " in head)) and _is_aligned(head, quote, most):
        return " "
    if most == (0, 1):
        return max(candidates, key=lambda separator: _most_alike(head, separator, quote))
    return best


def has_single_spaces(head: str, quote: str) -> bool:
    """Return whether single spaces split all records into as many cells as there are names."""
    records = first_records(head, " ", quote, runs=False)
    even = len({len(cells) for cells in records}) == 1
    return even and len(records[0]) > 1 and all(records[0]) and "\t" not in head


def first_records(text: str, separator: str, quote: str, *, runs: bool = True) -> list[list[str]]:
    """Return the first records, up to one whose quotes do not close: the text may cut it.

    With `runs`, spaces in a row are one separator.
    """
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=separator,
        quotechar=quote,
        skipinitialspace=runs or separator != " ",
        strict=True,
    )
    records: list[list[str]] = []
    try:
        for row in itertools.islice(filter(None, reader), RECORDS):
            records.append(row)
    except csv.Error:
        pass
    return records


def _evenness(widths: list[int]) -> int:
    """Return 2 if all records have the same number of cells, 1 if the header differs by one."""
    if len(set(widths)) == 1:
        return 2
    return int(len(set(widths[1:])) == 1 and abs(widths[0] - widths[1]) == 1)


def _is_aligned(head: str, quote: str, least: tuple[int, int]) -> bool:
    """Return whether white space separates cells, of which some are numbers in every row.

    So it does in R's tables, and in those whose columns are aligned for the eye. The cells must be
    more than `least`, in evenness and number.
    """
    records = [
        [cell for cell in row if cell] for row in first_records(head.replace("\t", " "), " ", quote)
    ]
    widths = [len(row) for row in records]
    if widths and (_evenness(widths), widths[0]) <= least:
        return False
    if len(records) < 3 or max(widths) < 2 or not _evenness(widths):
        return False
    columns = list(zip(*records[1:], strict=True))
    return any(all(map(_is_number, column)) for column in columns)


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"[-+]?\d*[.,]?\d+([eE][-+]?\d+)?|NA|\?", cell) is not None


def _most_alike(head: str, separator: str, quote: str) -> int:
    """Return the records that a separator splits alike, into two cells or more."""
    widths = Counter(len(cells) for cells in first_records(head, separator, quote))
    return max((count for width, count in widths.items() if width > 1), default=0)
