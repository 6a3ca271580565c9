"""Marks: how a cell's text is a number, or a gap."""

import contextlib
import math
from dataclasses import dataclass
from functools import cached_property

MISSING_WORDS = ("na", "n/a", "nan", "null", "none", "#n/a", "?")
"""What stands for a gap where a number or a date is meant, in any case; in a column of text they are words."""


@dataclass(frozen=True)
class NumberFormat:
    """The decimal mark, the mark between thousands, and the words that are gaps in any column."""

    decimal: str = "."
    thousands: str | None = None
    missing: frozenset[str] = frozenset()

    @cached_property
    def _missing_numbers(self) -> frozenset[float]:
        """The words among `missing` that are numbers: -999 is -999.0 too, where numbers are meant."""
        numbers = set()
        for word in self.missing:
            with contextlib.suppress(ValueError):
                numbers.add(float(word))
        return frozenset(numbers)

    def is_missing(self, cell: str) -> bool:
        """Whether nothing stands in a cell of a text column."""
        return not cell or cell in self.missing

    def is_missing_number(self, cell: str) -> bool:
        """Whether nothing stands in a cell where a number or a date is meant."""
        return self.is_missing(cell) or cell.lower() in MISSING_WORDS

    def number(self, cell: str) -> float:
        """The finite number that a cell holds, nan for a gap; raises ValueError where it holds anything else."""
        if self.is_missing_number(cell):
            return math.nan
        if self.thousands and self.thousands in cell:
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
            if "." in cell:
                raise ValueError(cell)
            cell = cell.replace(self.decimal, ".")
        value = float(cell)
        if value in self._missing_numbers:
            return math.nan
        if not math.isfinite(value) or "_" in cell:
            raise ValueError(cell)
        return value

    def is_number(self, cell: str) -> bool:
        """Whether a cell holds a finite number, and is no gap."""
        try:
            return not math.isnan(self.number(cell))
        except ValueError:
            return False
