"""Zip archives, which may be damaged in any way."""

import struct
import zipfile
import zlib
from typing import BinaryIO

DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError),
    *(NotImplementedError, RuntimeError),  # of a version, a compression, or with a password
    *(LookupError, ValueError, OverflowError),  # names and sizes that zipfile does not check
)
"""The errors that zipfile raises for a damaged archive."""


def open_archive(stream: BinaryIO) -> zipfile.ZipFile:
    """Open an archive; raise EOFError if it is damaged."""
    try:
        return zipfile.ZipFile(stream)
    except DAMAGED as error:
        raise EOFError(str(error)) from None
