"""Tables in Python's memory: data frames of pandas, Polars or Arrow, read through narwhals.

Their cells are read as those of a Parquet file of the same columns: numbers are numbers, all else
is text, durations are seconds, and lists and structures are JSON.
"""

import datetime
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bpnet.data.numbers.cells import number_text
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading.chunk import CellType, Chunk, ColumnTypes
from bpnet.data.reading.column import MAX_EXACT, Column, Floats, column_from_texts
from bpnet.data.reading.names import check_names, tidy_name
from bpnet.data.reading.settings import Reading
from bpnet.data.reading.table import Table
from bpnet.errors import DataError

if TYPE_CHECKING:
    import narwhals

IN_MEMORY = "memory:"
"""The path of the table that `table_in_memory` holds."""
NAME = "table"
"""Its name in messages."""

_ROWS = 50_000
"""The most rows of a chunk."""

_HELD: ContextVar[Any] = ContextVar("_HELD", default=None)


@contextmanager
def table_in_memory(table: Any) -> Iterator[str]:
    """Hold a data frame, which is the table at the path that is yielded, in this thread.

    Raises DataError if it is none, or if its column names are not valid.
    """
    before = _HELD.set(_data_frame(table))
    try:
        yield IN_MEMORY
    finally:
        _HELD.reset(before)


def holds_table() -> bool:
    """Return whether a data frame is held."""
    return _HELD.get() is not None


def held_table(settings: Reading) -> Table:
    """Return the table that is held; raise DataError if none is."""
    frame = _HELD.get()
    if frame is None:
        raise DataError(
            f"{IN_MEMORY} the table was in Python's memory, where it is no more; "
            "give it again as `table=` in Python, or name a file in its place"
        )
    return Table(NAME, [DataFrameFile(frame, settings)])


def _data_frame(table: Any) -> "narwhals.DataFrame[Any]":
    """Return a data frame of any library as one of narwhals; raise DataError if it is none."""
    import narwhals  # deferred: only for tables in memory

    if isinstance(table, np.ndarray):
        raise DataError(
            f"{NAME}: is a NumPy array, whose columns have no names; give a data frame: "
            "pandas.DataFrame(array, columns=names)"
        )
    try:
        frame = narwhals.from_native(table)
    except TypeError:
        raise DataError(
            f"{NAME}: is of the type {type(table).__name__}; give a data frame of pandas, "
            "Polars or Arrow"
        ) from None
    except narwhals.exceptions.DuplicateError:
        check_names(NAME, [str(name) for name in table.columns])
        raise
    return frame.collect() if isinstance(frame, narwhals.LazyFrame) else frame


def is_data_frame(table: Any) -> bool:
    """Return whether an object is a data frame of a library that narwhals knows."""
    import narwhals  # deferred: only for tables in memory

    return bool(narwhals.dependencies.is_into_dataframe(table))


def row_index(table: Any) -> Any:
    """Return the index of the rows of a data frame, if its library has such; else None."""
    import narwhals  # deferred: only for tables in memory

    frame = narwhals.from_native(table, pass_through=True)
    return narwhals.maybe_get_index(frame) if isinstance(frame, narwhals.DataFrame) else None


def columns_of(table: Any) -> list[Any]:
    """Return the names of a data frame's columns, as it has them."""
    return list(_data_frame(table).columns)


def with_names(table: Any, names: Sequence[str]) -> Any:
    """Return a data frame with other names of its columns, in their order."""
    frame = _data_frame(table)
    return frame.rename(dict(zip(frame.columns, names, strict=True))).to_native()


def with_columns(table: Any, columns: Mapping[str, Any]) -> Any:
    """Return a data frame with further columns (N,), whose rows are counted from 0."""
    import narwhals  # deferred: only for tables in memory

    frame = narwhals.maybe_reset_index(_data_frame(table))
    backend = frame.implementation
    added = [narwhals.new_series(name, cells, backend=backend) for name, cells in columns.items()]
    return frame.with_columns(*added).to_native()


class DataFrameFile:
    """A data frame in memory as a table's file."""

    kind = "data frame"
    name = NAME
    reads_only_wanted = True
    header_hint = ""

    def __init__(self, frame: "narwhals.DataFrame[Any]", settings: Reading) -> None:
        self._frame = frame
        self.warnings: list[str] = []
        self._number_format = settings.number_format()
        names = [str(name) for name in frame.columns]
        self.columns = [tidy_name(name) for name in names]
        check_names(NAME, self.columns)
        self._written = dict(zip(self.columns, frame.columns, strict=True))
        self.declared_categories = frozenset(
            name for name, written in self._written.items() if _is_category(frame.schema[written])
        )
        if not self.columns:
            raise DataError(f"{NAME}: has no columns; add columns")

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the columns' names and cells."""
        total = hashlib.sha256()
        for name in self.columns:
            declared = " (categories)" if name in self.declared_categories else ""
            total.update(f"\0{name}\0{declared}".encode())
            for chunk in self.chunks({name: "any"}, 0):
                column = chunk.column(name)
                if column.numbers is None:
                    total.update("\0".join(column.written_cells()).encode("utf-8", "surrogatepass"))
                else:
                    total.update((column.numbers + 0.0).tobytes())
        return total.hexdigest()

    def chunks(self, types: ColumnTypes, start: int) -> Iterator[Chunk]:
        """Yield the rows in order, with the columns of `types` only."""
        written = {name: self._written[name] for name in self.columns if name in types}
        for first in range(0, len(self._frame), _ROWS):
            rows = self._frame[first : first + _ROWS]
            yield _DataFrameChunk(start + first, written, rows, self._number_format, types)


