"""Compressions: gzip and zstd, recognized by the first bytes of a file."""

import gzip
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, cast


class _ZstdStream(io.RawIOBase):
    """A zstd stream, frame after frame.

    Raises EOFError if the stream is cut short, as gzip does and zstandard does not.
    """

    def __init__(self, stream: BinaryIO) -> None:
        import zstandard  # deferred: few tables are compressed with it

        self._stream, self._decompressor = stream, zstandard.ZstdDecompressor()
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._compressed, self._content = b"", b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._content:
            piece = self._compressed or self._stream.read(16_384)
            if not piece:
                if self._frame is not None:
                    raise EOFError("the last zstd frame has no end")
                return 0
            frame = self._frame or self._decompressor.decompressobj()
            self._content = frame.decompress(piece)
            self._compressed = frame.unused_data if frame.eof else b""  # of the next frame
            self._frame = None if frame.eof else frame
        count = min(len(buffer), len(self._content))
        buffer[:count], self._content = self._content[:count], self._content[count:]
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


def _gunzip(stream: BinaryIO) -> BinaryIO:
    unzipped = gzip.GzipFile(mode="rb", fileobj=stream)
    unzipped.myfileobj = cast(Any, stream)  # else closing it would leave the stream open
    return cast(BinaryIO, unzipped)


def _unzstd(stream: BinaryIO) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(_ZstdStream(stream)))


@dataclass(frozen=True)
class Compression:
    """A compression: the suffix and first bytes of its files, and what decompresses a stream."""

    suffix: str
    first_bytes: bytes
    decompress: Callable[[BinaryIO], BinaryIO]


COMPRESSIONS = (
    Compression(".gz", b"\x1f\x8b", _gunzip),
    Compression(".zst", b"\x28\xb5\x2f\xfd", _unzstd),
)


def decompressed(stream: BinaryIO) -> BinaryIO:
    """Return the stream, decompressed if its first bytes are those of a compression."""
    head = stream.read(4)
    stream.seek(0)
    for compression in COMPRESSIONS:
        if head.startswith(compression.first_bytes):
            return compression.decompress(stream)
    return stream


def without_compression_suffix(name: str) -> str:
    """Return a file's name without `.gz` or `.zst` at its end."""
    for compression in COMPRESSIONS:
        if name.lower().endswith(compression.suffix):
            name = name[: -len(compression.suffix)]
    return name
