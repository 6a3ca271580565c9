"""Writers of tables: their protocol, the columns that they write, and how to open one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

from bpnet.data.formats import FileFormat
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading.chunk import Chunk
from bpnet.data.writing.labels import LabelColumn
from bpnet.data.writing.numbers import Numbers

AddedColumns = Mapping[str, list[str] | LabelColumn | Numbers]
"""New columns by name: texts (N,), labels, or numbers."""


@dataclass(frozen=True)
class OutputColumns:
    """The columns to write: the `kept` ones of the table, then the `added` ones.

    `numeric` are the kept columns that are read as numbers, and the format in which. With
    `safe_csv`, CSV has no text that a spreadsheet would take for a formula.
    """

    kept: Sequence[str]
    added: Sequence[str]
    numeric: Mapping[str, NumberFormat | None] = field(default_factory=dict)
    safe_csv: bool = False

    def rows(self, chunk: Chunk) -> Sequence[Sequence[str]]:
        """Return every row's cells as text, none if no column is kept."""
        return chunk.rows() if self.kept else [()] * len(chunk)

    def positions(self, chunk: Chunk) -> list[int]:
        """Return the positions of the kept columns among those of a chunk."""
        position = {name: k for k, name in enumerate(chunk.columns)}
        return [position[name] for name in self.kept]


class Writer(Protocol):
    """Writes a table, one chunk after the other."""

    def write(self, chunk: Chunk, added: AddedColumns) -> None:
        """Write a chunk's rows, with the added columns at their end."""

    def close(self, summary: Mapping[str, Any]) -> None:
        """Write the end of the table; one JSON document ends with the summary."""


def open_writer(file_format: FileFormat, stream: BinaryIO, columns: OutputColumns) -> Writer:
    """Return a writer of the columns in a format; raise UsageError if a package is missing."""
    writer: Writer = file_format.load(file_format.writer)(stream, columns)
    return writer
