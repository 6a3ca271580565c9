"""Targets: from the table's words and units to the network's outputs, and back."""

import re
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from bpnet.data.encoding.cell_errors import Where, parse_problems
from bpnet.data.encoding.number_advice import number_problem
from bpnet.data.encoding.scalers import LinearScaler
from bpnet.data.reading.column import CellParseError, Codes, Column, Floats, used_codes
from bpnet.data.reading.missing_words import missing_option, yaml_word
from bpnet.data.reading.number_format import GAPS, NumberFormat
from bpnet.data.spelling import KnownValues, meaning, number_spelling
from bpnet.engine.component import Array, Component, FieldError
from bpnet.errors import DataError
from bpnet.messages import (
    MAX_PROBLEMS,
    did_you_mean,
    quoted_cell,
    quoted_list,
    set_option,
    total_line,
)

Names = Annotated[list[str], Field(min_length=1)]


@dataclass(frozen=True, kw_only=True)
class Classes(Component):
    """One of several classes, in the network's order."""

    kind: Literal["classes"] = "classes"
    name: str
    classes: list[str]
    positive: str | None = None
    """The class, of two, that average precision and the like are about; by default the second."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
            raise FieldError("classes", "must be two or more, each named once")
        if self.positive is not None and (
            len(self.classes) > 2 or self.positive not in self.classes
        ):
            raise FieldError("positive", "must be one of two classes, or null")

    @property
    def positive_number(self) -> int:
        """The number of the positive class, of two: 0 or 1."""
        return 1 if self.positive is None else self.classes.index(self.positive)

    @property
    def names(self) -> list[str]:
        """The target's columns."""
        return [self.name]

    def missing(self, column: Column) -> npt.NDArray[np.bool_]:
        """Return the mask (N,) of missing target values."""
        # among classes that are words, N/A and the like are words too
        words = not all(map(number_spelling, self.classes))
        return missing_targets(column, words=words, known=KnownValues(self.classes))

    def numbers(self, column: Column, where: Where) -> Codes:
        """Return the number (N,) of each cell's class; raise DataError for any other cell."""
        known = KnownValues(self.classes)
        refuse_missing_targets(self.missing(column), column, self.name, where)
        codes, labels = column.as_text(known)
        found = column.in_own_format()[0].positions(known, labels)
        numbers = np.array([-1 if k is None else k for k in found], np.int32)[codes]
        unknown = np.flatnonzero(numbers < 0)
        if len(unknown):
            label = labels[codes[unknown[0]]]
            raise DataError(
                f"{where(int(unknown[0]))}, column '{self.name}': '{label}' is not a class of the "
                f"model; its classes are {quoted_list(self.classes)}"
                f"{did_you_mean(label, self.classes)} (rows like it: {len(unknown)})"
            )
        return numbers

    def encode(self, numbers: Codes, outputs: int, dtype: str) -> Array:
        """Return one-hot rows (N, classes); of one output, 1 (N, 1) for the second class, or 0."""
        if outputs == 1:
            return numbers.astype(dtype)[:, None]
        one_hot: Array = np.eye(len(self.classes), dtype=dtype)[numbers]  # (N, classes)
        return one_hot


