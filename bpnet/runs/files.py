"""Atomic writes: a crash leaves a file's old content or its new content, never a mixture."""

import codecs
import contextlib
import csv
import dataclasses
import functools
import json
import math
import os
import re
import secrets
import stat
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from json.encoder import encode_basestring
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import numpy as np

from bpnet.errors import RunError
from bpnet.paths import exists, is_dir, is_file

_RESTORE = "restore it from a copy, or train again"
_LARGEST = 100_000_000
"""The most bytes of a file of a run that is read at once."""
_LONGEST_LINE = 10_000
_NAME_IN_TEMPORARY = 50
"""Characters of a file's name that its temporary file's has: 200 bytes of 255 that a name has."""
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")


@contextlib.contextmanager
def replacing(
    path: Path,
    *,
    flush: bool = True,
    flush_folder: bool = True,
    hold: Callable[[BinaryIO], bool] | None = None,
) -> Iterator[BinaryIO]:
    """Yield a stream whose content replaces the file once it is complete.

    The content is written to a temporary file beside it, flushed and renamed; the file keeps its
    permissions. The target of a link is replaced; a device or a pipe is written to. Without `flush`
    a power cut may take the content, but no crash of a program. Without `flush_folder` it may take
    the whole file, but leaves none that is not whole: the caller flushes the folder once for many.
    `hold` locks the temporary file; it returns False if another process has just removed it.
    """
    # before links are followed: a pipe that /dev/stdout links to has no path of its own
    is_device = path.parts[:2] in (("/", "dev"), ("/", "proc"))
    if is_device or (exists(path) and not is_file(path) and not is_dir(path)):
        try:
            with open(path, "wb") as special:
                yield special
        except OSError as error:
            raise cannot_write(path, error) from error
        return
    path = Path(os.path.realpath(path))  # in a circle of links, the one that closes it
    # in the same folder, since a rename cannot cross file systems
    name = path.name[:_NAME_IN_TEMPORARY]
    temporary = path.with_name(f".{name}.{secrets.token_hex(4)}.tmp")
    held = hold is not None and os.name == "posix"  # elsewhere an open file cannot be renamed
    try:
        with _new(temporary, private=is_file(path), hold=hold) as file:
            if is_file(path):
                temporary.chmod(stat.S_IMODE(path.stat().st_mode))
            yield file
            # on disk before the rename, else a power cut may leave an empty file
            file.flush()
            if flush:
                os.fsync(file.fileno())
            if held:  # until it has its name: nobody takes it for one of a killed process
                temporary.replace(path)
        if not held:
            temporary.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()  # there only after an error
    if flush and flush_folder:
        sync_folder(path.parent)


def _new(path: Path, *, private: bool, hold: Callable[[BinaryIO], bool] | None) -> BinaryIO:
    """Open a file that is not there, again if it is removed before it is held."""
    while True:
        file = open(path, "xb", opener=_private if private else None)  # noqa: SIM115
        if hold is None or hold(file):
            return file
        file.close()


def _private(path: str, flags: int) -> int:
    """Open a file that only its owner may read, until it has the permissions of another."""
    return os.open(path, flags, 0o600)


def write_new(path: Path, text: str) -> None:
    """Write a text file in UTF-8 where there is none; raises FileExistsError or RunError."""
    try:
        with open(path, "xb") as file:
            try:
                file.write(text.encode("utf-8", "backslashreplace"))
                file.flush()
                os.fsync(file.fileno())
            except BaseException:
                path.unlink()
                raise
    except FileExistsError:
        raise
    except OSError as error:
        raise cannot_write(path, error) from error


def temporary_files(folder: Path) -> Iterator[Path]:
    """Yield the temporary files in a folder: of `replacing`, or left by a process at its death."""
    return (path for path in folder.rglob(".*.tmp") if _TEMPORARY.fullmatch(path.name))


def remove_temporary(folder: Path) -> None:
    """Remove the temporary files that processes left in a folder when they were killed."""
    for path in temporary_files(folder):
        with contextlib.suppress(OSError):
            path.unlink()


def write_bytes(path: Path, content: bytes, *, flush: bool = True) -> None:
    """Replace a file atomically."""
    with replacing(path, flush=flush) as file:
        file.write(content)


def write_text(path: Path, text: str, *, flush: bool = True) -> None:
    """Replace a text file atomically, in UTF-8."""
    # a lone surrogate (of a file name that is not UTF-8) becomes \udc80, which JSON reads back
    write_bytes(path, text.encode("utf-8", "backslashreplace"), flush=flush)


def write_csv(path: Path, header: Sequence[str], lines: Iterable[Sequence[object]]) -> None:
    """Replace a CSV file atomically, in UTF-8."""
    with replacing(path) as file:
        writer = csv.writer(
            codecs.getwriter("utf-8")(file, "backslashreplace"), lineterminator="\n"
        )
        writer.writerow(header)
        writer.writerows(lines)


