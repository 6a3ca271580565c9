"""Findings: what a check has found in a table, and what to type about it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """A property of a table that may spoil what is learned, or how well that is measured."""

    kind: str
    """A word for the check that found it, such as few_rows_of_a_class."""
    level: Literal["warning", "note"]
    """A note is a choice that only the user can make."""
    text: str
    """The finding, and its place."""
    advice: str
    """The advice, with the options to type."""
    columns: Sequence[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.text}; {self.advice}" if self.advice else self.text
