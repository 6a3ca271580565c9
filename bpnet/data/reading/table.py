"""A table: named columns whose rows are read in chunks, from one file or several."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bpnet.data.numbers.formats_so_far import FormatsSoFar
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading.chunk import Chunk, ChunkSelection, ColumnChunk, ColumnTypes
from bpnet.data.reading.column import column_from_texts
from bpnet.errors import DataError
from bpnet.messages import MAX_PROBLEMS, did_you_mean, quoted_list, total_line


class TableFile(Protocol):
    """One file of a table; `kind` is its format in what `bpnet check --json` prints."""

    kind: str
    name: str
    columns: list[str]
    reads_only_wanted: bool
    """True if the rows of its chunks hold only the columns that were asked for."""
    warnings: list[str]
    """Warnings about a header that is not quite one."""
    header_hint: str
    """A remark on the header for messages about a missing column, or the empty string."""
    declared_categories: frozenset[str]
    """The columns that it declares to be categories, though they may look like numbers."""

    @property
    def digest(self) -> str:
        """The SHA-256 of its content."""

    def chunks(self, types: ColumnTypes, start: int) -> Iterator[Chunk]:
        """Yield its rows in order; the first is row `start` of the table."""


class Table:
    """Files that have the same columns, in any order, as one table.

    Raises DataError if their columns differ.
    """

    def __init__(self, name: str, files: Sequence[TableFile]) -> None:
        self.name, self.files = name, list(files)
        self.columns = self.files[0].columns
        self.may_be_empty = False
        """Whether the table may have column names only; else to read it is an error."""
        self.notes: list[str] = []
        """Warnings about the table as a whole."""
        self._column_set = frozenset(self.columns)
        self.declared_categories = frozenset[str]().union(
            *(file.declared_categories for file in self.files)
        )
        self._sizes: list[int] | None = None
        # kept for all passes
        self._formats: dict[str, FormatsSoFar] = defaultdict(FormatsSoFar)
        problems = [problem for file in self.files[1:] for problem in self._differences(file)]
        if problems:
            total = total_line(len(problems), "files have other columns")
            raise DataError([*problems[:MAX_PROBLEMS], *total])

    def _differences(self, file: TableFile) -> list[str]:
        """Return the problems of a file whose columns are not those of the first one."""
        here, there = set(self.columns), set(file.columns)
        lacks = [column for column in self.columns if column not in there]
        adds = [column for column in file.columns if column not in here]
        words = [
            f"{verb} {quoted_list(names)}"
            for verb, names in (("it lacks", lacks), ("it adds", adds))
            if names
        ]
        if not words:
            return []
        return [
            f"{file.name}: its columns are not those of {self.files[0].name}: {'; '.join(words)}"
        ]

    @property
    def warnings(self) -> list[str]:
        """Warnings about the table, and about headers that are not quite ones in its files."""
        texts = [warning for file in self.files for warning in file.warnings]
        total = total_line(len(texts), "such warnings of the table's files")
        return [*self.notes, *texts[:MAX_PROBLEMS], *total]

    @property
    def header_hint(self) -> str:
        """A remark on the header that ends a message about a missing column."""
        hint = next((file.header_hint for file in self.files if file.header_hint), "")
        return f"; {hint}" if hint else ""

    @property
    def reads_only_wanted(self) -> bool:
        """True if the rows of a chunk may hold only the columns that were asked for."""
        return any(file.reads_only_wanted for file in self.files)

    def chunks(self, types: ColumnTypes) -> Iterator[Chunk]:
        """Yield all rows in order; a chunk holds the columns of `types` only.

        A table that may be empty, and is, has a chunk without rows. Raises DataError.
        """
        sizes, start = [], 0
        empty: Chunk | None = None
        for file in self.files:
            before = start
            for chunk in file.chunks(types, start):
                chunk.formats = self._formats
                if not len(chunk):
                    empty = chunk
                    continue
                yield chunk
                start += len(chunk)
            sizes.append(start - before)
        if not start:
            if not self.may_be_empty:
                raise DataError(
                    f"{self.name}: the table has column names but no rows; add rows; the names are "
                    f"{quoted_list(self.columns, 5)}"
                )
            blank = column_from_texts([], NumberFormat())
            columns = dict.fromkeys(self.columns, blank)
            yield ColumnChunk(self.name, 0, columns) if empty is None else empty
        self._sizes = sizes  # only after a complete pass

    def selected(
        self, types: ColumnTypes, mask: npt.NDArray[np.bool_]
    ) -> Iterator[tuple[Chunk, npt.NDArray[np.intp]]]:
        """Yield the rows of a mask (N,) in order, with their numbers from 0; parse no others."""
        for chunk in self.chunks(types):
            rows = np.flatnonzero(mask[chunk.start : chunk.start + len(chunk)])
            if len(rows):
                all_of_them = len(rows) == len(chunk)
                yield chunk if all_of_them else ChunkSelection(chunk, rows), rows + chunk.start

    @property
    def sizes(self) -> list[int]:
        """The number of rows of each file."""
        if self._sizes is None:
            for _ in self.chunks({self.columns[0]: "text"}):
                pass  # a complete pass sets the sizes
        assert self._sizes is not None
        return self._sizes

    def __len__(self) -> int:
        return sum(self.sizes)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the one file, or of the joined digests of several."""
        if len(self.files) == 1:
            return self.files[0].digest
        return hashlib.sha256("".join(file.digest for file in self.files).encode()).hexdigest()

    def has(self, column: str) -> bool:
        """Return whether there is such a column, in a time that does not grow with their number."""
        return column in self._column_set

    def require(self, column: str, *, wanted_for: str) -> None:
        """Raise DataError, with the closest name, if there is no such column."""
        if not self.has(column):
            raise DataError(
                f"{self.name}: there is no column '{column}', which {wanted_for}; "
                f"the columns are {quoted_list(self.columns)}{did_you_mean(column, self.columns)}"
                f"{self.header_hint}"
            )

    def cells(self, column: str, *, wanted_for: str) -> list[str]:
        """Return one column's cells as text; raise DataError if there is no such column."""
        self.require(column, wanted_for=wanted_for)
        return [
            cell
            for chunk in self.chunks({column: "text"})
            for cell in chunk.column(column).written_cells()
        ]

    def where(self, row: int) -> str:
        """Return the place of a row, counted from 0: 'iris.csv, line 4 (row 3)'."""
        for chunk in self.chunks({self.columns[0]: "text"}):
            if row < chunk.start + len(chunk):
                return chunk.where(row - chunk.start)
        return f"{self.name}, row {row + 1}"
