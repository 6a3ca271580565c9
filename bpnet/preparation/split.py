"""Dividing: which rows of a config's table train, which validate and which test."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bpnet.config.schema import Config, Split
from bpnet.data.encoding.dates import likely_format, parse_date
from bpnet.data.reading import Table
from bpnet.data.reading.column import CellParseError, Column, Floats
from bpnet.data.splitting import Indices, Part, SplitOptions, parts_from_words, split_rows
from bpnet.errors import DataError
from bpnet.messages import quoted_list
from bpnet.preparation.dataset import Opened
from bpnet.preparation.target_values import Answers, Mask


@dataclass(frozen=True)
class RowKeys:
    """By what rows are drawn, where the config says so: the class, the group and the time of each (N,)."""

    classes: Indices | None
    groups: Indices | None
    times: Floats | None


def row_keys(
    config: Config, table: Table, answers: Answers, aside: Mapping[str, Column]
) -> RowKeys:
    """Read the keys off columns of `aside`; raises DataError where one has a gap."""
    split = config.dataset.split
    classes = (
        answers.values.astype(np.intp)
        if split.stratifies(answers.task) and answers.classes
        else None
    )
    groups = None if split.group is None else aside[split.group].as_text()[0].astype(np.intp)
    times = None if split.time is None else _times(aside[split.time], split.time, table)
    if split.group is not None and groups is not None:
        _refuse_gaps(groups < 0, "group", split.group, answers, table)
    if split.time is not None and times is not None:
        _refuse_gaps(np.isnan(times), "time", split.time, answers, table)
    return RowKeys(classes, groups, times)


def divide(
    config: Config, opened: Opened, answers: Answers, aside: Mapping[str, Column]
) -> dict[Part, Indices]:
    """The rows of each part, by files, by a column of `aside`, or drawn; raises DataError."""
    split, table = config.dataset.split, opened.table
    rows = len(answers.values)
    if answers.task == "classification" and isinstance(split.amount("validation"), float):
        held_out = split.share("validation") + split.share("test")
        if len(answers.classes) > rows * (1 - held_out):
            raise DataError(
                f"{table.name}: the target '{answers.names[0]}' has {len(answers.classes)} classes, more than the rows "
                f"left to train on, of {rows} in all; give it more rows, or lower dataset.split.validation and test; "
                "if it is a quantity, set task: regression"
            )
    named = opened.named_parts()
    if split.column is not None:
        codes, levels = aside[split.column].as_text()
        kept = np.arange(rows) if answers.dropped is None else np.flatnonzero(~answers.dropped)
        named = np.full(rows, -1, np.int8)
        named[kept] = parts_from_words(
            codes[kept].astype(np.intp), list(levels), lambda row: table.where(int(kept[row]))
        )
    keys = row_keys(config, table, answers, aside)
    return split_rows(
        rows,
        _wish(split),
        config.split_seed,
        keys.classes,
        groups=keys.groups,
        times=keys.times,
        named=named,
        dropped=answers.dropped,
    )


def _refuse_gaps(gaps: Mask, by: str, column: str, answers: Answers, table: Table) -> None:
    if answers.dropped is not None:
        gaps = gaps & ~answers.dropped
    if gaps.any():
        raise DataError(
            f"{table.where(int(np.argmax(gaps)))}, column '{column}': is blank, but dataset.split.{by} needs it of "
            f"every row; fill it in, or drop the row (rows like it: {int(gaps.sum())})"
        )


def _wish(split: Split) -> SplitOptions:
    def indices(rows: list[int] | None) -> list[int] | None:
        return None if rows is None else [row - 1 for row in rows]

    return SplitOptions(
        validation=split.amount("validation"),
        test=split.amount("test"),
        validation_rows=indices(split.validation_rows),
        test_rows=indices(split.test_rows),
        shuffle=split.shuffle,
    )


def _times(column: Column, name: str, table: Table) -> Floats:
    """The column that orders the rows: numbers, or dates as days."""
    if column.numbers is not None:
        return column.numbers
    _, levels = column.as_text()
    if any(column.number_format.is_number(level) for level in levels):
        meant, form = "a number", ""
        read = column.number_format.number
    else:
        form = likely_format(list(levels[:2000]), 0.0) or ""
        meant = f"a date ({form})" if form else "a date or a number"

        def read(cell: str) -> float:
            return parse_date(cell, form)

    try:
        return column.parse(read, meant)
    except CellParseError as error:
        row = int(error.rows[0])
        raise DataError(
            f"{table.where(row)}, column '{name}': {error.texts[0]!r} is not {meant}, by which dataset.split.time "
            f"orders the rows (rows like it: {len(error.rows)}); correct it, or name another column"
        ) from None


def check_classes(answers: Answers, table: Table, train: Indices) -> None:
    """Raise DataError where a class has no row that trains."""
    counts = np.bincount(answers.values[train], minlength=len(answers.classes))
    missing = [label for label, count in zip(answers.classes, counts, strict=True) if count == 0]
    if missing:
        raise DataError(
            f"{table.name}: no training row has the class {quoted_list(missing)} of '{answers.names[0]}'; "
            "lower dataset.split.validation and test, set dataset.split.stratify to true, or add rows"
        )
