"""Pages of a Parquet file: the sizes that their headers give, before any is decompressed.

The format: https://github.com/apache/parquet-format, Thrift's compact protocol.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

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


@dataclass(frozen=True)
class Page:
    """A page of a column: its bytes, decompressed and as it is in the file."""

    size: int
    compressed: int
    is_dictionary: bool


def pages(stream: BinaryIO, column: Any) -> Iterator[Page]:
    """Yield the pages of a column chunk.

    `column` is pyarrow's description of the chunk. Raises ValueError if a header is damaged.
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
