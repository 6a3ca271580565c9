"""Encoded columns: how a column of the table becomes inputs of the network, as in model.json."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from bpnet.data.encoding.added_inputs import AnyAddedInputs
from bpnet.data.encoding.frequent_values import FrequentInputs
from bpnet.data.encoding.number_errors import percent_note
from bpnet.data.encoding.row_flags import RowFlags
from bpnet.data.encoding.scalers import AnyScaler
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading.chunk import CellType, number_cell_type
from bpnet.data.reading.column import Column, Floats
from bpnet.data.reading.column_numbers import numbers_or_bits
from bpnet.data.spelling import KnownValues
from bpnet.engine.component import Array, Component, FieldError, choice, number


class MissingValueError(ValueError):
    """Missing values that are not allowed, in these rows of the chunk, counted from 0."""

    def __init__(self, rows: Array) -> None:
        super().__init__("missing values")
        self.rows = rows


@dataclass(frozen=True, kw_only=True)
class EncodedColumn(Component):
    """The base of all encoded columns; an `indicator` is an input that is 1 for a missing value."""

    name: str
    indicator: bool = False

    @property
    def cell_type(self) -> CellType:
        """The type that the cells are read as."""
        return "text"

    @property
    def value_inputs(self) -> list[str]:
        """The names of the inputs without the indicator's."""
        return [self.name]

    @property
    def inputs(self) -> list[str]:
        """The names of the inputs, in order."""
        return [*self.value_inputs, f"{self.name} missing"] if self.indicator else self.value_inputs

    @property
    def constant(self) -> bool:
        """True if every training row has the same value."""
        return False

    def encode(self, column: Column, x: Array, flags: RowFlags) -> None:
        """Write the inputs x (N, inputs) of N cells, and add their flags.

        Raises CellParseError or MissingValueError.
        """
        missing = self.write(column, x, flags)
        if self.indicator:
            x[:, -1] = missing
        else:  # training knew no missing value, or was not told of it
            flags.add("imputed", self.name, np.flatnonzero(missing))

    def write(self, column: Column, x: Array, flags: RowFlags) -> Array:
        """Write all inputs but the indicator; return the mask (N,) of missing values."""
        raise TypeError(f"{type(self).__name__} must implement write")


@dataclass(frozen=True, kw_only=True)
class NumericColumn(EncodedColumn):
    """A scaled number; a missing value becomes `fill`.

    `lowest` and `highest` are the range of the training rows.
    """

    kind: Literal["numeric"] = "numeric"
    scale: AnyScaler = choice()
    fill: float | None
    lowest: float
    highest: float
    number_format: NumberFormat | None = None
    """The format of the numbers in the training rows; None if it was not recorded."""
    added: AnyAddedInputs | None = choice(None)
    """The inputs beside the scaled number, if there are any."""
    frequent: FrequentInputs | None = None
    """The inputs of frequent values after these, if there are any."""

    @property
    def cell_type(self) -> CellType:
        """The type that the cells are read as."""
        return number_cell_type(self.number_format)

    @property
    def value_inputs(self) -> list[str]:
        """The names of the inputs without the indicator's."""
        others = [part.names(self.name) for part in (self.added, self.frequent) if part]
        return [self.name, *(name for names in others for name in names)]

    @property
    def constant(self) -> bool:
        """True if every training row has the same number."""
        spread = self.highest - self.lowest
        return not self.indicator and spread <= 1e-12 * max(abs(self.lowest), abs(self.highest))

    def numbers(self, column: Column) -> Floats:
        """Return the numbers (N,) of the cells, NaN for a missing value; raise CellParseError."""
        return numbers_or_bits(column, self.number_format, self.lowest, self.highest)[0]

    def write(self, column: Column, x: Array, flags: RowFlags) -> Array:
        """Write the scaled number, and what is added to it."""
        values = self.numbers(column)
        if note := percent_note(column, self.name, self.number_format):
            flags.notes.append(note)
        missing = np.isnan(values)
        if missing.any():
            values = np.where(missing, _required(self.fill, missing), values)
        # an overflow is refused by the encoder, with the cell's place
        with np.errstate(all="ignore"):
            flags.add("outside", self.name, far_outside(values, self.lowest, self.highest))
            x[:, 0] = self.scale.apply(values)
            if self.added:
                self.added.write(values, x[:, 1:])
        if self.frequent:
            count = len(self.frequent.values)
            first = len(self.value_inputs) - count
            self.frequent.write(values, x[:, first : first + count])
        return missing


