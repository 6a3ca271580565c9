"""Identifiers: columns that number the rows or name them, known by their values."""

import re
from collections.abc import Sequence

import numpy as np

from bpnet.data.reading.column import Floats
from bpnet.data.spelling import Spelling
from bpnet.messages import set_option, text_value

FEWEST_ROWS = 20
"""Rows below which no column is taken for an identifier by its values."""
_FEWEST_NAMED = 5
"""Rows below which none is by its name and its values."""

ID_REASON = "it looks like an ID: a different whole number in every row"

COUNTS_TIME = "it counts the time of the split: held-out numbers are beyond those of training"
COUNTS_ROWS = "it counts the rows"
NAMES_ROWS = "it names the rows"

_DENSE = 1.5
"""Range of a counter for each row, at most: rows may have been dropped."""
_COLLISIONS = 10
"""Equal numbers that chance would bring, at least, where a shuffled counter has none."""

_PEOPLE = (
    "customer|client|patient|person|member|user|student|pupil|child|employee|subject|participant"
    "|respondent|individual|household|family"
)
# order_id, row_no, idno, Unnamed: 0
_ID_NAME = re.compile(
    r"(?i)(.*[_ .-])?(id|uuid|guid|key|rowid|pid|uid|idno|seqn|seqno|obs)|index|row|unnamed.*"
    rf"|(.*[_ .-])?({_PEOPLE})"
    rf"|(.*[_ .-])?(row|record|sample|case|item|line|account|{_PEOPLE}|order|invoice|ticket|serial"
    r"|policy|claim|transaction|obs|id)[_ .-]?(index|no|nr|num|number)"
)
_PERSON_NAME = re.compile(rf"(?i)(.*[_ .-])?({_PEOPLE})([_ .-]?(id|no|nr|num|number))?")
_CAMEL_CASE_ID = re.compile(r"[A-Za-z0-9]*[a-z0-9]I[Dd]")  # customerId, not PAID
_GIVEN_NAME = re.compile(r"column_[0-9]+")
"""The name that a column without one is given."""
# of pandas, readr, and data that was in R
_ROWS_NAME = re.compile(r"(?i)unnamed: 0|__index_level_0__|\.\.\.1|row[ _.-]?(names?|labels?)")
_LATEST_START = 5
"""Largest number that a counter begins with, where some of the rows were dropped."""


def is_id_name(name: str) -> bool:
    """Return whether a column's name is that of an ID, which its values must be, too."""
    return bool(_ID_NAME.fullmatch(name) or _CAMEL_CASE_ID.fullmatch(name))


def is_person(name: str) -> bool:
    """Return whether a column's name says that it tells persons apart."""
    return _PERSON_NAME.fullmatch(name) is not None


def names_rows(name: str, columns: Sequence[str]) -> bool:
    """Return whether a column is where R and pandas write the names of the rows.

    It is the first of the `columns` of a table, and has no name though others do; or it has the
    name that programs give to such a column.
    """
    unnamed = name == columns[0] and _GIVEN_NAME.fullmatch(name) is not None
    return _ROWS_NAME.fullmatch(name) is not None or (
        unnamed and not all(map(_GIVEN_NAME.fullmatch, columns))
    )


def is_id(name: str, numbers: list[str], count: int) -> bool:
    """Return whether the distinct texts of `count` numbers are an ID's.

    They are if the column's name is one and its numbers are whole, and another in each row.
    """
    if count < _FEWEST_NAMED or len(numbers) < count or not is_id_name(name):
        return False
    spelling = Spelling(numbers)
    values = {spelling(number) for number in numbers}
    return len(values) == count and all(re.fullmatch(r"-?\d+", value) for value in values)


def counter_reason(name: str, values: Floats, rows: int, *, names_rows: bool = False) -> str | None:
    """Return why a column counts the rows, by its values (N,) in file order; None if it does not.

    The numbers of a counter are whole, and each is another. They go up or down with few gaps; or
    the file is in another order, and the numbers lie so densely that chance would repeat some. They
    begin with 0 or 1, or a little later if rows were dropped; anywhere if the column has no name,
    or that of an ID. `rows` is the number of rows of the table, of which there may be more than N.
    Of few rows, only a column that `names_rows` counts them.
    """
    count = len(values)
    fewest = 2 if names_rows else FEWEST_ROWS
    if count < fewest or not np.isfinite(values).all():
        return None
    lowest, highest = float(values.min()), float(values.max())
    span = highest - lowest + 1
    if span > _DENSE * max(count, rows) or not (values == np.floor(values)).all():
        return None
    first = 1 if span <= count else _LATEST_START
    anywhere = names_rows or is_id_name(name) or _GIVEN_NAME.fullmatch(name)
    if not 0 <= lowest <= first and not anywhere:
        return None
    steps = np.diff(values)
    in_order = span <= _DENSE * count and (bool((steps > 0).all()) or bool((steps < 0).all()))
    shuffled = count**2 / (2 * span) >= _COLLISIONS
    if not in_order and not (shuffled and len(np.unique(values)) == count):
        return None
    return f"{COUNTS_ROWS}: a whole number of its own in each, {lowest:.0f} to {highest:.0f}"


_TIME_NAME = re.compile(
    r"(?i)(.*[_ .-])?(time|date|year|yr|quarter|month|week|day|hour|season|period|t)([_ .-].*)?"
    r"|(year|date|time).*|.*(year|date|time)"
)
_YEAR_NAME = re.compile(r"(?i)(.*[_ .-])?(year|yr)([_ .-].*)?|.*year")
_YEARS = (1500, 2100), (50, 99)
"""The ranges of years of four digits, and of two."""


def is_time_name(name: str) -> bool:
    """Return whether a column's name is that of a time."""
    return _TIME_NAME.fullmatch(name) is not None


def is_time(name: str, values: Floats) -> bool:
    """Return whether numbers (N,) in file order seem to be the times of the rows.

    They are named so and never fall from row to row (or never rise), or they are years.
    """
    values = values[np.isfinite(values)]
    if len(values) < FEWEST_ROWS or len(np.unique(values)) < 3 or not is_time_name(name):
        return False
    if _YEAR_NAME.fullmatch(name) and (values % 1 == 0).all():
        lowest, highest = values.min(), values.max()
        if any(first <= lowest and highest <= last for first, last in _YEARS):
            return True
    steps = np.diff(values)
    return bool((steps >= 0).all() or (steps <= 0).all())


def step_note(name: str, values: Floats) -> str | None:
    """Return a note if each of the values (N,), in file order, is that of the row before plus 1."""
    with np.errstate(over="ignore"):  # between the largest numbers of either sign
        rises = (np.diff(values) == 1).all()
    if len(values) < FEWEST_ROWS or not rises:
        return None
    return (
        f"it is {values[0]:g} in the first row and rises by 1 from row to row, as a row number "
        f"does; if it is one, leave it out: {set_option('dataset.roles', 'ignored', name)}"
        f"{split_advice(name) if is_time(name, values) else ''}"
    )


def split_advice(name: str) -> str:
    """Return the end of a message about a column that may hold the time of the rows."""
    option = set_option("dataset.split.time", text_value(name))
    return f"; if '{name}' is the time, split the rows by it: {option}"
