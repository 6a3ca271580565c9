"""Marks: how a cell's text is a number, or a gap."""

import math
from dataclasses import dataclass

GAP_WORDS = ("na", "n/a", "nan", "null", "none", "#n/a", "?")
"""What stands for a gap where a number or a date is meant, in any case; in a column of text they are words."""


@dataclass(frozen=True)
class Marks:
    """The decimal mark, the mark between thousands, and the words that are gaps in any column."""

    decimal: str = "."
    thousands: str | None = None
    missing: frozenset[str] = frozenset()

    def is_gap(self, cell: str) -> bool:
        """Whether nothing stands in a cell of a text column."""
        return not cell or cell in self.missing

    def is_gap_among_numbers(self, cell: str) -> bool:
        """Whether nothing stands in a cell where a number or a date is meant."""
        return self.is_gap(cell) or cell.lower() in GAP_WORDS

    def number(self, cell: str) -> float:
        """The finite number that a cell holds, nan for a gap; raises ValueError where it holds anything else."""
        if self.is_gap_among_numbers(cell):
            return math.nan
        if self.thousands:
            cell = cell.replace(self.thousands, "")
        if self.decimal != ".":
            if "." in cell:
                raise ValueError(cell)
            cell = cell.replace(self.decimal, ".")
        value = float(cell)
        if not math.isfinite(value) or "_" in cell:
            raise ValueError(cell)
        return value

    def is_number(self, cell: str) -> bool:
        """Whether a cell holds a finite number, and is no gap."""
        try:
            return not math.isnan(self.number(cell))
        except ValueError:
            return False
