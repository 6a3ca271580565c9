"""Parquet tables, read batch by batch by pyarrow, which the extra `parquet` installs."""

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from bpnet.data.reading.chunk import CellType, Chunk, ColumnTypes
from bpnet.data.reading.column import MAX_EXACT, Column, column_from_texts
from bpnet.data.reading.number_format import NumberFormat
from bpnet.data.reading.settings import Reading
from bpnet.data.reading.streams import Opener, sha256, stream_errors
from bpnet.errors import DataError

_ROWS = 50_000
"""Rows of a batch."""


class ParquetFile:
    """A Parquet file of numbers, text, booleans, dates and times.

    Raises DataError if the file is damaged, or its columns are nested or not of one name each.
    """

    kind = "Parquet"

    def __init__(self, name: str, opener: Opener, settings: Reading) -> None:
        self.name, self._opener = name, opener
        self._number_format = settings.number_format()
        with stream_errors(name), opener() as stream:
            file = self._open(stream)
            schema, rows = file.schema_arrow, file.metadata.num_rows
        self.columns = [str(column) for column in schema.names]
        twice = [column for column, count in Counter(self.columns).items() if count > 1]
        if twice:
            raise DataError(f"{name}: two columns are named '{twice[0]}'; rename one of them")
        nested = [field.name for field in schema if field.type.num_fields]
        if nested:
            raise DataError(
                f"{name}: the column '{nested[0]}' is nested; "
                "flatten it, or drop it, before training"
            )
        if not rows:
            raise DataError(f"{name}: the table has column names but no rows; add rows")

    @property
    def digest(self) -> str:
        """The SHA-256 of the file."""
        return sha256(self._opener, self.name)

    def chunks(self, types: ColumnTypes, start: int) -> Iterator[Chunk]:
        """Yield the rows in order; raise DataError if the file is damaged."""
        with stream_errors(self.name), self._opener() as stream:
            file = self._open(stream)
            try:
                for batch in file.iter_batches(batch_size=_ROWS):
                    yield ParquetChunk(
                        self.name, start, self.columns, batch, self._number_format, types
                    )
                    start += batch.num_rows
            except (OSError, ValueError) as error:
                raise self._damaged(error) from None

    def _open(self, stream: BinaryIO) -> Any:
        # Parquet is read from its end, which a zstd stream cannot seek
        seekable = stream if stream.seekable() else io.BytesIO(stream.read())
        try:
            return pa.parquet.ParquetFile(seekable)
        except (OSError, ValueError) as error:
            raise self._damaged(error) from None

    def _damaged(self, error: Exception) -> DataError:
        return DataError(
            f"{self.name}: is not a whole Parquet file: {str(error).splitlines()[0]}; "
            "write or download it again"
        )


class ParquetChunk(Chunk):
    """A batch of rows, whose columns are converted when they are asked for."""

    def __init__(
        self,
        name: str,
        start: int,
        columns: list[str],
        batch: Any,
        number_format: NumberFormat,
        types: ColumnTypes,
    ) -> None:
        super().__init__(name, start)
        self.columns, self._batch, self._types = columns, batch, types
        self._number_format = number_format

    def __len__(self) -> int:
        return int(self._batch.num_rows)

    def column(self, name: str) -> Column:
        """Return one of the columns; raise DataError if it holds neither numbers nor text."""
        return self._column(name, self._types.get(name, "text"))

    def _column(self, name: str, kind: CellType) -> Column:
        try:
            return _column(self._batch.column(name), self._number_format, kind)
        except pa.ArrowException as error:
            raise DataError(
                f"{self.name}, column '{name}': cannot be read as numbers or text: "
                f"{str(error).splitlines()[0]}; drop the column, or write it as text"
            ) from None

    def rows(self) -> Sequence[Sequence[str]]:
        """Return every row's cells as text."""
        columns = (self._column(name, "text").cells() for name in self.columns)
        return list(zip(*columns, strict=True))


def _column(array: Any, number_format: NumberFormat, cells: CellType) -> Column:
    """Convert an Arrow array (N,): numbers to float64, unless `cells` are text, all else to text.

    Whole numbers that are not exact in float64 are text too, unless `cells` are numbers.
    """
    kind = array.type
    exact = pa.types.is_integer(kind) or pa.types.is_decimal(kind)
    if exact and (cells == "text" or (cells == "any" and _beyond_exact(array))):
        array = array.cast(pa.string())
    elif exact or pa.types.is_floating(kind):
        # not safe: whole numbers beyond 2^53 are rounded
        floats = array.cast(pa.float64(), safe=False)
        numbers = floats.to_numpy(zero_copy_only=False).astype(np.float64)
        # a column with infinity goes on as text, whose parsing names the row
        if not np.isinf(numbers).any():
            return Column(number_format, numbers=numbers)
    if pa.types.is_dictionary(kind):
        array = array.dictionary_decode()
    if pa.types.is_timestamp(kind):
        array = pa.array([None if v is None else v.isoformat(sep=" ") for v in array.to_pylist()])
    texts = array.cast(pa.string()).dictionary_encode()
    codes = texts.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    categories = [str(text).strip() for text in texts.dictionary.to_pylist()]
    # without white space, texts may be blank or equal: give them new codes
    if "" in categories or len(set(categories)) < len(categories):
        stripped = ("" if code < 0 else categories[code] for code in codes.tolist())
        return column_from_texts(stripped, number_format)
    return Column(number_format, codes=codes, categories=categories)


def _beyond_exact(array: Any) -> bool:
    """Return whether a number of an Arrow array is beyond the whole numbers that float64 holds."""
    floats = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return bool((np.abs(floats) > MAX_EXACT).any())
