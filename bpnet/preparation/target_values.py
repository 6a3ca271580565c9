"""The target values of all rows, and the task that they suggest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from bpnet.config.schema import Config
from bpnet.config.task import Task
from bpnet.data.cell_kinds import MAX_INTEGER_CLASSES, quantity_reason
from bpnet.data.encoding.column_stats import NumericStats
from bpnet.data.encoding.number_errors import Where
from bpnet.data.encoding.scalers import AnyScaler, fit_scaler
from bpnet.data.encoding.settings import NoScaling, Standardize
from bpnet.data.numbers.advice import common_unit
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading import Table
from bpnet.data.reading.column import Column
from bpnet.data.spelling import sort_values
from bpnet.data.splitting import Indices
from bpnet.data.target_cells import (
    binary_values,
    class_codes,
    is_binary,
    is_numeric,
    missing_targets,
    refuse_missing_targets,
    regression_values,
)
from bpnet.data.targets import AnyTarget, Classes, Labels, Quantities
from bpnet.engine.component import Array
from bpnet.errors import DataError

Mask = npt.NDArray[np.bool_]

_ROUNDING = 4 * float(np.finfo(np.float64).eps)
"""A target may be small beside its offset: only one that differs in its last bits is constant."""


@dataclass(frozen=True)
class TargetValues:
    """The target values of all rows, and the task.

    `values` are class numbers (N,), quantities (N, K) or labels 0 and 1 (N, K). Those of `dropped`
    rows (N,), which lack a target, have no meaning.
    """

    task: Task
    reason: str
    """Why the task is this one."""
    names: list[str]
    classes: list[str]
    """Class names in the order of their numbers; empty unless the task is classification."""
    values: Array
    dropped: Mask | None
    number_formats: Sequence[NumberFormat] = ()
    """The format of each target's numbers in the table."""

    @property
    def width(self) -> int:
        """Number of classes, quantities or labels to predict for a row."""
        return len(self.classes) or len(self.names)

    @cached_property
    def kept_rows(self) -> Indices:
        """Numbers of the rows that have a target, counted from 0."""
        if self.dropped is None:
            return np.arange(len(self.values))
        return np.flatnonzero(~self.dropped)

    def fit_target(
        self,
        train: Array,
        scaling: Literal["standardize", "none"],
        table: Table,
        positive: str | None,
    ) -> AnyTarget:
        """Return the target as the model stores it; quantities are scaled by the rows `train`.

        `positive` is the positive class, if there are two.

        Raises DataError if a quantity to standardize is the same in all of these rows.
        """
        if self.task == "classification":
            return Classes(name=self.names[0], classes=self.classes, positive=positive)
        if self.task == "multilabel":
            return Labels(names=self.names)
        scales = [
            _fit_scale(self.values[train, k], name, scaling, table)
            for k, name in enumerate(self.names)
        ]
        return Quantities(
            names=self.names,
            scales=scales,  # type: ignore[arg-type]
            number_formats=[each.without_words for each in self.number_formats],
        )

    def encode(self, target: AnyTarget, outputs: int, dtype: str, table: Table) -> Array:
        """Return the targets y (N, O) of the network; raise DataError if a number is too large."""
        if isinstance(target, Classes):
            return target.encode(self.values, outputs, dtype)
        if isinstance(target, Quantities):
            return target.encode(self.values, dtype, table.where)
        return self.values


def read_target_values(config: Config, table: Table, columns: Sequence[Column]) -> TargetValues:
    """Read the target values of all rows from the targets' columns.

    Raises DataError if a target is missing and `drop_missing_targets` is false, or if the columns
    do not suit the task.
    """
    names = config.dataset.targets
    declared = table.declared_categories.issuperset(names)
    task, reason = (
        (config.task, "as the config says") if config.task else suggested_task(columns, declared)
    )
    # among words, N/A and the like are classes
    words = task == "classification" and not all(map(is_numeric, columns))
    missing = np.logical_or.reduce([missing_targets(column, words=words) for column in columns])
    dropped = missing if config.dataset.drop_missing_targets and missing.any() else None
    if dropped is None:
        _refuse_missing(columns, names, table, words=words)
    elif dropped.all():
        raise DataError(
            f"{table.name}: every row's target is missing, "
            "and dataset.drop_missing_targets is true; fill in the targets, or name another column"
        )
    rows = np.flatnonzero(~missing)
    classes, present = _values(
        task, [column.take(rows) for column in columns], names, table, lambda k: int(rows[k])
    )
    formats = [column.number_format for column in columns]
    if dropped is None:
        return TargetValues(task, reason, names, classes, present, None, formats)
    # one entry per row of the table: 0 in the dropped ones
    values = np.zeros((len(missing), *present.shape[1:]), present.dtype)
    values[rows] = present
    return TargetValues(task, reason, names, classes, values, dropped, formats)


