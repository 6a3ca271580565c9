"""The keys that rows are split by: the class, the group and the time of each."""

from dataclasses import dataclass

import numpy as np

from bpnet.data.encoding.dates import expected_date, likely_format, parse_date
from bpnet.data.reading import Table
from bpnet.data.reading.column import CellParseError, Column, Floats
from bpnet.data.splitting import Indices
from bpnet.errors import DataError
from bpnet.preparation.open import OpenedDataset
from bpnet.preparation.target_values import Mask


@dataclass(frozen=True)
class RowKeys:
    """The class, group and time (N,) of each row; None for those that the config does not use."""

    classes: Indices | None
    groups: Indices | None
    times: Floats | None


def read_row_keys(opened: OpenedDataset) -> RowKeys:
    """Read the keys that the split uses; raise DataError if a row lacks one."""
    split, target_values = opened.loaded.config.dataset.split, opened.target_values
    classes = groups = times = None
    if split.stratifies(target_values.task) and target_values.classes:
        classes = target_values.values.astype(np.intp)
    if split.group is not None:
        groups = opened.whole_columns[split.group].as_text()[0].astype(np.intp)
    if split.time is not None:
        times = _read_times(opened.whole_columns[split.time], split.time, opened.table)
    if split.group is not None and groups is not None:
        _refuse_missing(groups < 0, "group", split.group, opened)
    if split.time is not None and times is not None:
        _refuse_missing(np.isnan(times), "time", split.time, opened)
    return RowKeys(classes, groups, times)


def _refuse_missing(missing: Mask, key: str, column: str, opened: OpenedDataset) -> None:
    """Raise DataError if a row that is not dropped has no key."""
    if opened.target_values.dropped is not None:
        missing = missing & ~opened.target_values.dropped
    if missing.any():
        raise DataError(
            f"{opened.table.where(int(np.argmax(missing)))}, column '{column}': is blank, but "
            f"dataset.split.{key} needs it in every row; fill it in, or drop the row "
            f"(rows like it: {int(missing.sum())})"
        )


def _read_times(column: Column, name: str, table: Table) -> Floats:
    """Return the numbers (N,) that order the rows; of dates, days."""
    if column.numbers is not None:
        return column.numbers
    _, texts = column.as_text()
    if any(column.number_format.is_number(text) for text in texts):
        expected, date_format = "a number", ""
        parse = column.number_format.number
    else:
        date_format = likely_format(list(texts[:2000]), 0.0) or ""
        expected = expected_date(date_format) if date_format else "a date or a number"

        def parse(cell: str) -> float:
            return parse_date(cell, date_format)

    try:
        return column.parse(parse, expected)
    except CellParseError as error:
        row = int(error.rows[0])
        raise DataError(
            f"{table.where(row)}, column '{name}': {error.texts[0]!r} is not {expected}, by which "
            f"dataset.split.time orders the rows (rows like it: {len(error.rows)}); "
            "correct it, or name another column"
        ) from None
