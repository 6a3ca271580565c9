"""Outputs in a folder that are finished: a record of each says by what it was predicted."""

import functools
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import TypeAdapter, ValidationError

from bpnet.data.encoding.row_flags import FlagSummary
from bpnet.errors import RunError
from bpnet.messages import listed
from bpnet.paths import absolute, exists, is_dir, is_file
from bpnet.runs import files
from bpnet.runs.lock import hold
from bpnet.workflows.output_files import OutputFile

RECORDS = ".predicted"
"""The folder of records in that of the outputs, whose name `*` does not match."""
_LONGEST_NAME = 250
"""The bytes of an output's name that a record is named by: with `.json`, the most of a name."""

_OPTIONS = {
    "probabilities": "--proba",
    "top": "--top-k",
    "levels": "--interval",
    "reading": "--set",
    "safe_csv": "--safe-csv",
}
"""The options of `bpnet predict` whose names are not those of the settings."""


@dataclass(frozen=True)
class Maker:
    """What predicts: a version of bpnet, a model by its SHA-256, and options."""

    bpnet: str
    model: str
    options: dict[str, Any]

    def difference(self, other: "Maker") -> str:
        """Return how the maker of an output differs, or the empty string."""
        if other.model != self.model:
            return "was predicted by another model"
        if other.bpnet != self.bpnet:
            return f"was predicted by bpnet {other.bpnet}, and this is {self.bpnet}"
        names = [
            _OPTIONS.get(name, f"--{name}")
            for name, value in self.options.items()
            if other.options.get(name) != value
        ]
        return f"was predicted with other options ({listed(names)})" if names else ""


@dataclass(frozen=True)
class FileState:
    """The size of a file, and when it was last changed."""

    size: int
    modified_ns: int

    @classmethod
    def of(cls, path: str | Path) -> "FileState | None":
        """Return the state of a file; None if there is none."""
        try:
            found = Path(path).stat()
        except OSError:
            return None
        return cls(found.st_size, found.st_mtime_ns)


@dataclass(frozen=True)
class Record:
    """What is kept of an output: its maker, its table and its content."""

    maker: Maker
    table: str
    table_state: FileState | None
    output_state: FileState | None
    output_sha256: str
    flags: FlagSummary
    trained_rows: int


class FinishedOutputs:
    """The outputs in a folder that one maker has finished.

    An output gets its name when it is whole, after its record is written. It is finished if the
    record has the content of the output, the state of its table, and the maker: whatever is killed
    in between, or written by two at once, leaves an output that is finished or is not.
    """

    def __init__(self, maker: Maker) -> None:
        self._maker = maker
        self._digests: dict[tuple[Path, FileState], str] = {}
        self._unflushed: dict[Path, None] = {}
        """The folders of records, each followed by that of their outputs, to be flushed."""

    def read(self, file: OutputFile) -> Record | None:
        """Return the record of a finished output; None if it is still to be predicted."""
        record = _read(file)
        if record is None or not self._is_of(record, file.path):
            return None
        same_table = record.table == _name(file) and record.table_state == FileState.of(file.table)
        return record if same_table and not self._maker.difference(record.maker) else None

    def conflict(self, file: OutputFile) -> str:
        """Return why an output that exists must not be replaced, or the empty string.

        One of the same maker is replaced if its table has changed.
        """
        if not exists(file.path):
            return ""
        record = _read(file)
        if record is None:
            return "exists, and bpnet does not know what it is"
        if not self._is_of(record, file.path):
            return "has changed since it was predicted"
        if record.table != _name(file):
            return f"was predicted from {record.table}"
        return self._maker.difference(record.maker)

    def write(
        self,
        file: OutputFile,
        stream: BinaryIO,
        table_state: FileState | None,
        flags: FlagSummary,
        trained_rows: int,
    ) -> None:
        """Write the record of an output whose content is in a stream of `replacing`."""
        stream.flush()
        written = Path(stream.name)
        record = Record(
            maker=self._maker,
            table=_name(file),
            table_state=table_state,
            output_state=FileState.of(written),
            output_sha256=_sha256(written),
            flags=flags,
            trained_rows=trained_rows,
        )
        path = _path(file)
        make_folder(path.parent)
        files.write_json(path, record, flush_folder=False, hold=hold)
        self._unflushed.update({path.parent: None, file.path.parent: None})

    def flush(self) -> None:
        """Flush the folders of what was written, once for all files: this takes a while.

        A power cut before may take an output, which is then predicted again.
        """
        for folder in self._unflushed:
            files.sync_folder(folder)
        self._unflushed.clear()

    def _is_of(self, record: Record, path: Path) -> bool:
        """Return whether a record has a file's content, which is read if the file was copied."""
        state = FileState.of(path)
        if state is None or record.output_state is None or not is_file(path):
            return False
        if state == record.output_state:
            return True
        if state.size != record.output_state.size:
            return False
        if (path, state) not in self._digests:
            self._digests[path, state] = _sha256(path)
        return self._digests[path, state] == record.output_sha256


def make_folder(folder: Path) -> None:
    """Make a folder, if it is not there; raises RunError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise files.cannot_write(folder, error) from error


def outputs_among(tables: Iterable[Path]) -> list[Path]:
    """Return the tables of which a record is in one of the folders that they lie in."""

    @functools.cache
    def has_records(folder: Path) -> bool:
        return is_dir(folder / RECORDS)

    def has_record(path: Path) -> bool:
        return any(
            is_file(_path_in(folder, path.relative_to(folder)))
            for folder in path.parents
            if has_records(folder)
        )

    return [table for table in tables if has_record(Path(absolute(table)))]


def _sha256(path: Path) -> str:
    with open(path, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _name(file: OutputFile) -> str:
    # as JSON keeps it, should it not be UTF-8
    return absolute(file.table).encode("utf-8", "backslashreplace").decode()


def _path(file: OutputFile) -> Path:
    return _path_in(file.folder, file.name)


def _path_in(folder: Path, output: Path) -> Path:
    """Return the path of the record of an output in a folder."""
    name = output.name
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = f"{name[:50]}.{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}"
    return folder / RECORDS / output.with_name(f"{name}.json")


def _read(file: OutputFile) -> Record | None:
    """Return the record of an output; None if there is none, or it is not one that was written."""
    path = _path(file)
    if not is_file(path):
        return None
    try:
        return TypeAdapter(Record).validate_python(files.read_json(path))
    except (RunError, ValidationError):
        return None
