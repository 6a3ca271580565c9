"""The numbers of a column, in the format that is expected or in the one that its cells show."""

from contextlib import suppress

import numpy as np
import numpy.typing as npt

from bpnet.data.numbers.detection import TableNumberFormat
from bpnet.data.numbers.formats_so_far import FormatsSoFar, extended
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading.column import A_NUMBER, CellParseError, Column, Floats


def numbers_like(column: Column, expected: NumberFormat | None) -> tuple[Floats, NumberFormat]:
    """Return the numbers (N,) and their format, the expected one if all cells fit it.

    Else they are read in a format of their own, if that is certain. What the table's chunks
    before have shown comes first, and is never contradicted. Raises CellParseError.
    """
    own, so_far = column.number_format, column.formats_so_far or FormatsSoFar()
    if not isinstance(own, TableNumberFormat):
        return _plain_numbers(column, so_far), own
    fixed, first = so_far.fixed(own), own.of_column
    if expected is not None and expected != first:
        first = expected.with_words(own.missing)
    if column.numbers is not None:
        _fix(column, own.of_column, so_far)
        return column.numbers, first
    if fixed is not None or (expected is not None and not own.contradictions(first)):
        with suppress(CellParseError):
            return _read_and_fix(column, fixed or first, so_far)
    detected = column.detect_format(expected)
    for each in (detected.number_format, detected.other):
        if each is None:
            continue
        usual = each == own.of_column and first.decimal == each.decimal
        certain = detected.other is None or usual
        second = extended(fixed, each) if fixed else each if certain else None
        if second is not None and (fixed or first.may_have(second.unit)):
            with suppress(CellParseError):
                return _read_and_fix(column, second, so_far)
    return _read_and_fix(column, fixed or first, so_far)  # which names the cells that do not fit


def numbers_or_bits(
    column: Column, number_format: NumberFormat | None, lowest: float, highest: float
) -> tuple[Floats, NumberFormat]:
    """Return the numbers (N,) of a column and their format, by `numbers_like`.

    If the numbers of the training rows are 0 and 1, from `lowest` to `highest`, and so are these,
    true is 1 and false is 0.
    """
    of_bits, so_far = {lowest, highest} <= {0.0, 1.0}, column.formats_so_far or FormatsSoFar()
    try:
        values, own_format = numbers_like(column, number_format)
    except CellParseError as error:
        if not of_bits or not {text.lower() for text in error.texts} <= {"true", "false"}:
            raise
        values, own_format = numbers_like(column.with_bits(), number_format)
        if so_far.has_others or len(_others(values)):
            raise
        so_far.has_words = True
    else:
        if of_bits and not so_far.has_others and len(rows := _others(values)):
            if so_far.has_words:
                texts = column.take(rows[:1]).cells()
                raise CellParseError(texts, rows, "0 or 1, true or false, as the cells before it")
            so_far.has_others = True
    return values, own_format


def _others(values: Floats) -> npt.NDArray[np.intp]:
    """Return the positions of the numbers other than 0 and 1."""
    return np.flatnonzero(~np.isnan(values) & (values != 0) & (values != 1))


def _plain_numbers(column: Column, so_far: FormatsSoFar) -> Floats:
    """Return numbers (N,) whose format is known; raise CellParseError after percentages."""
    values = column.as_numbers()
    if column.number_format.unit != "%" and (row := _first(~np.isnan(values))):
        if so_far.has_percent:
            texts = column.take(np.array(row)).cells()
            percent = NumberFormat(unit="%")
            raise CellParseError(texts, np.array(row), A_NUMBER, number_format=percent)
        so_far.has_unmarked = True
    return values


def _read_and_fix(
    column: Column, number_format: NumberFormat, so_far: FormatsSoFar
) -> tuple[Floats, NumberFormat]:
    """Return the numbers (N,) in a format, in which later chunks are then read."""
    values = column.read_by(number_format).as_numbers()
    _fix(column, number_format, so_far)
    return values, number_format


def _fix(column: Column, number_format: NumberFormat, so_far: FormatsSoFar) -> None:
    """Note the format of the numbers, unless it makes no difference.

    Raises CellParseError if the table's chunks before contradict it.
    """
    own = column.number_format
    assert isinstance(own, TableNumberFormat)
    fixed = so_far.fixed(own)
    if number_format == fixed and (column.numbers is None or number_format.unit != "%"):
        return
    if row := _first_row_with_marks(column):
        certain = own.is_certain or column.detect_format().other is None
        if so_far.allows(own, number_format, certain=certain):
            so_far.fix(own, number_format, certain=certain)
            return
    elif row := _first_row(column):
        if not so_far.has_percent:
            so_far.has_unmarked = True
            return
    else:
        return
    text = column.take(np.array(row)).cells()[0]
    other = fixed or next(iter(so_far.formats.values()), own.of_column)
    raise CellParseError([text], np.array(row), A_NUMBER, number_format=other)


def _first_row_with_marks(column: Column) -> list[int]:
    """Return the first row whose number may be another one in another format, if any is."""
    if column.numbers is not None:
        # not of NaN; in a tenth of the time of a remainder
        return _first(column.numbers > np.floor(column.numbers))
    assert column.codes is not None
    for k, text in enumerate(column.categories):
        marked = text and not text.lstrip("+-").isdecimal()
        # a text may be of rows that were not taken
        if (
            marked
            and not column.number_format.is_missing_number(text)
            and (row := _first(column.codes == k))
        ):
            return row
    return []


def _first_row(column: Column) -> list[int]:
    """Return the first row with a number, if any has one."""
    return _first(~np.isnan(column.as_numbers()))


def _first(mask: npt.NDArray[np.bool_]) -> list[int]:
    """Return the first position at which a mask (N,) is true, if there is one."""
    return [int(np.argmax(mask))] if mask.any() else []