def suggested_task(columns: Sequence[Column], declared: bool) -> tuple[Task, str]:
    """Return the task that the targets' columns suggest, and why.

    A table may have `declared` them to be categories.
    """
    if len(columns) > 1:
        if all(is_binary(column) for column in columns):
            return "multilabel", "every target is true or not"
        return "regression", "there are several targets, of numbers"
    column = columns[0]
    if declared:
        return "classification", "the table declares the target to be categories"
    if (reason := quantity_reason(column)) is not None:
        return "regression", reason
    if column.numbers is not None or any(
        column.number_format.is_number(text) for text in column.categories
    ):
        return (
            "classification",
            f"the target is at most {MAX_INTEGER_CLASSES} different whole numbers",
        )
    if unit := common_unit(column.categories):
        return "classification", f"the target is text: numbers followed by '{unit}'"
    return "classification", "the target is text"


def _refuse_missing(
    columns: Sequence[Column], names: Sequence[str], table: Table, *, words: bool
) -> None:
    """Raise DataError if a target is missing."""
    advice = "fill it in, or drop such rows: --set dataset.drop_missing_targets=true"
    for name, column in zip(names, columns, strict=True):
        missing = missing_targets(column, words=words)
        refuse_missing_targets(missing, column, name, table.where, advice)


def _values(
    task: Task,
    columns: Sequence[Column],
    names: Sequence[str],
    table: Table,
    row_of: Callable[[int], int],
) -> tuple[list[str], Array]:
    """Return the classes and the values of the rows that have a target."""

    def where(row: int) -> str:
        return table.where(row_of(row))

    if task == "classification":
        if len(names) > 1:
            raise DataError(
                f"{table.name}: {len(names)} targets cannot be one classification; "
                "if each is true or not: --set task=multilabel; if they are numbers: "
                "--set task=regression; else name one target"
            )
        return _class_values(columns[0], names[0], table, where)
    read = binary_values if task == "multilabel" else regression_values
    each = [read(column, name, where) for column, name in zip(columns, names, strict=True)]
    return [], np.column_stack(each)


def _class_values(column: Column, name: str, table: Table, where: Where) -> tuple[list[str], Array]:
    """Return the classes in order, and each row's class number (N,)."""
    codes, labels = class_codes(column, name, where)
    classes = sort_values(labels)
    if len(classes) == 1:
        raise DataError(
            f"{table.name}: the target '{name}' has only one class, '{classes[0]}'; "
            "a classification needs two or more: add rows of another class, or name another target"
        )
    numbers = {label: k for k, label in enumerate(classes)}
    return classes, np.array([numbers[label] for label in labels], np.int32)[codes]


def _fit_scale(
    values: Array, name: str, scaling: Literal["standardize", "none"], table: Table
) -> AnyScaler:
    """Return the scaler of one quantity, fitted to its training values (N,)."""
    stats = NumericStats(rounding=_ROUNDING)
    stats.add(values, np.ones(len(values), bool))
    if scaling == "standardize" and stats.constant:
        raise DataError(
            f"{table.name}: the target '{name}' is {values[0]:g} in every training row, so "
            "there is nothing to learn; name another target, or add rows"
        )
    settings = Standardize() if scaling == "standardize" else NoScaling()
    try:
        return fit_scaler(settings, stats, name)
    except DataError as error:
        raise DataError([f"{table.name}: {problem}" for problem in error.problems]) from None
