"""Partial dependence: what a model predicts on average if a column has the same value everywhere.

At a value v of column j it is the mean over rows i of f(v, x_i without j) (Friedman, Greedy
Function Approximation, 2001, section 8.2). The rows' own curves f(v, x_i) show what the mean hides
(Goldstein et al., Peeking Inside the Black Box, 2015): some of them and their quantiles are here,
too. Values that do not occur together with others of a row are asked for as well: of associated
columns the mean is also over rows that cannot be.
"""

from dataclasses import dataclass

import numpy as np

from bpnet.data.reading.column import Floats
from bpnet.data.splitting import Indices
from bpnet.data.targets import AnyTarget, Classes
from bpnet.inspection.cells import CellKind, Cells, cell_label, date_text
from bpnet.inspection.predictor import Predictor

MOST_VALUES = 20
"""Values of a number or a date that are tried."""
MOST_CATEGORIES = 12
MOST_CURVES = 10
LEVELS = (0.1, 0.5, 0.9)
"""The levels of the quantiles."""
_TRIMMED = 0.01
"""Share of the rows at each end that is beyond the grid."""


@dataclass(frozen=True)
class PartialDependence:
    """The predictions of a model (G, K) at G values of a column, for K outputs.

    An output is the probability of a class (of two: the positive one) or of a label, or the value
    of a target in its unit.
    """

    column: str
    kind: CellKind
    values: tuple[float | str | None, ...]
    """Numbers, dates as ISO 8601, or categories; None for missing values and for what several
    categories share."""
    labels: tuple[str, ...]
    """The values as text."""
    counts: tuple[int, ...]
    """The rows that have each value; of numbers and dates those that are nearest to it."""
    outputs: tuple[str, ...]
    mean: Floats
    levels: tuple[float, ...]
    """The levels of the quantiles, such as 0.1, 0.5 and 0.9."""
    quantiles: Floats
    """The quantiles (Q, G, K) of the rows' predictions at each value."""
    curves: Floats
    """The predictions (C, G, K) of some rows."""
    curve_rows: tuple[int, ...]
    """The numbers of these rows in the table, from 1."""
    rows: int
    """The rows that are averaged over."""
    categories: int | None = None
    """The number of categories that occur, of which the most frequent are tried."""

    @property
    def range(self) -> Floats:
        """The largest mean less the smallest one (K,)."""
        return np.asarray(self.mean.max(axis=0) - self.mean.min(axis=0))


def partial_dependence(
    predictor: Predictor, column: str, rows: Indices, curve_rows: Indices
) -> PartialDependence:
    """Return the partial dependence on a column, averaged over rows (n,) of the predictor's.

    `curve_rows` (C,), among them, are those whose curves are kept. Values are taken from cells that
    occur in any of the predictor's rows.
    """
    cells = predictor.rows.cells[column]
    grid, counts = _grid(cells)
    outputs = output_names(predictor.model.description.target)
    chosen = output_columns(predictor.model.description.target)
    every = predictor.exchanged((column,), np.tile(rows, len(grid)), np.repeat(grid, len(rows)))
    every = every[:, chosen].reshape(len(grid), len(rows), -1)  # (G, n, K)
    values = [_value(cells, row) for row in grid]
    present = cells.values[~np.isnan(cells.values)]
    return PartialDependence(
        column=column,
        kind=cells.kind,
        values=tuple(values),
        labels=tuple(cell_label(cells, row) for row in grid),
        counts=tuple(counts.tolist()),
        outputs=outputs,
        mean=every.mean(axis=1),
        levels=LEVELS,
        quantiles=np.quantile(every, LEVELS, axis=1),
        curves=every[:, np.searchsorted(rows, curve_rows)].transpose(1, 0, 2),
        curve_rows=tuple((predictor.rows.numbers[curve_rows] + 1).tolist()),
        rows=len(rows),
        categories=len(np.unique(present)) if cells.kind == "category" else None,
    )


def output_names(target: AnyTarget) -> tuple[str, ...]:
    """Return the names of the outputs: of two classes the positive one only."""
    names = target.classes if isinstance(target, Classes) else target.names
    return tuple(names[k] for k in output_columns(target))


def output_columns(target: AnyTarget) -> list[int]:
    """Return the columns of predictions (N, K) that are the outputs."""
    names = target.classes if isinstance(target, Classes) else target.names
    if isinstance(target, Classes) and len(names) == 2:
        return [target.positive_number]
    return [*range(len(names))]


def _grid(cells: Cells) -> tuple[Indices, Indices]:
    """Return a row (G,) for each value that is tried, and the rows (G,) that have each value.

    Numbers are quantiles that occur, dates are those nearest to evenly spaced ones, categories the
    most frequent. A missing value comes last.
    """
    values, missing = cells.values, np.isnan(cells.values)
    present = np.flatnonzero(~missing)
    ordered = present[np.argsort(values[present], kind="stable")]
    distinct, first, counts = np.unique(values[ordered], return_index=True, return_counts=True)
    if cells.kind == "category":
        frequent = np.sort(np.argsort(-counts, kind="stable")[:MOST_CATEGORIES])
        grid, counts = ordered[first[frequent]], counts[frequent]
    elif len(distinct) <= MOST_VALUES:
        grid = ordered[first]
    else:
        grid = ordered[_spread(cells, ordered, first)]
        middles = (values[grid][1:] + values[grid][:-1]) / 2
        counts = np.bincount(np.searchsorted(middles, values[present]), minlength=len(grid))
    if missing.any():
        grid, counts = np.append(grid, missing.argmax()), np.append(counts, missing.sum())
    return grid, counts


def _spread(cells: Cells, ordered: Indices, first: Indices) -> Indices:
    """Return places (G,) in the ordered rows, of numbers or dates that all differ, ascending.

    `first` are the places of the first row with each value. Where a value has so many rows that
    several quantiles are equal, values that lie evenly among the others take their place.
    """
    values = cells.values[ordered]
    shares = np.linspace(_TRIMMED, 1 - _TRIMMED, MOST_VALUES)
    places = np.rint(shares * (len(ordered) - 1)).astype(np.intp)
    if cells.kind == "date":
        low, high = values[places[0]], values[places[-1]]
        even = np.linspace(low, high, MOST_VALUES)
        places = first[np.abs(values[first][:, None] - even).argmin(axis=0)]
    chosen = set(np.searchsorted(values[first], values[places]).tolist())  # as distinct values
    others = np.array([k for k in range(len(first)) if k not in chosen])
    more = np.rint(np.linspace(0, len(others) - 1, MOST_VALUES - len(chosen) + 2)[1:-1])
    if cells.kind == "number":
        chosen |= set(others[more.astype(np.intp)].tolist())
    return first[sorted(chosen)]


def _value(cells: Cells, row: int) -> float | str | None:
    value = float(cells.values[row])
    if np.isnan(value):
        return None
    if cells.kind == "number":
        return value
    if cells.kind == "date":
        return date_text(value)
    return cells.names[int(value)] if value < cells.levels else None
