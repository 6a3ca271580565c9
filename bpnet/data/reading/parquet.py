"""Parquet tables, read batch by batch by pyarrow, which the extra `parquet` installs."""

import base64
import io
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet

from bpnet.data.reading.arrow_values import DAMAGED, ROWS, ArrowTableFile, joined_batches
from bpnet.data.reading.expansion import RATIO, file_size
from bpnet.data.reading.parquet_pages import BYTE_ARRAY, Page, column_chunks, pages
from bpnet.data.reading.streams import LONGEST_RECORD, stream_errors
from bpnet.errors import DataError

_BATCH_BYTES = 64_000_000
"""The size of the values that are read at once, decompressed."""

_MOST_PAGE = 256_000_000
"""The most bytes of a page, which is decompressed as a whole; a page has about 1 MB as a rule."""

_MODERATE_ROWS = 50_000_000
"""Rows that a small file may hold; of a larger number each takes a part of a byte at least."""


class ParquetFile(ArrowTableFile):
    """A Parquet file, of which only the columns that are asked for are read."""

    title = "Parquet"
    kind = "Parquet"

    def _schema(self) -> Any:
        with stream_errors(self.name), self._opener() as stream:
            file = self._open(stream)
            self._types = {field.name: field.type for field in file.schema_arrow}
            return _written_schema(file)

    def _batches(self, names: list[str]) -> Iterator[Any]:
        with self._opener() as stream:
            size = file_size(stream)
            # Parquet is read from its end, which a zstd stream cannot seek
            source = stream if stream.seekable() else io.BytesIO(stream.read())
            # a text that occurs often is then held once
            texts = {
                name for name in names if self._types[name] in (pa.string(), pa.large_string())
            }
            file = self._open(source, read_dictionary=list(texts))
            if not file.metadata.num_rows:  # there may be no page
                schema = file.schema_arrow
                yield pa.RecordBatch.from_pylist([], pa.schema([schema.field(n) for n in names]))
                return
            self._refuse_many_rows(file.metadata.num_rows, size)
            rows = self._rows_of_batch(file.metadata.num_rows, source, set(names), texts)
            # one thread: several decode whole columns ahead
            batches = file.iter_batches(batch_size=rows, columns=names, use_threads=False)
            yield from joined_batches(batches, rows)

    def _open(self, stream: BinaryIO, **options: Any) -> Any:
        seekable = stream if stream.seekable() else io.BytesIO(stream.read())
        try:
            return pa.parquet.ParquetFile(seekable, **options)
        except DAMAGED as error:
            raise self._damaged(error) from None

    def _refuse_many_rows(self, rows: int, size: int) -> None:
        """Raise DataError if a file of this size is too small for its number of rows."""
        if rows > max(_MODERATE_ROWS, RATIO * size):
            raise DataError(
                f"{self.name}: its {size:,} bytes hold {rows:,} rows, like a file that is made to "
                "fill the memory; if it really is a table, write fewer of its rows"
            )

    def _rows_of_batch(
        self, table_rows: int, source: BinaryIO, names: set[str], texts: set[str]
    ) -> int:
        """Return the rows that hold about `_BATCH_BYTES` in some columns, at most `ROWS`.

        Raises DataError if a page is too large to be decompressed.
        """
        size = largest = 0
        for column in column_chunks(source):
            name = column.name
            if name not in names:
                continue
            held = 0
            for page in pages(source, column):
                self._refuse_large_page(page, name)
                held += page.size
                # each row may hold the one long value of a dictionary
                if page.is_dictionary and column.physical_type == BYTE_ARRAY:
                    largest = max(largest, 0 if name in texts else page.size)
            size += max(held, 8 * column.num_values)
        rows = min(ROWS, _BATCH_BYTES * table_rows // max(size, 1))
        return int(max(1, min(rows, _BATCH_BYTES // max(largest, 1))))

    def _refuse_large_page(self, page: Page, name: str) -> None:
        bomb = page.size > LONGEST_RECORD and page.size > RATIO * page.compressed
        if bomb or page.size > _MOST_PAGE:
            raise DataError(
                f"{self.name}, column '{name}': a page holds {page.size / 1e6:,.0f} MB, which are "
                "decompressed at once; leave out long cells, or write the file with smaller pages"
            )


def _written_schema(file: Any) -> Any:
    """Return the schema that was written, if the file keeps it; dictionaries of numbers are in it.

    They are read as numbers: Parquet itself has dictionaries of texts only.
    """
    schema, kept = file.schema_arrow, (file.metadata.metadata or {}).get(b"ARROW:schema")
    if kept is not None:
        with suppress(*DAMAGED):
            written = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(kept)))
            if written.names == schema.names:
                return written
    return schema
