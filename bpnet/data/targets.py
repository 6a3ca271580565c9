"""Targets: what is to be predicted, as the network's outputs and back in the table's own words and units."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from bpnet.data.category_order import without_fractions
from bpnet.data.encoding.cell_errors import Where, parse_problems
from bpnet.data.encoding.scalers import LinearScaler
from bpnet.data.reading.column import CellParseError, Codes, Column, Floats
from bpnet.engine.component import Array, Component, FieldError
from bpnet.errors import DataError
from bpnet.messages import MAX_PROBLEMS, did_you_mean, quoted_cell, quoted_list, total_line

Names = Annotated[list[str], Field(min_length=1)]


@dataclass(frozen=True, kw_only=True)
class Classes(Component):
    """One of several classes, in the network's order."""

    kind: Literal["classes"] = "classes"
    name: str
    classes: list[str]

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
            raise FieldError("classes", "must be at least two, and each once")

    @property
    def names(self) -> list[str]:
        """The target's columns."""
        return [self.name]

    def numbers(self, column: Column, where: Where) -> Codes:
        """The number (N,) of each cell's class; raises DataError where one is no class that the model knows."""
        words = not all(map(column.number_format.is_number, self.classes))
        refuse_missing_targets(missing_targets(column, words=words), column, self.name, where)
        codes, categories = column.as_text()
        number = {label: k for k, label in enumerate(self.classes)}
        written = without_fractions(categories)  # 1.0 is the class 1, unless 1.0 is one itself
        numbers = np.array(
            [number.get(k, number.get(written.get(k, k), -1)) for k in categories], np.int32
        )[codes]
        unknown = np.flatnonzero(numbers < 0)
        if len(unknown):
            label = categories[codes[unknown[0]]]
            raise DataError(
                f"{where(int(unknown[0]))}, column '{self.name}': '{label}' is no class that the model knows; "
                f"it knows {quoted_list(self.classes)}{did_you_mean(label, self.classes)} "
                f"(rows like it: {len(unknown)})"
            )
        return numbers

    def encode(self, numbers: Codes, outputs: int, dtype: str) -> Array:
        """One-hot rows (N, classes), or 0 and 1 for the second class (N, 1) where the network has one output."""
        if outputs == 1:
            return numbers.astype(dtype)[:, None]
        one_hot: Array = np.eye(len(self.classes), dtype=dtype)[numbers]
        return one_hot


@dataclass(frozen=True, kw_only=True)
class Quantities(Component):
    """One or more numbers, each with its scale."""

    kind: Literal["quantities"] = "quantities"
    names: Names
    scales: list[LinearScaler]

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.scales) != len(self.names) or len(set(self.names)) < len(self.names):
            raise FieldError("scales", "must be one for each of the names, which must differ")

    @property
    def divisors(self) -> Floats:
        """What each is divided by (K,)."""
        return np.array([scale.divide for scale in self.scales])

    def encode(self, values: Floats, dtype: str, where: Where) -> Array:
        """Scaled values (N, K); raises DataError where one overflows."""
        y = np.empty(values.shape, dtype)
        with np.errstate(all="ignore"):
            for k, scale in enumerate(self.scales):
                y[:, k] = scale.apply(values[:, k])
        too_large = ~(np.abs(y) < np.sqrt(np.finfo(y.dtype).max))
        if too_large.any():
            row, k = (int(index) for index in np.argwhere(too_large)[0])
            raise DataError(
                f"{where(row)}, column '{self.names[k]}': {values[row, k]:g} is too large to compute with; "
                "correct it, or give the column in another unit"
            )
        return y

    def decode(self, y: Array) -> Floats:
        """The network's predictions (N, K) in the targets' own units."""
        own = y.astype(np.float64)
        return np.column_stack([scale.invert(own[:, k]) for k, scale in enumerate(self.scales)])


@dataclass(frozen=True, kw_only=True)
class Labels(Component):
    """Several things that are each true or not: a column for each, of 0 and 1 or of words such as no and yes."""

    kind: Literal["labels"] = "labels"
    names: Names

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(set(self.names)) < len(self.names):
            raise FieldError("names", "must differ")


