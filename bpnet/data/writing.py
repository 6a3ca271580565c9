"""Writing tables row after row: CSV, JSON lines, one JSON document, or Parquet."""

import csv
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, Literal, Protocol

from bpnet.data.reading.chunk import Chunk
from bpnet.data.reading.column import Floats
from bpnet.errors import UsageError

Format = Literal["csv", "jsonl", "json", "parquet"]
Added = Mapping[str, list[str] | Floats]
"""New columns: texts, or numbers (N,)."""

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")
_SPECIAL = re.compile(r'[,"\r\n]|^\s|\s$')


class Writer(Protocol):
    """Writes the kept columns of each chunk, with added ones at the end."""

    def write(self, chunk: Chunk, added: Added) -> None:
        """Write a chunk's rows."""

    def close(self) -> None:
        """Write what ends the table."""


def open_writer(
    form: Format,
    stream: BinaryIO,
    kept: Sequence[str],
    added: Sequence[str],
    digits: int,
    numeric: Sequence[str],
) -> Writer:
    """A writer of the kept and the added columns; numbers are written with so many significant digits.

    `numeric` are the kept columns that hold numbers in every chunk.
    """
    if form == "csv":
        return _Csv(stream, kept, added, digits)
    if form == "parquet":
        return _Parquet(stream, kept, added, numeric)
    return _Json(stream, kept, digits, numeric, document=form == "json")


class _Csv:
    def __init__(
        self, stream: BinaryIO, kept: Sequence[str], added: Sequence[str], digits: int
    ) -> None:
        self._stream, self._kept, self._digits = stream, list(kept), digits
        self._header = (",".join(map(_csv_cell, [*kept, *added])) + "\n").encode()

    def write(self, chunk: Chunk, added: Added) -> None:
        """Write a chunk's rows; lines that are CSV already are passed on as they are."""
        columns = [_texts(values, self._digits, _csv_cell) for values in added.values()]
        lines = chunk.lines() if self._kept == chunk.columns else None
        if lines is not None:
            text = "\n".join(map(",".join, zip(lines, *columns, strict=True)))
        else:
            places = _places(chunk, self._kept)
            rows = (
                ([_csv_cell(row[k]) for k in places] for row in chunk.rows())
                if places
                else ([] for _ in columns[0])
            )
            text = "\n".join(
                ",".join([*row, *new])
                for row, new in zip(rows, zip(*columns, strict=True), strict=True)
            )
        self._stream.write(self._header)
        self._stream.write(text.encode())
        self._stream.write(b"\n")
        self._header = b""

    def close(self) -> None:
        """Nothing ends a CSV table."""


class _Json:
    """An object for each row: a line for each, or all in one document under `predictions`."""

    def __init__(
        self,
        stream: BinaryIO,
        kept: Sequence[str],
        digits: int,
        numeric: Sequence[str],
        *,
        document: bool,
    ) -> None:
        self._stream, self._kept, self._digits, self._document = stream, kept, digits, document
        self._numeric = set(numeric)
        self._rows = 0

    def write(self, chunk: Chunk, added: Added) -> None:
        """Write a chunk's rows."""
        columns = [
            values if isinstance(values, list) else _rounded(values, self._digits)
            for values in added.values()
        ]
        places = _places(chunk, self._kept)
        rows = chunk.rows() if places else [()] * len(chunk)
        texts = [
            json.dumps(
                {
                    **{
                        name: self._cell(name, row[k])
                        for name, k in zip(self._kept, places, strict=True)
                    },
                    **dict(zip(added, new, strict=True)),
                },
                ensure_ascii=False,
            )
            for row, new in zip(rows, zip(*columns, strict=True), strict=True)
        ]
        if self._document:
            start = ",\n" if self._rows else '{"predictions": [\n'
            self._stream.write((start + ",\n".join(texts)).encode())
        else:
            self._stream.write(("\n".join(texts) + "\n").encode())
        self._rows += len(texts)

    def _cell(self, name: str, cell: str) -> str | float | int | None:
        """A cell of a column of numbers as one, where it is written as JSON writes them; null where it is blank."""
        if name in self._numeric and _NUMBER.fullmatch(cell):
            value: float | int = json.loads(cell)
            return value if math.isfinite(value) else cell
        return cell or None

    def close(self) -> None:
        """End the document."""
        if self._document:
            self._stream.write(b"\n]}\n")


class _Parquet:
    def __init__(
        self, stream: BinaryIO, kept: Sequence[str], added: Sequence[str], numeric: Sequence[str]
    ) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise UsageError(
                "Parquet needs pyarrow; install it with: pip install 'bpnet-cli[parquet]'"
            ) from None
        self._arrow, self._stream, self._kept, self._numeric = pyarrow, stream, kept, set(numeric)
        self._writer: Any = None

    def write(self, chunk: Chunk, added: Added) -> None:
        """Write a chunk's rows."""
        pa = self._arrow
        columns: dict[str, Any] = {}
        for name in self._kept:
            column = chunk.column(name)
            if name in self._numeric:
                columns[name] = pa.array(column.as_numbers(), from_pandas=True)
            else:
                columns[name] = pa.array([cell or None for cell in column.cells()], pa.string())
        for name, values in added.items():
            columns[name] = (
                pa.array(values, pa.string()) if isinstance(values, list) else pa.array(values)
            )
        table = pa.table(columns)
        if self._writer is None:
            self._writer = pa.parquet.ParquetWriter(self._stream, table.schema)
        self._writer.write_table(table)

    def close(self) -> None:
        """Write the end of the file."""
        if self._writer is not None:
            self._writer.close()


def _places(chunk: Chunk, kept: Sequence[str]) -> list[int]:
    place = {name: k for k, name in enumerate(chunk.columns)}
    return [place[name] for name in kept]


def _csv_cell(cell: str) -> str:
    if not _SPECIAL.search(cell):
        return cell
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="").writerow([cell])
    return text.getvalue()


def _texts(values: list[str] | Floats, digits: int, cell: Any) -> list[str]:
    if isinstance(values, list):
        different = {text: cell(text) for text in set(values)}
        return [different[text] for text in values]
    form = f"%.{digits}g"
    return [form % value for value in values.tolist()]


def _rounded(values: Floats, digits: int) -> list[float]:
    form = f"%.{digits}g"
    return [float(form % value) for value in values.tolist()]
