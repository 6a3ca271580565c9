"""A JSON document: a list of objects, which are the rows, or columns as pandas and R write them."""

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bpnet.data.reading.json_objects import EXAMPLE, ObjectFile, Objects
from bpnet.data.reading.streams import BLOCK, LONGEST_RECORD, utf8_pieces
from bpnet.errors import DataError
from bpnet.messages import quoted_list

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")


class JsonDocumentFile(ObjectFile):
    """A JSON document that holds one table; its rows are read several megabytes at a time.

    - `[{"a": 1}, {"a": 2}]`, or objects one after the other: rows;
    - `{"data": [{"a": 1}, {"a": 2}], …}`: rows, under any key;
    - `[["a"], [1], [2]]`: rows as lists, after the names;
    - `{"columns": ["a"], "data": [[1], [2]]}`: rows as lists, and the names;
    - `{"a": [1, 2]}`, `{"a": {"0": 1, "1": 2}}`: columns;
    - `{"0": {"a": 1}, "1": {"a": 2}}`: rows by number.
    """

    def _objects(self) -> Iterator[Objects]:
        batch: Objects = []
        size = 0
        scanner = _Scanner(utf8_pieces(self._opener, self._encoding, self.name), self.name)
        for line, row, end in self._rows(scanner):
            batch.append((line, row))
            if end - size >= BLOCK:
                yield batch
                batch, size = [], end
        yield batch

    def _rows(self, scanner: "_Scanner") -> Iterator[tuple[int, dict[str, Any], int]]:
        """Yield each row with its line and the position after it."""
        if scanner.next() == "[":
            yield from self._list(scanner)
        else:
            document: dict[str, Any] = {}
            lists: list[str] = []  # the keys of lists of objects
            for key in scanner.each_key():
                if scanner.begins_list_of_objects():
                    lists.append(key)
                    if len(lists) > 1:
                        raise DataError(
                            f"{self.name}: holds several tables, under the keys "
                            f"{quoted_list(lists)}; write the one to read as a list of its own"
                        )
                    yield from self._list(scanner)
                else:
                    document[key] = scanner.value()
            if not lists:
                several = scanner.next() == "{"
                rows = [document] if several else self._table(document)
                for row in rows:
                    yield 0, row, scanner.position
            while not lists and scanner.next() == "{":
                line = scanner.line
                yield line, scanner.value(), scanner.position
        if scanner.next():
            raise scanner.error("there is more after the end of the document")

    def _list(self, scanner: "_Scanner") -> Iterator[tuple[int, dict[str, Any], int]]:
        names: list[str] | None = None
        for line in scanner.each_item():
            value = scanner.value()
            if isinstance(value, list) and names is None:
                if self._has_header is False:
                    names = [f"column_{k}" for k in range(1, len(value) + 1)]
                    yield line, self._named(names, value, line), scanner.position
                    continue
                names = value
                if not all(isinstance(name, str) for name in names):
                    raise DataError(
                        f"{self.name}, line {line}: the rows are lists without names; begin with "
                        'a list of names, such as ["age", "city"], or add --set '
                        "dataset.reading.header=none, which calls the columns column_1, column_2 "
                        "and so on"
                    )
            elif names is not None:
                yield line, self._named(names, value, line), scanner.position
            elif isinstance(value, dict):
                yield line, value, scanner.position
            else:
                raise DataError(
                    f"{self.name}, line {line}: is {json.dumps(value)[:40]}, not an object; "
                    f"each row must be one, such as {EXAMPLE}"
                )

    def _named(self, names: list[str], row: Any, line: int) -> dict[str, Any]:
        """Return a row that is a list as an object."""
        if not isinstance(row, list) or len(row) != len(names):
            place = f", line {line}" if line else ""
            raise DataError(
                f"{self.name}{place}: a row is not a list of {len(names)} values, one for each "
                "name; correct it"
            )
        return dict(zip(names, row, strict=True))

    def _table(self, document: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the rows of a document without a list of objects."""
        names, data = document.get("columns"), document.get("data")
        if isinstance(names, list) and isinstance(data, list):
            texts = [str(name) for name in names]
            return [self._named(texts, row, 0) for row in data]
        parts = list(document.values())
        if parts and all(isinstance(part, list) for part in parts):
            lengths = {key: len(part) for key, part in document.items()}
            if len(set(lengths.values())) > 1:
                shown = ", ".join(f"'{key}' {count}" for key, count in list(lengths.items())[:5])
                raise DataError(
                    f"{self.name}: the columns differ in length: {shown}; write them again"
                )
            return [dict(zip(document, row, strict=True)) for row in zip(*parts, strict=True)]
        if parts and all(isinstance(part, dict) for part in parts):
            inner = list(dict.fromkeys(key for part in parts for key in part))
            rows_first, columns_first = _are_numbers(list(document)), _are_numbers(inner)
            if columns_first and not rows_first:
                return [{key: document[key].get(row) for key in document} for row in inner]
            if rows_first and not columns_first:
                return [dict(part) for part in parts]
        elif parts and not any(isinstance(part, dict | list) for part in parts):
            return [dict(document)]
        raise DataError(
            f"{self.name}: is JSON, but not clearly a table; write a list of objects, such as "
            f"[{EXAMPLE}, …]: in pandas with orient='records', in jq with '[.…]'"
        )


def _are_numbers(keys: list[str]) -> bool:
    """Return whether all keys are row numbers."""
    return bool(keys) and all(re.fullmatch(r"\d+", key) for key in keys)


class _Scanner:
    """Reads JSON values one after the other from pieces of UTF-8. Raises DataError."""

    def __init__(self, pieces: Iterator[bytes], name: str) -> None:
        self._pieces, self._name = pieces, name
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text, self._at, self._before = "", 0, 0
        self.line = 1

    @property
    def position(self) -> int:
        """The characters read so far."""
        return self._before + self._at

    def next(self) -> str:
        """Return the next character that is not white space, without reading it; "" at the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            assert match is not None
            self._move(match.end())
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def value(self) -> Any:
        """Read the next value."""
        self.next()
        while True:
            start = self._at
            try:
                value, end = _DECODER.raw_decode(self._text, start)
                # at the end of the piece, a number may go on
                if end == len(self._text) and self._more():
                    continue
                self._move(self._at + end - start)
                return value
            except RecursionError:
                raise self.error("values are nested too deeply") from None
            except ValueError as error:
                if len(self._text) - start <= LONGEST_RECORD and self._more():
                    continue
                problem = getattr(error, "pos", start) - start
                self._move(min(self._at + problem, len(self._text)))
                raise self.error(getattr(error, "msg", "a number is too long")) from None

    def each_item(self) -> Iterator[int]:
        """Yield the line of each item of a list; the caller reads its value."""
        self._expect("[")
        if self.next() == "]":
            self._expect("]")
            return
        while True:
            self.next()
            yield self.line
            if self.next() != ",":
                self._expect("]")
                return
            self._expect(",")

    def each_key(self) -> Iterator[str]:
        """Yield each key of an object; the caller reads its value."""
        self._expect("{")
        if self.next() == "}":
            self._expect("}")
            return
        while True:
            key = self.value()
            if not isinstance(key, str):
                raise self.error("a key must be text in double quotes")
            self._expect(":")
            yield key
            if self.next() != ",":
                self._expect("}")
                return
            self._expect(",")

    def begins_list_of_objects(self) -> bool:
        """Return whether the next value is a list whose first item is an object."""
        if self.next() != "[":
            return False
        while True:
            rest = self._text[self._at + 1 : self._at + 4096].lstrip(" \t\r\n")
            if rest or not self._more():
                return rest.startswith("{")

    def error(self, reason: str) -> DataError:
        """Return an error at the present position."""
        return DataError(
            f"{self._name}, line {self.line}: not JSON ({reason}); "
            f"write a list of objects, such as [{EXAMPLE}, …]"
        )

    def _expect(self, mark: str) -> None:
        found = self.next()
        if found != mark:
            where = f"{found!r} is" if found else "the file ends"
            raise self.error(f"{where} where {mark!r} is expected")
        self._move(self._at + 1)

    def _move(self, end: int) -> None:
        self.line += self._text.count("\n", self._at, end)
        self._at = end

    def _more(self) -> bool:
        """Add a piece of text, and forget the text that was read; return False at the end."""
        piece = next(self._pieces, None)
        try:
            text = self._decoder.decode(piece or b"", final=piece is None)
        except UnicodeDecodeError as error:
            raise self.error(f"byte 0x{error.object[error.start]:02x} is not UTF-8 text") from None
        self._before += self._at
        self._text, self._at = self._text[self._at :] + text, 0
        return piece is not None
