"""Zip archives, which may be damaged in any way."""

import struct
import zipfile
import zlib
from typing import BinaryIO

DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,  # of an unknown version or compression
    RuntimeError,  # of a password
    LookupError,  # and those below: names and sizes that zipfile does not check
    ValueError,
    OverflowError,
)
"""The errors that zipfile raises for a damaged archive."""


def open_archive(stream: BinaryIO) -> zipfile.ZipFile:
    """Open an archive; raise EOFError if it is damaged."""
    try:
        return zipfile.ZipFile(stream)
    except DAMAGED as error:
        raise EOFError(str(error)) from None
