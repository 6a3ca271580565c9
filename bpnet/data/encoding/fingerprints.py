"""Fingerprints of rows: a number for each row, by which equal rows are recognized in any table.

A fingerprint is made of the cells that a model reads, by their values: the order and the names of
other columns, the file's format and the spelling of a number do not matter.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from bpnet.data.encoding.columns import BooleanColumn, NumericColumn
from bpnet.data.encoding.dates import DateColumn
from bpnet.data.encoding.encoder import AnyColumn, Encoder
from bpnet.data.reading import Table
from bpnet.data.reading.chunk import Chunk
from bpnet.data.reading.column import CellParseError, Column, Floats
from bpnet.data.spelling import spelled
from bpnet.engine.component import Array
from bpnet.errors import DataError

Fingerprints = npt.NDArray[np.uint64]
CellReading = Literal["number", "date", "boolean", "text"]

UNKNOWN = 0
"""The fingerprint of a row that was not read."""
_ROUNDED_BITS = 29
"""The last bits of a float64 that a float32 lacks."""


def cell_readings(encoder: Encoder) -> dict[str, CellReading]:
    """Return how the cells of each column are read: two encoders alike give equal fingerprints."""
    return {column.name: _reading(column) for column in encoder.columns}


def row_fingerprints(encoder: Encoder, chunk: Chunk) -> Fingerprints:
    """Return the fingerprint (N,) of each row; UNKNOWN for all if a cell cannot be read."""
    total = np.zeros(len(chunk), np.uint64)
    try:
        for column in encoder.columns:
            values = _cell_bits(column, chunk.column(column.name))
            values += _bits_of_text(column.name)
            total += _mixed(values)
    except (CellParseError, DataError):
        return np.full(len(chunk), UNKNOWN, np.uint64)
    return np.maximum(total, np.uint64(UNKNOWN + 1))


def table_fingerprints(encoder: Encoder, table: Table, rows: Array | None = None) -> Fingerprints:
    """Return the fingerprint (N,) of each row of a table, or of a mask's (N,); else UNKNOWN."""
    if rows is None:
        chunks = table.chunks(encoder.column_types)
        return np.concatenate([row_fingerprints(encoder, chunk) for chunk in chunks])
    found = np.full(len(rows), UNKNOWN, np.uint64)
    for chunk, numbers in table.selected(encoder.column_types, rows):
        found[numbers] = row_fingerprints(encoder, chunk)
    return found


def _reading(column: AnyColumn) -> CellReading:
    kinds: Mapping[type, CellReading] = {
        NumericColumn: "number",
        DateColumn: "date",
        BooleanColumn: "boolean",
    }
    return kinds.get(type(column), "text")


def _cell_bits(encoded: AnyColumn, column: Column) -> Fingerprints:
    """Return 64 bits (N,) of each cell's value; raise CellParseError."""
    if isinstance(encoded, NumericColumn):
        return _number_bits(encoded.numbers(column))
    if isinstance(encoded, DateColumn):
        return _number_bits(encoded.days(column))
    if isinstance(encoded, BooleanColumn):
        values, missing = encoded.truth(column)
        return _number_bits(np.where(np.isnan(values) & ~missing, 0.5, values))
    codes, texts = column.as_text()
    # the last entry is that of a missing value, whose code is -1
    return np.array([*_text_bits(column.plain(texts)), 0], np.uint64)[codes]


def _number_bits(values: Floats) -> Fingerprints:
    """Return the bits (N,) of numbers, of those with a fraction rounded as float32 rounds them.

    A table that keeps them as float32 is then the same as one that keeps them as text.
    """
    bits = (values + 0.0).view(np.uint64)  # 0 for -0
    rounded = bits + np.uint64(1 << (_ROUNDED_BITS - 1))
    rounded &= ~np.uint64((1 << _ROUNDED_BITS) - 1)
    np.copyto(bits, rounded, where=values != np.rint(values))
    bits[np.isnan(values)] = 1
    return bits


def _text_bits(texts: Sequence[str]) -> list[int]:
    return [_hash(spelled(text)) for text in texts]


def _hash(text: str) -> int:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def _bits_of_text(text: str) -> np.uint64:
    return np.uint64(_hash(text))


def _mixed(bits: Fingerprints) -> Fingerprints:
    """Mix the bits (N,) in place, as SplitMix64 does (Steele, Lea & Flood 2014)."""
    shifted = np.empty_like(bits)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        np.right_shift(bits, np.uint64(shift), out=shifted)
        bits ^= shifted
        bits *= np.uint64(factor)
    return bits
