"""Logs: rows of figures for each epoch, such as metrics.csv, written while training runs."""

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
    """Writes a CSV file of figures while training runs, so that other programs can read along.

    Numbers are written so that reading them back as float64 gives the same number; None is an empty cell. Rows are
    made text and reach the disk many at a time, which takes a tenth of the time, yet where epochs take about as long as
    one another none waits longer than a second: they are written after an epoch if the next, coming as late as this
    one, would keep the oldest waiting longer.
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

    def append(self, *rows: Sequence[Number | None], now: float) -> None:
        """Take in the rows of an epoch: each a number, or None, for each column; `now` is the performance counter."""
        if not self._rows:
            self._oldest = now
        self._rows += rows
        if 2 * now - self._latest - self._oldest >= _SECONDS_ON_THE_WAY:
            self.flush()
        self._latest = now

    def flush(self) -> None:
        """Write what has been taken in."""
        rows, self._rows = self._rows, []
        if not rows:
            return
        unfit = [row for row in rows if len(row) != len(self._columns)]
        if unfit:
            raise ValueError(
                f"a row has {len(unfit[0])} numbers, the columns are {list(self._columns)}"
            )
        text = (
            to_json(rows, inf_nan_mode="constants")[2:-2]
            .replace(b"],[", b"\n")
            .replace(b"null", b"")
        )
        if b"N" in text or b"I" in text:
            text = text.replace(b"NaN", b"nan").replace(b"Infinity", b"inf")
        try:
            self._file.write(text + b"\n")
            self._file.flush()
        except OSError as error:
            raise cannot_write(self._path, error) from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            with self._file:
                self.flush()
                os.fsync(self._file.fileno())
        except OSError as failure:
            raise cannot_write(self._path, failure) from failure