def write_json(
    path: Path,
    value: Any,
    *,
    flush_folder: bool = True,
    hold: Callable[[BinaryIO], bool] | None = None,
) -> None:
    """Replace a JSON file atomically, as `replacing` does."""
    with replacing(path, flush_folder=flush_folder, hold=hold) as file:
        file.write((json_text(value) + "\n").encode("utf-8", "backslashreplace"))


def json_text(value: Any) -> str:
    """Return a JSON document, with null for NaN and infinity, which JSON lacks."""
    return _json(value, "\n")


def cannot_write(path: Path, error: OSError) -> RunError:
    """Return the error for a file that could not be written."""
    advice = "check that its folder exists, is writable and has space left"
    if isinstance(error, IsADirectoryError):
        advice = "give the name of a file"
    return RunError(f"{path}: cannot be written: {error.strerror}; {advice}")


def refuse_pipe(path: Path) -> None:
    """Raise RunError for a pipe or a device, whose content would be waited for, or OSError."""
    if not path.is_dir() and not stat.S_ISREG(path.stat().st_mode):
        raise RunError(f"{path}: is not a regular file; {_RESTORE}")


@contextlib.contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Open a UTF-8 file to be read line by line; raises RunError."""
    try:
        refuse_pipe(path)
        with open(path, encoding="utf-8-sig", newline="") as file:
            yield file
    except FileNotFoundError:
        raise RunError(f"{path}: there is no such file; {_RESTORE}") from None
    except OSError as error:
        raise RunError(
            f"{path}: cannot be read: {error.strerror}; check its permissions"
        ) from error
    except csv.Error as error:
        raise RunError(f"{path}: is not CSV: {error}; {_RESTORE}") from None
    except UnicodeDecodeError as error:
        raise RunError(f"{path}: is not UTF-8 text at byte {error.start + 1}; {_RESTORE}") from None


def short_lines(file: TextIO, path: Path) -> Iterator[str]:
    """Yield a file's lines; raises RunError at one that is longer than any that bpnet writes."""
    for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), ""), start=1):
        if len(line) == _LONGEST_LINE:
            raise RunError(
                f"{path}, line {number}: has {_LONGEST_LINE:,} characters or more; {_RESTORE}"
            )
        yield line


def read_text(path: Path, most: int = _LARGEST) -> str:
    """Return the content of a UTF-8 file of at most `most` bytes, with newlines as line ends."""
    with open_text(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise RunError(f"{path}: has {size:,} bytes, and at most {most:,} are read; {_RESTORE}")
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


def _json(value: Any, line: str) -> str:
    """Return a value as JSON with an indent of 2; `line` begins a line at the value's own indent.

    NumPy's scalars are numbers, paths text, NaN and infinity null, and a dataclass is an object of
    its fields. `json.dumps`, which takes several times as long with an indent, is for the rest.
    """
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, float):  # also one of NumPy's
        return float.__repr__(value) if math.isfinite(value) else "null"
    if value.__class__ is int:
        return int.__repr__(value)
    if value is None or isinstance(value, int):
        return json.dumps(value)
    inner = line + "  "
    if isinstance(value, list | tuple):
        items = [_json(item, inner) for item in value]
        return f"[{inner}{f',{inner}'.join(items)}{line}]" if items else "[]"
    if (fields := _fields(value.__class__)) is not None:
        members = [f"{key}: {_json(getattr(value, name), inner)}" for name, key in fields]
        return f"{{{inner}{f',{inner}'.join(members)}{line}}}" if members else "{}"
    if isinstance(value, Mapping):
        members = [f"{_key(key)}: {_json(item, inner)}" for key, item in value.items()]
        return f"{{{inner}{f',{inner}'.join(members)}{line}}}" if members else "{}"
    if isinstance(value, frozenset):
        return _json(sorted(value), line)
    if isinstance(value, Path):
        return encode_basestring(str(value))
    if isinstance(value, np.generic):
        return _json(value.item(), line)
    return json.dumps(value)  # which names the type that JSON lacks


def _key(key: object) -> str:
    """Return the key of an object as JSON: of a number its text."""
    return encode_basestring(key if isinstance(key, str) else json.dumps(key))


@functools.cache
def _fields(kind: Hashable) -> list[tuple[str, str]] | None:
    """Return the names of a dataclass's fields, as keys of JSON too; None of another type."""
    if not isinstance(kind, type) or not dataclasses.is_dataclass(kind):
        return None
    return [(field.name, _key(field.name)) for field in dataclasses.fields(kind)]


def remove(path: Path) -> None:
    """Remove a file, if it is there; raises RunError."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Flush a folder, so that a rename survives a power cut, on systems that allow it."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
