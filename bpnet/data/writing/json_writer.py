"""JSON: an object for each row, one per line or all in one document."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any, BinaryIO

from bpnet.data.reading.chunk import Chunk
from bpnet.data.writing.numbers import Numbers
from bpnet.data.writing.writer import AddedColumns, OutputColumns

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")


class JsonLinesWriter:
    """Writes one object per line."""

    def __init__(self, stream: BinaryIO, columns: OutputColumns) -> None:
        self._stream, self._columns = stream, columns
        self._numeric = set(columns.numeric)

    def write(self, chunk: Chunk, added: AddedColumns) -> None:
        """Write a chunk's rows."""
        self._stream.write(("\n".join(self._objects(chunk, added)) + "\n").encode())

    def close(self, summary: Mapping[str, Any]) -> None:
        """Write nothing: a file of JSON lines ends with its last row."""

    def _objects(self, chunk: Chunk, added: AddedColumns) -> list[str]:
        """Return each row as a JSON object."""
        new = [
            values.rounded().tolist() if isinstance(values, Numbers) else values
            for values in added.values()
        ]
        kept = list(zip(self._columns.kept, self._columns.positions(chunk), strict=True))
        return [
            json.dumps(
                {
                    **{name: self._value(name, row[k]) for name, k in kept},
                    **dict(zip(added, cells, strict=True)),
                },
                ensure_ascii=False,
            )
            for row, cells in zip(self._columns.rows(chunk), zip(*new, strict=True), strict=True)
        ]

    def _value(self, column: str, cell: str) -> str | float | int | None:
        """Return a cell as a JSON value: null if it is blank.

        A cell of a numeric column is a number if it is written as JSON writes numbers.
        """
        if column in self._numeric and _NUMBER.fullmatch(cell):
            value: float | int = json.loads(cell)
            return value if math.isfinite(value) else cell  # 1e999 is infinite
        return cell or None


class JsonDocumentWriter(JsonLinesWriter):
    """Writes one document: `{"predictions": [`, the rows' objects, and the summary."""

    def __init__(self, stream: BinaryIO, columns: OutputColumns) -> None:
        super().__init__(stream, columns)
        self._before = '{"predictions": [\n'

    def write(self, chunk: Chunk, added: AddedColumns) -> None:
        """Write a chunk's rows."""
        self._stream.write((self._before + ",\n".join(self._objects(chunk, added))).encode())
        self._before = ",\n"

    def close(self, summary: Mapping[str, Any]) -> None:
        """End the document with the summary."""
        members = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in summary.items()]
        self._stream.write(("\n" + ", ".join(["]", *members]) + "}\n").encode())
