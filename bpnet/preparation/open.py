"""The first stage of preparation: the table opened, and the columns that decide about rows read."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bpnet.config.loading import LoadedConfig
from bpnet.config.schema import Config
from bpnet.data.cell_kinds import looks_like_classes
from bpnet.data.numbers.advice import ambiguity_note
from bpnet.data.reading import Table
from bpnet.data.reading.chunk import CellType
from bpnet.data.reading.column import Column, Floats
from bpnet.data.reading.whole_columns import whole_columns
from bpnet.preparation.named_columns import feature_candidates
from bpnet.preparation.row_times import RowTimes, read_times, time_cell_type
from bpnet.preparation.sample_weights import column_weights
from bpnet.preparation.table import DatasetTable, open_dataset_table
from bpnet.preparation.target_values import TargetValues, read_target_values


@dataclass(frozen=True)
class OpenedDataset:
    """A config's table before its rows are split."""

    loaded: LoadedConfig
    dataset_table: DatasetTable
    candidates: list[str]
    """Columns that may become features."""
    target_values: TargetValues
    whole_columns: Mapping[str, Column]
    """The columns that decide about rows, read whole: targets, weights, groups, times, parts."""
    weights: Floats | None
    """Each row's weight (N,) in its column, up to a factor; None if the config names no column."""
    times: RowTimes | None
    """The times that the rows are split by; None if the config names no column of them."""
    notes: Mapping[str, str]
    """Remarks on how the numbers of the whole columns are read, by name."""

    @property
    def table(self) -> Table:
        """The table itself."""
        return self.dataset_table.table


def open_dataset(loaded: LoadedConfig, dataset_table: DatasetTable | None = None) -> OpenedDataset:
    """Open a config's table and read its target values.

    Parameters
    ----------
    loaded
        The config.
    dataset_table
        Its table, if it is open already.

    Raises
    ------
    DataError
        The table cannot be read, lacks a column that the config names, or has a target value,
        weight or time that does not fit.
    """
    dataset_table = dataset_table or open_dataset_table(loaded)
    config, table = loaded.config, dataset_table.table
    candidates = feature_candidates(loaded, table)
    columns, notes = _in_own_formats(config, whole_columns(table, _cell_types(config, table)))
    target_values = _read_targets(config, table, columns)
    weights, name = None, config.dataset.sample_weight
    if name is not None:
        weights = _read_weights(columns[name], name, target_values, table)
    times, name = None, config.dataset.split.time
    if name is not None:
        times = read_times(config, columns[name], target_values.kept_rows, table)
    if target_values.task != "regression":
        notes = {key: note for key, note in notes.items() if key not in config.dataset.targets}
    return OpenedDataset(
        loaded, dataset_table, candidates, target_values, columns, weights, times, notes
    )


def _cell_types(config: Config, table: Table) -> dict[str, CellType]:
    """Return the columns to read whole, and as what their cells are read."""
    dataset, split = config.dataset, config.dataset.split
    types: dict[str, CellType] = {}
    if split.group:
        types[split.group] = "text"
    if split.column:
        types[split.column] = "text"
    if split.time:
        types[split.time] = time_cell_type(config)
    if dataset.sample_weight:
        types[dataset.sample_weight] = "number"
    # last: a target that is also the group or the time is read as a target
    for name in dataset.targets:
        types[name] = "text" if config.task == "classification" else "any"
    if config.task is None and _are_declared_classes(config, table):
        types[dataset.targets[0]] = "text"
    return types


def _are_declared_classes(config: Config, table: Table) -> bool:
    """Return whether the table declares the only target to be categories."""
    targets = config.dataset.targets
    return len(targets) == 1 and targets[0] in table.declared_categories


def _in_own_formats(
    config: Config, columns: Mapping[str, Column]
) -> tuple[dict[str, Column], dict[str, str]]:
    """Return the columns, those of numbers in the formats that their cells show, and notes."""
    dataset = config.dataset
    read, notes = dict(columns), {}
    for name in (*dataset.targets, dataset.sample_weight, dataset.split.time):
        if name is None:
            continue
        read[name], detected = columns[name].in_own_format()
        if note := ambiguity_note(detected):
            notes[name] = note
    return read, notes


def _read_targets(config: Config, table: Table, columns: Mapping[str, Column]) -> TargetValues:
    read = [columns[name] for name in config.dataset.targets]
    if config.task is None and _are_numbers_like_classes(read):
        # read again, because classes are texts: 007 is not 7
        (name,) = config.dataset.targets
        read = [whole_columns(table, {name: "text"})[name].in_own_format()[0]]
    return read_target_values(config, table, read)


def _are_numbers_like_classes(targets: list[Column]) -> bool:
    return len(targets) == 1 and targets[0].numbers is not None and looks_like_classes(targets[0])


def _read_weights(column: Column, name: str, target_values: TargetValues, table: Table) -> Floats:
    """Return a column's weights (N,), 0 in dropped rows, whose cells may hold anything."""
    rows = target_values.kept_rows
    weights = np.zeros(len(column))
    weights[rows] = column_weights(column.take(rows), name, lambda row: table.where(int(rows[row])))
    return weights
