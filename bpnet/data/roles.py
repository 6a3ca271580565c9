"""Roles of columns: numeric, categorical, …, detected from training rows or set by the user."""

from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from bpnet.data.cell_kinds import (
    MAX_INTEGER_CLASSES,
    MOSTLY,
    are_booleans,
    are_digits,
    are_mostly_numbers,
    are_nested,
    leading_zero_code,
    present_cells,
    reads_as_number,
)
from bpnet.data.dates.advice import compact_dates_note, compact_format, reading_note, set_format
from bpnet.data.dates.date_format import ISO
from bpnet.data.dates.detection import (
    DetectedFormat,
    detect_format,
    likely_format,
    several_formats,
    suggested_format,
    unknown_month,
)
from bpnet.data.encoding.column_options import Role
from bpnet.data.identifiers import (
    FEWEST_ROWS,
    ID_REASON,
    NAMES_ROWS,
    counter_reason,
    is_id,
    is_id_name,
    step_note,
)
from bpnet.data.numbers.advice import ambiguity_note, unit_note
from bpnet.data.numbers.cells import number_text
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading.column import CellParseError, Column, Floats
from bpnet.data.spelling import differing_in_case
from bpnet.engine.component import Array
from bpnet.messages import quoted_cell, set_option

BLANK_REASON = "it is blank in every training row"
GIVEN_REASON = "as dataset.roles says"
NESTED_REASON = "it holds lists or objects; make columns of their parts"


@dataclass(frozen=True)
class DetectedRole:
    """The role of a column, with the `reason` if it is ignored, and the format of a date."""

    role: Role
    reason: str | None = None
    date_format: str | None = None
    note: str | None = None
    """A remark to the user about a column that is used."""
    number_format: NumberFormat | None = None
    other_formats: tuple[str, ...] = ()
    """The formats that fit every date so far, too, with another order of day, month and year."""
    undecided: bool = False
    """True if all cells so far are words such as none, which are missing among numbers."""
    digits: bool = False
    """True if all numbers so far are whole and not below 0, as codes are, too."""
    advances: bool = False
    """True if the rows are split by time and the dates advance with it."""
    trend_confirmed: bool = False
    """True if the days elapsed have been found to help on later rows than those fitted to."""

    def narrowed(self, name: str, column: Column, rows: Array) -> "DetectedRole":
        """Return the role of a date once further rows, of the same mask, have been seen."""
        assert self.date_format is not None
        _, texts = present_cells(column, rows)
        before = DetectedFormat(self.date_format, self.other_formats)
        after = before.narrowed(texts)
        return self if after == before else _date_role(name, after, texts)


def detect_role(
    name: str,
    column: Column,
    rows: Array,
    given: Role | None,
    *,
    named: bool,
    date_format: str | None = None,
    table_rows: int | None = None,
    declared: bool = False,
    names_rows: bool = False,
) -> DetectedRole:
    """Return the role of a column by its cells in a mask of rows (N,), unless one is `given`.

    A feature that is `named` in the config is never ignored for looking like an ID or a counter.
    A date has the `date_format`, if there is one. `table_rows` are those of the whole table, of
    which the column may be the beginning. If the table has `declared` that the column holds
    categories, numbers are such. A column that `names_rows`, by its name, is ignored if each row
    has another value.
    """
    if given == "date":
        _, texts = present_cells(column, rows)
        detected_format = _given_date(texts, date_format)
        return _date_role(name, detected_format, texts, given=date_format is not None)
    numbers = column.detect_format()
    column = column.read_by(numbers.number_format)
    code = leading_zero_code(column, rows)
    detected = (
        _detected(name, column, rows, named=named)
        if code is None
        else _role_of_codes(name, code, *present_cells(column, rows), named=named)
    )
    counts = detected.role == "numeric" or code is not None
    if declared and detected.role == "numeric":
        detected = _role_of_declared(*present_cells(column, rows), named=named)
    detected = replace(detected, number_format=numbers.number_format)
    if detected.role == "numeric":
        note = ambiguity_note(numbers, name) or detected.note
        detected = replace(detected, note=note, digits=given is None and are_digits(column, rows))
    if counts and not named:
        with suppress(CellParseError):  # fitting reports the cell
            detected = _without_counter(
                detected, name, column, table_rows or len(column), names_rows=names_rows
            )
    if names_rows and not named and detected.role in ("numeric", "categorical"):
        detected = _without_row_names(detected, column, rows)
    if given == "categorical":  # chosen: what the cells may be otherwise is no longer a question
        words = _words(present_cells(column, rows)[1], numbers.number_format)
        return DetectedRole(
            given,
            number_format=numbers.number_format,
            note=differing_in_case_note(words),
            undecided=detected.undecided,
        )
    if given is None or (given == detected.role and given != "ignored"):
        return detected
    return DetectedRole(
        given,
        GIVEN_REASON if given == "ignored" else None,
        number_format=numbers.number_format,
        note=ambiguity_note(numbers, name) if given == "numeric" else None,
    )


