"""metrics.csv: a row of figures for each epoch, written while training runs."""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from bpnet.runs.files import cannot_write, write_text

_SECONDS_BETWEEN_FLUSHES = 1.0

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


def _cell(value: Number | None) -> str:
    if type(value) is float:  # as most are; isinstance of a union takes as long as the text itself
        return repr(value)
    if value is None:
        return ""
    return str(value) if isinstance(value, int | np.integer) else repr(float(value))
