"""The times that rows are split by: numbers, or dates of the one format of their column."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bpnet.config.schema import Config
from bpnet.data.dates.advice import (
    MIXED_ZONES,
    compact_dates_note,
    expected_date,
    format_example,
    other_formats,
    reading,
    reading_note,
    set_format,
)
from bpnet.data.dates.date_format import ISO
from bpnet.data.dates.detection import DetectedFormat, detect_format, likely_format
from bpnet.data.dates.moments import iso_text
from bpnet.data.encoding.dates import read_days, read_zones
from bpnet.data.encoding.settings import DateParts
from bpnet.data.numbers.cells import number_text
from bpnet.data.reading import Table
from bpnet.data.reading.chunk import CellType
from bpnet.data.reading.column import CellParseError, Column, Floats
from bpnet.data.roles import compact_numbers_note
from bpnet.data.splitting import PARTS, Indices, Part
from bpnet.errors import DataError
from bpnet.messages import like_it, quoted_cell
from bpnet.preparation.target_values import Mask


@dataclass(frozen=True)
class RowTimes:
    """The time of each row: its number, or days since 1970-01-01 of its date."""

    column: str
    values: Floats
    """The times (N,), NaN where the time is missing."""
    format: str | None
    """The format of dates; None for numbers."""
    note: str | None = None
    """A remark on how the dates are read."""

    def text(self, value: float) -> str:
        """Return a time as text: an ISO date, or the number."""
        return number_text(float(value)) if self.format is None else iso_text(value)


@dataclass(frozen=True)
class TimeRange:
    """The first and the last time of a part's rows, as text: ISO dates, or numbers."""

    first: str
    last: str


def time_ranges(times: RowTimes, parts: Mapping[Part, Indices]) -> dict[Part, TimeRange]:
    """Return the range of times of each part that has rows, in the order of PARTS."""
    ranges = {}
    for part in PARTS:
        if len(parts[part]):
            values = times.values[parts[part]]
            ranges[part] = TimeRange(times.text(values.min()), times.text(values.max()))
    return ranges


def date_formats(config: Config, times: RowTimes | None = None) -> dict[str, str | None]:
    """Return the columns that the config says are dates, each with its format if that is known.

    A column with an encoding of kind date is one, and so is the column of dates of the split.
    """
    dataset = config.dataset
    formats: dict[str, str | None] = {
        name: options.format
        for name, options in dataset.preprocessing.columns.items()
        if isinstance(options, DateParts)
    }
    formats |= {
        name: None for name, role in dataset.roles.items() if role == "date" and name not in formats
    }
    if times is not None and times.format is not None:
        formats[times.column] = times.format
    return formats


def time_cell_type(config: Config) -> CellType:
    """Return how the cells of the split's time are read: as text if the config says, dates."""
    return "text" if config.dataset.split.time in date_formats(config) else "any"


def read_times(config: Config, column: Column, rows: Indices, table: Table) -> RowTimes:
    """Read the times of a table's `rows` from the column that the config names.

    Raises DataError if one is missing, or is neither a number nor a date of the column's format.
    """
    name, formats = config.dataset.split.time, date_formats(config)
    assert name is not None
    used = column.take(rows)
    as_numbers, _ = used.in_own_format()
    texts = used.present_texts() if used.numbers is None or name in formats else []
    is_number = as_numbers.number_format.is_number
    note, form, expected = None, None, "a number"
    try:
        if name not in formats and (not texts or any(map(is_number, texts))):
            present = as_numbers.as_numbers()
            note = (
                compact_numbers_note(name, present)
                if used.numbers is not None
                else compact_dates_note(name, texts)
            )
        else:
            detected = _detected(formats.get(name), texts, numbers=name in formats)
            form = ISO if detected is None else detected.text
            expected = "a date or a number" if detected is None else expected_date(form)
            present = read_days(used, form)
            if detected is not None:
                given = formats.get(name) is not None
                note = _note(name, detected, used, texts, given=given)
    except CellParseError as error:
        row = int(rows[error.rows[0]])
        raise DataError(
            f"{table.where(row)}, column '{name}': {quoted_cell(error.texts[0])} is not "
            f"{expected}, by which dataset.split.time orders the rows"
            f"{like_it(len(error.rows), 'rows')}; {_advice(name, form, texts)}"
        ) from None
    _refuse_missing(np.isnan(present), name, rows, table)
    values = np.full(len(column), np.nan)
    values[rows] = present
    return RowTimes(name, values, form, note)


def _detected(given: str | None, texts: list[str], *, numbers: bool) -> DetectedFormat | None:
    """Return the format of the dates: the given one, or the one that fits the most of them."""
    if given is not None:
        return DetectedFormat(given)
    return detect_format(texts, numbers=numbers) or likely_format(texts, 0.0, numbers=numbers)


def _note(
    name: str, detected: DetectedFormat, column: Column, texts: list[str], *, given: bool
) -> str | None:
    """Return a remark on how the dates are read, if that may be wrong."""
    if not texts:
        return None
    notes = [reading_note(name, detected, texts, given=given)]
    zones = read_zones(column, detected.text)
    if (zones == 0).any() and (zones == 1).any():
        notes.append(MIXED_ZONES)
    return "; ".join(filter(None, notes)) or None


def _advice(name: str, form: str | None, texts: list[str]) -> str:
    """Return what to do about a cell that cannot order its row."""
    if form is None:
        return "correct it, or name another column"
    others = other_formats(form, texts)
    if others:
        return f"every date fits {reading(others[0])}: {set_format(name, others[0])}"
    return (
        f"correct it, give the format, as in {format_example(name, form)}, or name another column"
    )


def _refuse_missing(missing: Mask, name: str, rows: Indices, table: Table) -> None:
    """Raise DataError if a row that is not dropped has no time."""
    if missing.any():
        raise DataError(
            f"{table.where(int(rows[np.argmax(missing)]))}, column '{name}': is blank, but "
            "dataset.split.time needs it in every row; fill it in, or drop the row"
            f"{like_it(int(missing.sum()), 'rows')}"
        )
