"""Number formats: how the text of a cell is read as a number or a missing value."""

import contextlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from typing import Literal

from bpnet.data.missing_words import GAPS, MISSING_WORDS
from bpnet.data.numbers.cells import NumberCell, split_number, with_plain_marks
from bpnet.engine.component import Component, FieldError

DecimalMark = Literal[".", ","]
ThousandsMark = Literal[",", ".", "'", " ", "_"]


@dataclass(frozen=True, kw_only=True)
class NumberFormat(Component):
    """The marks and the unit of numbers, and the words for a missing value in any column.

    White space of any kind between thousands is a space, and ’ is an apostrophe.
    """

    decimal: DecimalMark = "."
    thousands: ThousandsMark | None = None
    unit: str | None = None
    """The percent sign, which every number then has, or a currency, which a number may have."""
    missing: frozenset[str] = GAPS

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.thousands == self.decimal:
            raise FieldError("thousands", "is the decimal mark too; the two must differ")

    @cached_property
    def missing_numbers(self) -> frozenset[float]:
        """The words of `missing` that are numbers: with -999, -999.0 is missing too."""
        numbers = set()
        for word in self.missing:
            with contextlib.suppress(ValueError):
                plain = _PLAIN._plain_number(word)
                numbers.add(self._marked_number(word) if plain is None else plain)
        return frozenset(numbers)

    @cached_property
    def without_words(self) -> "NumberFormat":
        """The same format without words for a missing value, which a table has for all columns."""
        return replace(self, missing=frozenset())

    def with_words(self, missing: frozenset[str]) -> "NumberFormat":
        """Return the same format with other words for a missing value."""
        return self if self.missing == missing else _with_words(self, missing)

    def is_missing(self, cell: str) -> bool:
        """Return whether a cell of text is a missing value."""
        return not cell or cell in self.missing

    def is_missing_number(self, cell: str) -> bool:
        """Return whether a cell is a missing value in a column of numbers or dates."""
        return self.is_missing(cell) or cell.lower() in MISSING_WORDS

    def number(self, cell: str) -> float:
        """Return a cell's number, NaN for a missing value.

        Raises ValueError if the cell holds anything else, an infinite number included.
        """
        if self.is_missing_number(cell):
            return math.nan
        value = self._plain_number(cell)
        if value is None:
            value = self._marked_number(cell)
        if value in self.missing_numbers:
            return math.nan
        if not math.isfinite(value):
            raise ValueError(cell)
        return value

    def plain_numbers(self, cells: Sequence[str]) -> list[float] | None:
        """Return the numbers of cells as `number` does, but faster, if all are plain, else None.

        Plain cells have ASCII digits, a decimal point and an exponent at most, and none is missing.
        """
        if self.decimal != "." or self.unit is not None or self._may_miss_plain:
            return None
        if not _PLAIN_CELLS.fullmatch("\n".join(cells)):
            return None
        try:
            values = list(map(float, cells))
        except ValueError:
            return None
        return values if all(map(math.isfinite, values)) else None

    @cached_property
    def _may_miss_plain(self) -> bool:
        """True if a plain cell may be a missing value."""
        return any(map(math.isfinite, self.missing_numbers))

    def is_number(self, cell: str) -> bool:
        """Return whether a cell holds a finite number."""
        try:
            return not math.isnan(self.number(cell))
        except ValueError:
            return False

    def is_amount(self, cell: str) -> bool:
        """Return whether a number has a unit, or marks between its thousands."""
        parts = split_number(with_plain_marks(cell))
        return parts is not None and (
            parts.unit is not None
            or (self.thousands is not None and self.thousands in parts.digits)
        )

    def may_have(self, unit: str | None) -> bool:
        """Return whether numbers with a unit, or without one, may be in a column of this format.

        Numbers without a unit have the column's own.
        """
        return unit in (None, self.unit) or (self.unit is None and unit != "%")

    def _plain_number(self, cell: str) -> float | None:
        """Return the number of a cell without a unit or marks beyond ASCII, else None."""
        if self.unit == "%" or not cell.isascii():  # float() reads digits of all scripts
            return None
        if isinstance(cell, NumberCell):
            return float(cell)
        if self.thousands is not None and self.thousands in cell:
            if not self.has_marks_of(cell.lstrip("+-")):
                return None
            cell = cell.replace(self.thousands, "")
        if "_" in cell:  # float() reads 1_000
            return None
        if self.decimal == ",":
            if "." in cell:
                return None
            cell = cell.replace(",", ".")
        try:
            return float(cell)
        except ValueError:
            return None

    def _marked_number(self, cell: str) -> float:
        parts = split_number(with_plain_marks(cell))
        if parts is None or not self.has_marks_of(parts.digits) or not self.has_unit(parts.unit):
            raise ValueError(cell)
        digits = parts.digits.replace(self.thousands, "") if self.thousands else parts.digits
        return parts.sign * float(digits.replace(self.decimal, "."))

    def has_marks_of(self, digits: str) -> bool:
        """Return whether digits with marks, but without sign and unit, are a number."""
        return _digits_pattern(self.decimal, self.thousands).fullmatch(digits) is not None

    def has_unit(self, unit: str | None) -> bool:
        """Return whether a number with a unit, or without one, is in the format."""
        return unit == self.unit or (unit is None and self.unit != "%")


@lru_cache(1000)  # a table of many columns has few formats
def _with_words(number_format: NumberFormat, missing: frozenset[str]) -> NumberFormat:
    return replace(number_format, missing=missing)


_PLAIN = NumberFormat()
_PLAIN_CELLS = re.compile(r"[-+0-9.eE\n]*")


@cache
def _digits_pattern(decimal: str, thousands: str | None) -> re.Pattern[str]:
    """Return the pattern of digits: 1234, 1,234.5, .5, 1e3, and the Indian 1,23,456."""
    point = re.escape(decimal)
    forms = [rf"(?:[0-9]+(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][-+]?[0-9]+)?"]
    if thousands is not None:
        mark = re.escape(thousands)
        # 0,123 is a fraction
        forms.append(rf"[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+(?:{point}[0-9]*)?")
        if thousands == ",":
            forms.append(rf"[1-9][0-9]?(?:,[0-9]{{2}})+,[0-9]{{3}}(?:{point}[0-9]*)?")
    return re.compile("|".join(forms))
