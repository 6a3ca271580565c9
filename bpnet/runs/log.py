"""metrics.csv: a row of figures for each epoch, written while training runs."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic_core import to_json

from bpnet.runs.files import cannot_write, write_text

_SECONDS_ON_THE_WAY = 1.0

Number = int | float


class MetricsLog:
    """Writes metrics.csv while training runs, so that other programs can read along.

    Numbers are written so that reading them back as float64 gives the same number; None is an empty cell. Rows are
    made text and reach the disk many at a time, which takes a tenth of the time, but none later than a second: at the
    first `append` after which the next, coming as late as this one, would keep the oldest waiting longer.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._path, self._columns = path, tuple(columns)
        self._rows: list[Sequence[Number | None]] = []
        self._oldest = self._latest = 0.0

    def __enter__(self) -> Self:
        write_text(self._path, ",".join(self._columns) + "\n")
        try:
            self._file = open(self._path, "ab")
        except OSError as error:
            raise cannot_write(self._path, error) from error
        self._latest = time.perf_counter()
        return self

    def append(self, row: Sequence[Number | None], now: float) -> None:
        """Take in one row: a number, or None, for each column, in their order; `now` is the performance counter."""
        rows = self._rows
        if not rows:
            self._oldest = now
        rows.append(row)
        if 2 * now - self._latest - self._oldest >= _SECONDS_ON_THE_WAY:
            self._flush()
        self._latest = now

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        if not rows:
            return
        unfit = [row for row in rows if len(row) != len(self._columns)]
        if unfit:
            raise ValueError(f"a row has {len(unfit[0])} numbers, the columns are {list(self._columns)}")
        text = to_json(rows, inf_nan_mode="constants")[2:-2].replace(b"],[", b"\n").replace(b"null", b"")
        if b"N" in text or b"I" in text:
            text = text.replace(b"NaN", b"nan").replace(b"Infinity", b"inf")
        try:
            self._file.write(text + b"\n")
            self._file.flush()
        except OSError as error:
            raise cannot_write(self._path, error) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self._file:
                self._flush()
                os.fsync(self._file.fileno())
        except OSError as failure:
            raise cannot_write(self._path, failure) from failure
