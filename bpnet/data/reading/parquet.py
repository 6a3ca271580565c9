"""Parquet tables, read batch by batch by pyarrow, which the extra `parquet` installs."""

import io
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet

from bpnet.data.reading.arrow_values import DAMAGED, ROWS, ArrowTableFile, joined_batches
from bpnet.data.reading.streams import stream_errors
from bpnet.errors import DataError

_BATCH_BYTES = 64_000_000
"""The size of the values that are read at once, decompressed."""


class ParquetFile(ArrowTableFile):
    """A Parquet file, of which only the columns that are asked for are read."""

    title = "Parquet"
    kind = "Parquet"

    def _names(self) -> list[str]:
        with stream_errors(self.name), self._opener() as stream:
            file = self._open(stream)
            self._types = {field.name: field.type for field in file.schema_arrow}
            if not file.metadata.num_rows:
                raise DataError(f"{self.name}: the table has column names but no rows; add rows")
            return [str(name) for name in file.schema_arrow.names]

    def _batches(self, names: list[str]) -> Iterator[Any]:
        with self._opener() as stream:
            # a text that occurs often is then held once
            texts = [
                name for name in names if self._types[name] in (pa.string(), pa.large_string())
            ]
            file = self._open(stream, read_dictionary=texts)
            rows = _rows_of_batch(file.metadata, set(names))
            # one thread: several decode whole columns ahead
            batches = file.iter_batches(batch_size=rows, columns=names, use_threads=False)
            yield from joined_batches(batches, rows)

    def _open(self, stream: BinaryIO, **options: Any) -> Any:
        # Parquet is read from its end, which a zstd stream cannot seek
        seekable = stream if stream.seekable() else io.BytesIO(stream.read())
        try:
            return pa.parquet.ParquetFile(seekable, **options)
        except DAMAGED as error:
            raise self._damaged(error) from None


def _rows_of_batch(metadata: Any, names: set[str]) -> int:
    """Return the rows that hold about `_BATCH_BYTES` in some columns, at most `ROWS`."""
    size = 0
    for k in range(metadata.num_row_groups):
        group = metadata.row_group(k)
        columns = (group.column(i) for i in range(group.num_columns))
        size += sum(
            max(column.total_uncompressed_size, 8 * column.num_values)
            for column in columns
            if column.path_in_schema.partition(".")[0] in names
        )
    return int(max(1, min(ROWS, _BATCH_BYTES * metadata.num_rows // max(size, 1))))
