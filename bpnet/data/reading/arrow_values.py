"""Arrow arrays as columns: what Parquet and Arrow files hold, read by pyarrow."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading.chunk import CellType, Chunk, ColumnTypes
from bpnet.data.reading.column import MAX_EXACT, Column, column_from_texts
from bpnet.data.reading.names import check_names, tidy_name
from bpnet.data.reading.settings import Reading
from bpnet.data.reading.streams import LONGEST_RECORD, Opener, sha256, stream_errors
from bpnet.errors import DataError

DAMAGED = (OSError, ValueError, OverflowError, MemoryError, pa.ArrowException)
"""The errors that pyarrow raises for a damaged file, whose sizes may be out of all bounds."""

_LONGEST_BYTES = 1_000_000
"""The most bytes of a cell that are written as hexadecimal."""

ROWS = 50_000
"""The most rows of a chunk."""


class ArrowTableFile:
    """A file of Arrow columns.

    Durations are seconds, lists and structures are JSON, and bytes that are not text are
    hexadecimal. Raises DataError.
    """

    title: str
    kind: str
    reads_only_wanted = True

    def __init__(self, name: str, opener: Opener, settings: Reading) -> None:
        self.name, self._opener = name, opener
        self.warnings: list[str] = []
        self.header_hint = ""
        self._number_format = settings.number_format()
        schema = self._schema()
        names = [str(written) for written in schema.names]
        self.columns = [tidy_name(column) for column in names]
        self._written = dict(zip(self.columns, names, strict=True))
        check_names(name, self.columns)
        # a dictionary is the type of categories
        self.declared_categories = frozenset(
            column
            for column, kind in zip(self.columns, schema.types, strict=True)
            if pa.types.is_dictionary(kind)
        )

    def _schema(self) -> Any:
        """Return the names and types of the columns, as they were when they were written."""
        raise TypeError(f"{type(self).__name__} must implement _schema")

    def _batches(self, names: list[str]) -> Iterator[Any]:
        """Yield record batches of the columns `names`, of at most `ROWS` rows."""
        raise TypeError(f"{type(self).__name__} must implement _batches")

    @property
    def digest(self) -> str:
        """The SHA-256 of the file, decompressed."""
        return sha256(self._opener, self.name)

    def chunks(self, types: ColumnTypes, start: int) -> Iterator[Chunk]:
        """Yield the rows in order, with the columns of `types` only; raise DataError."""
        written = {column: self._written[column] for column in self.columns if column in types}
        # without columns, a batch has no rows
        names = list(written.values()) or [self._written[self.columns[0]]]
        with stream_errors(self.name):
            try:
                for batch in self._batches(names):
                    yield ArrowChunk(self.name, start, written, batch, self._number_format, types)
                    start += batch.num_rows
            except DAMAGED as error:
                raise self._damaged(error) from None

    def _damaged(self, error: Exception) -> DataError:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return DataError(
            f"{self.name}: is not a whole {self.title} file: {reason}; write or download it again"
        )


def joined_batches(batches: Iterable[Any], rows: int) -> Iterator[Any]:
    """Yield record batches of at least a number of rows, but for the last.

    A group of rows in a file may be small; a small table is one chunk, whatever its groups.
    """
    held: list[Any] = []
    for batch in batches:
        held.append(batch)
        if sum(map(len, held)) >= rows:
            yield _joined(held)
            held = []
    if any(map(len, held)):
        yield _joined(held)


def _joined(batches: list[Any]) -> Any:
    if len(batches) == 1:
        return batches[0]
    (batch,) = pa.Table.from_batches(batches).unify_dictionaries().combine_chunks().to_batches()
    return batch


class ArrowChunk(Chunk):
    """A batch of rows, whose columns are converted when they are asked for.

    `written` gives the name of each column in the batch.
    """

    def __init__(
        self,
        name: str,
        start: int,
        written: dict[str, str],
        batch: Any,
        number_format: NumberFormat,
        types: ColumnTypes,
    ) -> None:
        super().__init__(name, start)
        self.columns, self._written, self._batch = list(written), written, batch
        self._positions = {written: k for k, written in enumerate(batch.schema.names)}
        self._types, self._number_format = types, number_format

    def __len__(self) -> int:
        return int(self._batch.num_rows)

    def values(self, name: str) -> Any:
        """Return a column's cells (N,) as Arrow has them."""
        return self._batch.column(self._positions[self._written[name]])

    def _column(self, name: str) -> Column:
        """Return one of the columns; raise DataError if its cells cannot be read."""
        array = self.values(name)
        try:
            return _column(array, self._number_format, self._types.get(name, "text"))
        except (pa.ArrowException, ValueError, OverflowError) as error:
            reason = str(error).splitlines()[0]
            raise DataError(
                f"{self.name}, column '{name}': cannot be read as numbers or text ({reason}); "
                "write it as numbers or text, or remove it from the file"
            ) from None

    def rows(self) -> Sequence[Sequence[str]]:
        """Return every row's cells as text, a list or structure as JSON."""
        return list(zip(*(self._cells(name) for name in self.columns), strict=True))

    def _cells(self, name: str) -> list[str]:
        array = self.values(name)
        try:
            return _column(array, self._number_format, "text").written_cells()
        except (pa.ArrowException, ValueError, OverflowError):
            pass
        try:
            texts = array.cast(pa.string()).to_pylist()  # dates that Python does not have
        except pa.ArrowException:
            texts = [None if value is None else str(value) for value in array.to_pylist()]
        return [text or "" for text in texts]


