"""Streams: the bytes of a table, wherever and however compressed they are, cut into blocks of whole records."""

import codecs
import gzip
import hashlib
import io
import shutil
import sys
import tempfile
import weakref
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from bpnet.errors import DataError
from bpnet.messages import closest_match

BLOCK = 6_000_000
"""Bytes read at once; a smaller table is one block, which is parsed once."""

LONGEST_RECORD = 64_000_000
"""A record longer than this is a mistake: a quote left open, or no table at all."""

Opener = Callable[[], BinaryIO]

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def file_opener(path: str | Path) -> Opener:
    """What opens a file, or standard input where the path is `-`, as often as it is asked; raises DataError."""
    if str(path) == "-":
        return _standard_input()
    name = str(path)
    _open(Path(path), name).close()
    return lambda: _decompressed(_open(Path(path), name), name)


def bytes_opener(content: bytes) -> Opener:
    """What opens bytes that are at hand."""
    return lambda: io.BytesIO(content)


def utf8_pieces(opened: Opener, encoding: str | None, name: str) -> Iterator[bytes]:
    """The content in pieces of UTF-8: as it is, without its byte-order mark, or from another encoding."""
    with stream_errors(name), opened() as stream:
        head = stream.read(BLOCK)
        if encoding is None and head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            encoding = "utf-16"
        if encoding is None or codecs.lookup(encoding).name in ("utf-8", "utf-8-sig"):
            yield head.removeprefix(codecs.BOM_UTF8)
            while piece := stream.read(BLOCK):
                yield piece
            return
        decoder = codecs.getincrementaldecoder(encoding)()
        piece, lines, more = head, 1, True
        while more:
            coming = stream.read(BLOCK)
            more = bool(coming)
            try:
                text = decoder.decode(piece, final=not more)
            except (UnicodeDecodeError, ValueError) as error:
                raise DataError(
                    f"{name}, near line {lines + _lines_before(error)}: is not {encoding} text ({error}); set "
                    "dataset.reading.encoding to the encoding it was saved in"
                ) from None
            yield (text.removeprefix("\ufeff") if lines == 1 else text).encode()
            lines, piece = lines + text.count("\n"), coming


def _lines_before(error: ValueError) -> int:
    """How many lines end before what could not be decoded, as far as the error tells."""
    return error.object.count(b"\n", 0, error.start) if isinstance(error, UnicodeDecodeError) else 0


def sha256(opened: Opener, name: str) -> str:
    """The SHA-256 of a table's content, decompressed."""
    digest = hashlib.sha256()
    with stream_errors(name), opened() as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def record_blocks(pieces: Iterator[bytes], quote: bytes, name: str) -> Iterator[tuple[int, bytes]]:
    """Whole records, and the line they begin on: pieces joined and cut where a line ends outside of quotes.

    The last block is all that is left, so that a table of one piece is one block.
    """
    line, held, coming = 1, b"", next(pieces, b"")
    while coming:
        held, coming = held + coming, next(pieces, b"")
        if b"\r" in held and b"\n" not in held:
            whole = len(held) - bool(coming)  # a last one may be half of a line end
            held = held[:whole].replace(b"\r", b"\n") + held[whole:]
        end = _end_of_records(held, quote) if coming else len(held)
        if end:
            yield line, held[:end]
            line, held = line + held.count(b"\n", 0, end), held[end:]
        elif len(held) > LONGEST_RECORD:
            opened = (
                f"a quote ({quote.decode()}) that is never closed, or " if quote in held else ""
            )
            raise DataError(
                f"{name}, line {line + _before_last_record(held, quote)}: the record that begins here is longer than "
                f"{LONGEST_RECORD / 1e6:.0f} MB; look for {opened}line ends that are missing"
            )


def _end_of_records(content: bytes, quote: bytes) -> int:
    """Where the last whole record ends; 0 where there is none."""
    end = content.rfind(b"\n") + 1
    if quote not in content:
        return end
    inside = content.count(quote, 0, end) % 2
    for _ in range(1000):  # line ends within quotes are few
        if not end or not inside:
            break
        before = content.rfind(b"\n", 0, end - 1) + 1
        inside ^= content.count(quote, before, end) % 2
        end = before
    return 0 if inside else end


def _before_last_record(content: bytes, quote: bytes) -> int:
    """How many lines end before the last record begins."""
    inside, begins = 0, 0
    for k, line in enumerate(content.split(b"\n")):
        begins = begins if inside else k
        inside ^= line.count(quote) % 2
    return begins


class stream_errors:  # noqa: N801 (a context manager)
    """Turns what goes wrong in reading a stream into a DataError."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        if isinstance(error, gzip.BadGzipFile | EOFError | zlib.error) or (
            kind is not None and kind.__name__ == "ZstdError"
        ):
            raise DataError(
                f"{self._name}: is damaged or cut short: {error}; compress or download the table again"
            ) from None
        if isinstance(error, OSError):
            raise DataError(
                f"{self._name}: the table cannot be read: {error.strerror or error}"
            ) from None


def _standard_input() -> Opener:
    """Standard input can be read once only: it is kept, on disk where it is large."""
    if sys.stdin is None:
        raise DataError("standard input: is closed; pipe a table into it, or name a file")
    kept = cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=BLOCK))  # noqa: SIM115 (it lives as long as the table)
    shutil.copyfileobj(sys.stdin.buffer, kept)

    def opened() -> BinaryIO:
        kept.seek(0)
        return _decompressed(_Borrowed(kept), "standard input")

    weakref.finalize(opened, kept.close)
    return opened


class _Borrowed(io.BufferedIOBase, BinaryIO):
    """A stream that stays open when its reader closes it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int | None = -1) -> bytes:
        return self._stream.read(-1 if size is None else size)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._stream.tell()

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)


def _open(path: Path, name: str) -> BinaryIO:
    try:
        return open(path, "rb")
    except FileNotFoundError:
        near = closest_match(
            path.name, (file.name for file in path.parent.glob("*") if file.is_file())
        )
        hint = f"; did you mean '{path.with_name(near)}'?" if near else "; check the path"
        raise DataError(f"{name}: there is no such file{hint}") from None
    except IsADirectoryError:
        raise DataError(f"{name}: is a folder; give a table file") from None
    except OSError as error:
        raise DataError(f"{name}: the table cannot be read: {error.strerror}") from None


def _decompressed(stream: BinaryIO, name: str) -> BinaryIO:
    """The stream, decompressed where its first bytes say that it is gzip or zstd."""
    with stream_errors(name):
        head = stream.read(4)
        stream.seek(0)
    if head.startswith(_GZIP):
        unzipped = gzip.GzipFile(mode="rb", fileobj=stream)
        unzipped.myfileobj = cast(Any, stream)  # it closes no other
        return cast(BinaryIO, unzipped)
    if head == _ZSTD:
        return cast(BinaryIO, io.BufferedReader(_Zstd(stream)))
    return stream


class _Zstd(io.RawIOBase):
    """A zstd stream, frame after frame; raises EOFError where it is cut short, as gzip does and zstandard does not."""

    def __init__(self, stream: BinaryIO) -> None:
        import zstandard

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
            self._compressed = frame.unused_data if frame.eof else b""
            self._frame = None if frame.eof else frame
        count = min(len(buffer), len(self._content))
        buffer[:count], self._content = self._content[:count], self._content[count:]
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()
