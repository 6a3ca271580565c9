"""JSON lines: a table with one JSON object in each line, whose keys are the columns."""

import json
from collections.abc import Iterator
from typing import Any

from bpnet.data.reading.json_objects import EXAMPLE, ObjectFile, Objects
from bpnet.data.reading.streams import record_blocks, utf8_pieces
from bpnet.errors import DataError


class JsonLinesFile(ObjectFile):
    """A file of JSON lines. Raises DataError."""

    kind = "JsonLines"

    def _objects(self) -> Iterator[Objects]:
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
            nested = isinstance(error, RecursionError)
            # Python's own limit of digits has no message that is meant for users
            other = "values are nested too deeply" if nested else "a number is too long"
            raise DataError(
                f"{self.name}, line {line}: not a JSON object ({getattr(error, 'msg', other)}); "
                f"each line must hold one, such as {EXAMPLE}"
            ) from None
        if not isinstance(row, dict):
            shown = "a list" if isinstance(row, list) else repr(row)[:40]
            raise DataError(
                f"{self.name}, line {line}: is {shown}, not an object; "
                f"each line must hold one row, such as {EXAMPLE}"
            )
        return row
