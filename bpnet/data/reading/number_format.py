"""Number formats: how the text of a cell is read as a number or a missing value."""

import contextlib
import math
from dataclasses import dataclass
from functools import cached_property

MISSING_WORDS = ("na", "n/a", "nan", "null", "none", "#n/a", "?")
"""Words, in any case, for a missing number or date; in a column of text they are categories."""


@dataclass(frozen=True)
class NumberFormat:
    """The decimal and thousands marks, and the words for a missing value in any column."""

    decimal: str = "."
    thousands: str | None = None
    missing: frozenset[str] = frozenset()

    @cached_property
    def _missing_numbers(self) -> frozenset[float]:
        """The words of `missing` that are numbers: with -999, -999.0 is missing too."""
        numbers = set()
        for word in self.missing:
            with contextlib.suppress(ValueError):
                numbers.add(float(word))
        return frozenset(numbers)

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
        if self.thousands and self.thousands in cell:
            # 1,234,567 is a number; 1,23 and 1.234,5 are not
            whole, mark, fraction = cell.partition(self.decimal)
            first, *groups = whole.lstrip("+-").split(self.thousands)
            if (
                not 1 <= len(first) <= 3
                or any(len(group) != 3 for group in groups)
                or self.thousands in fraction
            ):
                raise ValueError(cell)
            cell = whole.replace(self.thousands, "") + mark + fraction
        if self.decimal != ".":
            if "." in cell:  # 1.5 is not a number where the decimal mark is a comma
                raise ValueError(cell)
            cell = cell.replace(self.decimal, ".")
        value = float(cell)
        if value in self._missing_numbers:
            return math.nan
        if not math.isfinite(value) or "_" in cell:  # float() reads 1_000
            raise ValueError(cell)
        return value

    def is_number(self, cell: str) -> bool:
        """Return whether a cell holds a finite number."""
        try:
            return not math.isnan(self.number(cell))
        except ValueError:
            return False