def _words(texts: list[str], number_format: NumberFormat) -> list[str]:
    """Return the texts that are no word for a missing value among numbers."""
    return [text for text in texts if not number_format.is_missing_number(text)]


def _given_date(texts: list[str], date_format: str | None) -> DetectedFormat:
    """Return the format of a column that the config says is a date: ISO if none fits a cell."""
    if date_format is not None:
        return DetectedFormat(date_format)
    return (
        detect_format(texts, numbers=True)
        or likely_format(texts, 0.0, numbers=True)
        or DetectedFormat(ISO)
    )


def _date_role(
    name: str, detected: DetectedFormat, texts: list[str], *, given: bool = False
) -> DetectedRole:
    return DetectedRole(
        "date",
        date_format=detected.text,
        note=reading_note(name, detected, texts, given=given),
        other_formats=detected.others,
    )


def _detected(name: str, column: Column, rows: Array, *, named: bool) -> DetectedRole:
    numbers = None
    with suppress(CellParseError):  # raised for words among all rows, which are looked at below
        numbers = column.as_numbers()
    # all of them are numbers: nothing else to decide, unless it may be an ID
    if numbers is not None and not is_id_name(name) and not np.isnan(numbers[rows]).all():
        return DetectedRole("numeric", note=compact_numbers_note(name, numbers[rows]))
    count, texts = present_cells(column, rows)
    if not texts:
        return DetectedRole("ignored", BLANK_REASON)
    if not named and are_nested(texts):
        return DetectedRole("ignored", NESTED_REASON)
    number_format = column.number_format
    # if all of them are words for a missing value, they are categories
    words = _words(texts, number_format)
    undecided, words = not words, words or texts
    numeric = [word for word in words if reads_as_number(word, number_format)]
    if len(numeric) == len(words):
        if not named and is_id(name, numeric, count):
            return DetectedRole("ignored", ID_REASON)
        return DetectedRole("numeric", note=compact_dates_note(name, numeric))
    if are_booleans(words, texts):
        return DetectedRole("boolean")
    if date_format := detect_format(words):
        return _date_role(name, date_format, words)
    if not named and is_id_name(name) and FEWEST_ROWS <= count == len(words):
        return DetectedRole("ignored", _reason_to_ignore(name, texts, count))
    # a few words among numbers, or numbers in several formats, are errors that fitting reports
    # with their place
    # of an ID such as 136A among others they are codes
    if are_mostly_numbers(words, len(numeric)) and not is_id_name(name):
        return DetectedRole("numeric")
    many = len(words) > MAX_INTEGER_CLASSES
    reason = several_formats(words)
    # the cells of other formats are reported by fitting, if the config names the column
    least = 0.0 if reason and named else MOSTLY
    if (many or not least) and (date_format := likely_format(words, least)):
        return _date_role(name, date_format, words)
    if reason:
        return DetectedRole("ignored", reason)
    if not named and count >= FEWEST_ROWS and len(texts) > count / 2:
        return DetectedRole("ignored", _reason_to_ignore(name, texts, count))
    note = unit_note(words) or differing_in_case_note(words)
    if len(numeric) > len(words) / 2:
        word = next(word for word in words if word not in set(numeric))
        note = f"besides numbers it holds {quoted_cell(word)}, so it is read as categories"
    return DetectedRole("categorical", note=note, undecided=undecided)


