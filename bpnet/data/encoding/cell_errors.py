"""Errors of cells: the place of a cell that cannot be used, and advice."""

import re
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bpnet.data.encoding.columns import MissingValueError
from bpnet.data.encoding.number_errors import Where, number_problem
from bpnet.data.missing_words import missing_option
from bpnet.data.reading.chunk import Chunk
from bpnet.data.reading.column import CellParseError, Column
from bpnet.errors import DataError
from bpnet.messages import MAX_PROBLEMS, quoted_cell, set_option, total_line

_LONGEST_WORD = 80
"""Characters of a text that may be a word for a missing value."""

_FILL_IN = (
    "fill it in, drop the row, or train again with --set dataset.preprocessing.missing=impute"
)


class CellErrors:
    """Context manager that turns errors in a feature's cells into a DataError that names them.

    `advice` is about cells that are no numbers or dates; by default, what to set in the config.
    """

    def __init__(self, chunk: Chunk, column: str, advice: str | None = None) -> None:
        self._chunk, self._column, self._advice = chunk, column, advice

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        name, where = self._column, self._chunk.where
        if isinstance(error, MissingValueError):
            problems = _problems(
                error.rows, where, name, lambda _: "is blank", _FILL_IN, "are blank"
            )
            raise DataError(problems) from None
        if isinstance(error, CellParseError):
            column, advice, way_out = self._chunk.column(name), self._advice, ""
            if advice is None:
                role = set_option("dataset.roles", "categorical", name)
                ignored = set_option("dataset.roles", "ignored", name)
                option = missing_option(error.texts, column.number_format.missing)
                missing = f"if it means a missing value: {option}; "
                first = error.texts[:MAX_PROBLEMS]
                short = all(len(text) <= _LONGEST_WORD and text.isprintable() for text in first)
                advice = (
                    f"correct it; {missing if short else ''}"
                    f"to read the column as text: {role}; to leave it out: {ignored}"
                )
                way_out = f", or leave the column out with {ignored}"
            if error.advice is not None:
                advice = error.advice(name)
            raise DataError(
                number_problem(error, column, name, where, way_out)
                or parse_problems(error, column, name, where, "feature", advice)
            ) from None


def advice_after_training(column: str, *, imputed: bool) -> str:
    """Return advice on a cell for a verb that cannot change the config, such as predict."""
    return (
        f"correct it{', or leave the cell blank, which is imputed' if imputed else ''}; to change "
        f"the role, train again with {set_option('dataset.roles', 'categorical', column)}"
    )


def parse_problems(
    error: CellParseError, column: Column, name: str, where: Where, purpose: str, advice: str
) -> list[str]:
    """Return the problems of cells that could not be parsed.

    `purpose` is that of the column, such as "feature"; `advice` follows each problem.
    """
    codes, categories = column.as_text()
    is_missing = column.number_format.is_missing_number
    present = sum(not is_missing(category) for category in categories)
    no_digits = not any(re.search(r"\d", text) for text in error.texts)
    # no cell is a number: a column of text, for which one cell is enough
    if present == len(error.texts) > 1 and no_digits:
        first = int(error.rows[0])
        cell = quoted_cell(categories[codes[first]])
        return [f"{where(first)}: column '{name}', a {purpose}, holds text ({cell}); {advice}"]
    return _problems(
        error.rows,
        where,
        name,
        lambda row: f"{quoted_cell(categories[codes[row]])} is not {error.expected}",
        advice,
        f"are not {error.expected}",
    )


def _problems(
    rows: npt.NDArray[np.intp],
    where: Where,
    column: str,
    problem: Callable[[int], str],
    advice: str,
    problem_of_all: str,
) -> list[str]:
    """Return a line for each of the first rows, and the total if there are more."""
    return [
        f"{where(row)}, column '{column}': {problem(row)}; {advice}"
        for row in rows[:MAX_PROBLEMS].tolist()
    ] + total_line(len(rows), f"cells of column '{column}' {problem_of_all}")
