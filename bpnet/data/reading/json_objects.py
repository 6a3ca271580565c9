"""Tables whose rows are JSON objects: their columns are the keys."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bpnet.data.numbers.cells import NumberCell, number_text
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading.chunk import Chunk, ColumnTypes
from bpnet.data.reading.column import Column, column_from_texts
from bpnet.data.reading.names import repeated_names, tidy_name
from bpnet.data.reading.settings import Reading
from bpnet.data.reading.streams import Opener, sha256
from bpnet.errors import DataError
from bpnet.messages import quoted_list

Objects = list[tuple[int, dict[str, Any]]]
"""JSON objects, each with the line that it begins on, 0 if it has none."""

EXAMPLE = '{"age": 39, "city": "Oslo"}'


class ObjectFile:
    """A file of JSON objects; a key that an object lacks, or that is null, is a missing value.

    Raises DataError.
    """

    kind = "JSON"
    reads_only_wanted = False
    declared_categories = frozenset[str]()

    def __init__(self, name: str, opener: Opener, settings: Reading) -> None:
        self.name, self._opener, self._encoding = name, opener, settings.encoding
        self.warnings: list[str] = []
        self.header_hint, self._has_header = "", settings.has_header
        self._number_format = settings.number_format()
        first = next(self._objects(), [])
        if not first:
            raise DataError(f"{name}: the table is empty; each row must be a JSON object")
        keys = list(dict.fromkeys(key for _, row in first for key in row))
        if not all(map(_is_text, keys)):
            raise DataError(
                f"{name}: a key holds half of a surrogate pair, which is not text; correct it"
            )
        if not keys:
            raise DataError(
                f"{name}: the objects have no keys, which are the columns; "
                f"each must hold a row, such as {EXAMPLE}"
            )
        self.columns = [tidy_name(key) for key in keys]
        self._keys = dict(zip(self.columns, keys, strict=True))
        if repeated := repeated_names(self.columns):
            raise DataError(
                f"{name}: two keys are '{repeated[0][0]}', but for white space or the form of "
                "their accents; rename one of them"
            )

    def _objects(self) -> Iterator[Objects]:
        """Yield the rows in order, several megabytes at a time."""
        raise TypeError(f"{type(self).__name__} must implement _objects")

    @property
    def digest(self) -> str:
        """The SHA-256 of the content, decompressed."""
        return sha256(self._opener, self.name)

    def chunks(self, types: ColumnTypes, start: int) -> Iterator[Chunk]:
        """Yield the rows in order; raise DataError."""
        for objects in self._objects():
            self._check_keys(objects)
            if objects:
                yield ObjectChunk(self.name, start, self._keys, objects, self._number_format)
                start += len(objects)

    def _check_keys(self, objects: Objects) -> None:
        """Raise DataError if an object has a key that is not a column."""
        keys = set(self._keys.values())
        for line, row in objects:
            if new := sorted(row.keys() - keys):
                place = f", line {line}" if line else ""
                raise DataError(
                    f"{self.name}{place}: the key '{new[0]}' is not a column; "
                    f"the columns are the keys of the first 6 MB: {quoted_list(self.columns)}; "
                    "remove the key, or add it to the first row"
                )


class ObjectChunk(Chunk):
    """Rows that are JSON objects; a column is converted when it is asked for.

    `keys` gives the key of each column.
    """

    def __init__(
        self,
        name: str,
        start: int,
        keys: Mapping[str, str],
        objects: Objects,
        number_format: NumberFormat,
    ) -> None:
        super().__init__(name, start)
        self.columns, self._keys = list(keys), keys
        self._objects, self._number_format = objects, number_format
        self._converted: dict[str, Column] = {}

    def __len__(self) -> int:
        return len(self._objects)

    def values(self, name: str) -> list[Any]:
        """Return a column's values as JSON has them, None for a key that a row lacks."""
        key = self._keys[name]
        return [row.get(key) for _, row in self._objects]

    def _column(self, name: str) -> Column:
        """Return one of the columns, an object or a list as JSON."""
        if name not in self._converted:
            cells = [self._cell(k, name, value) for k, value in enumerate(self.values(name))]
            self._converted[name] = column_from_texts(cells, self._number_format)
        return self._converted[name]

    def rows(self) -> Sequence[Sequence[str]]:
        """Return every row's cells as text, an object or a list as JSON."""
        keys = list(self._keys.values())
        return [[_text(row.get(key)) for key in keys] for _, row in self._objects]

    def place(self, row: int) -> str | None:
        """Return the line of a row, if it has one."""
        line = self._objects[row][0]
        return f"line {line}" if line else None

    def _cell(self, row: int, name: str, value: Any) -> str:
        text = _text(value)
        if not _is_text(text):
            raise DataError(
                f"{self.where(row)}, column '{name}': "
                "half of a surrogate pair is not text; correct it"
            )
        return text


def _text(value: Any) -> str:
    """Return a JSON value as the text of a cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, int):
        return NumberCell(value)
    if isinstance(value, dict | list):
        import json  # not above: few cells are nested

        return json.dumps(value, ensure_ascii=False)
    return str(value).strip()


def _is_text(value: str) -> bool:
    """Return whether UTF-8 can hold a string: not if half of a surrogate pair is in it."""
    return not any("\ud800" <= character <= "\udfff" for character in value)