class _DataFrameChunk(Chunk):
    """Rows of a data frame; `written` gives the name of each column in it."""

    def __init__(
        self,
        start: int,
        written: dict[str, str],
        frame: "narwhals.DataFrame[Any]",
        number_format: NumberFormat,
        types: ColumnTypes,
    ) -> None:
        super().__init__(NAME, start)
        self.columns, self._written, self._frame = list(written), written, frame
        self._number_format, self._types = number_format, types

    def __len__(self) -> int:
        return len(self._frame)

    def _column(self, name: str) -> Column:
        series = self._frame.get_column(self._written[name])
        try:
            return _column(series, self._number_format, self._types.get(name, "text"))
        except (ValueError, TypeError, OverflowError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise DataError(
                f"{NAME}, column '{name}': cannot be read as numbers or text ({reason}); "
                "make it numbers or text, or leave it out"
            ) from None

    def rows(self) -> Sequence[Sequence[str]]:
        """Return every row's cells as text."""
        cells = (
            _column(self._frame.get_column(written), self._number_format, "text").written_cells()
            for written in self._written.values()
        )
        return list(zip(*cells, strict=True))


def _is_category(kind: Any) -> bool:
    """Return whether a type of narwhals is one of categories."""
    import narwhals  # loaded already

    return kind in (narwhals.Categorical, narwhals.Enum)


def _column(series: "narwhals.Series[Any]", number_format: NumberFormat, cells: CellType) -> Column:
    """Convert a series (N,): numbers to float64, unless `cells` are text, all else to text.

    Whole numbers that are not exact in float64 are text too, unless `cells` are numbers.
    """
    import narwhals  # loaded already

    kind = series.dtype
    if kind == narwhals.Duration:
        return Column(number_format, numbers=np.array([_seconds(v) for v in series.to_list()]))
    exact = kind.is_integer() or kind.is_decimal()
    if kind.is_numeric() and not (exact and cells == "text"):
        numbers = _numbers(series)
        inexact = exact and cells == "any" and bool((np.abs(numbers) > MAX_EXACT).any())
        # a column with infinity goes on as text, whose parsing names the row
        if not (inexact or np.isinf(numbers).any()):
            return Column(number_format, numbers=numbers)
    return column_from_texts(map(_text, _without_bytes(series.to_list())), number_format)


def _numbers(series: "narwhals.Series[Any]") -> Floats:
    """Return the numbers (N,), NaN for a missing value."""
    import narwhals  # loaded already

    if series.dtype.is_integer():
        if not series.null_count():
            return series.to_numpy().astype(np.float64)
        # one by one: a library may refuse to round whole numbers
        missing = series.is_null().to_numpy()
        cells = zip(series.to_list(), missing, strict=True)
        return np.array([np.nan if gap else float(value) for value, gap in cells])
    return series.cast(narwhals.Float64()).to_numpy().astype(np.float64)


def _seconds(value: datetime.timedelta | None) -> float:
    """Return a duration in seconds, NaN for a missing value."""
    return float(_text(value) or "nan")


def _without_bytes(values: list[Any]) -> list[Any]:
    """Return cells with bytes as text, or all of them as hexadecimal if some are not UTF-8."""
    if not any(isinstance(value, bytes) for value in values):
        return values
    try:
        return [value.decode() if isinstance(value, bytes) else value for value in values]
    except UnicodeDecodeError:
        return [value.hex() if isinstance(value, bytes) else value for value in values]


def _text(value: Any) -> str:
    """Return a cell as text, blank for a missing value."""
    if isinstance(value, str):
        return value.strip()
    if value is None or value is np.ma.masked or type(value).__name__ in ("NaTType", "NAType"):
        return ""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else number_text(float(value))
    if isinstance(value, Decimal):
        return "" if value.is_nan() else str(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, datetime.timedelta):
        return number_text(value.total_seconds())
    if isinstance(value, datetime.time):
        return value.isoformat(timespec="microseconds")
    if isinstance(value, list | tuple | dict | np.ndarray):
        plain = value.tolist() if isinstance(value, np.ndarray) else value
        return json.dumps(plain, default=str, ensure_ascii=False)
    return str(value).strip()
