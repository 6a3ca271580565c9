"""The evaluation set: rows whose targets are known, encoded for a model and ready to be scored."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bpnet.data.encoding.number_errors import Where, percent_note
from bpnet.data.encoding.row_flags import FlagSummary
from bpnet.data.reading import Table
from bpnet.data.reading.chunk import CellType, number_cell_type
from bpnet.data.reading.column import Column, Floats
from bpnet.data.reading.whole_columns import whole_columns
from bpnet.data.splitting import Indices
from bpnet.data.target_cells import binary_values, missing_targets, regression_values
from bpnet.data.targets import Classes, Labels, Quantities
from bpnet.engine.component import Array
from bpnet.engine.loop.batches import Rows
from bpnet.errors import DataError
from bpnet.messages import did_you_mean
from bpnet.models.ensemble import Ensemble, Inputs
from bpnet.models.model import Model
from bpnet.preparation.sample_weights import column_weights, row_weights
from bpnet.workflows.row_groups import RowGroups, read_groups


@dataclass(frozen=True)
class EvaluationSet:
    """Rows with known targets: class numbers (N,), labels (N, K) or quantities (N, K)."""

    values: Array
    x: Inputs
    weights: Floats | None
    """Each row's sample weight times the weight of its class (N,)."""
    sample_weights: Floats | None
    flags: FlagSummary
    table: Table
    numbers: Indices
    """The number (N,) of each row in the table, from 0."""
    where: Where
    """The place of a row, numbered from 0, in its file: for messages."""
    groups: RowGroups | None = None
    """The groups that the run's split keeps together, if it does and the table has them."""

    @property
    def mask(self) -> Array:
        """Mask of these rows among those of the table."""
        mask = np.zeros(len(self.table), bool)
        mask[self.numbers] = True
        return mask

    def for_member(self, model: Ensemble, member: int) -> Rows:
        """Return the rows as a member's networks train on them: encoded inputs and targets."""
        weights = self.weights
        if weights is not None:
            weights = weights.astype(model.description.precision)
        return Rows(self.x[member], self._targets(model.members[member]), weights)

    def _targets(self, member: Model) -> Array:
        target, dtype = member.description.target, member.description.precision
        if isinstance(target, Classes):
            return target.encode(self.values, member.network.outputs, dtype)
        if isinstance(target, Quantities):
            return target.encode(self.values, dtype, self.where)
        return self.values.astype(dtype)


def read_evaluation_set(
    model: Ensemble, table: Table, mask: Array, warnings: list[str], group: str | None = None
) -> EvaluationSet:
    """Read and encode the rows of a mask (N,), and add warnings to the list.

    Rows without a target are left out if the model's training left them out. `group` is the column
    by which the run was split. Raises DataError if a column is missing or a cell does not fit.
    """
    description = model.description
    _check_targets(model, table)
    model.check_columns(table)
    weight_column = description.sample_weight
    if weight_column is not None and weight_column not in table.columns:
        warnings.append(
            f"{table.name} has no column '{weight_column}': every row weighs the same in the loss"
        )
        weight_column = None
    columns = _label_columns(model, table, weight_column)
    if description.drop_missing_targets:
        mask = _with_targets(model, columns, table, mask, warnings)
    rows = np.flatnonzero(mask)
    columns = {name: column.take(rows) for name, column in columns.items()}

    def where(row: int) -> str:
        return table.where(int(rows[row]))

    values = _values(model, columns, where)
    target = model.description.target
    if isinstance(target, Quantities):
        notes = (
            percent_note(columns[name], name, target.number_format(name)) for name in target.names
        )
        warnings += filter(None, notes)
    sample_weights = (
        column_weights(columns[weight_column], weight_column, where) if weight_column else None
    )
    weights = row_weights(
        sample_weights, values, description.classes or [], description.class_weight
    )
    if weights is not None and not weights.sum() > 0:
        raise DataError(
            f"{table.name}, column '{weight_column}': the weights are all 0; "
            "give at least one row a weight above 0"
        )
    inputs, flags = _inputs(model, table, mask)
    groups = read_groups(table, group, rows)
    return EvaluationSet(values, inputs, weights, sample_weights, flags, table, rows, where, groups)


def _check_targets(model: Ensemble, table: Table) -> None:
    for name in model.description.target.names:
        if not table.has(name):
            raise DataError(
                f"{table.name}: there is no column '{name}', the target to compare with "
                f"(bpnet predict needs none){did_you_mean(name, table.columns)}"
                f"{table.header_hint}"
            )


def _label_columns(model: Ensemble, table: Table, weight_column: str | None) -> dict[str, Column]:
    """Read the columns of the targets and the sample weights."""
    target = model.description.target
    wanted: dict[str, CellType] = dict.fromkeys(target.names, "text")
    if isinstance(target, Quantities):
        wanted |= {name: number_cell_type(target.number_format(name)) for name in target.names}
    if weight_column:
        wanted[weight_column] = "number"
    return whole_columns(table, wanted)


def _with_targets(
    model: Ensemble, columns: Mapping[str, Column], table: Table, mask: Array, warnings: list[str]
) -> Array:
    """Return the rows of a mask (N,) that have every target, with a warning about the others."""
    target = model.description.target
    each = [
        target.missing(columns[name])
        if isinstance(target, Classes)
        else missing_targets(columns[name], words=False)
        for name in target.names
    ]
    present = mask & ~np.logical_or.reduce(each)
    if not present.any():
        raise DataError(
            f"{table.name}: every row's target is missing, and the run left such rows out "
            "(dataset.drop_missing_targets); fill in the targets, or predict without them: "
            "bpnet predict"
        )
    if dropped := int(mask.sum()) - int(present.sum()):
        warnings.append(f"rows without a target are left out, as in training: {dropped}")
    return np.asarray(present)


def _values(model: Ensemble, columns: Mapping[str, Column], where: Where) -> Array:
    target = model.description.target
    if isinstance(target, Classes):
        return target.numbers(columns[target.name], where)
    if isinstance(target, Labels):
        return np.column_stack([binary_values(columns[name], name, where) for name in target.names])
    return np.column_stack(
        [
            regression_values(
                columns[name], name, where, target.number_format(name), settable=False
            )
            for name in target.names
        ]
    )


def _inputs(model: Ensemble, table: Table, mask: Array) -> tuple[Inputs, FlagSummary]:
    """Encode the rows of a mask (N,) for each member, chunk by chunk, and count their flags."""
    flags = FlagSummary()
    count = int(mask.sum())
    inputs = [
        np.empty((count, member.description.encoder.width), model.description.precision)
        for member in model.members
    ]
    filled = 0
    for chunk, chunk_rows in table.selected(model.wanted, mask):
        stop = filled + len(chunk_rows)
        encoded, chunk_flags = model.encode(chunk)
        flags.add(chunk_flags, len(chunk_rows))
        for whole, part in zip(inputs, encoded, strict=True):
            whole[filled:stop] = part
        filled = stop
    return inputs, flags
