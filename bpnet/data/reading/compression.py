"""Compressions: gzip, bzip2, xz, zstd and zip, recognized by the first bytes of a file."""

import gzip
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from bpnet.data.reading.expansion import BoundedStream
from bpnet.errors import DataError
from bpnet.messages import quoted_list, shell_quoted

HEAD = 16
"""Bytes of a file from which its compression is recognized."""

_ZSTD_PIECE = 2_048
"""Compressed bytes read at once: a block of zstd, of 4 bytes or more, holds at most 128 KiB."""


class _ZstdStream(io.RawIOBase):
    """A zstd stream, frame after frame.

    Raises EOFError if the stream is cut short, as gzip does and zstandard does not.
    """

    def __init__(self, stream: BinaryIO) -> None:
        import zstandard  # deferred: few tables are compressed with it

        self._stream, self._decompressor = stream, zstandard.ZstdDecompressor()
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._compressed, self._content = b"", memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._content:
            piece = self._compressed or self._stream.read(_ZSTD_PIECE)
            if not piece:
                if self._frame is not None:
                    raise EOFError("the last zstd frame has no end")
                return 0
            frame = self._frame or self._decompressor.decompressobj()
            self._content = memoryview(frame.decompress(piece))
            self._compressed = frame.unused_data if frame.eof else b""  # of the next frame
            self._frame = None if frame.eof else frame
        count = min(len(buffer), len(self._content))
        buffer[:count], self._content = self._content[:count], self._content[count:]
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


class _OwningReader(io.BufferedReader):
    """A buffered reader that closes the compressed stream below it too."""

    def __init__(self, content: Any, *below: Any) -> None:
        super().__init__(content)
        self._below = below

    def close(self) -> None:
        super().close()
        for stream in self._below:
            stream.close()


def _gunzip(stream: BinaryIO, _: str) -> BinaryIO:
    unzipped = gzip.GzipFile(mode="rb", fileobj=stream)
    unzipped.myfileobj = cast(Any, stream)  # else closing it would leave the stream open
    return cast(BinaryIO, unzipped)


def _bunzip2(stream: BinaryIO, _: str) -> BinaryIO:
    import bz2  # deferred: few tables are compressed with it

    return cast(BinaryIO, _OwningReader(bz2.BZ2File(stream), stream))


def _unxz(stream: BinaryIO, _: str) -> BinaryIO:
    import lzma  # deferred: few tables are compressed with it

    return cast(BinaryIO, _OwningReader(lzma.LZMAFile(stream), stream))


def _unzstd(stream: BinaryIO, _: str) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(_ZstdStream(stream)))


def _unzip(stream: BinaryIO, name: str) -> BinaryIO:
    """Return the content of an archive's only table; what is a zip by its own format, as it is."""
    # deferred: few tables are compressed with it
    from bpnet.data.reading.archives import open_archive

    archive = open_archive(stream)
    inside = [file for file in archive.namelist() if not file.endswith("/")]
    # a workbook, or NumPy arrays: a file of its own kind
    if any(file == "mimetype" or file.startswith(_OFFICE_FOLDERS) for file in inside) or (
        inside and all(file.endswith(".npy") for file in inside)
    ):
        archive.close()
        stream.seek(0)
        return stream
    # macOS adds files of its own
    files = [file for file in inside if not re.search(r"(^|/)(\.|__MACOSX/)", file)]
    if len(files) != 1:
        command = f"unzip {shell_quoted(name)}"
        if not files:
            raise DataError(f"{name}: the archive holds no file; compress the table again")
        raise DataError(
            f"{name}: the archive holds {len(files)} files ({quoted_list(files)}), and one is "
            f"read; unpack it with: {command}; then name a file, or a folder of tables that have "
            "the same columns"
        )
    try:
        return cast(BinaryIO, _OwningReader(archive.open(files[0]), archive, stream))
    except (RuntimeError, NotImplementedError) as error:  # a password, an unknown compression
        reason = "needs a password" if "password" in str(error) else str(error)
        raise DataError(
            f"{name}: the file '{files[0]}' in the archive {reason}; "
            f"unpack it with: unzip {shell_quoted(name)}"
        ) from None
    except (ValueError, LookupError) as error:  # a name that cannot be decoded
        raise EOFError(str(error)) from None


_OFFICE_FOLDERS = ("xl/", "word/", "ppt/")
"""Folders of Excel, Word and PowerPoint in their files, which are zip archives."""


@dataclass(frozen=True)
class Compression:
    """A compression: the suffix and first bytes of its files, and what decompresses a stream."""

    suffix: str
    first_bytes: re.Pattern[bytes]
    decompress: Callable[[BinaryIO, str], BinaryIO]
    """Called with the stream and the file's name."""
    command: str
    """What decompresses a file in a shell."""


COMPRESSIONS = (
    Compression(".gz", re.compile(rb"\x1f\x8b"), _gunzip, "gunzip -k"),
    Compression(
        ".bz2", re.compile(rb"BZh[1-9](1AY&SY|\x17\x72\x45\x38\x50\x90)"), _bunzip2, "bunzip2 -k"
    ),
    Compression(".xz", re.compile(rb"\xfd7zXZ\0"), _unxz, "unxz -k"),
    Compression(".zst", re.compile(rb"\x28\xb5\x2f\xfd"), _unzstd, "unzstd"),
    Compression(".zip", re.compile(rb"PK(\x03\x04|\x05\x06|\x07\x08PK)"), _unzip, "unzip"),
)


def decompressed(stream: BinaryIO, name: str) -> BinaryIO:
    """Return the stream, decompressed if its first bytes are those of a compression.

    Raises DataError, with the file's `name`, if an archive does not hold exactly one file. So does
    reading the stream if it holds far more than the file's size tells.
    """
    head = stream.read(HEAD)
    stream.seek(0)
    for compression in COMPRESSIONS:
        if compression.first_bytes.match(head):
            size = stream.seek(0, io.SEEK_END)
            stream.seek(0)
            content = compression.decompress(stream, name)
            if content is stream:  # an archive by its own format
                return stream
            bounded = BoundedStream(content, size, name, compression.command)
            return cast(BinaryIO, io.BufferedReader(bounded))
    return stream


def without_compression_suffix(name: str) -> str:
    """Return a file's name without `.gz` or the like at its end."""
    for compression in COMPRESSIONS:
        if name.lower().endswith(compression.suffix):
            name = name[: -len(compression.suffix)]
    return name
