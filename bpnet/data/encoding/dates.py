"""Dates: parsed by one format, and encoded as the parts that a network can use."""

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
"""The formats that are detected, of which the first that fits every cell is taken."""

DatePart = Literal["elapsed", "month", "weekday", "hour"]
"""`elapsed` is one number; the others are angles, each a sine and a cosine."""
_EPOCH = datetime(1970, 1, 1)


def parse_date(text: str, form: str) -> float:
    """Return days since 1970-01-01, in UTC if the text has a time zone; raise ValueError."""
    if form == ISO:
        # fromisoformat reads 20241231 too, which may be a number
        if "-" not in text[1:] or len(text) < 8:
            raise ValueError(text)
        when = datetime.fromisoformat(text)
    else:
        when = datetime.strptime(text, form)
    if when.tzinfo is not None:
        try:
            # to UTC; when - when is a timedelta of 0
            when = when.replace(tzinfo=None) - (when.utcoffset() or when - when)
        except OverflowError:  # before the year 1, or after 9999, in UTC
            raise ValueError(text) from None
    return (when - _EPOCH).total_seconds() / 86_400


def expected_date(form: str) -> str:
    """Return the expected cell with an example: `a date like 31.12.2024 (%d.%m.%Y)`."""
    example = datetime(2024, 12, 31, 18, 30).strftime("%Y-%m-%d" if form == ISO else form)
    return f"a date like {example} ({form})"


def detect_format(texts: list[str]) -> str | None:
    """Return the first format in which all the texts are dates, or None."""
    return next(
        (form for form in DATE_FORMATS if all(_is_date(text, form) for text in texts)), None
    )


def likely_format(texts: list[str], share: float) -> str | None:
    """Return the format in which most texts are dates, or None if these are at most a `share`."""
    counts = {form: sum(_is_date(text, form) for text in texts) for form in DATE_FORMATS}
    best = max(counts, key=lambda form: counts[form])
    return best if counts[best] > share * len(texts) else None


def _is_date(text: str, form: str) -> bool:
    try:
        parse_date(text, form)
    except ValueError:
        return False
    return True


def share_passed(days: Floats, part: DatePart) -> Floats:
    """Return the share, from 0 to 1, of the year, the week or the day that has passed.

    The year passes month by month, and the week, from Monday on, day by day.
    """
    whole = np.floor(days)  # without the time of day
    if part == "hour":
        return np.asarray(days - whole)
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
    cell_type: ClassVar[CellType] = "text"

    def __post_init__(self) -> None:
        super().__post_init__()
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
        return not self.parts and not self.indicator

    def write(self, column: Column, x: Array, flags: RowFlags) -> Array:
        """Write the parts."""
        days = column.parse(lambda text: parse_date(text, self.format), expected_date(self.format))
        missing = np.isnan(days)
        if missing.any():
            if self.fill is None:
                raise MissingValueError(np.flatnonzero(missing))
            days = np.where(missing, self.fill, days)
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
