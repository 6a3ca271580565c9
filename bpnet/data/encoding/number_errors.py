"""Errors of, and notes on, cells that are numbers in another format than the column's."""

from collections.abc import Callable

from bpnet.data.numbers.advice import set_format
from bpnet.data.numbers.cells import number_text, split_number, with_plain_marks
from bpnet.data.numbers.detection import looks_like_number
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading.column import A_NUMBER, CellParseError, Column
from bpnet.messages import like_it, quoted_cell

Where = Callable[[int], str]
"""Returns the place of a row, counted from 0: 'iris.csv, line 4 (row 3)'."""


def percent_note(column: Column, name: str, expected: NumberFormat | None) -> str | None:
    """Return a note on numbers without percent signs where these are expected.

    Spreadsheets hold 25 % as 0.25.
    """
    if expected is None or expected.unit != "%":
        return None
    texts = column.present_texts()
    if not texts or any("%" in text for text in texts):
        return None
    cell = texts[0]
    return (
        f"column '{name}': its numbers have no percent sign, unlike those of the training: "
        f"{quoted_cell(cell)} is read as {cell} %; if they are shares, multiply them by 100"
    )


def number_problem(
    error: CellParseError, column: Column, name: str, where: Where, way_out: str = ""
) -> list[str]:
    """Return the problem of cells that are numbers, but not in the column's format, or no line.

    `way_out` is what to do if they cannot be written in another way.
    """
    if error.expected != A_NUMBER:
        return []
    first = int(error.rows[0])
    cell = column.take(error.rows[:1]).cells()[0]
    place = f"{where(first)}, column '{name}': {quoted_cell(cell)}"
    alike = like_it(len(error.rows))
    if any(map(_has_other_digits, error.texts)):
        return [f"{place} has digits other than 0 to 9{alike}; write it with these{way_out}"]
    if not all(map(looks_like_number, error.texts)) or _is_infinite(cell, error.number_format):
        return []
    detected = column.detect_format(error.number_format)
    chosen, other = detected.number_format, detected.other
    if other is not None:
        example = detected.example
        one, another = (number_text(each.number(example)) for each in (chosen, other))
        return [
            f"{where(column.cells().index(example))}, column '{name}': {quoted_cell(example)} may "
            f"be {one} or {another}{alike}; add {set_format(chosen, other)} for the one, "
            f"or {set_format(other, chosen)} for the other"
        ]
    like = _example(column, error.number_format)
    difference = _difference(cell, error.number_format)
    if like is None and column.formats_so_far and column.formats_so_far.formats:
        others = error.number_format
        option = ""
        if chosen.decimal != others.decimal:
            option = f", or add {set_format(chosen, others)} to read all like this one"
        return [
            f"{place} {difference} the numbers in the rows before it{alike}; "
            f"write all numbers of the column in one way{option}{way_out}"
        ]
    if like is None:  # at prediction
        return [f"{place} {difference} the training rows{alike}; write it as there{way_out}"]
    text, row = like
    return [
        f"{place} {difference} {text!r} ({where(row)}){alike}; "
        f"write all numbers of the column in one way{way_out}"
    ]


def _difference(cell: str, number_format: NumberFormat) -> str:
    """Return how a number differs from those in a format, to be followed by one of them."""
    parts = split_number(with_plain_marks(cell))
    unit = parts.unit if parts else None
    if "%" in (unit, number_format.unit) and unit != number_format.unit:
        return f"{'has' if unit == '%' else 'lacks'} a percent sign, unlike"
    if unit is not None and unit != number_format.unit:
        return f"is an amount in {unit}, unlike"
    return "is not written like"


def _example(column: Column, number_format: NumberFormat) -> tuple[str, int] | None:
    """Return a cell in the column's format, rather one with marks, and its row."""
    cells, plain = column.cells(), NumberFormat()
    rows = [row for row, cell in enumerate(cells) if cell and number_format.is_number(cell)]
    if not rows:
        return None
    row = next((row for row in rows if not plain.is_number(cells[row])), rows[0])
    return cells[row], row


def _is_infinite(cell: str, number_format: NumberFormat) -> bool:
    """Return whether a cell is in a format, but too large for a float."""
    parts = split_number(with_plain_marks(cell))
    return (
        parts is not None
        and number_format.has_marks_of(parts.digits)
        and number_format.has_unit(parts.unit)
    )


def _has_other_digits(text: str) -> bool:
    return any(character.isdecimal() and not character.isascii() for character in text)
