"""Duplicates: columns that equal another, and rows that occur in two parts of the split."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bpnet.data.splitting import Indices, Part
from bpnet.engine.component import Array
from bpnet.engine.loop.batches import Rows

MAX_EXAMPLES = 3
_STEP = 10_000


@dataclass(frozen=True)
class SharedRows:
    """The number of rows of the part `second` whose features equal those of a row of `first`.

    Each of the `examples` is a pair of row numbers, counted from 1: in `first`, and in `second`.
    """

    first: Part
    second: Part
    rows: int
    examples: list[tuple[int, int]]


def find_equal_columns(cells: Mapping[str, Array]) -> list[list[str]]:
    """Return the groups of columns whose cells (N,) are all equal, apart from constant columns."""
    groups: dict[bytes | tuple[str | None, ...], list[str]] = {}
    for name, column in cells.items():
        key = tuple(column) if column.dtype == object else column.tobytes()
        if len(column) and any(cell != column[0] for cell in column[1:]):
            groups.setdefault(key, []).append(name)
    return [names for names in groups.values() if len(names) > 1]


def find_shared_rows(
    rows: Mapping[Part, Rows], numbers: Mapping[Part, Indices]
) -> list[SharedRows]:
    """Return the rows whose encoded features occur in two parts; `numbers` index the table."""
    row_by_key = {part: dict(_keyed(each.x, numbers[part])) for part, each in rows.items()}
    shared = []
    for first, second in combinations(rows, 2):
        pairs = [
            (row_by_key[first][key] + 1, row + 1)
            for key, row in _keyed(rows[second].x, numbers[second])
            if key in row_by_key[first]
        ]
        if pairs:
            shared.append(SharedRows(first, second, len(pairs), pairs[:MAX_EXAMPLES]))
    return shared


def _keyed(x: Array, numbers: Indices) -> Iterator[tuple[int, int]]:
    """Yield a key of each row of x (N, I), the same for equal rows, with its index in the table."""
    for start in range(0, len(x), _STEP):
        piece = np.ascontiguousarray(x[start : start + _STEP]) + 0.0  # -0 becomes 0
        for row, number in zip(piece, numbers[start : start + _STEP].tolist(), strict=True):
            yield hash(row.tobytes()), number
