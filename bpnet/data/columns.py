"""Columns: cells read as numbers or as classes, with every cell that does not fit named."""

import math
import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bpnet.data.table import MOST_PROBLEMS, Table, more
from bpnet.errors import DataError

MOST_INTEGER_CLASSES = 20
"""Whole numbers with more different values than these are a regression target unless `task` says otherwise."""

Floats = npt.NDArray[np.float64]


def numeric_columns(table: Table, columns: Sequence[str], *, role: str, advice: str) -> Floats:
    """The named columns as numbers (rows, columns); raises DataError that names every kind of bad cell at once."""
    values = np.empty((len(table), len(columns)))
    problems: list[str] = []
    for k, column in enumerate(columns):
        read = table.numbers(column)
        if read is not None:
            values[:, k] = read
            continue
        cells = table.cells(column, wanted_for=f"is a {role}")
        try:
            values[:, k] = [_number(cell) for cell in cells]
        except ValueError:
            problems += _bad_cells(table, column, cells, role, advice)
    if problems:
        raise DataError(problems)
    return values


def is_number(cell: str) -> bool:
    """Whether a cell reads as a finite number."""
    try:
        _number(cell)
    except ValueError:
        return False
    return True


def _number(cell: str) -> float:
    value = float(cell)
    if not math.isfinite(value) or "_" in cell:
        raise ValueError(cell)
    return value


def _bad_cells(table: Table, column: str, cells: Sequence[str], role: str, advice: str) -> list[str]:
    bad = [row for row, cell in enumerate(cells) if not is_number(cell)]
    if len(bad) == len(cells) and not any(_is_gap(cell) or _reads_as_float(cell) for cell in cells):
        return [f"{table.name}: column '{column}', a {role}, holds text ({_shown(cells[0])} in row 1); {advice}"]
    return [
        f"{table.where(row)}, column '{column}': {_shown(cells[row])} is not a finite number; {advice}"
        for row in bad[:MOST_PROBLEMS]
    ] + more(len(bad), f"cells of column '{column}' are not finite numbers")


def _reads_as_float(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _shown(cell: str) -> str:
    return repr(cell if len(cell) <= 40 else cell[:39] + "…") if cell else "a blank cell"


def suggests_classes(cells: Sequence[str]) -> bool:
    """Whether a target is classes: text, or at most 20 different whole numbers; else it is a quantity.

    Numbers with a few words among them are a quantity too, so that those words are found and named.
    """
    different = {cell for cell in cells if not _is_gap(cell)}
    numbers = {cell for cell in different if is_number(cell)}
    if len(numbers) < len(different):
        return len(numbers) <= max(MOST_INTEGER_CLASSES, 0.9 * len(different))
    return all(float(cell).is_integer() for cell in numbers) and len(numbers) <= MOST_INTEGER_CLASSES


def class_labels(table: Table, column: str) -> list[str]:
    """A classification target's labels, row by row; where all are whole numbers, 1.0 is written 1.

    Raises DataError that names the rows with a blank label, or nan.
    """
    cells = table.cells(column, wanted_for="is the target")
    gaps = [row for row, cell in enumerate(cells) if _is_gap(cell)]
    if gaps:
        raise DataError(
            [
                f"{table.where(row)}, column '{column}': {_shown(cells[row])} is no class; fill it in, or drop the row"
                for row in gaps[:MOST_PROBLEMS]
            ]
            + more(len(gaps), f"cells of the target '{column}' have no class")
        )
    whole = {cell: match[1] for cell in set(cells) if (match := re.fullmatch(r"([-+]?[0-9]+)(\.0*)?", cell))}
    return [whole[cell] for cell in cells] if len(whole) == len(set(cells)) else cells


def in_order(labels: Sequence[str]) -> list[str]:
    """The different labels: whole numbers by size, else by the alphabet."""
    different = set(labels)
    whole = all(re.fullmatch(r"[-+]?[0-9]+", label) for label in different)
    return sorted(different, key=(lambda label: (int(label), label)) if whole else str)


def _is_gap(cell: str) -> bool:
    return not cell or cell.lower() == "nan"
