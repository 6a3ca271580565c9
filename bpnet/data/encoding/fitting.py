"""Fitting: from one pass over the training rows to the encoder."""

from collections.abc import Mapping

import numpy as np

from bpnet.data.encoding.cell_errors import CellErrors
from bpnet.data.encoding.column_fitters import ColumnFitter, NumericFitter, column_fitter
from bpnet.data.encoding.column_options import ColumnOptions
from bpnet.data.encoding.column_stats import SAMPLE_SIZE, TableTotals
from bpnet.data.encoding.encoder import Encoder
from bpnet.data.reading.table import Table
from bpnet.engine.component import Array
from bpnet.errors import DataError
from bpnet.messages import quoted_list, set_option

_MOST_SAMPLED = 20_000_000
"""Numbers in the samples of all columns together: 160 MB."""


def fit_encoder(
    table: Table,
    options: Mapping[str, ColumnOptions],
    train: Array,
    *,
    unit_rows: bool,
    rng: np.random.Generator,
    used: Array | None = None,
    seed: int = 0,
) -> Encoder:
    """Fit the encoder of a table's features on its training rows, in one pass.

    Parameters
    ----------
    table
        The table, of N rows.
    options
        The options of each feature, by name.
    train
        The mask (N,) of the training rows.
    unit_rows
        Scale the numeric inputs of each row to length 1.
    rng
        Draws the rows that medians and quantiles are estimated from, if there are many.
    used
        The mask (N,) of the rows whose cells must be valid; by default all.
    seed
        Draws the frequencies of periodic columns.

    Raises
    ------
    DataError
        With the place of each cell that cannot be used, or the column that cannot be encoded.
    """
    fitters = {name: column_fitter(column) for name, column in options.items()}
    sampled = _sampled(train, len(options), rng)
    used = np.ones(len(train), bool) if used is None else used
    types = {name: fitter.cell_type for name, fitter in fitters.items()}
    for chunk, rows in table.selected(types, used):
        for name, fitter in fitters.items():
            with CellErrors(chunk, name):
                fitter.add(chunk.column(name), train[rows], sampled[rows])
    varying = sum(isinstance(one, NumericFitter) and one.varies for one in fitters.values())
    totals = TableTotals(rows=int(train.sum()), varying=varying, seed=seed)
    return _encoder(table, fitters, totals, unit_rows=unit_rows)


def _encoder(
    table: Table, fitters: Mapping[str, ColumnFitter], totals: TableTotals, *, unit_rows: bool
) -> Encoder:
    """Return the fitted encoder; raise DataError with the problems of all columns."""
    columns, problems = [], []
    for name, fitter in fitters.items():
        try:
            columns.append(fitter.encoded_column(name, totals))
        except DataError as error:
            problems += [f"{table.name}: {problem}" for problem in error.problems]
    if problems:
        raise DataError(problems)
    if not any(column.inputs for column in columns):
        constant = all(column.constant for column in columns)
        reason, advice = "the same date in every training row", "add a column that differs"
        if not constant:
            reason = "only later dates in held-out rows, and span no whole week or year"
            option = set_option(
                "dataset.preprocessing.columns", "true", next(iter(fitters)), "trend"
            )
            advice = f"add another column, or the days elapsed: {option}"
        raise DataError(
            f"{table.name}: no column is left to learn from: {quoted_list(list(fitters))} "
            f"{'has' if len(fitters) == 1 else 'have'} {reason}; {advice}"
        )
    return Encoder(columns=columns, unit_rows=unit_rows)  # type: ignore[arg-type]


def _sampled(train: Array, columns: int, rng: np.random.Generator) -> Array:
    """Return the mask (N,) of the rows to sample: all training rows, or at most the sample size."""
    # the more columns, the fewer rows, but 1,000 at least
    most = min(SAMPLE_SIZE, max(1000, _MOST_SAMPLED // max(columns, 1)))
    rows = np.flatnonzero(train)
    if len(rows) <= most:
        return train
    sampled = np.zeros(len(train), bool)
    sampled[rng.choice(rows, most, replace=False)] = True
    return sampled