@dataclass(frozen=True, kw_only=True)
class Quantities(Component):
    """One or more numbers, each with its scaler."""

    kind: Literal["quantities"] = "quantities"
    names: Names
    scales: list[LinearScaler]
    number_formats: list[NumberFormat | None] = field(default_factory=list)
    """The format of each one's numbers in the table; empty if they were not recorded."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.scales) != len(self.names) or len(set(self.names)) < len(self.names):
            raise FieldError("scales", "must be one for each of the names, which must differ")
        if len(self.number_formats) not in (0, len(self.names)):
            raise FieldError("number_formats", "must be one for each of the names, or none")

    def number_format(self, name: str) -> NumberFormat | None:
        """Return the format of a target's numbers, None if it was not recorded."""
        return self.number_formats[self.names.index(name)] if self.number_formats else None

    @property
    def divisors(self) -> Floats:
        """The number that each is divided by (K,)."""
        return np.array([scale.divide for scale in self.scales])

    def encode(self, values: Floats, dtype: str, where: Where) -> Array:
        """Return the scaled values (N, K); raise DataError if one is too large."""
        y = np.empty(values.shape, dtype)
        with np.errstate(all="ignore"):
            for k, scale in enumerate(self.scales):
                y[:, k] = scale.apply(values[:, k])
        # the loss squares it; ~(a < b) holds for NaN too
        too_large = ~(np.abs(y) < np.sqrt(np.finfo(y.dtype).max))
        if too_large.any():
            row, k = (int(index) for index in np.argwhere(too_large)[0])
            raise DataError(
                f"{where(row)}, column '{self.names[k]}': {values[row, k]:g} is too large to "
                "compute with; correct it, or give the column in another unit"
            )
        return y

    @property
    def offsets(self) -> Floats:
        """The number that is subtracted from each first (K,)."""
        return np.array([scale.subtract for scale in self.scales])

    def decode(self, y: Array, origin: Floats | None = None) -> Floats:
        """Return the network's predictions y (N, K) in the units of the targets.

        They count from `origin` (K,), by default 0: from near the offsets, they keep digits that
        are lost beside a large offset.
        """
        start = self.offsets if origin is None else self.offsets - origin
        return np.asarray(y.astype(np.float64) * self.divisors + start)

    def resolution(self, differences: Floats, dtype: str) -> Floats:
        """Return the resolution of differences (N, K) between quantities, in their units.

        It is the distance from each to the next that a network which computes in `dtype` can make.
        """
        y = np.abs(differences / self.divisors).astype(dtype)
        return np.asarray(np.spacing(y) * self.divisors)


@dataclass(frozen=True, kw_only=True)
class Labels(Component):
    """Several labels, each true or not: columns of 0 and 1, or of words such as no and yes."""

    kind: Literal["labels"] = "labels"
    names: Names

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(set(self.names)) < len(self.names):
            raise FieldError("names", "must differ")


AnyTarget = Classes | Quantities | Labels


def class_codes(column: Column, name: str, where: Where) -> tuple[Codes, list[str]]:
    """Return codes (N,) into the labels of a classification target, and the labels.

    A label has one spelling, however its cells are written. Raises DataError with the rows whose
    label is missing.
    """
    missing = missing_targets(column, words=not is_numeric(column))
    refuse_missing_targets(missing, column, name, where)
    return column.as_values()


def missing_targets(
    column: Column, *, words: bool, known: KnownValues | None = None
) -> npt.NDArray[np.bool_]:
    """Return the mask (N,) of missing target values.

    Among `words` those are blank, NA, NaN and the like, unless they are `known` as classes; else
    N/A, none and the like are missing too.
    """
    if column.numbers is not None:
        return np.isnan(column.numbers)
    if words:
        return np.asarray(column.as_text(known)[0] < 0)
    return np.asarray(column.without_missing_words().as_text()[0] < 0)


def refuse_missing_targets(
    missing: npt.NDArray[np.bool_],
    column: Column,
    name: str,
    where: Where,
    advice: str = "fill it in, or drop the row",
) -> None:
    """Raise DataError with the places of the missing target values, if there are any."""
    rows = np.flatnonzero(missing)
    if len(rows):
        cells = column.take(rows[:MAX_PROBLEMS]).written_cells()
        raise DataError(
            [
                f"{where(int(row))}, column '{name}': {quoted_cell(cell)} is not a target value; "
                f"{advice}{not_missing_advice(cell)}"
                for row, cell in zip(rows, cells, strict=False)
            ]
            + total_line(len(rows), f"target values of '{name}' are missing")
        )


