"""Encoded columns: how each column of the table becomes inputs of the network, as model.json holds it."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from bpnet.data.encoding.row_flags import RowFlags
from bpnet.data.encoding.scalers import AnyScaler
from bpnet.data.reading.chunk import CellType
from bpnet.data.reading.column import Column, Floats
from bpnet.engine.component import Array, Component, FieldError, choice

FALSE_AND_TRUE = {"false": "true", "no": "yes", "n": "y", "f": "t", "off": "on", "0": "1"}
"""The words that make a column boolean, in any case."""


class MissingValueError(ValueError):
    """Gaps in a column that may have none; `rows` (of the chunk) are where."""

    def __init__(self, rows: Array) -> None:
        super().__init__("gaps")
        self.rows = rows


@dataclass(frozen=True, kw_only=True)
class EncodedColumn(Component):
    """The base of all: a column, and an `indicator` input where a gap is to be told apart."""

    name: str
    indicator: bool = False
    cell_type: ClassVar[CellType] = "text"
    """What its cells are read as."""

    @property
    def value_inputs(self) -> list[str]:
        """The names of the inputs but for the indicator's."""
        return [self.name]

    @property
    def inputs(self) -> list[str]:
        """The names of the inputs, in order."""
        return [*self.value_inputs, f"{self.name} missing"] if self.indicator else self.value_inputs

    @property
    def constant(self) -> bool:
        """Whether every training row had the same."""
        return False

    def encode(self, column: Column, x: Array, flags: RowFlags) -> None:
        """Write the inputs x (N, inputs) of N cells; raises CellParseError or MissingValueError."""
        gaps = self.write(column, x, flags)
        flags.add("imputed", self.name, np.flatnonzero(gaps))
        if self.indicator:
            x[:, -1] = gaps

    def write(self, column: Column, x: Array, flags: RowFlags) -> Array:
        """Write all but the indicator, and return which cells are gaps (N,)."""
        raise TypeError(f"{type(self).__name__} writes nothing")


@dataclass(frozen=True, kw_only=True)
class NumericColumn(EncodedColumn):
    """A number, scaled; a gap becomes `fill`. `lowest` and `highest` are those of the training rows."""

    kind: Literal["numeric"] = "numeric"
    scale: AnyScaler = choice()
    fill: float | None
    lowest: float
    highest: float
    cell_type: ClassVar[CellType] = "number"

    @property
    def constant(self) -> bool:
        """Whether every training row had the same number."""
        spread = self.highest - self.lowest
        return not self.indicator and spread <= 1e-12 * max(abs(self.lowest), abs(self.highest))

    def write(self, column: Column, x: Array, flags: RowFlags) -> Array:
        """Write the scaled number."""
        values = column.as_numbers()
        gaps = np.isnan(values)
        if gaps.any():
            values = np.where(gaps, _needed(self.fill, gaps), values)
        with np.errstate(all="ignore"):
            flags.add("outside", self.name, far_outside(values, self.lowest, self.highest))
            x[:, 0] = self.scale.apply(values)
        return gaps


@dataclass(frozen=True, kw_only=True)
class CategoricalColumn(EncodedColumn):
    """The base of what has levels: a gap becomes the level `fill`, unless gaps are refused.

    A level that is not listed is pooled, or unseen.
    """

    levels: Annotated[list[str], Field(min_length=1)]
    fill: str
    """The commonest level of the training rows."""
    refuses_gaps: bool = False
    pools: bool = False
    """Whether rare levels, and those never seen, share a place after the others."""
    rare: list[str] = field(default_factory=list)
    """The pooled levels of the training rows."""
    names_all_rare: bool = True
    """Whether no other level was pooled; else one that is not listed may have been, and is not flagged."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(set(self.levels)) < len(self.levels):
            raise FieldError("levels", "must name each level once")
        if not self.pools and self.fill not in self.levels:
            raise FieldError("fill", f"is '{self.fill}', which is none of the levels")

    @property
    def constant(self) -> bool:
        """Whether every training row had the same level."""
        return len(self.levels) == 1 and not self.pools and not self.indicator

    @property
    def code_count(self) -> int:
        """How many places there are: one for each level, and one for the pooled."""
        return len(self.levels) + self.pools

    def category_codes(self, column: Column, flags: RowFlags) -> tuple[Array, Array]:
        """The place (N,) of each cell's level, -1 where it has none, and which cells are gaps (N,)."""
        codes, texts = column.as_text()
        number = {category: k for k, category in enumerate(self.levels)}
        rare, pooled = set(self.rare), len(self.levels) if self.pools else -1
        gaps = codes < 0
        if gaps.any() and self.refuses_gaps:
            raise MissingValueError(np.flatnonzero(gaps))
        places = np.array(
            [*(number.get(text, pooled) for text in texts), number.get(self.fill, pooled)]
        )
        strange = np.array(
            [
                *(
                    self.names_all_rare and text not in number and text not in rare
                    for text in texts
                ),
                False,
            ]
        )
        flags.add("unseen", self.name, np.flatnonzero(strange[codes]))
        return places[codes], gaps


