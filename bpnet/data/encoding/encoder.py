"""The encoder: from a table's features to the inputs of the network."""

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Annotated

import numpy as np
from pydantic import Field

from bpnet.data.encoding.cell_errors import CellErrors, advice_after_training
from bpnet.data.encoding.columns import (
    BooleanColumn,
    EmbeddingColumn,
    NumericColumn,
    OneHotColumn,
    OrdinalColumn,
    PlusMinusColumn,
)
from bpnet.data.encoding.dates import DateColumn
from bpnet.data.encoding.input_buffer import InputBuffer
from bpnet.data.encoding.row_flags import RowFlags
from bpnet.data.reading.chunk import Chunk, ColumnTypes
from bpnet.engine.component import Array, Component, FieldError
from bpnet.errors import DataError

AnyColumn = (
    NumericColumn
    | OneHotColumn
    | PlusMinusColumn
    | OrdinalColumn
    | EmbeddingColumn
    | BooleanColumn
    | DateColumn
)


@dataclass(frozen=True, kw_only=True)
class Encoder(Component):
    """The encoded columns of all features, in the order of the network's inputs.

    With `unit_rows` the numeric inputs of each row are scaled to length 1.
    """

    columns: Annotated[list[Annotated[AnyColumn, Field(discriminator="kind")]], Field(min_length=1)]
    unit_rows: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(set(self.features)) < len(self.columns):
            raise FieldError("columns", "must name each column once")
        if not self.width:
            raise FieldError("columns", "must make at least one input")

    @property
    def features(self) -> list[str]:
        """The names of the columns."""
        return [column.name for column in self.columns]

    @cached_property
    def inputs(self) -> list[str]:
        """The names of the inputs, in order."""
        return [name for column in self.columns for name in column.inputs]

    @property
    def width(self) -> int:
        """The number of inputs."""
        return len(self.inputs)

    @property
    def column_types(self) -> ColumnTypes:
        """The columns to read of a table, each with the type of its cells."""
        return {column.name: column.cell_type for column in self.columns}

    @cached_property
    def _starts(self) -> list[int]:
        """The position of each column's first input."""
        return list(accumulate((len(column.inputs) for column in self.columns[:-1]), initial=0))

    @property
    def embedded(self) -> list[tuple[int, EmbeddingColumn]]:
        """The embedded columns, whose inputs are codes of categories, with the input's position."""
        positions = zip(self._starts, self.columns, strict=True)
        return [
            (start, column) for start, column in positions if isinstance(column, EmbeddingColumn)
        ]

    @cached_property
    def numeric(self) -> dict[str, int]:
        """The position of each numeric column's scaled number, by the column's name."""
        positions = zip(self._starts, self.columns, strict=True)
        return {
            column.name: start for start, column in positions if isinstance(column, NumericColumn)
        }

    @cached_property
    def slices(self) -> dict[str, slice]:
        """The positions of each column's inputs, by the column's name."""
        return {
            column.name: slice(start, start + len(column.inputs))
            for start, column in zip(self._starts, self.columns, strict=True)
        }

    def encode(
        self, chunk: Chunk, dtype: str, buffer: InputBuffer | None = None
    ) -> tuple[Array, RowFlags]:
        """Return the inputs (N, I) of a chunk's rows, and their flags.

        They are in the buffer, if one is given. Raises DataError with the place of each cell that
        cannot be used.
        """
        x, flags = self.encode_cells(chunk, dtype, buffer)
        x = self.with_unit_rows(x, dtype)
        self._check_size(x, chunk)
        return x, flags

    def encode_cells(
        self, chunk: Chunk, dtype: str, buffer: InputBuffer | None = None
    ) -> tuple[Array, RowFlags]:
        """Return the inputs (N, I) before rows are scaled to length 1: each of one cell alone."""
        buffer = buffer or InputBuffer()
        x = buffer.inputs(len(chunk), self.width, self.type_before_scaling(dtype))
        flags = RowFlags()
        problems = []
        for start, column in zip(self._starts, self.columns, strict=True):
            inputs = x[:, start : start + len(column.inputs)]
            try:
                advice = advice_after_training(column.name, imputed=column.fill is not None)
                # an overflow is refused by _check_size
                with CellErrors(chunk, column.name, advice), np.errstate(all="ignore"):
                    column.encode(chunk.column(column.name), inputs, flags)
            except DataError as error:
                problems += error.problems
        if problems:
            raise DataError(problems)
        return x, flags

    def with_unit_rows(self, x: Array, dtype: str) -> Array:
        """Return inputs (N, I) of cells, whose rows are scaled, in place, to length 1 if wanted."""
        if self.unit_rows:
            self._scale_to_length_1(x)
            x = x.astype(dtype, copy=False)
        return x

    def type_before_scaling(self, dtype: str) -> str:
        """Return the type of inputs before each row is scaled to length 1, if it is.

        It is float64 if a column's numbers are all 0 as float32, or infinite.
        """
        sizes = [
            max(abs(column.lowest), abs(column.highest))
            for column in self.columns
            if isinstance(column, NumericColumn)
        ]
        lowest, highest = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)
        extreme = any(size > highest or 0 < size < lowest for size in sizes)
        return "float64" if self.unit_rows and extreme else dtype

    def _scale_to_length_1(self, x: Array) -> None:
        """Divide each row's numeric inputs by their length."""
        numeric = list(self.numeric.values())
        rows = x[:, numeric].astype(np.float64)
        largest = np.abs(rows).max(axis=1, keepdims=True, initial=0)
        rows /= np.where(largest == 0, 1.0, largest)  # so that no square overflows
        length = np.sqrt((rows**2).sum(axis=1, keepdims=True))
        x[:, numeric] = rows / np.where(length == 0, 1.0, length)

    def _check_size(self, x: Array, chunk: Chunk) -> None:
        """Raise DataError if an input is so large that its square overflows."""
        limit = np.sqrt(np.finfo(x.dtype).max)
        if x.size == 0 or (x.max() < limit and x.min() > -limit):
            return
        row, k = (int(index) for index in np.argwhere(~(np.abs(x) < limit))[0])  # NaN as well
        # the column whose first input is the last one up to k
        column = self.columns[int(np.searchsorted(self._starts, k, side="right")) - 1]
        cell = chunk.column(column.name).cells()[row]
        raise DataError(
            f"{chunk.where(row)}, column '{column.name}': {cell} is too large to compute with; "
            "correct it, or give the column in another unit"
        )
