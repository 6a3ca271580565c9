"""The cells of a table's column as a model reads them: numbers, dates or categories."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bpnet.data.encoding.columns import BooleanColumn, CategoricalColumn, NumericColumn
from bpnet.data.encoding.dates import DateColumn
from bpnet.data.encoding.encoder import AnyColumn
from bpnet.data.encoding.row_flags import RowFlags
from bpnet.data.reading.column import Column, Floats
from bpnet.data.splitting import Indices

CellKind = Literal["number", "date", "category"]

_DAY = 86_400
RARE, UNSEEN = "rare values", "unseen values"
"""What the categories are called that share a code, and those that no training row had."""


@dataclass(frozen=True)
class Cells:
    """The cells of N rows: numbers, days since 1970-01-01, or positions in `names`.

    A missing value is NaN. The first `levels` of the names are categories, the others are what
    several share.
    """

    kind: CellKind
    values: Floats
    names: tuple[str, ...] = ()
    levels: int = 0

    def take(self, rows: Indices) -> "Cells":
        """Return the cells of some rows."""
        return Cells(self.kind, self.values[rows], self.names, self.levels)


def read_cells(encoded: AnyColumn, column: Column) -> Cells:
    """Return a column's cells as its encoding reads them; raise CellParseError."""
    if isinstance(encoded, NumericColumn):
        return Cells("number", encoded.numbers(column))
    if isinstance(encoded, DateColumn):
        return Cells("date", encoded.days(column))
    if isinstance(encoded, BooleanColumn):
        values, missing = encoded.truth(column)
        codes, names = np.where(np.isnan(values), -1, values), [encoded.false, encoded.true]
        return _categories(codes, missing, names, [])
    assert isinstance(encoded, CategoricalColumn)
    codes, missing = encoded.category_codes(column, RowFlags())
    return _categories(codes, missing, encoded.levels, [RARE] if encoded.pools else [])


def _categories(codes: Floats, missing: Floats, levels: list[str], shared: list[str]) -> Cells:
    """Return cells of category codes (N,), of which -1 is an unseen category."""
    names = (*levels, *shared, UNSEEN)
    values = np.where(codes < 0, len(names) - 1, codes).astype(np.float64)
    return Cells("category", np.where(missing, np.nan, values), names, len(levels))


def joined_cells(parts: list[Cells]) -> Cells:
    """Return the cells of one chunk after another."""
    first = parts[0]
    values = np.concatenate([part.values for part in parts])
    return Cells(first.kind, values, first.names, first.levels)


def cell_label(cells: Cells, row: int) -> str:
    """Return the cell of a row as text."""
    value = float(cells.values[row])
    if np.isnan(value):
        return "missing"
    if cells.kind == "number":
        return f"{value:.6g}"
    return date_text(value) if cells.kind == "date" else cells.names[int(value)]


def date_text(days: float) -> str:
    """Return a date as ISO 8601, with the time of day if there is one."""
    seconds = np.datetime64(0, "s") + np.timedelta64(round(days * _DAY), "s")
    return str(seconds).removesuffix("T00:00:00")
