"""JSON lines: a table with one JSON object in each line, whose keys are the columns."""

import json
from collections.abc import Iterator
from typing import Any

from bpnet.data.reading.chunk import Chunk, ColumnChunk, ColumnTypes
from bpnet.data.reading.column import column_from_texts, number_text
from bpnet.data.reading.settings import Reading
from bpnet.data.reading.streams import Opener, record_blocks, sha256, utf8_pieces
from bpnet.errors import DataError
from bpnet.messages import quoted_list

_EXAMPLE = '{"age": 39, "city": "Oslo"}'


class JsonLinesFile:
    """A file of JSON lines; a key that a line lacks, or that is null, is a missing value.

    Raises DataError.
    """

    kind = "JsonLines"

    def __init__(self, name: str, opener: Opener, settings: Reading) -> None:
        self.name, self._opener, self._encoding = name, opener, settings.encoding
        self._number_format = settings.number_format()
        first = next(self._objects(), [])
        if not first:
            raise DataError(f"{name}: the table is empty; each line must hold a JSON object")
        self.columns = list(dict.fromkeys(key for _, row in first for key in row))
        if not all(map(_is_text, self.columns)):
            raise DataError(
                f"{name}: a key holds half of a surrogate pair, which is not text; correct it"
            )
        if not self.columns:
            raise DataError(
                f"{name}: the objects have no keys, which are the columns; "
                f"each line must hold a row, such as {_EXAMPLE}"
            )

    @property
    def digest(self) -> str:
        """The SHA-256 of the content, decompressed."""
        return sha256(self._opener, self.name)

    def chunks(self, types: ColumnTypes, start: int) -> Iterator[Chunk]:
        """Yield the rows in order; raise DataError."""
        for objects in self._objects():
            self._check_keys(objects)
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

    def _check_keys(self, objects: list[tuple[int, dict[str, Any]]]) -> None:
        """Raise DataError if an object has a key that is not a column."""
        columns = set(self.columns)
        for line, row in objects:
            if new := sorted(row.keys() - columns):
                raise DataError(
                    f"{self.name}, line {line}: the key '{new[0]}' is not a column; "
                    f"the columns are the keys of the first 6 MB: {quoted_list(self.columns)}; "
                    "remove the key, or add it to the first line"
                )

    def _objects(self) -> Iterator[list[tuple[int, dict[str, Any]]]]:
        """Yield the objects of each block, with their lines."""
        pieces = utf8_pieces(self._opener, self._encoding, self.name)
        # no JSON text holds a NUL byte: as the quote it lets every line end a record
        for first, content in record_blocks(pieces, b"\0", self.name):
            yield [
                (first + k, self._object(text, first + k))
                for k, text in enumerate(content.split(b"\n"))
                if text.strip()
            ]

    def _object(self, text: bytes, line: int) -> dict[str, Any]:
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:
            reason = getattr(error, "msg", "it is not JSON")
            raise DataError(
                f"{self.name}, line {line}: not a JSON object ({reason}); "
                f"each line must hold one, such as {_EXAMPLE}"
            ) from None
        if not isinstance(row, dict):
            shown = "a list" if isinstance(row, list) else repr(row)[:40]
            raise DataError(
                f"{self.name}, line {line}: is {shown}, not an object; "
                f"each line must hold one row, such as {_EXAMPLE}"
            )
        return row

    def _cell(self, value: Any, column: str, line: int) -> str:
        """Return a JSON value as the text of a cell."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, float):
            return number_text(value)
        if isinstance(value, dict | list):
            raise DataError(
                f"{self.name}, line {line}, column '{column}': a cell must be text, a number, "
                f"true, false or null, not {'an object' if isinstance(value, dict) else 'a list'}"
            )
        if isinstance(value, str) and not _is_text(value):
            raise DataError(
                f"{self.name}, line {line}, column '{column}': "
                "half of a surrogate pair is not text; correct it"
            )
        return str(value).strip()


def _is_text(value: str) -> bool:
    """Return whether UTF-8 can hold a string: not if half of a surrogate pair is in it."""
    return not any("\ud800" <= character <= "\udfff" for character in value)
