"""A table: named columns whose rows are read in chunks, as often as needed, from one file or several."""

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bpnet.data.reading.chunk import Chunk, ChunkSelection, ColumnTypes
from bpnet.errors import DataError
from bpnet.messages import MAX_PROBLEMS, did_you_mean, quoted_list, total_line


class TableFile(Protocol):
    """One file of a table; `kind` is its format in what `bpnet check --json` prints."""

    kind: str
    name: str
    columns: list[str]

    @property
    def digest(self) -> str:
        """The SHA-256 of its content."""

    def chunks(self, wanted: ColumnTypes, start: int) -> Iterator[Chunk]:
        """Its rows in order, the first of which is row `start` of the table."""


class Table:
    """Files that have the same columns, in whatever order, as one table; raises DataError where they do not."""

    def __init__(self, name: str, files: Sequence[TableFile]) -> None:
        self.name, self.files = name, list(files)
        self.columns = self.files[0].columns
        self._sizes: list[int] | None = None
        problems = []
        for file in self.files[1:]:
            lacks = [column for column in self.columns if column not in set(file.columns)]
            adds = [column for column in file.columns if column not in set(self.columns)]
            if lacks or adds:
                problems.append(
                    f"{file.name}: its columns are not those of {self.files[0].name}: "
                    + "; ".join(
                        f"{what} {quoted_list(names)}"
                        for what, names in (("it lacks", lacks), ("it adds", adds))
                        if names
                    )
                )
        if problems:
            raise DataError(
                [*problems[:MAX_PROBLEMS], *total_line(len(problems), "files have other columns")]
            )

    def chunks(self, wanted: ColumnTypes) -> Iterator[Chunk]:
        """All rows in order; only the wanted columns can be read of each chunk. Raises DataError."""
        sizes, start = [], 0
        for file in self.files:
            before = start
            for chunk in file.chunks(wanted, start):
                yield chunk
                start += len(chunk)
            sizes.append(start - before)
        self._sizes = sizes

    def selected(
        self, wanted: ColumnTypes, chosen: npt.NDArray[np.bool_]
    ) -> Iterator[tuple[Chunk, npt.NDArray[np.intp]]]:
        """The chosen rows (a mask, N) in order, and their numbers from 0; other rows are not looked at."""
        for chunk in self.chunks(wanted):
            rows = np.flatnonzero(chosen[chunk.start : chunk.start + len(chunk)])
            if len(rows):
                yield (
                    chunk if len(rows) == len(chunk) else ChunkSelection(chunk, rows),
                    rows + chunk.start,
                )

    @property
    def sizes(self) -> list[int]:
        """The rows of each file."""
        if self._sizes is None:
            for _ in self.chunks({self.columns[0]: "text"}):
                pass
        assert self._sizes is not None
        return self._sizes

    def __len__(self) -> int:
        return sum(self.sizes)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the one file, or of the digests of several."""
        if len(self.files) == 1:
            return self.files[0].digest
        return hashlib.sha256("".join(file.digest for file in self.files).encode()).hexdigest()

    def require(self, column: str, *, wanted_for: str) -> None:
        """Raise DataError, with a near miss, where there is no such column."""
        if column not in self.columns:
            raise DataError(
                f"{self.name}: there is no column '{column}', which {wanted_for}; "
                f"the columns are {quoted_list(self.columns)}{did_you_mean(column, self.columns)}"
            )

    def cells(self, column: str, *, wanted_for: str) -> list[str]:
        """One column's cells as text; raises DataError where there is no such column."""
        self.require(column, wanted_for=wanted_for)
        return [
            cell for chunk in self.chunks({column: "text"}) for cell in chunk.column(column).cells()
        ]

    def where(self, row: int) -> str:
        """Name the place of a row, counted from 0: 'iris.csv, line 4 (row 3)'."""
        for chunk in self.chunks({self.columns[0]: "text"}):
            if row < chunk.start + len(chunk):
                return chunk.where(row - chunk.start)
        return f"{self.name}, row {row + 1}"