@dataclass(frozen=True, kw_only=True)
class CategoricalColumn(EncodedColumn):
    """The base of columns of categories, each of which has a code.

    A missing value becomes the category `fill`, unless it is refused. A category that is not listed
    is pooled with the rare ones, or unseen.
    """

    levels: Annotated[list[str], Field(min_length=1)]
    """The categories, in the order of their codes."""
    fill: str
    """The most frequent category of the training rows."""
    refuses_gaps: bool = False
    """True if a missing value is an error."""
    pools: bool = False
    """True if rare categories, and those never seen, share the last code."""
    rare: list[str] = field(default_factory=list)
    """The pooled categories of the training rows."""
    names_all_rare: bool = True
    """True if `rare` lists all pooled categories; else one that is not listed may be among them,
    and is not flagged."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(set(self.levels)) < len(self.levels):
            raise FieldError("levels", "must name each category once")
        if not self.pools and self.fill not in self.levels:
            raise FieldError("fill", f"is '{self.fill}', which is not one of the levels")

    @property
    def constant(self) -> bool:
        """True if every training row has the same category."""
        return len(self.levels) == 1 and not self.pools and not self.indicator

    @property
    def code_count(self) -> int:
        """The number of codes: one for each category, and one for the pooled."""
        return len(self.levels) + self.pools

    @property
    def code_names(self) -> list[str]:
        """The names of the codes, with that of the column."""
        names = [*self.levels, *(["rare"] if self.pools else [])]
        return [f"{self.name}={category}" for category in names]

    def category_codes(self, column: Column, flags: RowFlags) -> tuple[Array, Array]:
        """Return the code (N,) of each cell, -1 for an unseen one, and the mask of missing ones."""
        codes, texts = column.as_text(self._known)  # NA may be a category of the model
        missing = codes < 0
        if missing.any() and self.refuses_gaps:
            raise MissingValueError(np.flatnonzero(missing))
        pooled = len(self.levels) if self.pools else -1
        found = column.positions(self._known, texts)
        # the last entries are those of a missing value, whose code is -1
        found.append(self._known.find(self.fill))
        code_of = np.array([pooled if k is None or k >= len(self.levels) else k for k in found])
        # where not all rare categories are listed, no text is known to be unseen
        unseen = np.array([k is None and self.names_all_rare for k in [*found[:-1], 0]])
        flags.add("unseen", self.name, np.flatnonzero(unseen[codes]))
        return code_of[codes], missing

    @cached_property
    def _known(self) -> KnownValues:
        """The categories, first those with a code of their own, then the rare ones."""
        return KnownValues([*self.levels, *self.rare])


@dataclass(frozen=True, kw_only=True)
class OneHotColumn(CategoricalColumn):
    """An input for each code: `hot` at that of the cell, else 0.

    All are 0 for an unseen category.
    """

    kind: Literal["one_hot"] = "one_hot"
    hot: float = number(1.0, gt=0)

    @property
    def value_inputs(self) -> list[str]:
        """The names of the inputs without the indicator's."""
        return self.code_names

    def write(self, column: Column, x: Array, flags: RowFlags) -> Array:
        """Write 0 and the hot value."""
        codes, missing = self.category_codes(column, flags)
        x[:, : self.code_count] = 0
        listed = np.flatnonzero(codes >= 0)
        x[listed, codes[listed]] = self.hot  # one entry per row
        return missing


