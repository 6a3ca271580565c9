"""Atomic writes: a crash leaves a file's old content or its new content, never a mixture."""

import codecs
import contextlib
import csv
import dataclasses
import functools
import json
import math
import os
import secrets
import stat
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import numpy as np

from bpnet.errors import RunError

_RESTORE = "restore it from a copy, or train again"


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a stream whose content replaces the file once it is complete.

    The content is written to a temporary file beside it, flushed and renamed; the file keeps its
    permissions. The target of a link is replaced; a device or a pipe is written to.
    """
    # before links are followed: a pipe that /dev/stdout links to has no path of its own
    is_device = path.parts[:2] in (("/", "dev"), ("/", "proc"))
    if is_device or (path.exists() and not path.is_file() and not path.is_dir()):
        try:
            with open(path, "wb") as special:
                yield special
        except OSError as error:
            raise cannot_write(path, error) from error
        return
    path = path.resolve()
    # in the same folder, since a rename cannot cross file systems
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            if path.is_file():
                temporary.chmod(stat.S_IMODE(path.stat().st_mode))
            yield file
            # on disk before the rename, else a power cut may leave an empty file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()  # there only after an error
    _sync_folder(path.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file atomically."""
    with replacing(path) as file:
        file.write(content)


def write_text(path: Path, text: str) -> None:
    """Replace a text file atomically, in UTF-8."""
    # a lone surrogate (of a file name that is not UTF-8) becomes \udc80, which JSON reads back
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_csv(path: Path, header: Sequence[str], lines: Iterable[Sequence[object]]) -> None:
    """Replace a CSV file atomically, in UTF-8."""
    with replacing(path) as file:
        writer = csv.writer(
            codecs.getwriter("utf-8")(file, "backslashreplace"), lineterminator="\n"
        )
        writer.writerow(header)
        writer.writerows(lines)


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file atomically."""
    write_text(path, json_text(value) + "\n")


def json_text(value: Any) -> str:
    """Return a JSON document, with null for NaN and infinity, which JSON lacks."""
    return json.dumps(_plain(value), indent=2, allow_nan=False, ensure_ascii=False)


def cannot_write(path: Path, error: OSError) -> RunError:
    """Return the error for a file that could not be written."""
    advice = "check that its folder exists, is writable and has space left"
    if isinstance(error, IsADirectoryError):
        advice = "give the name of a file"
    return RunError(f"{path}: cannot be written: {error.strerror}; {advice}")


@contextlib.contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Open a UTF-8 file to be read line by line; raises RunError."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            yield file
    except FileNotFoundError:
        raise RunError(f"{path}: there is no such file; {_RESTORE}") from None
    except OSError as error:
        raise RunError(
            f"{path}: cannot be read: {error.strerror}; check its permissions"
        ) from error
    except UnicodeDecodeError as error:
        raise RunError(f"{path}: is not UTF-8 text at byte {error.start + 1}; {_RESTORE}") from None


def read_text(path: Path) -> str:
    """Return the content of a UTF-8 file, with newlines as its line ends."""
    with open_text(path) as file:
        return file.read().replace("\r\n", "\n")


def read_json(path: Path) -> Any:
    """Return the value of a JSON file."""
    text = read_text(path)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise RunError(
            f"{path}, line {error.lineno}: is not JSON: {error.msg}; {_RESTORE}"
        ) from None
    except (RecursionError, ValueError):  # brackets a thousand deep, a number of 5,000 digits
        raise RunError(f"{path}: is not JSON that bpnet wrote; {_RESTORE}") from None


def _plain(value: Any) -> Any:
    """Convert NumPy scalars to Python's, paths to text, and NaN and infinity to None.

    Of a dataclass it is a mapping of its fields, without the copies that `asdict` makes.
    """
    if isinstance(value, str | bool | int | None):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None  # also one of NumPy's
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, frozenset):
        return [_plain(item) for item in sorted(value)]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, np.generic):
        return _plain(value.item())
    names = _field_names(value.__class__)
    return value if names is None else {name: _plain(getattr(value, name)) for name in names}


@functools.cache
def _field_names(kind: Hashable) -> list[str] | None:
    """Return the names of a dataclass's fields; None of another type."""
    if not isinstance(kind, type) or not dataclasses.is_dataclass(kind):
        return None
    return [field.name for field in dataclasses.fields(kind)]


def _sync_folder(folder: Path) -> None:
    """Flush a folder, so that a rename survives a power cut, on systems that allow it."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
