"""Spots: where in the table a cell that cannot be used stands, and what to do about it."""

import re
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bpnet.data.encoding.columns import GapError
from bpnet.data.reading.chunk import Chunk
from bpnet.data.reading.column import Column, NotNumbersError
from bpnet.errors import DataError
from bpnet.messages import MAX_PROBLEMS, quoted_cell, total_line

Where = Callable[[int], str]
"""Names the place of a row, counted from 0."""


class Spot:
    """Turns what is wrong with cells of a feature, in a chunk, into a DataError that names them."""

    def __init__(self, chunk: Chunk, column: str) -> None:
        self._chunk, self._column = chunk, column

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        if isinstance(error, GapError):
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
        if isinstance(error, NotNumbersError):
            column = self._chunk.column(self._column)
            problems = not_numbers(
                error, column, self._column, self._chunk.where, "feature", _advice(self._column)
            )
            raise DataError(problems) from None


def not_numbers(
    error: NotNumbersError, column: Column, name: str, where: Where, role: str, advice: str
) -> list[str]:
    """What to say of cells that are not what was meant; `role` is what the column is for, `advice` what may be done."""
    codes, levels = column.as_text()
    others = sum(1 for level in levels if not column.marks.is_gap_among_numbers(level)) - len(
        error.levels
    )
    if (
        others == 0
        and len(error.levels) > 1
        and not any(re.search(r"\d", level) for level in error.levels)
    ):
        first = int(error.rows[0])
        return [
            f"{where(first)}: column '{name}', a {role}, holds text ({quoted_cell(levels[codes[first]])}); {advice}"
        ]
    return _named(
        error.rows,
        where,
        name,
        lambda row: f"{quoted_cell(levels[codes[row]])} is not {error.meant}",
        _marks_advice(error.levels) or advice,
        f"are not {error.meant}",
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


def has_other_marks(cell: str) -> bool:
    """Whether a cell is a number but for a mark between its thousands, or a decimal comma."""
    return bool(_THOUSANDS.fullmatch(cell) or _COMMA.fullmatch(cell))


def _marks_advice(levels: list[str]) -> str:
    """What to set where the numbers are written with other marks."""
    advice = []
    if all(_THOUSANDS.fullmatch(level) for level in levels):
        mark = next(c for c in levels[0].lstrip("+-") if not c.isdigit())
        advice.append(
            f"if {mark!r} stands between thousands, set dataset.reading.thousands to {mark!r}"
        )
    if all(_COMMA.fullmatch(level) for level in levels):
        advice.append("if the comma is the decimal mark, set dataset.reading.decimal to ','")
    return "; ".join(advice)


_THOUSANDS = re.compile(r"[-+]?\d{1,3}([,' _]\d{3})+(\.\d*)?")
_COMMA = re.compile(r"[-+]?\d+,\d+([eE][-+]?\d+)?")
