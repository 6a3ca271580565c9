"""The output of each table that is predicted into a folder, and the share of one worker."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bpnet.data.formats import DEFAULT, FORMATS, FileFormat
from bpnet.data.reading.compression import without_compression_suffix
from bpnet.data.reading.open import fixed_folder, table_files
from bpnet.errors import UsageError
from bpnet.messages import MAX_PROBLEMS, total_line
from bpnet.paths import absolute


@dataclass(frozen=True)
class Shard:
    """The share of worker `number` of `count`: every count-th table, from the number-th on."""

    number: int
    count: int

    @classmethod
    def read(cls, text: str) -> "Shard":
        """Read `i/n`; raises UsageError."""
        match = re.fullmatch(r"\s*([0-9]{1,9})\s*/\s*([0-9]{1,9})\s*", text)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise UsageError(
                f"--shard {text}: must be i/n, worker i of n from 1 on, such as 1/4, 2/4, 3/4 "
                "and 4/4 for four workers"
            )
        return cls(int(match[1]), int(match[2]))

    def of(self, files: Sequence["OutputFile"]) -> Sequence["OutputFile"]:
        """Return its share of the files."""
        return files[self.number - 1 :: self.count]

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


@dataclass(frozen=True)
class OutputFile:
    """A table, and the file in the folder of outputs that its predictions are written to."""

    table: Path
    folder: Path
    name: Path
    """The path of the file within the folder."""
    format: FileFormat

    @property
    def path(self) -> Path:
        """The path of the file."""
        return self.folder / self.name


def output_files(
    tables: Iterable[str], folder: Path, file_format: FileFormat | None = None
) -> list[OutputFile]:
    """Return the outputs of all files that the tables name, in the order of their paths.

    An output is named as its table, and lies as deep in the folder as this does in the folder that
    all tables are named in: `a/x.csv` and `b/x.csv` are written to `a/x.csv` and `b/x.csv` there.
    It is in the format of its table, if that is written, unless one is given. Raises UsageError or
    DataError.
    """
    roots, given = [], {}
    for text in tables:
        roots.append(absolute(fixed_folder(text)))
        given.update({absolute(file): file for file in table_files(text)})
    root = os.path.commonpath([*roots, *map(os.path.dirname, given)])
    files = []
    for path in sorted(given, key=lambda path: Path(path).parts):
        within = Path(os.path.relpath(path, root))
        name, written = _named(within.name, file_format)
        files.append(OutputFile(given[path], folder, within.with_name(name), written))
    _check_apart(files)
    _check_outside(files, folder)
    return files


def _named(name: str, file_format: FileFormat | None) -> tuple[str, FileFormat]:
    """Return the name of a table's output, and its format."""
    name = without_compression_suffix(name)
    own, suffix = next(
        ((one, end) for one in FORMATS for end in one.suffixes if name.lower().endswith(end)),
        (None, ""),
    )
    written = file_format or (own if own is not None and own.writer else DEFAULT)
    if written is not own:
        name = name[: len(name) - len(suffix)] + written.suffixes[0]
    return name, written


def _check_apart(files: Iterable[OutputFile]) -> None:
    """Raise UsageError if two tables would be written to the same file."""
    first: dict[Path, OutputFile] = {}
    for file in files:
        other = first.setdefault(file.name, file)
        if other is not file:
            raise UsageError(
                f"{other.table} and {file.table} would both be written to {file.path}; "
                "predict them into two folders"
            )


def _check_outside(files: Sequence[OutputFile], folder: Path) -> None:
    """Raise UsageError if a table lies in the folder of outputs."""
    root = Path(os.path.realpath(folder))
    problems = [
        f"{file.table}: lies in {folder}, which the outputs are written to; name another folder "
        "with -o, outside of the tables'"
        for file in files
        if Path(os.path.realpath(file.table)).is_relative_to(root)
    ]
    if problems:
        total = total_line(len(problems), "tables lie in it")
        raise UsageError([*problems[:MAX_PROBLEMS], *total])
