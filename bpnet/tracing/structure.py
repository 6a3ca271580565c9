"""The structure of a trace: steps of sections of numbers, each number with its equation.

Text, LaTeX, words, JSON and pages are all made from it, and from nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bpnet.tracing.expressions import Expression, Symbol

Phase = Literal["rows", "forward", "loss", "backward", "update", "after"]
"""The rows as inputs and targets; then the phases of a step, of which `after` is the forward pass
with the new weights."""


@dataclass(frozen=True)
class Place:
    """Where a number belongs; each part is None where it has no meaning. All count from 1."""

    phase: Phase
    layer: int | None = None
    row: int | None = None
    """The number of the row in the table."""
    unit: int | None = None
    """The number of the unit, input or output."""
    parameter: str | None = None
    """The name of the layer's array, such as weight."""
    index: tuple[int, ...] | None = None
    """The entry of that array."""
    step: int | None = None
    """The step of a relaxation, or an iteration within one number's computation."""


@dataclass(frozen=True)
class Number:
    """One number of a trace.

    `equation` is what it is computed from; it is None for numbers that are given, such as a first
    weight. The value is the engine's, and the equation's value equals it but for rounding.
    """

    name: str
    """What it is, in words: `weighted sum`, `gradient`."""
    symbol: Symbol
    equation: Expression | None
    value: float
    place: Place
    label: str = ""
    """The unit, entry or row that it is shown under."""


@dataclass(frozen=True)
class Remark:
    """A sentence between numbers: a rule in symbols, a note, or what is left out."""

    text: str


Entry = Number | Remark


@dataclass(frozen=True)
class Section:
    """Numbers under a heading, of level 2 for a phase and of level 3 for a layer in it."""

    phase: Phase
    title: str
    level: int
    entries: Sequence[Entry] = ()
    layer: int | None = None

    @property
    def numbers(self) -> list[Number]:
        """The numbers among the entries."""
        return [entry for entry in self.entries if isinstance(entry, Number)]


@dataclass(frozen=True)
class ExplainedStep:
    """A step, in the order in which it is computed."""

    number: int
    epoch: int
    sections: Sequence[Section]

    @property
    def numbers(self) -> list[Number]:
        """All numbers, in their order."""
        return [number for section in self.sections for number in section.numbers]


@dataclass(frozen=True)
class Summary:
    """A table of all steps: one row each, with the names of its columns."""

    columns: Sequence[str]
    rows: Sequence[Sequence[float]]


@dataclass(frozen=True)
class Explanation:
    """A whole trace: how the rows became inputs, the steps, and a table that sums them up."""

    rows: Sequence[Section]
    steps: Sequence[ExplainedStep]
    summary: Summary
