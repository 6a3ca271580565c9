"""Expansion: how much a compressed file holds, which is bounded against bombs.

A few kilobytes can decompress to terabytes. Content of moderate size is read however well it is
compressed. Beyond it no table is compressed a hundred times.
"""

import io
from typing import Any, BinaryIO

from bpnet.errors import DataError
from bpnet.messages import shell_path

MODERATE = 100_000_000
"""Bytes of content that any file may hold."""

RATIO = 100
"""How many times its own size a file may hold beyond `MODERATE`; text shrinks 3 to 30 times."""


def most_content(size: int) -> int:
    """Return the most bytes that a compressed file of a size may hold."""
    return max(MODERATE, RATIO * size)


def too_much(name: str, size: int, command: str = "") -> DataError:
    """Return the error for a file that holds too much; `command` decompresses it."""
    advice = f"; if it really is a table, decompress it first: {command}" if command else ""
    return DataError(
        f"{name}: its {size:,} bytes hold more than {most_content(size) / 1e6:,.0f} MB, like a "
        f"file that is made to fill the memory{advice}"
    )


def file_size(stream: BinaryIO) -> int:
    """Return the size of the file that a stream is of, which its content may be compressed in.

    What expands within a compressed file is held to that, so that no two ratios multiply.
    """
    raw = getattr(stream, "raw", None)
    if isinstance(raw, BoundedStream):
        return raw.size
    position = stream.tell()
    size = stream.seek(0, io.SEEK_END)
    stream.seek(position)
    return size


class BoundedStream(io.RawIOBase):
    """A stream of decompressed content that raises DataError beyond what its file may hold.

    `command` decompresses the file when the file's name follows it.
    """

    def __init__(self, content: BinaryIO, size: int, name: str, command: str) -> None:
        self._content, self._name, self._command = content, name, command
        self.size = size
        """Bytes of the compressed file."""
        self._position, self._most = 0, most_content(size)

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return whether the content can be read again from another position."""
        return self._content.seekable()

    def readinto(self, buffer: Any) -> int:
        """Read content into a buffer, and return the number of bytes."""
        piece = self._content.read(len(buffer))
        buffer[: len(piece)] = piece
        self._position += len(piece)
        if self._position > self._most:
            raise too_much(self._name, self.size, f"{self._command} {shell_path(self._name)}")
        return len(piece)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a position in the content, and return it."""
        self._position = self._content.seek(offset, whence)
        return self._position

    def tell(self) -> int:
        """Return the position in the content."""
        return self._position

    def close(self) -> None:
        """Close the content too."""
        self._content.close()
        super().close()
