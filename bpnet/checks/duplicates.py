"""Duplicates: columns that equal another, and rows that occur in two parts of the split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bpnet.checks.findings import Finding
from bpnet.data.reading import Table
from bpnet.data.splitting import Indices, Part
from bpnet.engine.component import Array
from bpnet.preparation.target_values import Mask

MAX_EXAMPLES = 3


@dataclass(frozen=True)
class SharedRows:
    """The number of rows of the part `second` that equal a row of `first` in every column.

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
    keys: Mapping[Part, Array], numbers: Mapping[Part, Indices]
) -> list[SharedRows]:
    """Return the rows whose keys (N,) occur in two parts; `numbers` (N,) are those of the rows."""
    row_by_key = {
        part: dict(zip(keys[part].tolist(), numbers[part].tolist(), strict=True)) for part in keys
    }
    shared = []
    for first, second in combinations(keys, 2):
        pairs = [
            (row_by_key[first][key] + 1, row + 1)
            for key, row in zip(keys[second].tolist(), numbers[second].tolist(), strict=True)
            if key in row_by_key[first]
        ]
        if pairs:
            shared.append(SharedRows(first, second, len(pairs), pairs[:MAX_EXAMPLES]))
    return shared


def row_keys(table: Table, columns: Sequence[str], rows: Mask) -> Array:
    """Return a key for each row of a mask (N,), the same for rows whose cells are all equal.

    The cells are those of `columns`; raises DataError if they cannot be read.
    """
    pieces = []
    for chunk, _ in table.selected(dict.fromkeys(columns, "text"), rows):
        keys = np.zeros(len(chunk), np.uint64)
        for name in columns:
            codes, texts = chunk.column(name).as_text()
            hashes = np.array([*map(hash, texts), 0], np.int64).astype(np.uint64)  # 0: missing
            # the multiplier of Knuth's linear congruential generator, modulo 2^64
            keys = keys * np.uint64(6364136223846793005) + hashes[codes]
        pieces.append(keys)
    return np.concatenate(pieces) if pieces else np.zeros(0, np.uint64)


def few_different_rows(rows: int, different: int) -> Finding:
    """Return the note on a table most of whose rows equal another."""
    return Finding(
        "few_different_rows",
        "note",
        f"of {rows:,} rows only {different:,} are different, so that most test rows are in the "
        "training rows, too",
        "if they are not independent, keep equal ones together with dataset.split.group",
    )


def counts_rows(cells: Array, rows: Indices) -> bool:
    """Return whether the cells (N,) of these rows (N,) are whole numbers that count the rows."""
    try:
        numbers = np.array([float(cell) for cell in cells if cell is not None])
    except ValueError:
        return False
    if len(numbers) < len(cells) or len(cells) < 2:
        return False
    return any(bool((offset == offset[0]).all()) for offset in (numbers - rows, numbers + rows))
