"""Messages of an Arrow file or stream: how large their buffers are once they are decompressed.

The format: https://arrow.apache.org/docs/format/Columnar.html, in FlatBuffers; a compressed
buffer begins with the size of its content.
"""

import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.ipc

_MARK = b"ARROW1"
_BLOCK = struct.Struct("<qi4xq")
"""A message's place in a file, from its footer: its position, and the sizes of its parts."""

_BUFFER = struct.Struct("<qq")
"""A buffer's place in the body of a message: its position and size."""

_DICTIONARY, _BATCH = 2, 3
"""The types of the messages that have a body."""


class _Table:
    """A table of FlatBuffers, whose fields are numbered from 0."""

    def __init__(self, content: bytes, at: int) -> None:
        self._content, self._at = content, at
        self._fields = at - _number("<i", content, at)

    @classmethod
    def root(cls, content: bytes) -> "_Table":
        return cls(content, _number("<I", content, 0))

    def place(self, field: int) -> int:
        """Return the position of a field, 0 if it is not set."""
        if 4 + 2 * field >= _number("<H", self._content, self._fields):
            return 0
        offset = _number("<H", self._content, self._fields + 4 + 2 * field)
        return self._at + offset if offset else 0

    def byte(self, field: int) -> int:
        return _number("<B", self._content, place) if (place := self.place(field)) else 0

    def table(self, field: int) -> "_Table":
        place = self.place(field)
        return _Table(self._content, place + _number("<I", self._content, place))

    def structures(self, field: int, form: struct.Struct) -> list[tuple[int, ...]]:
        """Return the values of a list of structures."""
        if not (place := self.place(field)):
            return []
        place += _number("<I", self._content, place)
        count = _number("<I", self._content, place)
        values = self._content[place + 4 : place + 4 + count * form.size]
        if len(values) < count * form.size:
            raise ValueError("a list has no end")
        return list(form.iter_unpack(values))


def _number(form: str, content: bytes, at: int) -> int:
    if not 0 <= at <= len(content) - struct.calcsize(form):
        raise ValueError("a message points out of itself")
    return int(struct.unpack_from(form, content, at)[0])


def decompressed_sizes(stream: BinaryIO) -> Iterator[int]:
    """Yield the bytes that each message's compressed buffers hold.

    `stream` is seekable. Raises ValueError or pyarrow's errors if the file is damaged.
    """
    for message in _messages(stream):
        table = _Table.root(message.metadata.to_pybytes())
        kind = table.byte(1)
        if kind not in (_DICTIONARY, _BATCH):
            continue
        batch = table.table(2) if kind == _BATCH else table.table(2).table(1)
        if not batch.place(3):  # its buffers are not compressed
            continue
        body = memoryview(message.body)
        total = 0
        for at, size in batch.structures(2, _BUFFER):
            if size >= 8:
                if not 0 <= at <= len(body) - 8:
                    raise ValueError("a buffer lies outside of its message")
                # -1: the buffer is not compressed
                total += max(struct.unpack_from("<q", body, at)[0], 0)
        yield total


def _messages(stream: BinaryIO) -> Iterator[Any]:
    """Yield the messages of a stream, or those that the footer of a file lists."""
    stream.seek(0)
    if stream.read(len(_MARK)) != _MARK:
        stream.seek(0)
        yield from pa.ipc.MessageReader.open_stream(stream)
        return
    end = stream.seek(0, 2) - len(_MARK) - 4
    stream.seek(max(end, 0))
    size = _number("<i", stream.read(4), 0)
    if not 0 < size <= end:
        raise ValueError("the footer has no beginning")
    stream.seek(end - size)
    footer = _Table.root(stream.read(size))
    for field in (2, 3):
        for at, _, _ in footer.structures(field, _BLOCK):
            if not 0 <= at < end:
                raise ValueError("a message lies outside of the file")
            stream.seek(at)
            yield pa.ipc.read_message(pa.PythonFile(stream, mode="r"))
