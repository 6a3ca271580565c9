"""Spots: where in the table a cell that cannot be used stands, and what to do about it."""

import re
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bpnet.data.encoding.columns import MissingValueError
from bpnet.data.reading.chunk import Chunk
from bpnet.data.reading.column import CellParseError, Column
from bpnet.errors import DataError
from bpnet.messages import MAX_PROBLEMS, quoted_cell, total_line

Where = Callable[[int], str]
"""Names the place of a row, counted from 0."""


class CellErrors:
    """Turns what is wrong with cells of a feature, in a chunk, into a DataError that names them."""

    def __init__(self, chunk: Chunk, column: str) -> None:
        self._chunk, self._column = chunk, column

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        if isinstance(error, MissingValueError):
            advice = "fill it in, drop the row, or set dataset.preprocessing.missing to impute and train again"
            raise DataError(
                _named(
                    error.rows,
                    self._chunk.where,
                    self._column,
                    lambda _: "is blank",
                    advice,
                    "are blank",
                )
            ) from None
        if isinstance(error, CellParseError):
            column = self._chunk.column(self._column)
            problems = parse_problems(
                error, column, self._column, self._chunk.where, "feature", _advice(self._column)
            )
            raise DataError(problems) from None


def parse_problems(
    error: CellParseError, column: Column, name: str, where: Where, role: str, advice: str
) -> list[str]:
    """What to say of cells that are not what was meant; `role` is what the column is for, `advice` what may be done."""
    codes, categories = column.as_text()
    others = sum(
        1 for category in categories if not column.number_format.is_missing_number(category)
    ) - len(error.texts)
    if (
        others == 0
        and len(error.texts) > 1
        and not any(re.search(r"\d", category) for category in error.texts)
    ):
        first = int(error.rows[0])
        return [
            f"{where(first)}: column '{name}', a {role}, holds text ({quoted_cell(categories[codes[first]])}); {advice}"
        ]
    return _named(
        error.rows,
        where,
        name,
        lambda row: f"{quoted_cell(categories[codes[row]])} is not {error.expected}",
        _marks_advice(error.texts) or advice,
        f"are not {error.expected}",
    )


def _advice(column: str) -> str:
    return (
        "correct it, list the word in dataset.reading.missing if it stands for a gap, or set "
        f"dataset.roles.{column} to categorical or ignored"
    )


def _named(
    rows: npt.NDArray[np.intp],
    where: Where,
    column: str,
    what: Callable[[int], str],
    advice: str,
    all_of_them: str,
) -> list[str]:
    return [
        f"{where(row)}, column '{column}': {what(row)}; {advice}"
        for row in rows[:MAX_PROBLEMS].tolist()
    ] + total_line(len(rows), f"cells of column '{column}' {all_of_them}")


def has_other_number_format(cell: str) -> bool:
    """Whether a cell is a number but for a mark between its thousands, or a decimal comma."""
    return bool(_THOUSANDS.fullmatch(cell) or _COMMA.fullmatch(cell))


def _marks_advice(categories: list[str]) -> str:
    """What to set where the numbers are written with other marks."""
    advice = []
    if all(_THOUSANDS.fullmatch(category) for category in categories):
        mark = next(c for c in categories[0].lstrip("+-") if not c.isdigit())
        advice.append(
            f"if {mark!r} stands between thousands, set dataset.reading.thousands to {mark!r}"
        )
    if all(_COMMA.fullmatch(category) for category in categories):
        advice.append("if the comma is the decimal mark, set dataset.reading.decimal to ','")
    return "; ".join(advice)


_THOUSANDS = re.compile(r"[-+]?\d{1,3}([,' _]\d{3})+(\.\d*)?")
_COMMA = re.compile(r"[-+]?\d+,\d+([eE][-+]?\d+)?")