@dataclass(frozen=True, kw_only=True)
class OneHotColumn(CategoricalColumn):
    """An input for each place: 1 at the cell's own, 0 at the others; an unseen level is 0 everywhere."""

    kind: Literal["one_hot"] = "one_hot"

    @property
    def value_inputs(self) -> list[str]:
        """The names of the inputs."""
        return [
            *(f"{self.name}={category}" for category in self.levels),
            *([f"{self.name}=rare"] if self.pools else []),
        ]

    def write(self, column: Column, x: Array, flags: RowFlags) -> Array:
        """Write 0 and 1."""
        places, gaps = self.category_codes(column, flags)
        x[:, : self.code_count] = 0
        known = np.flatnonzero(places >= 0)
        x[known, places[known]] = 1
        return gaps


@dataclass(frozen=True, kw_only=True)
class OrdinalColumn(CategoricalColumn):
    """From 0, the first level, to 1, the last; an unseen level becomes `fill`."""

    kind: Literal["ordinal"] = "ordinal"

    def write(self, column: Column, x: Array, flags: RowFlags) -> Array:
        """Write the place among the levels."""
        places, gaps = self.category_codes(column, flags)
        x[:, 0] = np.where(places < 0, _place_of(self.fill, self.levels), places) / max(
            len(self.levels) - 1, 1
        )
        return gaps


@dataclass(frozen=True, kw_only=True)
class EmbeddingColumn(CategoricalColumn):
    """The number of the place, which the network's first layer turns into a learned vector of `size` numbers.

    An unseen level, where none were pooled, becomes `fill`.
    """

    kind: Literal["embedding"] = "embedding"
    size: int

    def write(self, column: Column, x: Array, flags: RowFlags) -> Array:
        """Write the place."""
        places, gaps = self.category_codes(column, flags)
        x[:, 0] = np.where(places < 0, _place_of(self.fill, self.levels), places)
        return gaps


@dataclass(frozen=True, kw_only=True)
class BooleanColumn(EncodedColumn):
    """0 and 1 for a pair of words such as no and yes, in any case; a gap becomes `fill`, another word ½."""

    kind: Literal["boolean"] = "boolean"
    false: str
    true: str
    fill: float | None
    varies: bool

    @property
    def constant(self) -> bool:
        """Whether every training row had the same word."""
        return not self.varies and not self.indicator

    def write(self, column: Column, x: Array, flags: RowFlags) -> Array:
        """Write 0 and 1."""
        codes, texts = column.without_missing_words().as_text()
        expected = {self.false: 0.0, self.true: 1.0}
        gaps = codes < 0
        values = np.array([*(expected.get(text.lower(), np.nan) for text in texts), np.nan])[codes]
        strange = np.isnan(values) & ~gaps
        flags.add("unseen", self.name, np.flatnonzero(strange))
        fill = _needed(self.fill, gaps) if gaps.any() else 0.0
        x[:, 0] = np.where(gaps, fill, np.where(strange, 0.5, values))
        return gaps


def far_outside(values: Floats, lowest: float, highest: float) -> npt.NDArray[np.intp]:
    """Which values lie farther outside a range than half its width."""
    margin = (highest - lowest) / 2
    low, high = lowest - margin, highest + margin
    if len(values) and low <= values.min() and values.max() <= high:
        return np.empty(0, np.intp)
    return np.flatnonzero((values < low) | (values > high))


def _needed(fill: float | None, gaps: Array) -> float:
    if fill is None:
        raise MissingValueError(np.flatnonzero(gaps))
    return fill


def _place_of(fill: str, categories: list[str]) -> int:
    return categories.index(fill) if fill in categories else 0
