"""JSON lines: a table with one JSON object in each line, whose keys are the columns."""

import json
from collections.abc import Iterator
from typing import Any

from bpnet.data.reading.chunk import Chunk, ColumnChunk, ColumnTypes
from bpnet.data.reading.column import column_from_texts, number_text
from bpnet.data.reading.number_format import NumberFormat
from bpnet.data.reading.settings import Reading
from bpnet.data.reading.streams import Opener, record_blocks, sha256, utf8_pieces
from bpnet.errors import DataError
from bpnet.messages import quoted_list


class JsonLinesFile:
    """A file of JSON lines; a key that a line lacks, or that is null, is a gap. Raises DataError."""

    kind = "JsonLines"

    def __init__(self, name: str, opened: Opener, settings: Reading) -> None:
        self.name, self._opened, self._encoding = name, opened, settings.encoding
        self._number_format = NumberFormat(missing=frozenset(settings.missing or ()))
        first = next(self._objects(), [])
        if not first:
            raise DataError(f"{name}: the table is empty; each line must hold a JSON object")
        self.columns = list(dict.fromkeys(key for _, row in first for key in row))
        if not all(map(_is_text, self.columns)):
            raise DataError(
                f"{name}: a key holds half of a surrogate pair, which is no text; correct it"
            )
        if not self.columns:
            raise DataError(f"{name}: the objects have no keys, which are the columns")

    @property
    def digest(self) -> str:
        """The SHA-256 of the content, decompressed."""
        return sha256(self._opened, self.name)

    def chunks(self, wanted: ColumnTypes, start: int) -> Iterator[Chunk]:
        """The rows in order; raises DataError."""
        known = set(self.columns)
        for objects in self._objects():
            for line, row in objects:
                if new := sorted(row.keys() - known):
                    raise DataError(
                        f"{self.name}, line {line}: the key {quoted_list(new)} is new here; the columns are "
                        f"the keys of the first 6 MB: {quoted_list(self.columns)}"
                    )
            if not objects:
                continue
            columns = {
                name: column_from_texts(
                    (self._cell(row.get(name), name, line) for line, row in objects),
                    self._number_format,
                )
                for name in self.columns
            }
            yield ColumnChunk(self.name, start, columns, [line for line, _ in objects])
            start += len(objects)

    def _objects(self) -> Iterator[list[tuple[int, dict[str, Any]]]]:
        """The objects of each block, with their lines."""
        for first, content in record_blocks(
            utf8_pieces(self._opened, self._encoding, self.name), b"\0", self.name
        ):
            objects = []
            for k, text in enumerate(content.split(b"\n")):
                if not text.strip():
                    continue
                try:
                    row = json.loads(text)
                except (ValueError, RecursionError) as error:
                    reason = getattr(error, "msg", "it is not JSON")
                    raise DataError(
                        f"{self.name}, line {first + k}: not a JSON object ({reason}); each line must hold one, "
                        'such as {"age": 39, "city": "Oslo"}'
                    ) from None
                if not isinstance(row, dict):
                    raise DataError(
                        f"{self.name}, line {first + k}: is {'a list' if isinstance(row, list) else repr(row)[:40]}, "
                        'not an object; each line must hold one row, such as {"age": 39, "city": "Oslo"}'
                    )
                objects.append((first + k, row))
            yield objects

    def _cell(self, value: Any, column: str, line: int) -> str:
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, float):
            return number_text(value)
        if isinstance(value, dict | list):
            raise DataError(
                f"{self.name}, line {line}, column '{column}': a cell must be text, a number, true, false or null, not "
                f"{'an object' if isinstance(value, dict) else 'a list'}"
            )
        if isinstance(value, str) and not _is_text(value):
            raise DataError(
                f"{self.name}, line {line}, column '{column}': half a surrogate pair is no text; correct it"
            )
        return str(value).strip()


def _is_text(value: str) -> bool:
    """Whether no half of a surrogate pair stands alone, which no file in UTF-8 can hold."""
    return not any("\ud800" <= character <= "\udfff" for character in value)