def _column(array: Any, number_format: NumberFormat, cells: CellType) -> Column:
    """Convert an Arrow array (N,): numbers to float64, unless `cells` are text, all else to text.

    Whole numbers that are not exact in float64 are text too, unless `cells` are numbers.
    """
    types = pa.types
    if types.is_dictionary(array.type) and not _is_text(array.type.value_type):
        array = array.dictionary_decode()
    if types.is_duration(array.type):
        ticks = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}[array.type.unit]
        array = pa.compute.divide(array.cast(pa.int64()).cast(pa.float64(), safe=False), ticks)
    array = _with_plain_text(array)
    kind = array.type
    exact = types.is_integer(kind) or types.is_decimal(kind)
    as_text = exact and (cells == "text" or (cells == "any" and _beyond_exact(array)))
    if (exact or types.is_floating(kind)) and not as_text:
        # not safe: whole numbers beyond 2^53 are rounded
        floats = array.cast(pa.float64(), safe=False)
        numbers = floats.to_numpy(zero_copy_only=False).astype(np.float64)
        # a column with infinity goes on as text, whose parsing names the row
        if not np.isinf(numbers).any():
            return Column(number_format, numbers=numbers)
    if types.is_timestamp(kind):
        array = pa.array(map(_moment, array), pa.string())
    if not types.is_dictionary(array.type):
        array = array.cast(pa.large_string()).dictionary_encode()
    return _text_column(array, number_format)


def _moment(value: Any) -> str | None:
    """Return an Arrow time as ISO text, or as Arrow names one that Python does not have."""
    try:
        moment = value.as_py()
    except (ValueError, OverflowError):
        return str(value.cast(pa.string()))
    return None if moment is None else moment.isoformat(sep=" ")


def _with_plain_text(array: Any) -> Any:
    """Return an array as text if it is of lists, structures, intervals, or bytes."""
    types, kind = pa.types, array.type
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        try:
            return array.cast(pa.binary()).cast(pa.large_string())
        except pa.ArrowInvalid:  # it is not UTF-8
            longest = pa.compute.max(pa.compute.binary_length(array)).as_py() or 0
            if longest > _LONGEST_BYTES:
                raise ValueError(f"a cell holds {longest:,} bytes that are not text") from None
            return pa.array([None if v is None else v.hex() for v in array.to_pylist()])
    if types.is_dictionary(kind) or not (kind.num_fields or types.is_interval(kind)):
        return array
    texts = [
        None if value is None else json.dumps(value, default=str, ensure_ascii=False)
        for value in array.to_pylist()
    ]
    return pa.array(texts, pa.large_string())


def _beyond_exact(array: Any) -> bool:
    """Return whether a number of an Arrow array is beyond the whole numbers that float64 holds."""
    floats = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return bool((np.abs(floats) > MAX_EXACT).any())


def _is_text(kind: Any) -> bool:
    return kind in (pa.string(), pa.large_string())


def _text_column(array: Any, number_format: NumberFormat) -> Column:
    """Return a column of the texts of a dictionary array (N,), without white space around them."""
    indices = array.indices
    used = indices.drop_null().unique().sort()  # a dictionary may hold many texts more
    texts = array.dictionary.take(used)
    longest = pa.compute.max(pa.compute.binary_length(texts)).as_py() or 0
    if longest > LONGEST_RECORD:
        raise ValueError(f"a cell is longer than {LONGEST_RECORD / 1e6:.0f} MB")
    positions = np.searchsorted(
        used.to_numpy(), indices.fill_null(0).to_numpy(zero_copy_only=False)
    )
    missing = indices.is_null().to_numpy(zero_copy_only=False)
    codes = np.where(missing, -1, positions).astype(np.int32)
    categories = ["" if text is None else text.strip() for text in texts.to_pylist()]
    # without white space, texts may be blank or equal: give them new codes
    if "" in categories or len(set(categories)) < len(categories):
        cells = ("" if code < 0 else categories[code] for code in codes.tolist())
        return column_from_texts(cells, number_format)
    return Column(number_format, codes=codes, categories=categories)
