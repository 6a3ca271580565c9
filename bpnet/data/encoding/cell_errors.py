"""Errors of cells: the place of a cell that cannot be used, and advice."""

import re
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bpnet.data.encoding.columns import MissingValueError
from bpnet.data.reading.chunk import Chunk
from bpnet.data.reading.column import CellParseError, Column, number_text
from bpnet.data.reading.number_detection import DetectedFormat
from bpnet.data.reading.number_format import NumberFormat
from bpnet.errors import DataError
from bpnet.messages import MAX_PROBLEMS, quoted_cell, shell_quoted, total_line

Where = Callable[[int], str]
"""Returns the place of a row, counted from 0: 'iris.csv, line 4 (row 3)'."""

_FILL_IN = (
    "fill it in, drop the row, or set dataset.preprocessing.missing to impute and train again"
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
            column = self._chunk.column(name)
            advice = self._advice or (
                "correct it, list the word in dataset.reading.missing if it means a missing value, "
                f"or set dataset.roles.{name} to categorical or ignored"
            )
            if error.advice is not None:
                advice = error.advice(name)
            elif self._advice is None:
                advice = number_format_advice(error.texts) or advice
            raise DataError(parse_problems(error, column, name, where, "feature", advice)) from None


def advice_after_training(column: str, *, imputed: bool) -> str:
    """Return advice on a cell for a verb that cannot change the config, such as predict."""
    role = shell_quoted(f"dataset.roles.{column}=categorical")
    typed = not set(column) & set(".=")  # of which the key of --set is made
    return (
        f"correct it{', or leave the cell blank, which is imputed' if imputed else ''}; "
        "to change the role, "
        + (f"train again with --set {role}" if typed else "set dataset.roles and train again")
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


_THOUSANDS = re.compile(r"[-+]?\d{1,3}([,' _]\d{3})+(\.\d*)?")
_COMMA = re.compile(r"[-+]?\d+,\d+([eE][-+]?\d+)?")


def has_other_number_format(cell: str) -> bool:
    """Return whether a cell is a number with a thousands mark or a decimal comma."""
    return bool(_THOUSANDS.fullmatch(cell) or _COMMA.fullmatch(cell))


def ambiguity_note(detected: DetectedFormat) -> str:
    """Return a note on a column whose numbers could also be read in another format."""
    chosen, other = detected.number_format, detected.other
    assert other is not None
    cell = detected.example
    return (
        f"{quoted_cell(cell)} is read as {number_text(chosen.number(cell))}; if it means "
        f"{number_text(other.number(cell))}, use {_setting(chosen, other)}, "
        f"else {_setting(other, chosen)} ends this warning"
    )


def _setting(chosen: NumberFormat, other: NumberFormat) -> str:
    """Return the option that reads a column in the other format."""
    if other.thousands is not None and other.thousands != chosen.thousands:
        return f"--set {shell_quoted(f'dataset.reading.thousands={other.thousands}')}"
    return f"--set {shell_quoted(f'dataset.reading.decimal={other.decimal}')}"


def number_format_advice(texts: list[str]) -> str:
    """Return the settings to change if all texts are numbers of another format, or nothing."""
    advice = []
    if all(_THOUSANDS.fullmatch(text) for text in texts):
        mark = next(character for character in texts[0].lstrip("+-") if not character.isdigit())
        advice.append(
            f"if {mark!r} is between thousands, set dataset.reading.thousands to {mark!r}"
        )
    if all(_COMMA.fullmatch(text) for text in texts):
        advice.append("if the comma is the decimal mark, set dataset.reading.decimal to ','")
    return "; ".join(advice)
