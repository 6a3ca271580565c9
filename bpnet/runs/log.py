"""The CSV files of a run: metrics.csv, a row per epoch, and splits.csv, a row per row of the table."""

import csv
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from bpnet.data.splitting import PARTS
from bpnet.errors import RunError
from bpnet.runs.files import cannot_write, read_text, write_text

_SECONDS_BETWEEN_FLUSHES = 1.0
_RESTORE = "restore the file from a copy, or train again"

Number = int | float | np.number[Any]


class MetricsLog:
    """Writes metrics.csv while training runs, so that other programs can read along.

    Numbers are written so that reading them back as float64 gives the same number; None is an empty cell.
    Rows reach the disk at the first `append` a second or more after the last flush, and on leaving.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._path = path
        self._columns = tuple(columns)
        self._keys = frozenset(columns)

    def __enter__(self) -> Self:
        write_text(self._path, ",".join(self._columns) + "\n")
        try:
            self._file = open(self._path, "a", encoding="utf-8", newline="\n")
        except OSError as error:
            raise cannot_write(self._path, error) from error
        self._flushed = time.monotonic()
        return self

    def append(self, record: Mapping[str, Number | None]) -> None:
        """Write one row; the record holds a value, or None, for each column."""
        if record.keys() != self._keys:
            raise ValueError(f"a record has {list(record)}, the columns are {list(self._columns)}")
        try:
            self._file.write(",".join([_cell(record[column]) for column in self._columns]) + "\n")
            now = time.monotonic()
            if now - self._flushed >= _SECONDS_BETWEEN_FLUSHES:
                self._file.flush()
                self._flushed = now
        except OSError as error:
            raise cannot_write(self._path, error) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self._file:
                self._file.flush()
                os.fsync(self._file.fileno())
        except OSError as failure:
            raise cannot_write(self._path, failure) from failure


def write_splits(path: Path, parts: Sequence[str]) -> None:
    """Write the part, one of `PARTS`, of each row of the table; rows count from 1."""
    rows = [f"{row},{part}\n" for row, part in enumerate(parts, start=1)]
    write_text(path, "row,part\n" + "".join(rows))


def read_splits(path: Path, rows: int) -> list[str]:
    """Return the part of each row of a table that has this many rows."""
    header, *lines = csv.reader(read_text(path).splitlines() or [""])
    if header != ["row", "part"]:
        raise RunError(f"{path}, line 1: must read 'row,part', not {','.join(header)!r}; {_RESTORE}")
    for row, cells in enumerate(lines, start=1):
        if len(cells) != 2 or cells[0] != str(row):
            raise RunError(f"{path}, line {row + 1}: must be '{row},' and a part, not {','.join(cells)!r}; {_RESTORE}")
        if cells[1] not in PARTS:
            raise RunError(f"{path}, line {row + 1}: the part {cells[1]!r} is unknown; allowed are {', '.join(PARTS)}")
    if len(lines) != rows:
        raise RunError(
            f"{path}: splits {len(lines)} rows, but the table has {rows}; "
            "use the table that the run was trained on, or train again"
        )
    return [part for _, part in lines]


def _cell(value: Number | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int | np.integer) else repr(float(value))
