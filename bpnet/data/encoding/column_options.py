"""Options of a column: its role, and the encoding of its cells."""

from dataclasses import dataclass, field
from typing import Literal

from bpnet.data.encoding.settings import (
    AnyCategorical,
    AnyMissing,
    AnyNumeric,
    DateParts,
    FrequentValues,
)
from bpnet.data.numbers.number_format import NumberFormat

Role = Literal["numeric", "categorical", "boolean", "date", "ignored"]


@dataclass(frozen=True)
class ColumnOptions:
    """The options of one column; those that do not suit its role are ignored."""

    role: Role
    numeric: AnyNumeric
    categorical: AnyCategorical
    missing: AnyMissing
    date_format: str | None = None
    number_format: NumberFormat | None = None
    digits: bool = False
    """True if the first numbers are whole, so that a leading zero later may show codes."""
    date: DateParts = field(default_factory=DateParts)
    advances: bool = False
    """True if the rows are split by time and the dates advance with it."""
    trend_confirmed: bool = False
    """True if the days elapsed help all the same, as later training rows show."""
    frequent_values: FrequentValues | None = None
    names_date: bool = False
    """True if the config names the encoding of this column, as a date."""
