"""Streams: the bytes of a table, from a file, a pipe or standard input, in blocks of records."""

import codecs
import functools
import gzip
import hashlib
import io
import os
import stat
import sys
import tempfile
import weakref
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from bpnet.data.reading.compression import decompressed
from bpnet.data.reading.quotes import end_of_records
from bpnet.errors import DataError
from bpnet.messages import closest_match
from bpnet.paths import files_in

BLOCK = 6_000_000
"""Bytes read at once; a smaller table is one block, which is parsed once."""

LONGEST_RECORD = 64_000_000
"""A record with more bytes is a mistake: a quote left open, or a file that is not a table."""

Opener = Callable[[], BinaryIO]
"""Opens the same bytes, decompressed, from their start, as often as it is called."""


def file_opener(path: str | Path) -> Opener:
    """Return an opener of a file or pipe, or of standard input for the path `-`.

    Raises DataError.
    """
    if str(path) == "-":
        if sys.stdin is None:
            raise DataError("standard input: is closed; pipe a table into it, or name a file")
        return _stdin_opener(sys.stdin)
    name = str(path)
    with _open(Path(path), name) as stream:  # a missing file is reported now
        if is_pipe(path):
            return _copied_opener(stream, name)
    return _FileOpener(Path(path), name)


@functools.lru_cache(maxsize=1)
def _stdin_opener(stream: TextIO) -> Opener:
    """Return the opener of standard input, whose copy is there for whoever opens it again."""
    return _copied_opener(stream.buffer, "standard input")


def has_standard_input() -> bool:
    """Return whether something is piped into standard input."""
    if sys.stdin is None or sys.stdin.isatty():
        return False
    with _stdin_opener(sys.stdin)() as stream:
        return bool(stream.read(1))


class _FileOpener:
    """Opens a file, decompressed; raises DataError once it is not the file that it was at first.

    A table is read several times, and its digest must be that of the rows that were read.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        with _open(path, name) as stream:
            self._state = _state(stream)

    def __call__(self) -> BinaryIO:
        stream = _open(self._path, self._name)
        if _state(stream) != self._state:
            stream.close()
            raise DataError(
                f"{self._name}: the file has changed while it was read; run the command again "
                "when nothing else writes to it"
            )
        return _decompressed(stream, self._name)


def _state(stream: BinaryIO) -> tuple[int, int, int]:
    """Return what changes when a file is written to or replaced: inode, size, time in ns."""
    status = os.fstat(stream.fileno())
    return status.st_ino, status.st_size, status.st_mtime_ns


def is_pipe(path: str | Path) -> bool:
    """Return whether a path is that of a pipe or a terminal, which can be read only once."""
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)


def bytes_opener(content: bytes) -> Opener:
    """Return an opener of bytes in memory."""
    return lambda: io.BytesIO(content)


def utf8_pieces(opener: Opener, encoding: str | None, name: str) -> Iterator[bytes]:
    """Yield the content as UTF-8 without a byte-order mark, converted from another encoding."""
    with stream_errors(name), opener() as stream:
        head = stream.read(BLOCK)
        if encoding is None and head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            encoding = "utf-16"
        if encoding is None or codecs.lookup(encoding).name in ("utf-8", "utf-8-sig"):
            yield head.removeprefix(codecs.BOM_UTF8)
            while piece := stream.read(BLOCK):
                yield piece
            return
        yield from _converted(stream, head, encoding, name)


def _converted(stream: BinaryIO, head: bytes, encoding: str, name: str) -> Iterator[bytes]:
    """Yield the first piece and the rest of the stream, converted to UTF-8."""
    decoder = codecs.getincrementaldecoder(encoding)()
    piece, line, more = head, 1, True
    # one piece is read ahead, since the decoder must know the last
    while more:
        following = stream.read(BLOCK)
        more = bool(following)
        try:
            text = decoder.decode(piece, final=not more)
        except (UnicodeDecodeError, ValueError) as error:
            raise DataError(
                f"{name}, near line {line + _lines_before(error)}: is not {encoding} text "
                f"({error}); give the encoding it was saved in, for example "
                "--set dataset.reading.encoding=cp1252"
            ) from None
        yield (text.removeprefix("\ufeff") if line == 1 else text).encode()
        line, piece = line + text.count("\n"), following


def _lines_before(error: ValueError) -> int:
    """Return the number of lines that end before the bytes that could not be decoded."""
    return error.object.count(b"\n", 0, error.start) if isinstance(error, UnicodeDecodeError) else 0


def sha256(opener: Opener, name: str) -> str:
    """Return the SHA-256 of a table's content, decompressed, in hexadecimal."""
    digest = hashlib.sha256()
    with stream_errors(name), opener() as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
        opener().close()  # which raises DataError if the file has changed in between
    return digest.hexdigest()