def differing_in_case_note(texts: list[str]) -> str | None:
    """Return a note on texts that differ only in case, if there are any."""
    pairs = differing_in_case(texts)
    if not pairs:
        return None
    one, other = pairs[0]
    more = f" (and {len(pairs) - 1} more such pairs)" if len(pairs) > 1 else ""
    return (
        f"{quoted_cell(one)} and {quoted_cell(other)}{more} differ only in case, and are two "
        "values; if they mean the same, write them alike in the table"
    )


def _role_of_codes(
    name: str, code: str, count: int, texts: list[str], *, named: bool
) -> DetectedRole:
    """Return the role of numbers with leading zeros, which are codes rather than amounts."""
    zeros = f"whole numbers such as {quoted_cell(code)} have a leading zero, as codes have"
    if form := compact_format(texts):
        dates = f"if it holds dates ({form}), give their format: {set_format(name, form)}"
        return DetectedRole("categorical", note=dates) if named else DetectedRole("ignored", dates)
    if not named and count >= FEWEST_ROWS and len(texts) > count / 2:
        return DetectedRole(
            "ignored",
            f"its {zeros}, and it has {len(texts)} different ones in {count} rows, as an ID has",
        )
    numeric = set_option("dataset.roles", "numeric", name)
    note = f"its {zeros}, so they are read as categories; if they are amounts: {numeric}"
    return DetectedRole("categorical", note=note)


def _role_of_declared(count: int, texts: list[str], *, named: bool) -> DetectedRole:
    """Return the role of numbers that the table declares to be categories."""
    if not named and count >= FEWEST_ROWS and len(texts) > count / 2:
        return DetectedRole("ignored", _reason_to_ignore("", texts, count))
    return DetectedRole("categorical")


def _without_counter(
    detected: DetectedRole, name: str, column: Column, table_rows: int, *, names_rows: bool
) -> DetectedRole:
    """Return the role of a column of numbers: ignored if they count the rows, of every part."""
    numbers = column.as_numbers()
    if reason := counter_reason(name, numbers, table_rows, names_rows=names_rows):
        return replace(detected, role="ignored", reason=reason, note=None)
    return replace(detected, note=detected.note or step_note(name, numbers))


def _without_row_names(detected: DetectedRole, column: Column, rows: Array) -> DetectedRole:
    """Return the role of a column without a name: ignored if it has another value in each row.

    Fractions are no names.
    """
    count = int(rows.sum())
    if detected.role == "categorical":
        present, texts = present_cells(column, rows)
        names = present == len(texts) == count
    else:
        names = are_digits(column, rows) and _all_differ(column.as_numbers()[rows])
    if count < 2 or not names:
        return detected
    kind = "text" if detected.role == "categorical" else "whole number"
    return replace(detected, role="ignored", reason=f"{NAMES_ROWS}: another {kind} in each")


def _all_differ(numbers: Floats) -> bool:
    """Return whether no number (N,) is missing, or equal to another."""
    return not np.isnan(numbers).any() and len(np.unique(numbers)) == len(numbers)


def compact_numbers_note(name: str, numbers: Floats) -> str | None:
    """Return a note if all numbers (N,) are like 20190105, else None."""
    if np.isnan(numbers).all():
        return None
    lowest, highest = np.nanmin(numbers), np.nanmax(numbers)
    if lowest < 1900_01 or highest > 2099_12_31_23_59_59:
        return None  # without making texts of them
    distinct = np.unique(numbers[~np.isnan(numbers)])
    for some in (distinct[:50], distinct):
        note = compact_dates_note(name, list(map(number_text, some.tolist())))
        if note is None:
            return None
    return note


def _reason_to_ignore(name: str, texts: list[str], count: int) -> str:
    """Return the reason to ignore a column of mostly distinct texts."""
    if note := unit_note(texts):
        return note
    if form := suggested_format(texts):
        return f"if it holds dates or times ({form}), give their format: {set_format(name, form)}"
    if word := unknown_month(texts):
        return (
            f"if it holds dates, '{word}' is no month's name that is known; "
            "write months as numbers, or in English"
        )
    spaces = sum(text.count(" ") for text in texts) / len(texts)
    if spaces >= 3:
        return "it looks like free text"
    return f"it looks like an ID or a name: {len(texts)} different texts in {count} rows"
