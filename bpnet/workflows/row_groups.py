"""The groups of rows that a run's split keeps together, which the bootstrap draws whole."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bpnet.data.reading import Table
from bpnet.data.reading.whole_columns import whole_columns
from bpnet.data.splitting import Indices
from bpnet.errors import RunError
from bpnet.runs import directory
from bpnet.runs.config_values import read_config_values

ENOUGH_GROUPS = 20
"""Groups from which percentile intervals hold about as often as they should."""


@dataclass(frozen=True)
class DrawnGroups:
    """The groups of rows, by the values of a column, that intervals draw whole."""

    column: str
    count: int

    @property
    def note(self) -> str:
        """A sentence about the intervals."""
        few = "; so few make intervals too narrow" if self.count < ENOUGH_GROUPS else ""
        return f"intervals draw whole groups of '{self.column}' ({self.count:,}), not rows{few}"


@dataclass(frozen=True)
class RowGroups:
    """The groups of N rows by the values of a column, numbered from 0."""

    column: str
    numbers: Indices
    """The number (N,) of each row's group."""

    @property
    def drawn(self) -> DrawnGroups:
        """The column and the number of groups."""
        return DrawnGroups(self.column, int(self.numbers.max()) + 1)


def group_column(run: Path) -> str | None:
    """Return the column by whose groups a run was split (dataset.split.group), if there is one.

    A model without its run has none, and a damaged config names none.
    """
    paths = directory.run_of(run)
    if paths is None:
        return None
    with suppress(RunError):
        column = read_config_values(paths.config).get("dataset.split.group")
        return column if isinstance(column, str) else None
    return None


def read_groups(table: Table, column: str | None, rows: Indices) -> RowGroups | None:
    """Return the groups of some rows of a table (N,); a row without a value is its own group.

    Returns None if the table lacks the column, or if no two of the rows are of the same group.
    """
    if column is None or not len(rows) or not table.has(column):
        return None
    codes = whole_columns(table, {column: "text"})[column].take(rows).as_values()[0].astype(np.intp)
    alone = codes < 0
    codes[alone] = codes.max(initial=-1) + 1 + np.arange(alone.sum())
    numbers = np.unique(codes, return_inverse=True)[1].reshape(-1)
    return RowGroups(column, numbers) if numbers.max() + 1 < len(rows) else None
