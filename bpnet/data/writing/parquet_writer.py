"""Parquet, written by pyarrow, which the extra `parquet` installs."""

from collections.abc import Mapping
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet

from bpnet.data.reading.chunk import Chunk
from bpnet.data.writing.numbers import Numbers
from bpnet.data.writing.writer import AddedColumns, OutputColumns


class ParquetWriter:
    """Writes one row group per chunk; numeric columns are float64, the others strings."""

    def __init__(self, stream: BinaryIO, columns: OutputColumns) -> None:
        self._stream, self._columns = stream, columns
        self._writer: Any = None

    def write(self, chunk: Chunk, added: AddedColumns) -> None:
        """Write a chunk's rows."""
        arrays = {name: self._kept(chunk, name) for name in self._columns.kept}
        for name, values in added.items():
            arrays[name] = (
                pa.array(values.values) if isinstance(values, Numbers) else pa.array(values)
            )
        table = pa.table(arrays)
        # not in __init__: the first chunk shows the types of the added columns
        if self._writer is None:
            self._writer = pa.parquet.ParquetWriter(self._stream, table.schema)
        self._writer.write_table(table)

    def _kept(self, chunk: Chunk, name: str) -> Any:
        """Return a column of the table, with null for a blank cell."""
        column = chunk.column(name)
        if name in self._columns.numeric:
            return pa.array(column.as_numbers(), from_pandas=True)
        return pa.array([cell or None for cell in column.written_cells()], pa.string())

    def close(self, summary: Mapping[str, Any]) -> None:
        """Write the end of the file."""
        if self._writer is not None:
            self._writer.close()
