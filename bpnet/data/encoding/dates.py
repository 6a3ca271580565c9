"""Dates: their texts read by one format, and the parts that a network can use."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

import numpy as np

from bpnet.data.encoding.columns import EncodedColumn, MissingValueError, far_outside
from bpnet.data.encoding.row_flags import RowFlags
from bpnet.data.reading.chunk import CellType
from bpnet.data.reading.column import Column, Floats
from bpnet.engine.component import Array, FieldError, number

ISO = "ISO 8601"
DATE_FORMATS = (
    ISO,
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%m/%d/%Y",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%d-%m-%Y",
    "%d %b %Y",
    "%b %d, %Y",
)
"""The formats that are noticed; of those that differ in month and day alone, the first that fits every cell."""

DatePart = Literal["elapsed", "month", "weekday", "hour"]
_EPOCH = datetime(1970, 1, 1)


def parse_date(text: str, form: str) -> float:
    """Days since 1970-01-01 (in UTC where the text says a zone); raises ValueError."""
    if form == ISO:
        if "-" not in text[1:] or len(text) < 8:
            raise ValueError(text)
        when = datetime.fromisoformat(text)
    else:
        when = datetime.strptime(text, form)
    if when.tzinfo is not None:
        try:
            when = when.replace(tzinfo=None) - (when.utcoffset() or when - when)
        except OverflowError:  # before the year 1, or after 9999, in UTC
            raise ValueError(text) from None
    return (when - _EPOCH).total_seconds() / 86_400


def detect_format(texts: list[str]) -> str | None:
    """The first format in which all the texts are dates."""
    return next(
        (form for form in DATE_FORMATS if all(_is_date(text, form) for text in texts)), None
    )


def likely_format(texts: list[str], share: float) -> str | None:
    """The format in which most of the texts are dates, where those are more than a share of them."""
    counts = {form: sum(_is_date(text, form) for text in texts) for form in DATE_FORMATS}
    best = max(counts, key=lambda form: counts[form])
    return best if counts[best] > share * len(texts) else None


def _is_date(text: str, form: str) -> bool:
    try:
        parse_date(text, form)
    except ValueError:
        return False
    return True


def year_week_day_turn(days: Floats, part: DatePart) -> Floats:
    """The turn, from 0 to 1, of the month in its year, the weekday (from Monday) or the hour of the day."""
    whole = np.floor(days)
    if part == "hour":
        return np.asarray(days - whole)
    if part == "weekday":
        return np.asarray((whole + 3) % 7 / 7)  # 1970-01-01 was a Thursday
    months = whole.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return np.asarray(months % 12 / 12)


@dataclass(frozen=True, kw_only=True)
class DateColumn(EncodedColumn):
    """A date: days `elapsed`, standardized, and (sin, cos) of 2π times its place in the year, the week and the day.

    `parts` are those in which the training rows differ. A gap becomes `fill`, which counts days since 1970-01-01, as
    `lowest` and `highest` of the training rows do.
    """

    kind: Literal["date"] = "date"
    format: str
    parts: list[DatePart]
    mean: float = number()
    deviation: float = number(gt=0)
    fill: float | None
    lowest: float
    highest: float
    cell_type: ClassVar[CellType] = "text"

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(set(self.parts)) < len(self.parts):
            raise FieldError("parts", "must name each part once")

    @property
    def value_inputs(self) -> list[str]:
        """The names of the inputs."""
        turning = [
            f"{self.name} {part} {wave}"
            for part in self.parts
            if part != "elapsed"
            for wave in ("sin", "cos")
        ]
        return [*([f"{self.name} elapsed"] if "elapsed" in self.parts else []), *turning]

    @property
    def constant(self) -> bool:
        """Whether every training row had the same date."""
        return not self.parts and not self.indicator

    def write(self, column: Column, x: Array, flags: RowFlags) -> Array:
        """Write the parts."""
        days = column.parse(lambda text: parse_date(text, self.format), f"a date ({self.format})")
        gaps = np.isnan(days)
        if gaps.any():
            if self.fill is None:
                raise MissingValueError(np.flatnonzero(gaps))
            days = np.where(gaps, self.fill, days)
        flags.add("outside", self.name, far_outside(days, self.lowest, self.highest))
        k = 0
        for part in self.parts:
            if part == "elapsed":
                x[:, k] = (days - self.mean) / self.deviation
                k += 1
            else:
                turn = 2 * np.pi * year_week_day_turn(days, part)
                x[:, k], x[:, k + 1] = np.sin(turn), np.cos(turn)
                k += 2
        return gaps
