"""Parquet tables, read batch by batch by pyarrow, which the extra `parquet` installs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

from bpnet.data.reading.chunk import Chunk, ColumnTypes
from bpnet.data.reading.column import Column, column_from_texts
from bpnet.data.reading.number_format import NumberFormat
from bpnet.data.reading.settings import Reading
from bpnet.data.reading.streams import Opener, sha256
from bpnet.errors import DataError, UsageError

_ROWS = 50_000


class ParquetFile:
    """A Parquet file of numbers, text, booleans, dates and times; raises DataError where it is damaged."""

    kind = "Parquet"

    def __init__(self, name: str, opened: Opener, settings: Reading) -> None:
        self.name, self._opened = name, opened
        self._number_format = NumberFormat(missing=frozenset(settings.missing or ()))
        with opened() as stream:
            file = self._file(stream)
            schema, rows = file.schema_arrow, file.metadata.num_rows
        self.columns = [str(column) for column in schema.names]
        twice = [column for column, count in Counter(self.columns).items() if count > 1]
        if twice:
            raise DataError(f"{name}: two columns are named '{twice[0]}'; rename one of them")
        nested = [field.name for field in schema if field.type.num_fields]
        if nested:
            raise DataError(
                f"{name}: the column '{nested[0]}' is nested; flatten it, or drop it, before training"
            )
        if not rows:
            raise DataError(f"{name}: the table has column names but no rows")

    @property
    def digest(self) -> str:
        """The SHA-256 of the file."""
        return sha256(self._opened, self.name)

    def chunks(self, wanted: ColumnTypes, start: int) -> Iterator[Chunk]:
        """The rows in order; raises DataError."""
        with self._opened() as stream:
            file = self._file(stream)
            try:
                for batch in file.iter_batches(batch_size=_ROWS):
                    yield _Batch(self.name, start, self.columns, batch, self._number_format, wanted)
                    start += batch.num_rows
            except (OSError, ValueError) as error:
                raise self._damaged(error) from None

    def _file(self, stream: BinaryIO) -> Any:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise UsageError(
                f"{self.name}: Parquet needs pyarrow; install it with: pip install 'bpnet-cli[parquet]'"
            ) from None
        try:
            return pyarrow.parquet.ParquetFile(stream)
        except (OSError, ValueError) as error:
            raise self._damaged(error) from None

    def _damaged(self, error: Exception) -> DataError:
        return DataError(
            f"{self.name}: is no whole Parquet file: {str(error).splitlines()[0]}; write or download it again"
        )


class _Batch(Chunk):
    """A batch of rows, whose columns are made when they are asked for."""

    def __init__(
        self,
        name: str,
        start: int,
        columns: list[str],
        batch: Any,
        number_format: NumberFormat,
        wanted: ColumnTypes,
    ) -> None:
        super().__init__(name, start)
        self.columns, self._batch, self._number_format, self._wanted = (
            columns,
            batch,
            number_format,
            wanted,
        )

    def __len__(self) -> int:
        return int(self._batch.num_rows)

    def column(self, name: str) -> Column:
        """One of the columns; raises DataError where it holds bytes that are no text."""
        return self._column(name, as_text=self._wanted.get(name, "text") == "text")

    def _column(self, name: str, *, as_text: bool) -> Column:
        import pyarrow

        try:
            return _column(self._batch.column(name), self._number_format, as_text=as_text)
        except pyarrow.ArrowException as error:
            raise DataError(
                f"{self.name}, column '{name}': cannot be read as numbers or text: {str(error).splitlines()[0]}; "
                "drop the column, or write it as text"
            ) from None

    def rows(self) -> Sequence[Sequence[str]]:
        """Every row's cells as text."""
        return list(
            zip(*(self._column(name, as_text=True).cells() for name in self.columns), strict=True)
        )


def _column(array: Any, number_format: NumberFormat, *, as_text: bool) -> Column:
    import pyarrow as pa

    kind = array.type
    if as_text and pa.types.is_integer(kind):
        array = array.cast(pa.string())  # for float64 holds whole numbers to 2^53 alone
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers = (
            array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(np.float64)
        )
        if not np.isinf(numbers).any():
            return Column(number_format, numbers=numbers)
    if pa.types.is_dictionary(kind):
        array = array.dictionary_decode()
    if pa.types.is_timestamp(kind):
        array = pa.array([None if v is None else v.isoformat(sep=" ") for v in array.to_pylist()])
    texts = array.cast(pa.string()).dictionary_encode()
    codes = texts.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    categories = [str(category).strip() for category in texts.dictionary.to_pylist()]
    if "" in categories or len(set(categories)) < len(categories):
        return column_from_texts(
            ("" if code < 0 else categories[code] for code in codes.tolist()), number_format
        )
    return Column(number_format, codes=codes, categories=categories)
