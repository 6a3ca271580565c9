"""The table of file formats that bpnet reads and writes, with one row for each format.

To add a format, add its row to `FORMATS`, the class it names in `data/reading/` or `data/writing/`,
and an example to the table of `tests/data/test_formats.py`. The choices of `--format`, the formats
that messages list, and the files that are read of a folder follow from the row.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from bpnet.errors import UsageError


@dataclass(frozen=True)
class FileFormat:
    """A file format of tables.

    `reader` and `writer` name a class as `module:class`; the module is imported when the format is
    first used, so that the table of formats is cheap to import.
    """

    name: str
    """The word for it after `--format`."""
    title: str
    suffixes: tuple[str, ...]
    """The ends of file names, in lower case; the first is the one that messages suggest."""
    first_bytes: re.Pattern[bytes] | None = None
    """The beginning, after white space, that only a file of this format has."""
    reader: str | None = None
    """A class like `reading.delimited:DelimitedFile`, called with (name, opener, settings)."""
    writer: str | None = None
    """A class like `writing.csv_writer:CsvWriter`, called with (stream, columns)."""
    package: str | None = None
    """The package that the format needs beyond those of a plain installation, as pip names it."""
    beside: Mapping[str, int] = field(default_factory=dict)
    """The suffixes of files that often lie beside tables, and describe them: a folder's are read
    only where it has no others, nor any of a lower number."""
    binary: bool = False
    """True if it is not text, and so never written to standard output."""

    def load(self, entry: str | None, file: str = "") -> Any:
        """Return the class that `entry`, the format's reader or writer, names.

        Raises UsageError, with the name of the `file`, if the package it needs is missing.
        """
        assert entry is not None, f"{self.title} has no such class"
        module, _, name = entry.partition(":")
        try:
            return getattr(import_module(f"bpnet.data.{module}"), name)
        except ImportError:
            if self.package is None:
                raise
            raise UsageError(
                f"{file and f'{file}: '}{self.title} needs {self.package}; "
                f"install it with: pip install {self.package}"
            ) from None


FORMATS = (
    FileFormat(
        name="csv",
        title="CSV",
        suffixes=(".csv", ".txt"),
        beside={".txt": 1},
        reader="reading.delimited:DelimitedFile",
        writer="writing.csv_writer:CsvWriter",
    ),
    FileFormat(
        name="tsv",
        title="TSV",
        suffixes=(".tsv",),
        reader="reading.delimited:DelimitedFile",
    ),
    FileFormat(
        name="jsonl",
        title="JSON lines",
        suffixes=(".jsonl", ".ndjson"),
        reader="reading.json_lines:JsonLinesFile",
        writer="writing.json_writer:JsonLinesWriter",
    ),
    FileFormat(
        name="json",
        title="JSON",
        suffixes=(".json",),
        first_bytes=re.compile(rb'\[\s*[\[\]{]|\{\s*["}]'),  # or of JSON lines
        reader="reading.json_document:JsonDocumentFile",
        writer="writing.json_writer:JsonDocumentWriter",
        beside={".json": 2},
    ),
    FileFormat(
        name="parquet",
        title="Parquet",
        suffixes=(".parquet", ".pq"),
        first_bytes=re.compile(rb"PAR1"),
        reader="reading.parquet:ParquetFile",
        writer="writing.parquet_writer:ParquetWriter",
        package="pyarrow",
        binary=True,
    ),
    FileFormat(
        name="arrow",
        title="Arrow",
        suffixes=(".feather", ".arrow", ".ipc", ".arrows"),
        first_bytes=re.compile(rb"ARROW1\0\0|\xff{4}.{2}\0\0", re.DOTALL),
        reader="reading.arrow_file:ArrowFile",
        package="pyarrow",
        binary=True,
    ),
    FileFormat(
        name="excel",
        title="Excel",
        suffixes=(".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"),
        # a zip archive, or the older kind of file
        first_bytes=re.compile(rb"PK\x03\x04|\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
        reader="reading.excel:ExcelFile",
        package="python-calamine",
        binary=True,
        beside=dict.fromkeys((".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"), 2),
    ),
)

DEFAULT = FORMATS[0]
"""The format of a file whose name and first bytes point to none, and of standard output."""
READABLE = tuple(file_format for file_format in FORMATS if file_format.reader)
WRITABLE = tuple(file_format for file_format in FORMATS if file_format.writer)


def format_named(name: str) -> FileFormat:
    """Return the format whose name is `name`."""
    return next(file_format for file_format in FORMATS if file_format.name == name)


def format_to_read(file: str, head: bytes) -> FileFormat:
    """Return the format of a file by its first bytes, else by its name without `.gz` or the like.

    `head` is the beginning of the content, without white space before it.
    """
    by_bytes = (f for f in READABLE if f.first_bytes and f.first_bytes.match(head))
    by_name = (f for f in READABLE if file.lower().endswith(f.suffixes))
    file_format = next(by_bytes, next(by_name, DEFAULT))
    if file_format.name == "json" and _is_json_lines(head):
        return format_named("jsonl")
    return file_format


def _is_json_lines(head: bytes) -> bool:
    """Return whether JSON begins as JSON lines do: with a whole object on the first line."""
    import json  # deferred: few tables are JSON

    first, *others = head.splitlines()[:2] or [b""]
    if not first.startswith(b"{") or first.strip() == b"{":
        return False
    several = bool(others) and others[0].startswith(b"{")
    try:
        row = json.loads(first)
    except (ValueError, RecursionError):
        # a mistake in the first of several lines, or an object longer than the head
        document = re.match(rb'\{\s*"[^"]*"\s*:\s*[\[{]', first)
        return document is None and (several or not others)
    return several or not any(isinstance(value, dict | list) for value in row.values())


def format_to_write(file: str) -> FileFormat | None:
    """Return the format to write by a file's name; None if its suffix is that of no format."""
    suffix = Path(file).suffix.lower()
    if not suffix:
        return DEFAULT
    return next((f for f in WRITABLE if suffix in f.suffixes), None)


def titles(formats: Iterable[FileFormat]) -> str:
    """Return the titles of formats as a list in words: CSV, JSON lines or Parquet."""
    return _any_of([file_format.title for file_format in formats])


def suffixes(formats: Iterable[FileFormat]) -> str:
    """Return the first suffix of each format as a list in words: .csv, .jsonl or .parquet."""
    return _any_of([file_format.suffixes[0] for file_format in formats])


def _any_of(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
