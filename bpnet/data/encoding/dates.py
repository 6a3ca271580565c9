"""Dates: read by one format, and encoded as the parts that a network can use."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bpnet.data.dates.advice import expected_date, new_dates_advice
from bpnet.data.dates.candidates import date_order
from bpnet.data.dates.date_format import ISO, FormatError, date_format
from bpnet.data.encoding.columns import EncodedColumn, MissingValueError, far_outside
from bpnet.data.encoding.row_flags import RowFlags
from bpnet.data.encoding.settings import Cycle
from bpnet.data.reading.column import CellParseError, Column, Floats
from bpnet.engine.component import Array, FieldError, number

DatePart = Literal["elapsed", "day_of_year", "month", "weekday", "hour"]
"""`elapsed` is one number; the others are angles, each a sine and a cosine."""
PERIODS: Mapping[Cycle, float] = {"day_of_year": 365.25, "month": 365.25, "weekday": 7, "hour": 1}
"""The days that each cycle takes."""
Zones = Literal["all", "none", "some"]
"""The training rows whose dates have a time zone, among those with a time of day."""


def read_days(column: Column, form: str) -> Floats:
    """Return days since 1970-01-01 (N,), NaN for a missing value; raise CellParseError."""
    compiled = date_format(form)
    return column.parse(lambda cell: compiled.days(cell), expected_date(form))


def read_zones(column: Column, form: str) -> Floats:
    """Return 1 for a date with a time zone, 0 for one without, and NaN if it has no time of day.

    The cells (N,) must be of the format, or missing.
    """
    compiled, number = date_format(form), {True: 1.0, False: 0.0, None: np.nan}
    codes, texts = column.as_text()
    is_missing = column.number_format.is_missing_number
    zones = [np.nan if is_missing(text) else number[compiled.zone(text)] for text in texts]
    return np.array([*zones, np.nan])[codes]  # the last for the code -1


def share_passed(days: Floats, part: DatePart) -> Floats:
    """Return the share, from 0 to 1, of the year, the week or the day that has passed.

    As `day_of_year` the year passes evenly, as `month` month by month; the week, from Monday on,
    passes day by day.
    """
    whole = np.floor(days)  # without the time of day
    if part == "hour":
        return np.asarray(days - whole)
    if part == "day_of_year":
        years = whole.astype("datetime64[D]").astype("datetime64[Y]")
        start, end = ((years + k).astype("datetime64[D]").astype(np.int64) for k in (0, 1))
        return np.asarray((days - start) / (end - start))
    if part == "weekday":
        return np.asarray((whole + 3) % 7 / 7)  # 1970-01-01 was a Thursday
    # months since January 1970
    months = whole.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return np.asarray(months % 12 / 12)


@dataclass(frozen=True, kw_only=True)
class DateColumn(EncodedColumn):
    """A date: standardized days, and sine and cosine of 2π times the share of year, week and day.

    `parts` are those in which the training rows differ. `fill`, which replaces a missing value, and
    `lowest` and `highest`, the range of the training rows, are days since 1970-01-01.
    """

    kind: Literal["date"] = "date"
    format: str
    parts: list[DatePart]
    mean: float = number()
    deviation: float = number(gt=0)
    fill: float | None
    lowest: float
    highest: float
    zones: Zones | None = None
    """None if no training row has a time of day, or the model is older than this field."""

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            date_format(self.format)
        except FormatError as error:
            raise FieldError("format", str(error)) from None
        if len(set(self.parts)) < len(self.parts):
            raise FieldError("parts", "must name each part once")

    @property
    def value_inputs(self) -> list[str]:
        """The names of the inputs without the indicator's."""
        angles = [
            f"{self.name} {part} {wave}"
            for part in self.parts
            if part != "elapsed"
            for wave in ("sin", "cos")
        ]
        return [*([f"{self.name} elapsed"] if "elapsed" in self.parts else []), *angles]

    @property
    def constant(self) -> bool:
        """True if every training row has the same date."""
        return not self.parts and not self.indicator and self.lowest == self.highest

    @property
    def reads_iso(self) -> bool:
        """True if a date in ISO 8601, as those of Parquet and spreadsheets, is not mistaken.

        It would be by a format that begins with the year, but goes on with the day.
        """
        return not self.format.startswith("%Y-") or date_order(self.format) == "ymd"

    def write(self, column: Column, x: Array, flags: RowFlags) -> Array:
        """Write the parts."""
        days = self.days(column)
        missing = np.isnan(days)
        if missing.any():
            if self.fill is None:
                raise MissingValueError(np.flatnonzero(missing))
            days = np.where(missing, self.fill, days)
        if "elapsed" in self.parts:  # a cycle comes round, wherever it is
            flags.add("outside", self.name, far_outside(days, self.lowest, self.highest))
        k = 0  # the next input
        for part in self.parts:
            if part == "elapsed":
                x[:, k] = (days - self.mean) / self.deviation
                k += 1
            else:
                angle = 2 * np.pi * share_passed(days, part)
                x[:, k], x[:, k + 1] = np.sin(angle), np.cos(angle)
                k += 2
        return missing

    def days(self, column: Column) -> Floats:
        """Return days since 1970-01-01 (N,), NaN for a missing value; raise CellParseError."""
        form = self.format
        try:
            days = read_days(column, form)
        except CellParseError as error:
            texts = column.present_texts()
            error.advice = lambda _: new_dates_advice(self.format, texts)
            if not self.reads_iso:
                raise
            form = ISO
            try:
                days = read_days(column, form)
            except CellParseError:
                raise error from None
        self._check_zones(column, form)
        return days

    def _check_zones(self, column: Column, form: str) -> None:
        """Raise CellParseError if cells have a time zone and training rows none, or the reverse."""
        if self.zones not in ("all", "none"):
            return
        zones = read_zones(column, form)
        rows = np.flatnonzero(zones == (0 if self.zones == "all" else 1))
        if len(rows):
            texts = list(dict.fromkeys(column.take(rows).cells()))
            which = "with" if self.zones == "all" else "without"
            raise CellParseError(
                texts,
                rows,
                f"a date {which} a time zone, as those of the training rows are",
                lambda _: f"write the dates {which} one, or train again on such dates",
            )
