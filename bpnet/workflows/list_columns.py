"""The columns of a table, before a target is chosen among them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bpnet.data.cell_kinds import looks_like_classes
from bpnet.data.encoding.column_options import Role
from bpnet.data.identifiers import names_rows
from bpnet.data.reading import Table
from bpnet.data.reading.chunk import CellType
from bpnet.data.roles import detect_role

_EXAMPLES = 3
_TARGET_NAMES = ("target", "label", "class", "y", "outcome")
"""Usual names of a target."""


@dataclass(frozen=True)
class ListedColumn:
    """A column with the role that it would have as a feature, and as a target."""

    name: str
    role: Role
    reason: str | None
    """Why it would be left out, if it would."""
    missing: float
    """The share of rows in which it is missing."""
    examples: list[str]
    """Some of its values."""
    as_target: str
    """The task if it is the target: classification or regression."""


@dataclass(frozen=True)
class ColumnList:
    """The columns of a table by its first rows, and the one that is likely the target."""

    table: str
    rows: int
    """The number of rows looked at."""
    columns: list[ListedColumn]
    suggestion: str


def list_columns(table: Table) -> ColumnList:
    """List the columns by the first chunk of a table; raises DataError if it cannot be read."""
    types: dict[str, CellType] = dict.fromkeys(table.columns, "any")
    columns: list[ListedColumn] = []
    rows = 0
    for chunk in table.chunks(types):
        every = np.ones(len(chunk), bool)
        rows = len(chunk)
        for name in table.columns:
            column = chunk.column(name)
            declared = name in table.declared_categories
            detected = detect_role(
                name,
                column,
                every,
                None,
                named=False,
                declared=declared,
                names_rows=names_rows(name, table.columns),
            )
            codes, texts = column.as_text()
            as_target, _ = column.in_own_format()
            columns.append(
                ListedColumn(
                    name=name,
                    role=detected.role,
                    reason=detected.reason,
                    missing=float((codes < 0).mean()),
                    examples=[texts[code] for code in _first_distinct(codes)],
                    as_target="classification"
                    if declared or looks_like_classes(as_target)
                    else "regression",
                )
            )
        break
    return ColumnList(table.name, rows, columns, _suggestion(columns))


def _first_distinct(codes: np.ndarray) -> list[int]:
    """Return the first few codes that differ, in the order of the rows."""
    distinct, first = np.unique(codes[codes >= 0], return_index=True)
    return [int(distinct[k]) for k in np.argsort(first)[:_EXAMPLES]]


def _suggestion(columns: Sequence[ListedColumn]) -> str:
    """Return the column that is named as targets are, else the last of numbers or categories."""
    by_name = {column.name.casefold(): column.name for column in columns}
    named = next((by_name[name] for name in _TARGET_NAMES if name in by_name), None)
    usable = [column.name for column in columns if column.role not in ("ignored", "date")]
    return named or [*[column.name for column in columns[-1:]], *usable][-1]
