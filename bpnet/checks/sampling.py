"""Sampling: the cells of some training rows, for checks that need not see them all."""

from collections.abc import Mapping

import numpy as np

from bpnet.data.encoding.columns import NumericColumn
from bpnet.data.encoding.dates import DateColumn, read_days
from bpnet.data.reading.chunk import CellType
from bpnet.data.reading.column_numbers import numbers_like
from bpnet.data.splitting import Indices
from bpnet.engine.component import Array
from bpnet.engine.randomness import SplitUse, split_generator
from bpnet.preparation.fit import FittedDataset

MAX_CHECKED_ROWS = 50_000
"""Larger tables are checked by this number of rows, drawn at random."""

_MAX_CELLS = 20_000_000


def sample_rows(rows: Indices, most: int, seed: int) -> Indices:
    """Return at most `most` of the rows, drawn at random, in their order."""
    if len(rows) <= most:
        return rows
    rng = split_generator(seed, SplitUse.CHECKED_ROWS)
    return np.sort(rng.choice(rows, most, replace=False))


def max_rows(columns: int) -> int:
    """Return the number of rows to check of a table with this number of columns, or inputs."""
    return min(MAX_CHECKED_ROWS, max(1000, _MAX_CELLS // columns))


def column_cells(fitted: FittedDataset, rows: Indices) -> Mapping[str, Array]:
    """Return each candidate's cells (N,) in these ascending rows; raises DataError.

    Numbers are floats, with nan for a missing value, and dates are days; texts, and what is left
    out, are objects, with None for a missing value.
    """
    encoder = fitted.encoder
    by_name = {column.name: column for column in encoder.columns}
    types: dict[str, CellType] = {
        name: by_name[name].cell_type if name in by_name else "text"
        for name in fitted.split.column_roles.detected
    }
    pieces: dict[str, list[Array]] = {name: [] for name in types}
    for chunk in fitted.split.table.chunks(types):
        inside = rows[(rows >= chunk.start) & (rows < chunk.start + len(chunk))] - chunk.start
        for name in types:
            column, picked = by_name.get(name), chunk.column(name).take(inside)
            if isinstance(column, NumericColumn):
                cells: Array = numbers_like(picked, column.number_format)[0]
            elif isinstance(column, DateColumn):
                cells = read_days(picked, column.format)
            else:
                codes, categories = picked.as_text()
                cells = np.array([*categories, None], object)[codes]  # code -1 takes the None
            pieces[name].append(cells)
    return {name: np.concatenate(parts) for name, parts in pieces.items()}
