"""metrics.csv and its like: rows of numbers, written while training runs."""

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic_core import to_json

from bpnet.errors import RunError
from bpnet.runs.files import cannot_write, write_bytes, write_text

_MAX_DELAY = 1.0
"""Seconds that a row may wait before it is written."""

Number = int | float


def raise_error(error: RunError) -> None:
    """Raise an error of writing."""
    raise error


class MetricsLog:
    """A CSV file that grows while training runs, so that other programs can read along.

    Numbers are written so that float64 reads back the same number; None is an empty cell. Rows are
    converted and written in bulk, which takes a tenth of the time. They are written after an epoch
    if the oldest row would wait longer than a second for the next one, given that the next epoch
    takes as long as this one.

    With `size` the log continues a file after its first `size` bytes, and drops what follows them.

    Rows that cannot be written are kept, and `on_error` is called, which may raise; they are tried
    again with the next ones, and at the end.
    """

    def __init__(
        self,
        path: Path,
        columns: Sequence[str],
        *,
        size: int | None = None,
        on_error: Callable[[RunError], None] = raise_error,
    ) -> None:
        self._path, self._columns, self._on_error = path, tuple(columns), on_error
        self._resumes, self._size = size is not None, size or 0
        self._rows: list[Sequence[Number | None]] = []
        self._text = b""
        """Rows as text that could not be written yet."""
        self._oldest = self._latest = 0.0

    def __enter__(self) -> Self:
        header = ",".join(self._columns) + "\n"
        if not self._resumes:
            write_text(self._path, header)
            self._size = len(header.encode())
        try:
            # unbuffered, so that it is known what has been written when a write fails
            self._file = open(self._path, "r+b", buffering=0)
            if self._resumes:
                self._check_length()
                self._cut()
            self._file.seek(self._size)
        except FileNotFoundError as error:
            if not self._resumes:
                raise cannot_write(self._path, error) from error
            raise RunError(
                f"{self._path}: there is no such file; restore it from a copy, or train again"
            ) from None
        except OSError as error:
            raise cannot_write(self._path, error) from error
        self._latest = time.perf_counter()
        return self

    def _check_length(self) -> None:
        """Raise RunError if the file is shorter than it was."""
        length = os.fstat(self._file.fileno()).st_size
        if length < self._size:
            self._file.close()
            raise RunError(
                f"{self._path}: has {length} bytes, but {self._size} when the run was saved last; "
                "restore it from a copy, or train again"
            )

    def _cut(self) -> None:
        """Drop what follows the rows that are known to be written."""
        self._file.seek(self._size)
        self._file.truncate()

    def size(self, *, flush: bool = False) -> int:
        """Return the length of the file in bytes with all rows so far; RunError if some lack.

        With `flush` they are forced onto the disk.
        """
        self._write()
        if flush:
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                raise cannot_write(self._path, error) from error
        return self._size

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
        try:
            self._write()
        except RunError as error:
            self._on_error(error)

    def _write(self) -> None:
        """Write the rows that are waiting, or none of them; raises RunError."""
        again = bool(self._text)
        self._text += self._waiting_text()
        if not self._text:
            return
        try:
            if again:
                self._cut()  # what was written of them
            rest = memoryview(self._text)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            with contextlib.suppress(OSError):
                self._cut()  # readers find whole rows
            raise cannot_write(self._path, error) from error
        self._size += len(self._text)
        self._text = b""

    def _waiting_text(self) -> bytes:
        """Return the rows that are waiting, which then wait no more, as lines."""
        rows, self._rows = self._rows, []
        if not rows:
            return b""
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
        return text + b"\n"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            with self._file:
                self._write()
                os.fsync(self._file.fileno())
                if os.fstat(self._file.fileno()).st_nlink == 0:  # deleted while it was written
                    self._file.seek(0)
                    write_bytes(self._path, self._file.readall())
        except OSError as failure:
            raise cannot_write(self._path, failure) from failure


class SilentLog(MetricsLog):
    """A log in a process that trains with the one that writes it: nothing is written."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        return

    def size(self, *, flush: bool = False) -> int:
        """Return 0, which no checkpoint keeps."""
        return 0

    def append(self, *rows: Sequence[Number | None], now: float) -> None:
        """Write nothing."""
