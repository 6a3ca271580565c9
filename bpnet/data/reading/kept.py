"""Kept columns: a table's parsed cells, held in memory for the passes that follow the first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bpnet.data.reading.chunk import CellType, Chunk, ColumnChunk, ColumnTypes
from bpnet.data.reading.column import Column
from bpnet.data.reading.table import Table, TableFile

MOST_KEPT = 256_000_000
"""Bytes of parsed cells that are kept at most; a table of more is read again in each pass."""

_TEXT = 60
"""Bytes that Python takes for a text besides its characters."""


Key = tuple[int, tuple[tuple[str, CellType], ...]]
"""What a pass reads: the first row's number in the table, and the columns with their types."""


def kept_table(table: Table, most: int = MOST_KEPT) -> Table:
    """Return the same table, which parses each cell once if all take at most `most` bytes."""
    budget = _Budget(most)
    return Table(table.name, [KeptFile(file, budget) for file in table.files])


@dataclass
class _Budget:
    """The bytes that the columns of all files may still take; none are kept once they are spent."""

    left: int
    counted: set[int] = field(default_factory=set)
    """The columns that are counted already, by identity: a chunk may give the same one twice."""
    passes: list[dict[Key, list[Chunk]]] = field(default_factory=list)

    def allows(self, columns: Sequence[Column]) -> bool:
        """Count columns; if they are too many, forget all that is kept, and return False."""
        for column in columns:
            if id(column) not in self.counted:
                self.counted.add(id(column))
                self.left -= _bytes(column)
        if self.left < 0:
            for kept in self.passes:
                kept.clear()
            self.counted.clear()
        return self.left >= 0


class KeptFile:
    """A file of a table whose parsed chunks are kept, for each set of columns that is read."""

    def __init__(self, file: TableFile, budget: _Budget) -> None:
        self.kind, self.name, self.columns = file.kind, file.name, file.columns
        self.warnings, self.header_hint = file.warnings, file.header_hint
        self.reads_only_wanted = file.reads_only_wanted
        self.declared_categories = file.declared_categories
        self._file, self._budget = file, budget
        self._kept: dict[Key, list[Chunk]] = {}
        self._complete: set[Key] = set()
        budget.passes.append(self._kept)

    @property
    def digest(self) -> str:
        """The SHA-256 of its content."""
        return self._file.digest

    def chunks(self, types: ColumnTypes, start: int) -> Iterator[Chunk]:
        """Yield the rows in order: those that are kept, then what a pass must still read."""
        key = self._key(types, start)
        end = start
        for chunk in tuple(self._kept.get(key, ())):
            yield chunk
            end = chunk.start + len(chunk)
        if key in self._kept and key in self._complete:
            return
        for chunk in self._file.chunks(types, start):
            if chunk.start >= end:  # the chunks before have been kept
                yield self._keep(key, types, chunk, start)
        self._complete.add(key)

    def _key(self, types: ColumnTypes, start: int) -> Key:
        """Return the key of a pass, or of a complete one whose cells serve it as well."""
        wanted = tuple(types.items())
        others = (key for key in self._complete & self._kept.keys() if _serves(key, start, wanted))
        return next(others, (start, wanted))

    def _keep(self, key: Key, types: ColumnTypes, chunk: Chunk, start: int) -> Chunk:
        """Return a chunk of kept columns, or the chunk itself if there is no room for them."""
        if self._budget.left < 0 or not types:
            return chunk
        columns = {name: chunk.column(name) for name in types}
        if not self._budget.allows(list(columns.values())):
            return chunk
        kept = KeptChunk(self._file, start, chunk, columns)
        chunks = self._kept.setdefault(key, [])
        # another pass may have been here before, while this one went on
        if chunk.start == (chunks[-1].start + len(chunks[-1]) if chunks else start):
            chunks.append(kept)
        return kept


class KeptChunk(ColumnChunk):
    """Columns of a chunk; the lines of its rows are looked up in the file, for messages."""

    def __init__(
        self, file: TableFile, file_start: int, chunk: Chunk, columns: dict[str, Column]
    ) -> None:
        super().__init__(chunk.name, chunk.start, columns)
        self._file, self._file_start = file, file_start

    def place(self, row: int) -> str | None:
        """Return the line of a row, if there are lines."""
        types: ColumnTypes = {self._file.columns[0]: "text"}
        for chunk in self._file.chunks(types, self._file_start):
            within = self.start + row - chunk.start
            if within < len(chunk):
                return chunk.place(within)
        return None


def _serves(key: Key, start: int, wanted: tuple[tuple[str, CellType], ...]) -> bool:
    """Return whether a pass has read the wanted columns: numbers may be read as any cells."""
    return key[0] == start and (
        key[1] == wanted
        or (
            [name for name, _ in key[1]] == [name for name, _ in wanted]
            and all(
                read == kind or (read, kind) == ("any", "number")
                for (_, read), (_, kind) in zip(key[1], wanted, strict=True)
            )
        )
    )


def _bytes(column: Column) -> int:
    """Return about how many bytes a column takes, with the numbers of its texts."""
    if column.numbers is not None:
        return column.numbers.nbytes
    assert column.codes is not None
    texts = sum(map(len, column.categories)) + (_TEXT + 8) * len(column.categories)
    return column.codes.nbytes + texts
