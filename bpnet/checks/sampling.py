"""Sampling: the cells of some training rows, column by column, to look for what makes a table treacherous."""

from collections.abc import Mapping

import numpy as np

from bpnet.data.encoding.columns import NumericColumn
from bpnet.data.encoding.dates import DateColumn, parse_date
from bpnet.data.splitting import Indices
from bpnet.engine.component import Array
from bpnet.engine.randomness import Purpose, generator
from bpnet.preparation.prepare import Fitted

MOST_ROWS = 50_000
"""Of more rows than these, so many drawn at random are looked at."""

_MOST_CELLS = 20_000_000


def sample(rows: Indices, most: int, seed: int) -> Indices:
    """At most so many of the rows, drawn at random, in their order."""
    if len(rows) <= most:
        return rows
    return np.sort(generator(seed, Purpose.SPLIT, epoch=2).choice(rows, most, replace=False))


def most_rows(columns: int) -> int:
    """How many rows of so many columns, or inputs, are looked at."""
    return min(MOST_ROWS, max(1000, _MOST_CELLS // columns))


def cells_of(fitted: Fitted, rows: Indices) -> Mapping[str, Array]:
    """Each feature's cells (N,) in these rows: numbers, nan for a gap, or texts as objects, None for a gap.

    A date is the number of its days. Raises DataError.
    """
    encoder = fitted.encoder
    found: dict[str, list[Array]] = {name: [] for name in encoder.features}
    for chunk in fitted.survey.table.chunks(encoder.column_types):
        inside = rows[(rows >= chunk.start) & (rows < chunk.start + len(chunk))] - chunk.start
        for column in encoder.columns:
            picked = chunk.column(column.name).take(inside)
            if isinstance(column, NumericColumn):
                cells: Array = picked.as_numbers()
            elif isinstance(column, DateColumn):
                form = column.format
                cells = picked.parse(lambda text, form=form: parse_date(text, form), "a date")  # type: ignore[misc]
            else:
                codes, levels = picked.as_text()
                cells = np.array([*levels, None], object)[codes]
            found[column.name].append(cells)
    return {name: np.concatenate(parts) for name, parts in found.items()}
