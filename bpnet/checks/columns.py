"""Describing: what each column of a table is by its training rows, and what becomes of it."""

from dataclasses import dataclass

import numpy as np

from bpnet.data.encoding.column_stats import CategoryStats
from bpnet.data.encoding.columns import BooleanColumn, EncodedColumn, NumericColumn
from bpnet.data.encoding.dates import DateColumn
from bpnet.data.encoding.fitting import Role
from bpnet.data.targets import missing_targets
from bpnet.preparation.prepare import Fitted


@dataclass(frozen=True)
class ColumnDescription:
    """A column: its role, its training rows' gaps and values, and how many inputs it makes."""

    name: str
    role: Role
    reason: str | None
    """Of a column that is left out: why."""
    missing: float
    """The share of training rows in which it is a gap."""
    levels: int | None
    """How many different texts it has, where it is categorical, boolean or left out."""
    lowest: float | str | None
    """The smallest number, or the earliest day."""
    highest: float | str | None
    inputs: int
    constant: bool


def describe(fitted: Fitted) -> list[ColumnDescription]:
    """Each candidate for a feature, in the order of the table, in one pass over it; raises DataError."""
    surveyed = fitted.survey
    findings, train = surveyed.profile.findings, surveyed.part("train")
    encoded = {column.name: column for column in fitted.encoder.columns}
    gaps, levels = dict.fromkeys(findings, 0), {name: CategoryStats() for name in findings}
    for chunk in surveyed.table.chunks(
        {name: encoded[name].cell_type if name in encoded else "text" for name in findings}
    ):
        rows = train[chunk.start : chunk.start + len(chunk)]
        for name in findings:
            column, role = chunk.column(name), _role(encoded.get(name))
            if role in ("numeric", "date"):
                gaps[name] += int(missing_targets(column, words=False)[rows].sum())
            else:
                levels[name].add(column, rows)
    return [
        _described(
            name,
            encoded.get(name),
            finding.reason,
            missing=(gaps[name] + levels[name].missing) / int(train.sum()),
            levels=len(levels[name].counts),
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
    name: str, column: EncodedColumn | None, reason: str | None, *, missing: float, levels: int
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
        levels=None if lowest is not None else levels,
        lowest=lowest,
        highest=highest,
        inputs=len(column.inputs) if column else 0,
        constant=column is not None and column.constant,
    )


def _day(days: float) -> str:
    """A count of days since 1970-01-01 as a date."""
    return str(np.datetime64(int(np.floor(days)), "D"))
