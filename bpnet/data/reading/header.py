"""Headers: the names of a table's columns, from its first records."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading.names import repeated_names, tidy_name
from bpnet.errors import DataError
from bpnet.messages import MAX_PROBLEMS, quoted_cell, quoted_list, total_line


@dataclass(frozen=True)
class FirstRecord:
    """One of the first records of a table: its cells, and the lines that it begins and ends on."""

    line: int
    cells: list[str]
    end: int


@dataclass(frozen=True)
class Header:
    """The names of a table's columns, and the line that they end on.

    A record may have blank cells after those of the columns, `width` in all as a rule.
    """

    columns: list[str]
    end: int
    width: int
    warnings: list[str]

    def hint(self, skipped: int) -> str:
        """Return what was made of the header and the `skipped` lines before it, or nothing."""
        if skipped:
            return (
                f"dataset.reading.skip_lines left out {skipped} lines before the column names; if "
                "they are part of this table, add --set dataset.reading.skip_lines=0"
            )
        return self.warnings[0] if self.warnings else ""


def read_header(
    records: Sequence[FirstRecord],
    name: str,
    number_format: NumberFormat,
    *,
    present: bool | None,
    unit: str = "line",
) -> Header:
    """Return the header of a table that begins with some records; raise DataError.

    Parameters
    ----------
    records
        The first records, at least one.
    name
        The file's name.
    number_format
        The number format, which tells numbers from names.
    present
        True if the first record is the header, False if there is none, None if this is unknown.
    unit
        The word for the place of a record.
    """
    first, rows = records[0], [record.cells for record in records[1:]]
    place = f"{name}, {unit} {first.line}"
    if present is False and first.cells[0] == "column_1":
        present = True  # the names that the columns of a table without names have
    if present is False:
        count = max(len(record.cells) for record in records)
        columns = [f"column_{k}" for k in range(1, count + 1)]
        return Header(columns, first.line - 1, count, [])
    if present is None:
        _refuse_title(records, name, unit)
    names = [tidy_name(cell) for cell in first.cells]
    names, width = _without_trailing(names, rows)
    warnings = []
    if rows and len(names) > 1 and all(len(row) == len(names) + 1 for row in rows):
        labels = [row[0] for row in rows]
        # as R writes row names, without a name of their own
        if any(row[-1] for row in rows) and len(set(labels)) == len(labels):
            names, width = ["", *names], width + 1
    named = _with_names(names)
    if unnamed := [new for new, old in zip(named, names, strict=True) if not old]:
        one = len(unnamed) == 1
        warnings.append(
            f"{place}: {'a column has' if one else f'{len(unnamed)} columns have'} no name; "
            f"{'it is' if one else 'they are'} called {quoted_list(unnamed)}"
        )
    advice = (
        "if the table has no names, add --set dataset.reading.header=none, which calls the columns "
        f"column_1 to column_{len(named)}"
    )
    again = next((record for record in records[1:] if record.cells == first.cells), None)
    if again is not None and any(map(str.strip, first.cells)):
        warnings.append(
            f"{name}, {unit} {again.line}: repeats the column names, as where tables are joined; "
            "remove such lines"
        )
    is_row = present is None and again is None and _looks_like_a_row(names, rows, number_format)
    if is_row:
        warnings.append(
            f"{place}: the column names look like a row of values: {quoted_list(named, most=4)}; "
            f"{advice}; if these are the names, add --set dataset.reading.header=first"
        )
    problems = [
        f"{place}: two columns are named '{column}', columns {i} and {k}; rename one of them"
        + (f"; {advice}" if is_row else "")
        for column, i, k in repeated_names(named)
    ]
    if problems:
        total = total_line(len(problems), "column names occur again")
        raise DataError([*problems[:MAX_PROBLEMS], *total])
    return Header(named, first.end, width, warnings)


def _without_trailing(names: list[str], rows: list[list[str]]) -> tuple[list[str], int]:
    """Return the names without those of columns that are blank, name and all, at their end.

    Also return the usual number of cells of a record.
    """
    ends = [next((k for k in range(len(row), 0, -1) if row[k - 1]), 0) for row in (names, *rows)]
    count = min(len(names), max(1, *ends))
    widths = Counter(len(row) for row in rows)
    return names[:count], widths.most_common(1)[0][0] if widths else len(names)


def _with_names(names: list[str]) -> list[str]:
    """Return the names, with one by its position for each that is blank."""
    taken, named = set(names), []
    for k, name in enumerate(names, start=1):
        new = name or f"column_{k}"
        while not name and new in taken:
            new += "_"
        named.append(new)
    return named


def _refuse_title(records: Sequence[FirstRecord], name: str, unit: str) -> None:
    """Raise DataError if the first record is a title: one cell, above records of several."""
    cells = records[0].cells
    others = Counter(len(record.cells) for record in records[1:])
    if not others or not cells[0] or any(cells[1:]):
        return
    width, count = others.most_common(1)[0]
    # of two cells, the first may be the name of a row, or of the only column beside row names
    if width < 3 or count < 2:
        return
    header = next(record for record in records[1:] if sum(map(bool, record.cells)) > 1)
    skipped = header.line - 1
    raise DataError(
        f"{name}, {unit} {records[0].line}: holds {quoted_cell(cells[0])} and nothing else, while "
        f"most {unit}s hold {width} cells; if the column names are on {unit} {header.line}, "
        f"add --set dataset.reading.skip_lines={skipped}"
    )


def _looks_like_a_row(names: list[str], rows: list[list[str]], number_format: NumberFormat) -> bool:
    """Return whether the names are rather values: numbers above numbers, or words that occur again.

    Whole numbers in ascending order are names, such as years.
    """
    columns = list(zip(*(row[: len(names)] for row in rows if len(row) >= len(names)), strict=True))
    if not columns or len(columns[0]) < 2:
        return False
    numbers: list[float] = []  # above numbers
    texts = repeated = 0
    for name, cells in zip(names, columns, strict=True):
        present = [cell for cell in cells if not number_format.is_missing_number(cell)]
        if not present or not name:
            continue
        if all(map(number_format.is_number, present)):
            if not number_format.is_number(name):
                return False
            numbers.append(number_format.number(name))
        else:
            texts += 1
            repeated += name in present
    ascending = all(n.is_integer() and n >= 0 for n in numbers) and all(
        before < after for before, after in pairwise(numbers)
    )
    if numbers and not ascending:
        return True
    return repeated > 0 and repeated == texts
