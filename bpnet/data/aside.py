"""Columns read whole: the few that are needed of all rows at once, such as the target."""

import contextlib
from collections.abc import Iterable

import numpy as np

from bpnet.data.reading.chunk import Wanted
from bpnet.data.reading.column import Column, NotNumbersError
from bpnet.data.reading.table import Table


def whole_columns(table: Table, wanted: Wanted) -> dict[str, Column]:
    """Each wanted column of all the table's rows; raises DataError."""
    parts: dict[str, list[Column]] = {name: [] for name in wanted}
    for chunk in table.chunks(wanted or {table.columns[0]: "text"}):
        for name in wanted:
            parts[name].append(chunk.column(name))
    return {name: _joined(columns) for name, columns in parts.items()}


def _joined(columns: list[Column]) -> Column:
    if len(columns) == 1:
        return columns[0]
    marks = columns[0].marks
    if all(column.numbers is not None for column in columns):
        return Column(
            marks, numbers=np.concatenate([column.numbers for column in columns if column.numbers is not None])
        )
    if len({column.marks for column in columns}) > 1:  # files that write their numbers differently
        with contextlib.suppress(NotNumbersError):
            return Column(marks, numbers=np.concatenate([column.as_numbers() for column in columns]))
    number: dict[str, int] = {}
    codes = [_renumbered(column, number) for column in columns]
    return Column(marks, codes=np.concatenate(codes), levels=list(number))


def _renumbered(column: Column, number: dict[str, int]) -> np.ndarray:
    codes, levels = column.as_text()
    used: Iterable[int] = np.unique(codes[codes >= 0]).tolist()
    new = np.full(len(levels) + 1, -1, np.int32)
    for k in used:
        new[k] = number.setdefault(levels[k], len(number))
    return new[codes]
