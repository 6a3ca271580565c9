"""Cells of a target's column: as codes of classes, as 0 and 1, or as numbers."""

import numpy as np
import numpy.typing as npt

from bpnet.data.encoding.cell_errors import parse_problems
from bpnet.data.encoding.number_errors import Where, number_problem
from bpnet.data.missing_words import missing_option, not_missing_advice
from bpnet.data.numbers.cells import looks_infinite
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading.column import CellParseError, Codes, Column, Floats, used_codes
from bpnet.data.reading.column_numbers import numbers_like
from bpnet.data.spelling import KnownValues, meaning
from bpnet.errors import DataError
from bpnet.messages import MAX_PROBLEMS, like_it, quoted_cell, total_line


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
            f"as no or yes; correct it, or leave '{name}' out of dataset.target"
            f"{like_it(len(wrong))}"
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
        return numbers_like(column, expected)[0]
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
    wanted = error.expected if looks_infinite(text) else "a number"
    advice = _word_advice(error.texts if settable else [], column, count)
    return [
        f"{where(first)}, column '{name}': {quoted_cell(text)} is not {wanted}{like_it(count)}; "
        f"{advice}"
    ]


def _word_advice(texts: list[str], column: Column, count: int) -> str:
    """Return advice on cells that are words; few words may be set to mean missing values."""
    correct, drop = (
        ("correct them", "drop the rows") if count > 1 else ("correct it", "drop the row")
    )
    if not 1 <= len(texts) <= MAX_PROBLEMS or not all(text.isprintable() for text in texts):
        return f"{correct}, or {drop}"
    means = "they mean" if len(texts) > 1 else "it means"
    option = missing_option(texts, column.number_format.missing)
    return (
        f"{correct}, or if {means} a missing value, {drop}: "
        f"{option} --set dataset.drop_missing_targets=true"
    )
