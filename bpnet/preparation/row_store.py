"""The store of encoded rows during training: in memory, or in a file mapped into it."""

import mmap
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.out_of_core import StoredRows
from bpnet.errors import RunError
from bpnet.messages import byte_size

MOST_IN_MEMORY = 512_000_000
"""Encoded rows of more bytes are kept on disk, unless the config says otherwise."""

_WINDOW = 64_000_000
"""Bytes of mapped rows that are copied into memory at once."""

_NARROW = (np.dtype(np.uint8), np.dtype(np.float16))
"""Types tried before the network's own, the narrowest first: kept as long as nothing is lost."""

Storage = Literal["memory", "disk"]


def storage_of(
    rows: int, inputs: int, dtype: str, setting: Literal["auto", "memory", "disk"]
) -> tuple[Storage, int]:
    """Return the storage of the encoded rows, and their bytes in the network's type."""
    size = rows * inputs * np.dtype(dtype).itemsize
    if setting != "auto":
        return setting, size
    return ("disk" if size > MOST_IN_MEMORY else "memory"), size


class RowStore:
    """Encoded rows x (…, I), appended in their order, and given to the trainer when complete.

    On disk they are in a file below `folder` without a name, which the system deletes when the
    process ends, however that happens. Raises RunError if the file cannot be written.
    """

    def __init__(self, rows: int, inputs: int, dtype: str, folder: Path | None) -> None:
        self._rows, self._inputs, self._dtype = rows, inputs, np.dtype(dtype)
        self._filled = 0
        self._memory = None if folder else np.empty((rows, inputs), dtype)
        if folder:
            self._folder = folder
            with self._disk("kept here"):
                folder.mkdir(parents=True, exist_ok=True)
            self._types: list[np.dtype[Any]] = [*_NARROW, self._dtype]
            self._file = self._new_file()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._memory is None:
            with self._disk("written"):
                self._file.close()  # its mapping stays valid

    def append(self, x: Array) -> None:
        """Append some rows x (…, I)."""
        if self._memory is not None:
            self._memory[self._filled : self._filled + len(x)] = x
        else:
            while not self._fits(x):
                self._widen()
            self._write(x)
        self._filled += len(x)

    def finish(self, y: Array, weights: Array | None) -> Rows:
        """Return all rows with their targets y (N, O) and weights (N,).

        Raises ValueError if some rows are missing.
        """
        if self._filled != self._rows:
            raise ValueError(f"{self._filled} of {self._rows} rows were appended")
        if self._memory is not None:
            return Rows(self._memory, np.ascontiguousarray(y, self._dtype), weights)
        with self._disk("written"):
            mapped, x = self._map()
        # targets such as 0 and 1 are stored as bytes, if nothing is lost
        with np.errstate(all="ignore"):
            small = y.astype(np.uint8)
        y = small if np.array_equal(small, y) else np.ascontiguousarray(y, self._dtype)

        def release() -> None:
            # give back the pages that were read; not every system has madvise
            if hasattr(mapped, "madvise"):
                mapped.madvise(mmap.MADV_DONTNEED)

        window = max(1024, min(65_536, _WINDOW // (self._inputs * self._dtype.itemsize)))
        return StoredRows(x, y, weights, dtype=self._dtype, window=window, release=release)

    @contextmanager
    def _disk(self, action: str) -> Iterator[None]:
        """Turn an OSError into a RunError; `action` completes "the encoded rows cannot be …"."""
        try:
            yield
        except OSError as error:
            raise RunError(
                f"{self._folder}: the encoded rows cannot be {action}: {error.strerror}; "
                "free disk space, or choose another folder with --runs DIR"
            ) from None

    def _new_file(self) -> FileIO:
        needed = self._rows * self._inputs * self._types[0].itemsize
        with self._disk("kept here"):
            free = shutil.disk_usage(self._folder).free
        if needed > free:
            raise RunError(
                f"{self._folder}: the encoded rows need {byte_size(needed)} next to the run, "
                f"and {byte_size(free)} are free; choose another folder with --runs DIR, "
                "or use fewer columns"
            )
        with self._disk("kept here"):
            # unbuffered: what cannot be written fails here, and not once more when it is closed
            file: Any = tempfile.TemporaryFile(  # noqa: SIM115 - closed by __exit__
                dir=self._folder, prefix=".rows-", buffering=0
            )
            return getattr(file, "file", file)  # type: ignore[no-any-return]

    def _fits(self, x: Array) -> bool:
        with np.errstate(all="ignore"):
            # it fits if all numbers are the same after the way there and back
            return self._types[0] == self._dtype or bool(
                (x.astype(self._types[0]).astype(x.dtype) == x).all()
            )

    def _widen(self) -> None:
        """Change to the next wider type, and copy the rows that are there."""
        narrow, there = self._file, self._types.pop(0)
        self._file, step = self._new_file(), max(1, 10_000_000 // (self._inputs * there.itemsize))
        with narrow, self._disk("written"):
            narrow.seek(0)
            # about 10 MB at a time
            for start in range(0, self._filled, step):
                count = min(step, self._filled - start) * self._inputs
                self._write(np.frombuffer(narrow.read(count * there.itemsize), there))

    def _write(self, x: Array) -> None:
        with self._disk("written"):
            rest = np.ascontiguousarray(x, self._types[0]).reshape(-1).view(np.uint8).data
            while rest:
                rest = rest[self._file.write(rest) :]

    def _map(self) -> tuple[mmap.mmap, Array]:
        mapped = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        return mapped, np.frombuffer(mapped, self._types[0]).reshape(self._rows, self._inputs)