AnyTarget = Classes | Quantities | Labels

_TRUE = {"1", "1.0", "true", "yes", "y", "t", "on"}
_FALSE = {"0", "0.0", "false", "no", "n", "f", "off"}


def class_codes(column: Column, name: str, where: Where) -> tuple[Codes, list[str]]:
    """Codes (N,) into the labels of a classification target, whole numbers without a fraction.

    Raises DataError that names the rows with a blank label, or nan.
    """
    refuse_missing_targets(
        missing_targets(column, words=not is_numeric(column)), column, name, where
    )
    codes, categories = column.as_text()
    used = np.unique(codes)
    written = without_fractions([categories[k] for k in used.tolist()])
    different = list(dict.fromkeys(written.values()))
    number = {label: k for k, label in enumerate(different)}
    new = np.zeros(len(categories), np.int32)
    for k in used.tolist():
        new[k] = number[written[categories[k]]]
    return new[codes], different


def missing_targets(column: Column, *, words: bool) -> npt.NDArray[np.bool_]:
    """Which cells (N,) of a target are blank, or nan; where it is no `words`, also N/A and the like."""
    if column.numbers is not None:
        return np.isnan(column.numbers)
    codes, categories = column.as_text()
    is_missing = (
        (lambda category: category.lower() == "nan")
        if words
        else column.number_format.is_missing_number
    )
    return (codes < 0) | np.isin(
        codes, [k for k, category in enumerate(categories) if is_missing(category)]
    )


def refuse_missing_targets(
    gaps: npt.NDArray[np.bool_],
    column: Column,
    name: str,
    where: Where,
    advice: str = "fill it in, or drop the row",
) -> None:
    """Raise DataError that names the rows whose target is a gap, where there are any."""
    rows = np.flatnonzero(gaps)
    if len(rows):
        cells = {row: column.cells()[row] for row in rows[:MAX_PROBLEMS].tolist()}
        raise DataError(
            [
                f"{where(row)}, column '{name}': {quoted_cell(cell)} is no target; {advice}"
                for row, cell in cells.items()
            ]
            + total_line(len(rows), f"cells of the target '{name}' are blank")
        )


def is_binary(column: Column) -> bool:
    """Whether every cell is 0 or 1, or a word such as no or yes."""
    codes, categories = column.without_missing_words().as_text()
    used = np.unique(codes[codes >= 0]).tolist()
    return bool(used) and {categories[k].lower() for k in used} <= _TRUE | _FALSE


def is_numeric(column: Column) -> bool:
    """Whether all cells but for gaps are numbers, so that N/A and the like are gaps too, and no words."""
    values = [
        category
        for category in column.categories
        if not column.number_format.is_missing_number(category)
    ]
    return column.numbers is not None or (
        bool(values) and all(map(column.number_format.is_number, values))
    )


def binary_values(column: Column, name: str, where: Where) -> npt.NDArray[np.uint8]:
    """0 and 1 (N,) of one label's column; raises DataError where a cell is neither."""
    codes, categories = column.as_text()
    expected = [
        1 if category.lower() in _TRUE else 0 if category.lower() in _FALSE else 2
        for category in categories
    ]
    values = np.array([*expected, 2], np.uint8)[codes]
    wrong = np.flatnonzero(values == 2)
    if len(wrong):
        cell = quoted_cell(column.take(wrong[:1]).cells()[0])
        raise DataError(
            f"{where(int(wrong[0]))}, column '{name}': {cell} is neither 0 nor 1, nor a word such as no or yes; "
            f"correct it, or leave '{name}' out of dataset.target (cells like it: {len(wrong)})"
        )
    return values


def regression_values(column: Column, name: str, where: Where) -> Floats:
    """One regression target's numbers (N,); raises DataError where a cell is none."""
    refuse_missing_targets(missing_targets(column, words=False), column, name, where)
    try:
        return column.as_numbers()
    except CellParseError as error:
        advice = (
            "give a number, or drop the row; if it is true or not, set task to multilabel, "
            "if a class to classification"
        )
        raise DataError(
            parse_problems(error, column, name, where, "regression target", advice)
        ) from None
