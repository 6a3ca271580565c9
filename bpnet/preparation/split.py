"""The second stage of preparation: the rows split into training, validation and test rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bpnet.config.loading import LoadedConfig
from bpnet.config.split_schema import Split
from bpnet.data.numbers.advice import unit_note
from bpnet.data.reading import Table
from bpnet.data.reading.column import Floats
from bpnet.data.spelling import number_spelling
from bpnet.data.splitting import (
    PARTS,
    Indices,
    Part,
    PartNumbers,
    SplitOptions,
    parts_from_words,
    split_rows,
)
from bpnet.errors import DataError
from bpnet.preparation.column_roles import ColumnRoles, detect_roles
from bpnet.preparation.open import OpenedDataset
from bpnet.preparation.row_keys import read_row_keys
from bpnet.preparation.row_times import RowTimes
from bpnet.preparation.target_values import Mask, TargetValues
from bpnet.preparation.trend import confirmed_trends


@dataclass(frozen=True)
class SplitDataset:
    """A config's table with the rows of each part, and the role of each column."""

    loaded: LoadedConfig
    table: Table
    target_values: TargetValues
    parts: Mapping[Part, Indices]
    """Row numbers of each part, counted from 0, in ascending order."""
    column_roles: ColumnRoles
    weights: Floats | None
    """Each row's weight (N,) in its column, up to a factor; None if the config names no column."""
    times: RowTimes | None = None
    """The times that the rows are split by; None if the config names no column of them."""

    @property
    def rows(self) -> int:
        """Number of rows of the table."""
        return len(self.target_values.values)

    @cached_property
    def part_numbers(self) -> PartNumbers:
        """Each row's part (N,), an index of PARTS; -1 if a row is in none."""
        numbers = np.full(self.rows, -1, np.int8)
        for k, part in enumerate(PARTS):
            numbers[self.parts[part]] = k
        return numbers

    @property
    def used(self) -> Mask:
        """Mask (N,) of the rows that are in a part; the others are dropped."""
        return np.asarray(self.part_numbers >= 0)

    def mask(self, part: Part) -> Mask:
        """Return the mask (N,) of a part's rows."""
        return np.asarray(self.part_numbers == PARTS.index(part))


def split_dataset(
    opened: OpenedDataset, parts: Mapping[Part, Indices] | None = None
) -> SplitDataset:
    """Split the rows, and detect the role of each column from the training rows.

    Parameters
    ----------
    opened
        The dataset.
    parts
        The rows of each part; by default those that `dataset.split` draws or names.

    Raises
    ------
    DataError
        The rows cannot be split this way, or no column is left to learn from.
    """
    if parts is None:
        parts = draw_split(opened)
    train = np.zeros(len(opened.target_values.values), bool)
    train[parts["train"]] = True
    roles = detect_roles(
        opened.loaded.config,
        opened.table,
        opened.candidates,
        train,
        opened.times,
        opened.notes,
    )
    return SplitDataset(
        loaded=opened.loaded,
        table=opened.table,
        target_values=opened.target_values,
        parts=parts,
        column_roles=confirmed_trends(opened, roles, parts["train"]),
        weights=opened.weights,
        times=opened.times,
    )


def draw_split(opened: OpenedDataset) -> dict[Part, Indices]:
    """Draw the rows of each part from the split's seed, or take them from files or a column.

    Raises DataError if a part would be empty or there are more classes than training rows.
    """
    config, target_values = opened.loaded.config, opened.target_values
    _check_class_count(opened)
    keys = read_row_keys(opened)
    return split_rows(
        len(target_values.values),
        _split_options(config.dataset.split),
        config.split_seed,
        keys.classes,
        groups=keys.groups,
        times=keys.times,
        named=_given_parts(opened),
        dropped=target_values.dropped,
    )


def _given_parts(opened: OpenedDataset) -> PartNumbers | None:
    """Return each row's part (N,) if a column or the files give it, else None."""
    name, table = opened.loaded.config.dataset.split.column, opened.table
    if name is None:
        return opened.dataset_table.part_numbers()
    codes, words = opened.whole_columns[name].as_values()
    rows = opened.target_values.kept_rows
    # in rows without a target the column may hold anything
    numbers = np.full(len(codes), -1, np.int8)
    numbers[rows] = parts_from_words(
        codes[rows].astype(np.intp), list(words), lambda row: table.where(int(rows[row]))
    )
    return numbers


def _split_options(split: Split) -> SplitOptions:
    """Return the options of a config's split, with row numbers counted from 0."""

    def from_zero(rows: list[int] | None) -> list[int] | None:
        return None if rows is None else [row - 1 for row in rows]

    return SplitOptions(
        validation=split.amount("validation"),
        test=split.amount("test"),
        validation_rows=from_zero(split.validation_rows),
        test_rows=from_zero(split.test_rows),
        shuffle=split.shuffle,
    )


def _check_class_count(opened: OpenedDataset) -> None:
    """Raise DataError if there are more classes than training rows."""
    split, target_values = opened.loaded.config.dataset.split, opened.target_values
    if target_values.task != "classification" or isinstance(split.amount("validation"), int):
        return
    rows, held_out = len(target_values.values), split.share("validation") + split.share("test")
    if len(target_values.classes) > rows * (1 - held_out):
        otherwise = "or predict another column"
        if all(map(number_spelling, target_values.classes)):
            otherwise = "or, if it is a quantity: --set task=regression"
        elif note := unit_note(target_values.classes):
            otherwise += f"; {note}"
        raise DataError(
            f"{opened.table.name}: the target '{target_values.names[0]}' has "
            f"{len(target_values.classes)} classes, more than the training rows left of its "
            f"{rows} rows; add rows, lower dataset.split.validation and test, {otherwise}"
        )