def not_missing_advice(cell: str) -> str:
    """Return what to set if a word that usually means a missing value is a value."""
    if cell not in GAPS:
        return ""
    option = set_option("dataset.reading.not_missing", f"[{yaml_word(cell)}]")
    return f"; if {quoted_cell(cell)} is a value: {option}"


def is_binary(column: Column) -> bool:
    """Return whether every cell is 0 or 1, or a word such as no or yes."""
    codes, texts = column.without_missing_words().as_text()
    used = used_codes(codes)
    return bool(used) and all(meaning(texts[k]) for k in used)


def is_numeric(column: Column) -> bool:
    """Return whether all cells are numbers or missing; N/A and the like are then missing too."""
    is_missing, is_number = column.number_format.is_missing_number, column.number_format.is_number
    texts = [text for text in column.categories if not is_missing(text)]
    return column.numbers is not None or (bool(texts) and all(map(is_number, texts)))


def binary_values(column: Column, name: str, where: Where) -> npt.NDArray[np.uint8]:
    """Return 0 and 1 (N,) of one label's column; raise DataError if a cell is neither."""
    codes, texts = column.as_text()
    number = {"false": 0, "true": 1, None: 2}
    value_of = [number[meaning(text)] for text in column.plain(texts)]
    values = np.array([*value_of, 2], np.uint8)[codes]  # 2 if it is neither
    wrong = np.flatnonzero(values == 2)
    if len(wrong):
        cell = quoted_cell(column.take(wrong[:1]).cells()[0])
        raise DataError(
            f"{where(int(wrong[0]))}, column '{name}': {cell} is neither 0 nor 1, nor a word such "
            f"as no or yes; correct it, or leave '{name}' out of dataset.target "
            f"(cells like it: {len(wrong)})"
        )
    return values


def regression_values(
    column: Column,
    name: str,
    where: Where,
    expected: NumberFormat | None = None,
    *,
    settable: bool = True,
) -> Floats:
    """Return one regression target's numbers (N,); raise DataError for any other cell.

    They are `expected` to be in a format, and may be in one of their own. Where keys of the config
    are `settable`, the error advises on them.
    """
    refuse_missing_targets(missing_targets(column, words=False), column, name, where)
    try:
        return column.numbers_like(expected)[0]
    except CellParseError as error:
        raise DataError(
            number_problem(error, column, name, where)
            or _not_numbers(error, column, name, where, settable=settable)
        ) from None


def _not_numbers(
    error: CellParseError, column: Column, name: str, where: Where, *, settable: bool
) -> list[str]:
    """Return one problem for a few words among numbers, or more where most cells are words."""
    count = len(error.rows)
    if settable and 2 * count > len(column):
        advice = (
            "give a number, or drop the row; if it is a class: --set task=classification, "
            "if it is true or not: --set task=multilabel"
        )
        return parse_problems(error, column, name, where, "regression target", advice)
    first = int(error.rows[0])
    text = column.take(error.rows[:1]).cells()[0]
    infinite = re.fullmatch(r"(?i)[-+]?(inf(inity)?|[0-9.]+e[0-9]+)", text)
    wanted = error.expected if infinite else "a number"
    like_it = f" (cells like it: {count})" if count > 1 else ""
    advice = _word_advice(error.texts if settable else [], column, count)
    return [
        f"{where(first)}, column '{name}': {quoted_cell(text)} is not {wanted}{like_it}; {advice}"
    ]


def _word_advice(texts: list[str], column: Column, count: int) -> str:
    """Return advice on cells that are words; few words may be set to mean missing values."""
    correct, drop = (
        ("correct them", "drop the rows") if count > 1 else ("correct it", "drop the row")
    )
    if not 1 <= len(texts) <= MAX_PROBLEMS or not all(text.isprintable() for text in texts):
        return f"{correct}, or {drop}"
    means = "they mean" if len(texts) > 1 else "it means"
    return (
        f"{correct}, or if {means} a missing value, {drop}: "
        f"{missing_option(texts, column)} --set dataset.drop_missing_targets=true"
    )
