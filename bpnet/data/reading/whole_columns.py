"""Columns read whole: the few that are needed of all rows at once, such as the target."""

from collections.abc import Iterable

import numpy as np

from bpnet.data.reading.chunk import CellType, ColumnTypes
from bpnet.data.reading.column import CellParseError, Column
from bpnet.data.reading.table import Table


def whole_columns(table: Table, wanted: ColumnTypes) -> dict[str, Column]:
    """Each wanted column of all the table's rows; raises DataError.

    What is wanted as `any` and is numbers in some chunks alone is numbers where all of it can be, else text.
    """
    parts: dict[str, list[Column]] = {name: [] for name in wanted}
    for chunk in table.chunks(wanted):
        for name in wanted:
            parts[name].append(chunk.column(name))
    whole: dict[str, Column] = {}
    again: dict[str, CellType] = {}
    for name, columns in parts.items():
        joined = _joined(columns)
        if joined is None:
            again[name] = "text"  # for 007 has been read as 7 in some chunks
        else:
            whole[name] = joined
    return whole | (whole_columns(table, again) if again else {})


def _joined(columns: list[Column]) -> Column | None:
    """One column of several; None where some are numbers, and the texts of others are not."""
    if len(columns) == 1:
        return columns[0]
    number_format = columns[0].number_format
    numeric = [column.numbers is not None for column in columns]
    if (
        any(numeric) or len({column.number_format for column in columns}) > 1
    ):  # of files that write numbers differently
        try:
            return Column(
                number_format, numbers=np.concatenate([column.as_numbers() for column in columns])
            )
        except CellParseError:
            if any(numeric):
                return None
    number: dict[str, int] = {}
    codes = [_renumbered(column, number) for column in columns]
    return Column(number_format, codes=np.concatenate(codes), categories=list(number))


def _renumbered(column: Column, number: dict[str, int]) -> np.ndarray:
    codes, categories = column.as_text()
    used: Iterable[int] = np.unique(codes[codes >= 0]).tolist()
    new = np.full(len(categories) + 1, -1, np.int32)
    for k in used:
        new[k] = number.setdefault(categories[k], len(number))
    return new[codes]
