"""JSON: an object for each row, one per line or all in one document."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from bpnet.data.reading.chunk import Chunk
from bpnet.data.writing.kept_cells import number_values
from bpnet.data.writing.labels import LabelColumn
from bpnet.data.writing.numbers import Numbers
from bpnet.data.writing.writer import AddedColumns, OutputColumns


class JsonLinesWriter:
    """Writes one object per line."""

    def __init__(self, stream: BinaryIO, columns: OutputColumns) -> None:
        self._stream, self._columns = stream, columns

    def write(self, chunk: Chunk, added: AddedColumns) -> None:
        """Write a chunk's rows."""
        self._stream.write("".join(f"{row}\n" for row in self._objects(chunk, added)).encode())

    def close(self, summary: Mapping[str, Any]) -> None:
        """Write nothing: a file of JSON lines ends with its last row."""

    def _objects(self, chunk: Chunk, added: AddedColumns) -> list[str]:
        """Return each row as a JSON object."""
        columns = self._kept(chunk) | {name: _added(values) for name, values in added.items()}
        names = list(columns)
        return [
            _object(dict(zip(names, row, strict=True)))
            for row in zip(*columns.values(), strict=True)
        ]

    def _kept(self, chunk: Chunk) -> dict[str, Sequence[Any]]:
        """Return the kept columns' cells as JSON values, null for a missing one.

        They are as the table has them; of a table of text, numbers where the model reads numbers.
        """
        kept: dict[str, Sequence[Any]] = {}
        for name in self._columns.kept:
            typed = chunk.values(name)
            if typed is not None:
                values = typed if isinstance(typed, list) else typed.to_pylist()
                kept[name] = [_json_value(value) for value in values]
            elif name in self._columns.numeric:
                numbers = number_values(chunk, name, self._columns.numeric[name])
                if numbers is not None:
                    kept[name] = numbers
        texts = [name for name in self._columns.kept if name not in kept]
        if texts:
            position = {name: k for k, name in enumerate(chunk.columns)}
            cells = list(zip(*chunk.rows(), strict=True)) or [()] * len(chunk.columns)
            kept |= {name: [cell or None for cell in cells[position[name]]] for name in texts}
        return {name: kept[name] for name in self._columns.kept}


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


def _object(row: dict[str, Any]) -> str:
    """Return a row as a JSON object."""
    text = json.dumps(row, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which UTF-8 cannot hold, is escaped
        return json.dumps(row)
    return text


def _added(values: list[str] | LabelColumn | Numbers) -> Sequence[Any]:
    """Return an added column's cells as JSON values."""
    if isinstance(values, Numbers):
        numbers: list[float] = values.rounded().tolist()
        return numbers
    if isinstance(values, LabelColumn):
        return [values.values[code] for code in values.codes]
    return values


def _json_value(value: Any) -> Any:
    """Return a cell as JSON has it: NaN as null, dates and what else JSON lacks as text."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {str(key): _json_value(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_json_value(part) for part in value]
    return str(value)
