"""Columns read whole: those that are needed for all rows at once, such as the target."""

from dataclasses import replace

import numpy as np

from bpnet.data.numbers.detection import TableNumberFormat
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading.chunk import CellType, ColumnTypes
from bpnet.data.reading.column import CellParseError, Codes, Column, Floats, used_codes
from bpnet.data.reading.column_numbers import numbers_like
from bpnet.data.reading.table import Table


def whole_columns(table: Table, types: ColumnTypes) -> dict[str, Column]:
    """Return each column of `types` with all the table's rows; raise DataError.

    A column of the type `any` is numbers if all its cells can be, else text.
    """
    parts: dict[str, list[Column]] = {name: [] for name in types}
    for chunk in table.chunks(types):
        for name in types:
            parts[name].append(chunk.column(name))
    whole: dict[str, Column] = {}
    as_text: dict[str, CellType] = {}
    for name, columns in parts.items():
        joined = _joined(columns, types[name])
        if joined is None:
            as_text[name] = "text"  # read again: 007 was read as 7 in some chunks
        else:
            whole[name] = joined
    return whole | (whole_columns(table, as_text) if as_text else {})


def _joined(columns: list[Column], kind: CellType) -> Column | None:
    """Join the columns of all chunks; return None if only some of them are numbers."""
    if len(columns) == 1:
        return columns[0]
    number_format = columns[0].number_format
    numeric = [column.numbers is not None for column in columns]
    # several formats: the files write their numbers in different ways
    several = len({column.number_format for column in columns}) > 1
    if any(numeric) or (several and kind != "text"):
        try:
            # what is not as the parser of the numbers expects it may be clear from other chunks
            read = Column.as_numbers if any(numeric) else _certain_numbers
            return Column(number_format, numbers=np.concatenate(list(map(read, columns))))
        except CellParseError:
            if any(numeric):
                return None
    number: dict[str, int] = {}
    # where one file's marks may mean either, those of the others decide, as within one file
    plain = several and all(map(_is_certain, columns))
    codes = np.concatenate([_renumbered(column, number, plain=plain) for column in columns])
    if plain:
        number_format = replace(number_format, decimal=".", thousands=None)
    elif several:
        formats = [column.number_format for column in columns]
        number_format = next(filter(_is_shown, formats), number_format)
    return Column(number_format, codes=codes, categories=list(number))


def _certain_numbers(column: Column) -> Floats:
    return numbers_like(column, None)[0]


def _is_certain(column: Column) -> bool:
    """Return whether numbers in a column's cells can be read in one way only."""
    return _is_shown(column.number_format) or column.detect_format().other is None


def _is_shown(number_format: NumberFormat) -> bool:
    return not isinstance(number_format, TableNumberFormat) or number_format.is_certain


def _renumbered(column: Column, number: dict[str, int], *, plain: bool) -> Codes:
    """Return a chunk's codes by the numbers of the texts so far, adding those of new texts.

    `plain` texts have numbers in plain notation.
    """
    codes, categories = column.as_text()
    if plain:
        categories = column.plain(categories)
    new = np.full(len(categories) + 1, -1, np.int32)  # the last for the code -1
    for k in used_codes(codes):
        new[k] = number.setdefault(categories[k], len(number))
    return new[codes]
