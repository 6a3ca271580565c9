"""The traced rows of a table: which they are, and their cells, targets and weights."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from bpnet.data.encoding import Encoder
from bpnet.data.reading import Table
from bpnet.data.targets import Classes
from bpnet.engine.loop.batches import Rows
from bpnet.errors import UsageError
from bpnet.preparation.encode import EncodedDataset
from bpnet.tracing.cells import Cell, encoded_cells
from bpnet.tracing.expressions import Constant, Expression, Quantity, Symbol, over, times
from bpnet.tracing.rows import RowWeight, TracedRow

MOST_ROWS = 64
"""Rows that are traced at most, by `--row` or as the batch of a step."""


def row_numbers(wanted: str | None, prepared: EncodedDataset) -> list[int]:
    """Return the row numbers, counted from 1, that `--row` asks for; raise UsageError."""
    train = [int(row) + 1 for row in prepared.parts["train"]]
    total = prepared.split.rows
    if wanted is None:
        return train[:1]
    if wanted == "all":
        numbers = train
    else:
        parts = [part.strip() for part in wanted.split(",")]
        if not all(part.isdecimal() and len(part) < 16 for part in parts):
            shown = wanted if len(wanted) < 40 else wanted[:39] + "…"
            raise UsageError(
                f"--row {shown}: must be a row number of 1 to {total}, several with commas, or all"
            )
        numbers = [int(part) for part in parts]
        outside = [number for number in numbers if not 1 <= number <= total]
        if outside:
            raise UsageError(
                f"--row {wanted}: there is no row {outside[0]}; the table has rows 1 to {total}"
            )
        if len(set(numbers)) < len(numbers):
            raise UsageError(f"--row {wanted}: names a row twice; name each once")
    dropped = [number for number in numbers if prepared.split.part_numbers[number - 1] < 0]
    if dropped:
        raise UsageError(
            f"--row {wanted}: row {dropped[0]} has no target and is dropped; name another row"
        )
    if len(numbers) > MOST_ROWS:
        raise UsageError(
            f"--row {wanted}: {len(numbers)} rows are too many to follow number by number; "
            f"name at most {MOST_ROWS}"
        )
    return numbers


def encoded_rows(prepared: EncodedDataset, numbers: list[int]) -> Rows:
    """Return the encoded rows with these numbers, from whichever part of the split."""
    picked = []
    for number in numbers:
        for part, indices in prepared.parts.items():
            # the row's place in the part, or where it would be
            position = int(np.searchsorted(indices, number - 1))
            if position < len(indices) and indices[position] == number - 1:
                picked.append(prepared.rows[part].picked(np.array([position])))
    weights = [rows.weights for rows in picked if rows.weights is not None]
    return Rows(
        np.concatenate([rows.x for rows in picked]),
        np.concatenate([rows.y for rows in picked]),
        np.concatenate(weights) if weights else None,
    )


def notes_on_held_out(prepared: EncodedDataset, numbers: Sequence[int]) -> Iterator[str]:
    """Yield which rows are not training rows."""
    held_out = [number for number in numbers if number - 1 not in prepared.parts["train"]]
    if held_out:
        rows = ("row " if len(held_out) == 1 else "rows ") + ", ".join(map(str, held_out))
        yield f"held out from training, but traced as if used for it: {rows}"


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
    for chunk, rows_of_chunk in table.selected(encoder.column_types, mask):
        for column in encoder.columns:
            encoded = encoded_cells(column, chunk.column(column.name))
            for row, cell in zip(rows_of_chunk, encoded, strict=True):
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
