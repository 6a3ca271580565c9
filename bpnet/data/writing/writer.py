"""What the writers of all formats have in common."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from bpnet.data.formats import FileFormat
from bpnet.data.reading.chunk import Chunk
from bpnet.data.reading.column import Floats

AddedColumns = Mapping[str, list[str] | Floats]
"""New columns by name: texts, or numbers (N,)."""


@dataclass(frozen=True)
class OutputColumns:
    """The columns to write: the `kept` ones of the table, then the `added` ones.

    `numeric` are the kept columns that hold numbers in every chunk. Added numbers are written with
    `digits` significant digits.
    """

    kept: Sequence[str]
    added: Sequence[str]
    digits: int
    numeric: Sequence[str] = ()

    def kept_cells(self, chunk: Chunk) -> Iterable[Sequence[str]]:
        """Return the cells of the kept columns as text, row by row."""
        if not self.kept:
            return [()] * len(chunk)
        position = {name: k for k, name in enumerate(chunk.columns)}
        positions = [position[name] for name in self.kept]
        return ([row[k] for k in positions] for row in chunk.rows())


class Writer(Protocol):
    """Writes a table, one chunk after the other."""

    def write(self, chunk: Chunk, added: AddedColumns) -> None:
        """Write a chunk's rows, with the added columns at their end."""

    def close(self) -> None:
        """Write what ends the table."""


def open_writer(file_format: FileFormat, stream: BinaryIO, columns: OutputColumns) -> Writer:
    """Return a writer of the columns in a format; raise UsageError where a package is missing."""
    writer: Writer = file_format.load(file_format.writer)(stream, columns)
    return writer
