"""Parquet, written by pyarrow, which the extra `parquet` installs."""

from collections.abc import Mapping
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet

from bpnet.data.reading.chunk import Chunk
from bpnet.data.reading.column import MAX_EXACT
from bpnet.data.writing.kept_cells import number_values
from bpnet.data.writing.labels import LabelColumn
from bpnet.data.writing.numbers import Numbers
from bpnet.data.writing.writer import AddedColumns, OutputColumns
from bpnet.errors import DataError


class ParquetWriter:
    """Writes one row group per chunk, whose columns have the types of the first.

    Columns of a table with types keep theirs; of a table of text, those that are read as numbers
    are float64, or int64 where float64 would round them, and the others strings.
    """

    def __init__(self, stream: BinaryIO, columns: OutputColumns) -> None:
        self._stream, self._columns = stream, columns
        self._writer: Any = None

    def write(self, chunk: Chunk, added: AddedColumns) -> None:
        """Write a chunk's rows; raise DataError if a column changes its type."""
        arrays = self._kept(chunk) | {name: _added(values) for name, values in added.items()}
        # not in __init__: the first chunk shows the types
        if self._writer is None:
            schema = pa.schema([(name, array.type) for name, array in arrays.items()])
            self._writer = pa.parquet.ParquetWriter(self._stream, schema)
        schema = self._writer.schema
        columns = [_cast(array, schema.field(name), chunk) for name, array in arrays.items()]
        self._writer.write_table(pa.table(columns, schema=schema))

    def _kept(self, chunk: Chunk) -> dict[str, Any]:
        """Return the kept columns as Arrow arrays, with null for a missing value."""
        kept = {name: self._typed(chunk, name) for name in self._columns.kept}
        texts = [name for name, array in kept.items() if array is None]
        if texts:
            position = {name: k for k, name in enumerate(chunk.columns)}
            cells = list(zip(*chunk.rows(), strict=True)) or [()] * len(chunk.columns)
            for name in texts:
                kept[name] = pa.array([cell or None for cell in cells[position[name]]], pa.string())
        return kept

    def _typed(self, chunk: Chunk, name: str) -> Any:
        """Return a column in its types, or None if it is text, or of several types."""
        values = chunk.values(name)
        if values is None and name in self._columns.numeric:
            values = number_values(chunk, name, self._columns.numeric[name])
        if values is None or isinstance(values, pa.Array):
            return values
        try:
            if name in self._columns.numeric and not any(map(_is_inexact, values)):
                return pa.array(values, pa.float64())
            array = pa.array(values)
        except (pa.ArrowException, OverflowError):
            return None
        return array.cast(pa.string()) if pa.types.is_null(array.type) else array

    def close(self, summary: Mapping[str, Any]) -> None:
        """Write the end of the file."""
        if self._writer is not None:
            self._writer.close()


def _is_inexact(value: Any) -> bool:
    """Return whether a value is a whole number that float64 may round."""
    return isinstance(value, int) and abs(value) > MAX_EXACT


def _added(values: list[str] | LabelColumn | Numbers) -> Any:
    """Return an added column as an Arrow array."""
    if isinstance(values, Numbers):
        return pa.array(values.values)
    if isinstance(values, LabelColumn):
        return pa.array(values.values).take(pa.array(values.codes, pa.int32()))
    return pa.array(values, pa.string())


def _cast(array: Any, field: Any, chunk: Chunk) -> Any:
    """Return an array in the type of the first chunk; raise DataError if it does not fit."""
    if array.type == field.type:
        return array
    try:
        return array.cast(field.type)
    except pa.ArrowException:
        first, last = chunk.start + 1, chunk.start + len(chunk)
        raise DataError(
            f"{chunk.name}, rows {first} to {last}: the column '{field.name}' is of the type "
            f"{array.type} there, and {field.type} before, which one column of a Parquet file "
            "cannot be; write JSON lines instead (-o FILE.jsonl), or leave it out with --keep"
        ) from None
