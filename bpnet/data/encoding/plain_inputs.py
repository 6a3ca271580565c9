"""Plain inputs: the features of a table as trees read them, numbers as they are and categories."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bpnet.data.encoding.columns import (
    BooleanColumn,
    CategoricalColumn,
    EncodedColumn,
    NumericColumn,
)
from bpnet.data.encoding.encoder import Encoder
from bpnet.data.encoding.row_flags import RowFlags
from bpnet.data.reading import Table
from bpnet.data.reading.column import Column, Floats
from bpnet.data.reading.column_numbers import numbers_or_bits
from bpnet.engine.component import Array


class PlainInputs(NamedTuple):
    """The inputs (N, F) of N rows, nan for a missing value or an unseen category.

    Those in the mask `categorical` (F,) are codes of categories. A date has the inputs that a
    network has of it.
    """

    values: Floats
    categorical: npt.NDArray[np.bool_]


def read_plain_inputs(encoder: Encoder, table: Table, mask: Array) -> PlainInputs:
    """Read the rows of a mask (N,), whose cells the encoder accepts."""
    columns = encoder.columns
    categorical = [
        isinstance(column, CategoricalColumn) for column in columns for _ in range(_width(column))
    ]
    values = np.empty((int(mask.sum()), len(categorical)))
    filled = 0
    for chunk, rows in table.selected(encoder.column_types, mask):
        stop, k = filled + len(rows), 0
        for column in columns:
            width = _width(column)
            values[filled:stop, k : k + width] = _plain(column, chunk.column(column.name))
            k += width
        filled = stop
    return PlainInputs(values, np.array(categorical))


def _width(column: EncodedColumn) -> int:
    plain = isinstance(column, NumericColumn | CategoricalColumn | BooleanColumn)
    return 1 if plain else len(column.inputs)


def _plain(column: EncodedColumn, cells: Column) -> Floats:
    """Return the plain inputs (N, ·) of a column's cells."""
    flags = RowFlags()  # which the encoder has set
    if isinstance(column, NumericColumn):
        values, _ = numbers_or_bits(cells, column.number_format, column.lowest, column.highest)
        return values[:, None]
    if isinstance(column, CategoricalColumn):
        codes, missing = column.category_codes(cells, flags)
        return np.where(missing | (codes < 0), np.nan, codes)[:, None]
    if isinstance(column, BooleanColumn):
        return column.truth(cells)[0][:, None]
    x = np.empty((len(cells), len(column.inputs)))
    column.encode(cells, x, flags)
    return x
