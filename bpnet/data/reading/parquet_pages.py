"""Pages of a Parquet file: the sizes that their headers give, before any is decompressed.

The format: https://github.com/apache/parquet-format, Thrift's compact protocol.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_HEADER = 1 << 16
"""Bytes that are read for a header, which may hold the smallest and the largest text of a page."""


class _Compact:
    """Reads values of Thrift's compact protocol from bytes; raises ValueError at their end."""

    def __init__(self, content: bytes) -> None:
        self._content, self.at = content, 0

    def byte(self) -> int:
        if self.at >= len(self._content):
            raise ValueError("the header of a page has no end")
        self.at += 1
        return self._content[self.at - 1]

    def unsigned(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise ValueError("a number in the header of a page has no end")

    def integer(self) -> int:
        value = self.unsigned()
        return (value >> 1) ^ -(value & 1)

    def skip(self, kind: int, depth: int = 0) -> None:
        """Pass over a value of a type: 1 and 2 are booleans, 12 a structure."""
        if depth > 8:
            raise ValueError("the header of a page is nested too deeply")
        if kind in (4, 5, 6):
            self.unsigned()
        elif kind == 3:
            self.at += 1
        elif kind == 7:
            self.at += 8
        elif kind == 8:
            length = self.unsigned()
            self.at += length
        elif kind in (9, 10):
            head = self.byte()
            for _ in range(head >> 4 if head < 0xF0 else self.unsigned()):
                inner = 3 if (head & 15) in (1, 2) else head & 15  # a boolean here is a byte
                self.skip(inner, depth + 1)
        elif kind == 12:
            for _, inner in self.fields():
                self.skip(inner, depth + 1)
        elif kind not in (1, 2):
            raise ValueError("the header of a page has a value of an unknown type")

    def fields(self) -> Iterator[tuple[int, int]]:
        """Yield the number and the type of each field; the caller reads or skips its value."""
        number = 0
        while head := self.byte():
            number = number + (head >> 4) if head >> 4 else self.integer()
            yield number, head & 15

    def items(self) -> range:
        """Return a range over the items of a list, each of which the caller reads or skips."""
        head = self.byte()
        return range(head >> 4 if head < 0xF0 else self.unsigned())

    def text(self) -> str:
        """Return a text."""
        length = self.unsigned()
        self.at += length
        return self._content[self.at - length : self.at].decode("utf-8", "replace")


@dataclass(frozen=True)
class ColumnChunk:
    """A column in one group of rows, as the end of the file describes it."""

    name: str
    physical_type: int
    num_values: int
    total_compressed_size: int
    data_page_offset: int
    dictionary_page_offset: int


BYTE_ARRAY = 6
"""The physical type of texts and bytes."""


def column_chunks(stream: BinaryIO) -> Iterator[ColumnChunk]:
    """Yield each column of each group of rows.

    pyarrow's own description of a column that is damaged ends the process. Raises ValueError if
    the end of the file is damaged.
    """
    end = stream.seek(-8, io.SEEK_END)
    length = int.from_bytes(stream.read(4), "little")
    if length > end:
        raise ValueError("the file is shorter than its description of the columns")
    stream.seek(end - length)
    footer = _Compact(stream.read(length))
    for number, kind in footer.fields():
        if (number, kind) == (4, 9):
            for _ in footer.items():
                yield from _chunks_of_group(footer)
        else:
            footer.skip(kind)


def _chunks_of_group(footer: _Compact) -> Iterator[ColumnChunk]:
    for number, kind in footer.fields():
        if (number, kind) != (1, 9):
            footer.skip(kind)
            continue
        for _ in footer.items():
            for inside, kind_inside in footer.fields():
                if (inside, kind_inside) == (3, 12):
                    yield _chunk(footer)
                else:
                    footer.skip(kind_inside)


def _chunk(footer: _Compact) -> ColumnChunk:
    path: list[str] = []
    numbers = {1: 0, 5: 0, 7: 0, 9: 0, 11: 0}  # by the numbers of the fields
    for number, kind in footer.fields():
        if (number, kind) == (3, 9):
            path = [footer.text() for _ in footer.items()]
        elif number in numbers and kind in (5, 6):
            numbers[number] = footer.integer()
        else:
            footer.skip(kind)
    if not path or min(numbers.values()) < 0:
        raise ValueError("the description of a column is damaged")
    return ColumnChunk(path[0], *numbers.values())


@dataclass(frozen=True)
class Page:
    """A page of a column: its bytes, decompressed and as it is in the file."""

    size: int
    compressed: int
    is_dictionary: bool


def pages(stream: BinaryIO, column: ColumnChunk) -> Iterator[Page]:
    """Yield the pages of a column chunk.

    Raises ValueError if a header is damaged.
    """
    dictionary, at = column.dictionary_page_offset, column.data_page_offset
    if dictionary:
        at = min(at, dictionary)
    end = at + column.total_compressed_size
    while at < end:
        stream.seek(at)
        header = _Compact(stream.read(min(_HEADER, end - at)))
        values = {1: 0, 2: 0, 3: 0}  # by the numbers of the fields: the kind of page, its sizes
        for number, kind in header.fields():
            if number in values and kind == 5:
                values[number] = header.integer()
            else:
                header.skip(kind)
        if min(values.values()) < 0:
            raise ValueError("the size of a page is negative")
        yield Page(values[2], values[3], is_dictionary=values[1] == 2)
        at += header.at + values[3]
