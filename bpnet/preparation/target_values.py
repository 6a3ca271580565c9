"""Answers: what the table says of its targets, and which task that makes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from bpnet.config.schema import Config, Task
from bpnet.data.category_order import sort_categories
from bpnet.data.encoding.column_stats import NumericStats
from bpnet.data.encoding.scalers import fit_scaler
from bpnet.data.encoding.settings import NoScaling, Standardize
from bpnet.data.reading import Table
from bpnet.data.reading.column import Column
from bpnet.data.roles import MAX_INTEGER_CLASSES, looks_like_classes
from bpnet.data.targets import (
    AnyTarget,
    Classes,
    Labels,
    Quantities,
    binary_values,
    class_codes,
    is_binary,
    is_numeric,
    missing_targets,
    refuse_missing_targets,
    regression_values,
)
from bpnet.engine.component import Array
from bpnet.errors import DataError

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Answers:
    """The targets of all rows: `values` are class numbers (N,), or quantities (N, K), or labels 0 and 1 (N, K).

    Rows that are `dropped` (N,), for their target is a gap, have a value without meaning.
    """

    task: Task
    why: str
    names: list[str]
    classes: list[str]
    values: Array
    dropped: Mask | None

    @property
    def wanted(self) -> int:
        """How many answers a row has: a score for each class, quantity or label."""
        return len(self.classes) or len(self.names)

    def target(
        self, train: Array, scaling: Literal["standardize", "none"], table: Table
    ) -> AnyTarget:
        """The target as the model keeps it, scaled by the rows that train (indices); raises DataError."""
        if self.task == "classification":
            return Classes(name=self.names[0], classes=self.classes)
        if self.task == "multilabel":
            return Labels(names=self.names)
        scales = []
        for k, name in enumerate(self.names):
            values, summary = self.values[train, k], NumericStats()
            summary.add(values, np.ones(len(values), bool))
            if scaling == "standardize" and summary.constant:
                raise DataError(
                    f"{table.name}: the target '{name}' is {values[0]:g} in every training row; "
                    "there is nothing to learn"
                )
            try:
                scales.append(
                    fit_scaler(
                        Standardize() if scaling == "standardize" else NoScaling(), summary, name
                    )
                )
            except DataError as error:
                raise DataError(
                    [f"{table.name}: {problem}" for problem in error.problems]
                ) from None
        return Quantities(names=self.names, scales=scales)  # type: ignore[arg-type]

    def encode(self, target: AnyTarget, outputs: int, dtype: str, table: Table) -> Array:
        """What the network should say (N, outputs); raises DataError where a number is too large."""
        if isinstance(target, Classes):
            return target.encode(self.values, outputs, dtype)
        return (
            target.encode(self.values, dtype, table.where)
            if isinstance(target, Quantities)
            else self.values
        )


def read_answers(config: Config, table: Table, columns: Sequence[Column]) -> Answers:
    """Read the targets' columns, of all rows, as the task wants them; raises DataError."""
    names = config.dataset.targets
    task, why = (config.task, "as the config says") if config.task else task_of(columns)
    words = task == "classification" and not all(map(is_numeric, columns))
    gaps = np.logical_or.reduce([missing_targets(column, words=words) for column in columns])
    dropped = gaps if config.dataset.drop_missing_targets and gaps.any() else None
    if dropped is None:
        for name, column in zip(names, columns, strict=True):
            advice = "fill it in, drop the row, or set dataset.drop_missing_targets to true"
            refuse_missing_targets(
                missing_targets(column, words=words), column, name, table.where, advice
            )
    elif dropped.all():
        raise DataError(
            f"{table.name}: every row's target is blank, and dataset.drop_missing_targets is true"
        )
    kept = np.flatnonzero(~gaps) if dropped is not None else np.arange(len(gaps))
    columns = [column.take(kept) for column in columns]

    def where(row: int) -> str:
        return table.where(int(kept[row]))

    if task == "classification" and len(names) > 1:
        raise DataError(
            f"{table.name}: {len(names)} targets cannot be one classification; set task to multilabel (each true or "
            "not) or regression, or name one target"
        )
    classes: list[str] = []
    if task == "classification":
        codes, levels = class_codes(columns[0], names[0], where)
        classes = sort_categories(levels)
        number = {label: k for k, label in enumerate(classes)}
        values: Array = np.array([number[level] for level in levels], np.int32)[codes]
        if len(classes) == 1:
            raise DataError(
                f"{table.name}: the target '{names[0]}' has one class only, '{classes[0]}'; "
                "a classification needs two or more"
            )
    elif task == "multilabel":
        values = np.column_stack(
            [
                binary_values(column, name, where)
                for column, name in zip(columns, names, strict=True)
            ]
        )
    else:
        values = np.column_stack(
            [regression_values(c, name, where) for c, name in zip(columns, names, strict=True)]
        )
    if dropped is not None:
        spread = np.zeros((len(gaps), *values.shape[1:]), values.dtype)
        spread[kept] = values
        values = spread
    return Answers(task, why, names, classes, values, dropped)


def task_of(columns: Sequence[Column]) -> tuple[Task, str]:
    """The task that the targets suggest, and why."""
    if len(columns) > 1:
        if all(is_binary(column) for column in columns):
            return "multilabel", "every target is true or not"
        return "regression", "there are several targets, of numbers"
    column = columns[0]
    if not looks_like_classes(column):
        return (
            "regression",
            f"the target is numbers, more than {MAX_INTEGER_CLASSES} different or with fractions",
        )
    if column.numbers is not None or any(
        column.number_format.is_number(level) for level in column.categories
    ):
        return (
            "classification",
            f"the target is at most {MAX_INTEGER_CLASSES} different whole numbers",
        )
    return "classification", "the target is text"
