"""Columns: the role of each, its values in the training rows, and the inputs it is encoded to."""

from dataclasses import dataclass

import numpy as np

from bpnet.data.encoding.column_options import Role
from bpnet.data.encoding.column_stats import CategoryStats
from bpnet.data.encoding.columns import BooleanColumn, EncodedColumn, NumericColumn
from bpnet.data.encoding.dates import DateColumn
from bpnet.data.target_cells import missing_targets
from bpnet.preparation.fit import FittedDataset


@dataclass(frozen=True)
class ColumnDescription:
    """A column: its role, its values in the training rows, and the number of inputs it makes."""

    name: str
    role: Role
    reason: str | None
    """Why the column is left out, if it is."""
    missing: float
    """The share of training rows in which the value is missing."""
    levels: int | None
    """The number of different texts, where the column is categorical, boolean or left out."""
    lowest: float | str | None
    """The smallest number, or the earliest day."""
    highest: float | str | None
    inputs: int
    indicator: bool
    """True if one of the inputs marks missing values."""
    constant: bool


def describe_columns(fitted: FittedDataset) -> list[ColumnDescription]:
    """Return each candidate for a feature, in the order of the table; raises DataError.

    The table is read once.
    """
    split = fitted.split
    findings, train = split.column_roles.detected, split.mask("train")
    encoded = {column.name: column for column in fitted.encoder.columns}
    missing = dict.fromkeys(findings, 0)
    categories = {name: CategoryStats() for name in findings}
    for chunk in split.table.chunks(
        {name: encoded[name].cell_type if name in encoded else "text" for name in findings}
    ):
        rows = train[chunk.start : chunk.start + len(chunk)]
        for name in findings:
            column, role = chunk.column(name), _role(encoded.get(name))
            if role in ("numeric", "date"):
                missing[name] += int(missing_targets(column, words=False)[rows].sum())
            else:
                words = column.without_missing_words() if role == "boolean" else column
                categories[name].add(words, rows)
    for stats in categories.values():
        stats.merge_spellings()
    return [
        _described(
            name,
            encoded.get(name),
            finding.reason,
            missing=(missing[name] + categories[name].missing) / int(train.sum()),
            categories=len(categories[name].counts),
        )
        for name, finding in findings.items()
    ]


def _role(column: EncodedColumn | None) -> Role:
    if isinstance(column, NumericColumn):
        return "numeric"
    if isinstance(column, DateColumn):
        return "date"
    if column is None:
        return "ignored"
    return "boolean" if isinstance(column, BooleanColumn) else "categorical"


def _described(
    name: str, column: EncodedColumn | None, reason: str | None, *, missing: float, categories: int
) -> ColumnDescription:
    lowest: float | str | None = None
    highest: float | str | None = None
    if isinstance(column, NumericColumn):
        lowest, highest = column.lowest, column.highest
    elif isinstance(column, DateColumn):
        lowest, highest = _day(column.lowest), _day(column.highest)
    return ColumnDescription(
        name=name,
        role=_role(column),
        reason=reason,
        missing=missing,
        levels=None if lowest is not None else categories,
        lowest=lowest,
        highest=highest,
        inputs=len(column.inputs) if column else 0,
        indicator=column is not None and column.indicator,
        constant=column is not None and column.constant,
    )


def _day(days: float) -> str:
    """Return the date of a number of days since 1970-01-01."""
    return str(np.datetime64(int(np.floor(days)), "D"))