def record_blocks(
    pieces: Iterator[bytes], quote: bytes, name: str, separator: str | None = None
) -> Iterator[tuple[int, bytes]]:
    """Yield blocks of whole records, each with the line it begins on, counted from 1.

    Pieces are joined and cut where a line ends outside of quotes. The last block is all that is
    left, so that a table of one piece is one block. Raises DataError if a record is longer than
    `LONGEST_RECORD`.
    """
    # one piece is read ahead, since the last block is all that is left
    line, held, following = 1, b"", next(pieces, b"")
    while following:
        piece, following = following, next(pieces, b"")
        if held.endswith(b"\r"):
            held, piece = held[:-1], b"\r" + piece
        if b"\r" in piece and b"\n" not in piece:
            whole = len(piece) - bool(following)  # the last \r may be the first half of \r\n
            piece = piece[:whole].replace(b"\r", b"\n") + piece[whole:]
        held += piece
        end = end_of_records(held, quote, separator) if following else len(held)
        if end:
            yield line, held[:end]
            line, held = line + held.count(b"\n", 0, end), held[end:]
        elif len(held) > LONGEST_RECORD:
            open_quote = (
                f"a quote ({quote.decode()}) that is never closed, or " if quote in held else ""
            )
            raise DataError(
                f"{name}, line {line + _lines_before_last_record(held, quote)}: the record that "
                f"begins here is longer than {LONGEST_RECORD / 1e6:.0f} MB; look for {open_quote}"
                "line ends that are missing"
            )


def _lines_before_last_record(content: bytes, quote: bytes) -> int:
    """Return the number of lines that end before the last record begins."""
    inside, begins = 0, 0
    for k, line in enumerate(content.split(b"\n")):
        begins = begins if inside else k
        inside ^= line.count(quote) % 2
    return begins


class stream_errors:  # noqa: N801 (a context manager)
    """Context manager that turns an error in reading a stream into a DataError."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        # by their names: their modules are imported only for a table compressed so
        damaged = kind is not None and kind.__name__ in ("ZstdError", "LZMAError", "BadZipFile")
        # bz2 raises an OSError that is not one of the system's
        of_bz2 = isinstance(error, OSError) and error.errno is None
        if damaged or of_bz2 or isinstance(error, gzip.BadGzipFile | EOFError | zlib.error):
            raise DataError(
                f"{self._name}: is damaged or cut short: {error}; "
                "compress or download the table again"
            ) from None
        if isinstance(error, OSError):
            raise DataError(
                f"{self._name}: the table cannot be read: {error.strerror or error}"
            ) from None


def _copied_opener(stream: BinaryIO, name: str) -> Opener:
    """Return an opener of what can be read only once; it is copied, to disk if it is large."""
    copy = cast(
        BinaryIO,
        tempfile.SpooledTemporaryFile(max_size=BLOCK),  # noqa: SIM115 (open as long as the table)
    )
    has_lines = False
    with stream_errors(name):
        while piece := stream.read(1 << 20):
            copy.write(piece)
            has_lines = has_lines or b"\n" in piece or b"\r" in piece
            # a device such as /dev/zero has no end
            if not has_lines and copy.tell() > LONGEST_RECORD:
                raise DataError(
                    f"{name}: its first {LONGEST_RECORD / 1e6:.0f} MB hold no line end; "
                    "this is not a table"
                )

    def opener() -> BinaryIO:
        copy.seek(0)
        return _decompressed(_Unclosed(copy), name)

    weakref.finalize(opener, copy.close)  # once nothing can read the copy
    return opener


class _Unclosed(io.BufferedIOBase, BinaryIO):
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
    """Open a file; raise DataError, with the closest name in its folder if it does not exist."""
    try:
        return open(path, "rb")
    except FileNotFoundError:
        match = closest_match(path.name, (file.name for file in files_in(path.parent)))
        hint = f"; did you mean '{path.with_name(match)}'?" if match else "; check the path"
        raise DataError(f"{name}: there is no such file{hint}") from None
    except IsADirectoryError:
        raise DataError(f"{name}: is a folder; give a table file") from None
    except ValueError:  # of a NUL character
        raise DataError(f"{name}: is not the name of a file; check the path") from None
    except OSError as error:
        raise DataError(
            f"{name}: the table cannot be read: {error.strerror}; check its path and permissions"
        ) from None


def _decompressed(stream: BinaryIO, name: str) -> BinaryIO:
    with stream_errors(name):
        try:
            return decompressed(stream, name)
        except BaseException:
            stream.close()
            raise
