"""The traced rows of a table: their cells, targets and weights, each with its equation."""

import math
from collections.abc import Sequence

import numpy as np

from bpnet.data.encoding import Encoder
from bpnet.data.reading import Table
from bpnet.data.targets import Classes
from bpnet.preparation.encode import EncodedDataset
from bpnet.tracing.cells import Cell, encoded_cells
from bpnet.tracing.expressions import Constant, Expression, Quantity, Symbol, over, times
from bpnet.tracing.rows import RowWeight, TracedRow


def read_rows(prepared: EncodedDataset, numbers: Sequence[int]) -> list[TracedRow]:
    """Return the rows with these numbers, counted from 1, in this order."""
    cells = _read_cells(prepared.split.table, prepared.encoder, prepared.split.rows, numbers)
    values = prepared.split.target_values.values
    return [
        TracedRow(
            number,
            cells[number],
            np.atleast_1d(values[number - 1]).astype(np.float64).tolist(),
            _weight(prepared, number - 1),
        )
        for number in numbers
    ]


def _read_cells(
    table: Table, encoder: Encoder, rows: int, numbers: Sequence[int]
) -> dict[int, list[Cell]]:
    """Return the cells of each row by its number, in the order of the encoder's columns."""
    mask = np.zeros(rows, np.bool_)
    mask[np.array(numbers) - 1] = True
    cells: dict[int, list[Cell]] = {number: [] for number in numbers}
    for chunk, found in table.selected(encoder.column_types, mask):
        for column in encoder.columns:
            encoded = encoded_cells(column, chunk.column(column.name))
            for row, cell in zip(found, encoded, strict=True):
                cells[int(row) + 1].append(cell)
    return cells


def _class_factor(prepared: EncodedDataset, row: int, factor: float) -> Expression:
    """Return the weight of a row's class; if balanced, from the numbers of training rows."""
    if prepared.config.dataset.class_weight != "balanced":
        return Quantity(Symbol("weight of the class"), factor)
    split = prepared.split
    values, trained = split.target_values.values, split.parts["train"]
    classes = Constant(float(len(split.target_values.classes)))
    count = Constant(float((values[trained] == values[row]).sum()))
    return over(Constant(float(len(trained))), times(classes, count))


def _weight(prepared: EncodedDataset, row: int) -> RowWeight | None:
    """Return the weight of a row: that of its class times its own, over the training rows' mean."""
    weights = prepared.weights()
    if weights is None:
        return None
    factors, product = list[Expression](), 1.0
    target, split = prepared.target, prepared.split
    if prepared.class_weight is not None and isinstance(target, Classes):
        label = target.classes[int(split.target_values.values[row])]
        factor = prepared.class_weight[label]
        factors.append(_class_factor(prepared, row, factor))
        product *= factor
    if split.weights is not None:
        own = float(split.weights[row])
        name = prepared.config.dataset.sample_weight or "weight"
        factors.append(Quantity(Symbol(name, is_name=True), own))
        product *= own
    value = float(weights[row])
    if value == 0 or math.isclose(product, value, rel_tol=1e-13):
        return RowWeight(times(*factors), value)
    mean = Quantity(Symbol("mean of the training rows"), product / value)
    return RowWeight(over(times(*factors), mean), value)
