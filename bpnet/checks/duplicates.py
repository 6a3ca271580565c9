"""Duplicates: columns that hold the same as another, and rows that stand in two parts of the split."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bpnet.data.splitting import Indices, Part
from bpnet.engine.component import Array
from bpnet.engine.loop.batches import Rows

MOST_EXAMPLES = 3
_STEP = 10_000


@dataclass(frozen=True)
class SharedRows:
    """How many rows of the part `second` have the features of a row of `first`.

    Each of the `examples` is a pair of row numbers, counted from 1: that in `first`, and that in `second`.
    """

    first: Part
    second: Part
    rows: int
    examples: list[tuple[int, int]]


def equal_columns(cells: Mapping[str, Array]) -> list[list[str]]:
    """The groups of columns whose cells (N,) are all the same; those that are constant are passed over."""
    groups: dict[bytes | tuple[str | None, ...], list[str]] = {}
    for name, own in cells.items():
        key = tuple(own) if own.dtype == object else own.tobytes()
        if len(own) and any(cell != own[0] for cell in own[1:]):
            groups.setdefault(key, []).append(name)
    return [names for names in groups.values() if len(names) > 1]


def shared_rows(rows: Mapping[Part, Rows], numbers: Mapping[Part, Indices]) -> list[SharedRows]:
    """The rows whose encoded features stand in two parts; `numbers` are their indices in the table."""
    keys = {part: dict(_keyed(own.x, numbers[part])) for part, own in rows.items()}
    found = []
    for first, second in combinations(rows, 2):
        known = keys[first]
        twins = [
            (known[key] + 1, row + 1)
            for key, row in _keyed(rows[second].x, numbers[second])
            if key in known
        ]
        if twins:
            found.append(SharedRows(first, second, len(twins), twins[:MOST_EXAMPLES]))
    return found


def _keyed(x: Array, numbers: Indices) -> Iterator[tuple[int, int]]:
    """The key of each row of x (N, I), which equal rows share, with its index in the table."""
    for start in range(0, len(x), _STEP):
        piece = np.ascontiguousarray(x[start : start + _STEP]) + 0.0  # -0 becomes 0
        for row, number in zip(piece, numbers[start : start + _STEP].tolist(), strict=True):
            yield hash(row.tobytes()), number
