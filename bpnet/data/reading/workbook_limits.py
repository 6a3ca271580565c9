"""Limits of a workbook: a small file that would fill the memory is refused before it is read.

A reader of workbooks makes a cell of each place between the first and the last that is filled, and
decompresses whatever the archive holds.
"""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator

from bpnet.data.reading.archives import open_archive
from bpnet.data.reading.expansion import most_content, too_much
from bpnet.errors import DataError

_MOST_PLACES = 20_000_000
"""Places of cells that are read however few of them are filled; each takes 32 bytes."""
_SPARSE = 20
"""How many places there may be for each cell beyond that."""

_PLACE = re.compile(rb"""\sr=["']([A-Za-z]{0,7})([0-9]{1,10})["']""")
_REPEATED = re.compile(
    rb"""<(?:\w+:)?(?:(table-row)\b|table-cell\b(?=[^>]*value-type))"""
    rb"""(?:[^>]*?number-(?:rows|columns)-repeated=["']([0-9]{1,12})["'])?"""
)
_TAIL = 4_096
"""Bytes that are searched again with the following piece, for what lies across the two."""


def refuse_large_workbook(content: bytes, name: str, size: int) -> None:
    """Raise DataError if a workbook that is an archive holds far more than its size tells.

    `size` is that of the file, which may be compressed once more.
    """
    try:
        archive = open_archive(io.BytesIO(content))
    except EOFError:
        return  # of another kind, or damaged: its reader says so
    held = 0
    for entry in archive.infolist():
        places = _Places()
        for piece in _pieces(content, entry):
            held += len(piece)
            if held > most_content(size):
                raise too_much(name, size)
            if "worksheets/" in entry.filename or entry.filename == "content.xml":
                places.add(piece)
        if places.are_too_many:
            raise DataError(
                f"{name}: {entry.filename} has room for {places.count:,} cells, of which "
                f"{places.filled:,} are filled; clear what is far from the table, or save the "
                "sheet as CSV"
            )


def _pieces(content: bytes, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield the content of an entry, also beyond the size that the archive gives for it."""
    header = content[entry.header_offset : entry.header_offset + 30]
    if len(header) < 30:
        return
    start = entry.header_offset + 30 + sum(struct.unpack("<HH", header[26:30]))
    packed = content[start : start + entry.compress_size]
    if entry.compress_type != zipfile.ZIP_DEFLATED:
        yield packed  # which is as it is, or compressed in a way that workbooks are not
        return
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        while packed and not inflate.eof:
            yield inflate.decompress(packed, 1 << 20)
            packed = inflate.unconsumed_tail
    except zlib.error:
        return  # damaged: the reader of workbooks says so


class _Places:
    """The places between the first and the last cell of a sheet, and how many are filled."""

    def __init__(self) -> None:
        self.filled = 0
        self._rows: list[int] = []  # the first and the last
        self._columns: list[int] = []
        self._repeated = self._width = self._widest = self._times = 0
        self._tail = b""

    def add(self, piece: bytes) -> None:
        """Take in a piece of the sheet's XML."""
        text = self._tail + piece
        cut = max(text.rfind(b"<", max(0, len(text) - _TAIL)), 0)
        text, self._tail = text[:cut], text[cut:]
        if found := _PLACE.findall(text):
            numbers = [int(row) for _, row in found]
            columns = [_column(letters) for letters in {letters for letters, _ in found}]
            self.filled += sum(letters != b"" for letters, _ in found)
            self._rows = [min(numbers + self._rows), max(numbers + self._rows)]
            self._columns = [min(columns + self._columns), max(columns + self._columns)]
        for row, times in _REPEATED.findall(text):
            count = int(times or 1)
            if row:
                self._end_row()
                self._times, self._width = count, 0
            else:
                self.filled += 1
                self._width += count

    def _end_row(self) -> None:
        if self._width:
            self._repeated += self._times
            self._widest = max(self._widest, self._width)
        self._width = 0

    @property
    def count(self) -> int:
        """The number of places."""
        self._end_row()
        if not self._rows:
            return self._repeated * self._widest
        (first, last), (left, right) = self._rows, self._columns
        return (last - first + 1) * (right - left + 1)

    @property
    def are_too_many(self) -> bool:
        """True if reading them would fill the memory with places that are not filled."""
        return self.count > max(_MOST_PLACES, _SPARSE * self.filled)


def _column(letters: bytes) -> int:
    """Return the number of a column from 1: of A, B, …, Z, AA; 0 of a row, which has no letters."""
    number = 0
    for letter in letters.upper():
        number = 26 * number + letter - 64
    return number
