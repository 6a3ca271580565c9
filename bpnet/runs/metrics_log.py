"""metrics.csv and its like: rows of numbers, written while training runs."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic_core import to_json

from bpnet.errors import RunError
from bpnet.runs.files import cannot_write, write_bytes, write_text

_MAX_DELAY = 1.0
"""Seconds that a row may wait before it is written."""

Number = int | float


class MetricsLog:
    """A CSV file that grows while training runs, so that other programs can read along.

    Numbers are written so that float64 reads back the same number; None is an empty cell. Rows are
    converted and written in bulk, which takes a tenth of the time. They are written after an epoch
    if the oldest row would wait longer than a second for the next one, given that the next epoch
    takes as long as this one.

    With `size` the file goes on after so many bytes, of an earlier log that was at least as long.
    """

    def __init__(self, path: Path, columns: Sequence[str], *, size: int | None = None) -> None:
        self._path, self._columns, self._size = path, tuple(columns), size
        self._rows: list[Sequence[Number | None]] = []
        self._oldest = self._latest = 0.0

    def __enter__(self) -> Self:
        if self._size is None:
            write_text(self._path, ",".join(self._columns) + "\n")
        try:
            self._file = open(self._path, "a+b" if self._size is None else "r+b")
            if self._size is not None:
                self._cut(self._size)
        except OSError as error:
            raise cannot_write(self._path, error) from error
        self._latest = time.perf_counter()
        return self

    def _cut(self, size: int) -> None:
        """Drop what follows the first bytes."""
        found = os.fstat(self._file.fileno()).st_size
        if found < size:
            self._file.close()
            raise RunError(
                f"{self._path}: has {found} bytes, but {size} when the run was saved last; "
                "restore it from a copy, or train again"
            )
        self._file.truncate(size)
        self._file.seek(size)

    @property
    def size(self) -> int:
        """The length of the file in bytes, with all rows so far, which are written."""
        self.flush()
        return self._file.tell()

    def append(self, *rows: Sequence[Number | None], now: float) -> None:
        """Add the rows of an epoch, with a number or None for each column.

        `now` is the performance counter.
        """
        if not self._rows:
            self._oldest = now
        self._rows += rows
        # now + (now - latest) is when the next epoch would end
        if 2 * now - self._latest - self._oldest >= _MAX_DELAY:
            self.flush()
        self._latest = now

    def flush(self) -> None:
        """Write the rows that are waiting."""
        rows, self._rows = self._rows, []
        if not rows:
            return
        misfits = [row for row in rows if len(row) != len(self._columns)]
        if misfits:
            raise ValueError(
                f"a row has {len(misfits[0])} numbers, the columns are {list(self._columns)}"
            )
        # from [[1,2],[3,null]] to the lines 1,2 and 3,
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
                if os.fstat(self._file.fileno()).st_nlink == 0:  # deleted while it was written
                    self._file.seek(0)
                    write_bytes(self._path, self._file.read())
        except OSError as failure:
            raise cannot_write(self._path, failure) from failure