@dataclass(frozen=True, kw_only=True)
class PlusMinusColumn(CategoricalColumn):
    """An input of two codes: -1 for the first, 1 for the second, 0 for a missing or unseen one."""

    kind: Literal["plus_minus"] = "plus_minus"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.code_count != 2:
            raise FieldError("levels", "must be two categories, or one and the rare ones")

    @property
    def value_inputs(self) -> list[str]:
        """The names of the inputs without the indicator's."""
        return self.code_names[1:]

    def write(self, column: Column, x: Array, flags: RowFlags) -> Array:
        """Write -1, 0 and 1."""
        codes, missing = self.category_codes(column, flags)
        x[:, 0] = np.where(missing | (codes < 0), 0, 2 * codes - 1)
        return missing


@dataclass(frozen=True, kw_only=True)
class OrdinalColumn(CategoricalColumn):
    """An input from 0, the first category, to 1, the last; an unseen one becomes `fill`."""

    kind: Literal["ordinal"] = "ordinal"

    def write(self, column: Column, x: Array, flags: RowFlags) -> Array:
        """Write the position among the categories."""
        codes, missing = self.category_codes(column, flags)
        steps = max(len(self.levels) - 1, 1)  # of one category: 0 / 1
        x[:, 0] = np.where(codes < 0, _code_of(self.fill, self.levels), codes) / steps
        return missing


@dataclass(frozen=True, kw_only=True)
class EmbeddingColumn(CategoricalColumn):
    """The code, for which the network's first layer looks up a trained vector of `size` numbers.

    An unseen category becomes `fill`, unless categories were pooled.
    """

    kind: Literal["embedding"] = "embedding"
    size: int

    def write(self, column: Column, x: Array, flags: RowFlags) -> Array:
        """Write the code."""
        codes, missing = self.category_codes(column, flags)
        x[:, 0] = np.where(codes < 0, _code_of(self.fill, self.levels), codes)
        return missing


@dataclass(frozen=True, kw_only=True)
class BooleanColumn(EncodedColumn):
    """0 and 1 for a pair of words such as no and yes, in any case.

    A word of another pair, such as TRUE, is read by its meaning. A missing value becomes `fill`,
    another word ½. With `plus_minus` the two are -1 and 1, a missing value and another word 0.
    """

    kind: Literal["boolean"] = "boolean"
    false: str
    true: str
    fill: float | None
    varies: bool
    plus_minus: bool = False

    @property
    def constant(self) -> bool:
        """True if every training row has the same word."""
        return not self.varies and not self.indicator

    def write(self, column: Column, x: Array, flags: RowFlags) -> Array:
        """Write the value of each word."""
        values, missing = self.truth(column)
        unseen = np.isnan(values) & ~missing
        flags.add("unseen", self.name, np.flatnonzero(unseen))
        fill = _required(self.fill, missing) if missing.any() else 0.0
        if self.plus_minus:
            x[:, 0] = np.where(missing | unseen, 0, 2 * values - 1)
        else:
            x[:, 0] = np.where(missing, fill, np.where(unseen, 0.5, values))
        return missing

    def truth(self, column: Column) -> tuple[Floats, Array]:
        """Return 0 or 1 (N,) for each cell, nan for another word, and the mask of missing ones."""
        codes, texts = column.without_missing_words().as_text()
        found = column.positions(KnownValues([self.false, self.true]), texts)
        # the last entry is that of a missing value, whose code is -1
        values = np.array([*(np.nan if k is None else float(k) for k in found), np.nan])
        return values[codes], codes < 0


def far_outside(values: Floats, lowest: float, highest: float) -> npt.NDArray[np.intp]:
    """Return the positions of values farther outside a range than half its width."""
    margin = (highest - lowest) / 2
    low, high = lowest - margin, highest + margin
    # usually there are none: two passes without a temporary array
    if len(values) and low <= values.min() and values.max() <= high:
        return np.empty(0, np.intp)
    return np.flatnonzero((values < low) | (values > high))


def _required(fill: float | None, missing: Array) -> float:
    """Return the value for missing ones; raise MissingValueError if there is none."""
    if fill is None:
        raise MissingValueError(np.flatnonzero(missing))
    return fill


def _code_of(fill: str, categories: list[str]) -> int:
    return categories.index(fill) if fill in categories else 0
