"""A decision map: what a model predicts over two columns, where all others have typical values."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bpnet.data.encoding.columns import NumericColumn
from bpnet.data.encoding.encoder import AnyColumn
from bpnet.data.encoding.row_flags import RowFlags
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading.column import Column, Floats
from bpnet.data.splitting import Indices
from bpnet.engine.component import Array
from bpnet.inspection.cells import CellKind, Cells, cell_label
from bpnet.inspection.predictor import Predictor

MOST_CATEGORIES = 12
_TRIMMED = 0.01
"""Share of the rows at each end that does not widen the map."""
_MARGIN = 0.05
"""Share of the width that is added at each end, as far as there are rows."""


@dataclass(frozen=True)
class MapAxis:
    """A column of the map: G values in ascending order, of categories the most frequent ones.

    `values` are numbers, days since 1970-01-01 or positions of categories, which `labels` names.
    `rows` has the value of each row, NaN where it is missing or not on the map.
    """

    column: str
    kind: CellKind
    values: Floats
    labels: tuple[str, ...]
    rows: Floats


@dataclass(frozen=True)
class DecisionMap:
    """The predictions (G, H, K) at G values of one column and H of another, for K outputs."""

    x: MapAxis
    y: MapAxis
    predicted: Floats
    typical: tuple[tuple[str, str], ...]
    """The other columns and their values: of numbers the median, of categories the mode."""


def decision_map(predictor: Predictor, x: str, y: str, side: int) -> DecisionMap:
    """Return the map over two columns with at most `side` values of each."""
    cells = predictor.rows.cells
    axes = [_axis(name, cells[name], side) for name in (x, y)]
    typical = {name: _typical(each) for name, each in cells.items()}
    model = predictor.model
    encoders, which = model.encoders
    encoded = []
    for encoder, inputs in zip(encoders, predictor.rows.inputs, strict=True):
        row = np.empty(encoder.width, inputs.dtype)
        for name, place in encoder.slices.items():
            row[place] = inputs[typical[name], place]
        grid = np.tile(row, (len(axes[0].values), len(axes[1].values), 1))  # (G, H, I)
        columns = {column.name: column for column in encoder.columns}
        for k, axis in enumerate(axes):
            if axis.column in columns:
                place = encoder.slices[axis.column]
                own = _inputs(columns[axis.column], axis, inputs[:, place])
                grid[:, :, place] = own[:, None] if k == 0 else own[None]
        encoded.append(
            encoder.with_unit_rows(grid.reshape(-1, encoder.width), model.description.precision)
        )
    predicted = model.combine(model.predict_each([encoded[k] for k in which]))
    return DecisionMap(
        x=axes[0],
        y=axes[1],
        predicted=predicted.reshape(len(axes[0].values), len(axes[1].values), -1),
        typical=tuple(
            (name, cell_label(each, typical[name]))
            for name, each in cells.items()
            if name not in (x, y)
        ),
    )


def _axis(name: str, cells: Cells, side: int) -> MapAxis:
    present = np.sort(cells.values[~np.isnan(cells.values)])
    distinct, counts = np.unique(present, return_counts=True)
    if not len(present):
        return MapAxis(name, "category", np.zeros(1), ("missing",), np.full(len(cells.values), 0.0))
    if cells.kind == "category":
        values = np.sort(distinct[np.argsort(-counts, kind="stable")[:MOST_CATEGORIES]])
        labels = tuple(cells.names[int(value)] for value in values)
        return MapAxis(name, cells.kind, values, labels, _on_map(cells.values, values))
    low, high = np.quantile(present, [_TRIMMED, 1 - _TRIMMED])
    margin = _MARGIN * (high - low)
    ends = max(low - margin, present[0]), min(high + margin, present[-1])
    values = np.linspace(*ends, side) if low < high else distinct[:1]
    return MapAxis(name, cells.kind, values, (), cells.values)


def _on_map(cells: Floats, values: Floats) -> Floats:
    return np.where(np.isin(cells, values), cells, np.nan)


def _typical(cells: Cells) -> int:
    """Return a row with the median of numbers or dates, or the most frequent category."""
    present = np.flatnonzero(~np.isnan(cells.values))
    if not len(present):
        return 0
    values = cells.values[present]
    if cells.kind == "category":
        distinct, counts = np.unique(values, return_counts=True)
        return int(present[(values == distinct[counts.argmax()]).argmax()])
    return int(present[np.argsort(values, kind="stable")[(len(values) - 1) // 2]])


def _inputs(column: AnyColumn, axis: MapAxis, inputs: Array) -> Array:
    """Return the inputs (G, I) of a column at the values of its axis, given those of all rows."""
    if isinstance(column, NumericColumn) and axis.kind == "number":
        own = np.empty((len(axis.values), inputs.shape[1]), inputs.dtype)
        column.encode(Column(NumberFormat(), numbers=axis.values), own, RowFlags())
        return own
    return np.asarray(inputs[_nearest(axis.rows, axis.values)])


def _nearest(rows: Floats, values: Floats) -> Indices:
    """Return the row (G,) whose value is nearest to each of the values."""
    distance = np.abs(rows[None] - values[:, None])
    return np.asarray(np.where(np.isnan(distance), np.inf, distance).argmin(axis=1))


def names_of(axis: MapAxis, positions: Sequence[int]) -> list[str]:
    """Return the values at some positions of an axis as text."""
    if axis.labels:
        return [axis.labels[k] for k in positions]
    kind = axis.kind
    return [cell_label(Cells(kind, axis.values), k) for k in positions]
