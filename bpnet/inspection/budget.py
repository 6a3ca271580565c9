"""The budget of an inspection: how many rows and shuffles a bounded number of products allows."""

from dataclasses import dataclass

import numpy as np

from bpnet.data.splitting import Indices

WORK = 1e11
"""Multiplications that an inspection takes at most, about."""
MOST_ROWS = 5000
MOST_SHUFFLES = 30
FEWEST_ROWS = 200
_ENOUGH_SHUFFLES = 3


@dataclass(frozen=True)
class Budget:
    """The rows that are looked at, how often each column is shuffled, and the most columns."""

    rows: int
    shuffles: int
    columns: int


def plan_budget(rows: int, columns: int, cost: int, work: float = WORK) -> Budget:
    """Return what can be afforded for rows of which each takes `cost` multiplications.

    Rows count before shuffles: the noise of the rows is what more shuffles do not take away.
    """
    rows = min(rows, MOST_ROWS)
    each = work / cost / max(columns, 1)  # rows × shuffles of a column
    fewest = min(rows, FEWEST_ROWS)
    chosen = int(np.clip(each / _ENOUGH_SHUFFLES, fewest, rows))
    shuffles = int(np.clip(each / chosen, 1, MOST_SHUFFLES))
    most = int(work / cost / (chosen * shuffles))
    return Budget(chosen, shuffles, min(max(most, 1), columns))


def draw_rows(rows: Indices, most: int, generator: np.random.Generator) -> Indices:
    """Return at most so many rows in their order, drawn without preference."""
    if len(rows) <= most:
        return rows
    return np.sort(generator.choice(rows, most, replace=False))
