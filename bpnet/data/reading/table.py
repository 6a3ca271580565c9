"""A table: named columns whose rows are read in chunks, as often as needed, from one file or several."""

import csv
import hashlib
import io
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bpnet.data.reading.chunk import Chunk, PickedChunk, Wanted
from bpnet.data.reading.delimited import Delimited
from bpnet.data.reading.settings import Reading
from bpnet.data.reading.streams import Opener, in_memory, opener_of, reading
from bpnet.errors import DataError
from bpnet.messages import MAX_PROBLEMS, did_you_mean, quoted_list, total_line

_SUFFIXES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".parquet", ".pq")
_COMPRESSED = (".gz", ".zst")
BUNDLED = "sklearn:"
"""How the path of a table that comes with scikit-learn begins."""


class File(Protocol):
    """One file of a table."""

    name: str
    columns: list[str]

    @property
    def digest(self) -> str:
        """The SHA-256 of its content."""

    def chunks(self, wanted: Wanted, start: int) -> Iterator[Chunk]:
        """Its rows in order, the first of which is row `start` of the table."""


class Table:
    """Files that have the same columns, in whatever order, as one table; raises DataError where they do not."""

    def __init__(self, name: str, files: Sequence[File]) -> None:
        self.name, self.files = name, list(files)
        self.columns = self.files[0].columns
        self._sizes: list[int] | None = None
        problems = []
        for file in self.files[1:]:
            lacks = [column for column in self.columns if column not in set(file.columns)]
            adds = [column for column in file.columns if column not in set(self.columns)]
            if lacks or adds:
                problems.append(
                    f"{file.name}: its columns are not those of {self.files[0].name}: "
                    + "; ".join(
                        f"{what} {quoted_list(names)}"
                        for what, names in (("it lacks", lacks), ("it adds", adds))
                        if names
                    )
                )
        if problems:
            raise DataError(
                [*problems[:MAX_PROBLEMS], *total_line(len(problems), "files have other columns")]
            )

    def chunks(self, wanted: Wanted) -> Iterator[Chunk]:
        """All rows in order; only the wanted columns can be read of each chunk. Raises DataError."""
        sizes, start = [], 0
        for file in self.files:
            before = start
            for chunk in file.chunks(wanted, start):
                yield chunk
                start += len(chunk)
            sizes.append(start - before)
        self._sizes = sizes

    def picked(
        self, wanted: Wanted, chosen: npt.NDArray[np.bool_]
    ) -> Iterator[tuple[Chunk, npt.NDArray[np.intp]]]:
        """The chosen rows (a mask, N) in order, and their numbers from 0; other rows are not looked at."""
        for chunk in self.chunks(wanted):
            rows = np.flatnonzero(chosen[chunk.start : chunk.start + len(chunk)])
            if len(rows):
                yield (
                    chunk if len(rows) == len(chunk) else PickedChunk(chunk, rows),
                    rows + chunk.start,
                )

    @property
    def sizes(self) -> list[int]:
        """The rows of each file."""
        if self._sizes is None:
            for _ in self.chunks({self.columns[0]: "text"}):
                pass
        assert self._sizes is not None
        return self._sizes

    def __len__(self) -> int:
        return sum(self.sizes)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the one file, or of the digests of several."""
        if len(self.files) == 1:
            return self.files[0].digest
        return hashlib.sha256("".join(file.digest for file in self.files).encode()).hexdigest()

    def require(self, column: str, *, wanted_for: str) -> None:
        """Raise DataError, with a near miss, where there is no such column."""
        if column not in self.columns:
            raise DataError(
                f"{self.name}: there is no column '{column}', which {wanted_for}; "
                f"the columns are {quoted_list(self.columns)}{did_you_mean(column, self.columns)}"
            )

    def cells(self, column: str, *, wanted_for: str) -> list[str]:
        """One column's cells as text; raises DataError where there is no such column."""
        self.require(column, wanted_for=wanted_for)
        return [
            cell for chunk in self.chunks({column: "text"}) for cell in chunk.column(column).cells()
        ]

    def where(self, row: int) -> str:
        """Name the place of a row, counted from 0: 'iris.csv, line 4 (row 3)'."""
        for chunk in self.chunks({self.columns[0]: "text"}):
            if row < chunk.start + len(chunk):
                return chunk.where(row - chunk.start)
        return f"{self.name}, row {row + 1}"


def open_table(path: str | Path, settings: Reading | None = None) -> Table:
    """Open a file, a folder or pattern of files, standard input (`-`), or a table of scikit-learn's; raises DataError.

    A bundled table is named as `sklearn:wine`.
    """
    settings = settings or Reading()
    text = str(path)
    if text == "-":
        return Table("standard input", [_file("standard input", opener_of(text), settings)])
    if text.startswith(BUNDLED):
        from bpnet.data.reading.sklearn_tables import bundled_table

        return bundled_table(text.removeprefix(BUNDLED))
    files = _files(Path(path))
    return Table(text, [_file(str(file), opener_of(file), settings) for file in files])


def table_of(
    name: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    lines: list[int] | None = None,
    missing: list[str] | None = None,
) -> Table:
    """A table of cells that are at hand, which stand on these lines of what `name` names; raises DataError.

    `missing` are words that stand for a gap.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([columns, *rows])
    settings = Reading(separator=",", missing=missing)
    return Table(name, [Delimited(name, in_memory(text.getvalue().encode()), settings, lines)])


def _files(path: Path) -> list[Path]:
    """The file itself, the table files in a folder, or those that a pattern names, in the order of their names."""
    if path.is_dir():
        found = sorted(file for file in path.iterdir() if file.is_file() and _is_table(file))
        if not found:
            raise DataError(
                f"{path}: the folder holds no table; their names end in {', '.join(_SUFFIXES)}, .gz or .zst"
            )
        return found
    if not path.exists() and any(mark in str(path) for mark in "*?["):
        anchor = Path(path.anchor)
        pattern = str(path.relative_to(anchor)) if path.is_absolute() else str(path)
        found = sorted(file for file in anchor.glob(pattern) if file.is_file())
        if not found:
            raise DataError(f"{path}: no file is named so; check the pattern")
        return found
    return [path]


def _is_table(file: Path) -> bool:
    name = file.name.lower()
    for ending in _COMPRESSED:
        name = name.removesuffix(ending)
    return name.endswith(_SUFFIXES) and not name.startswith((".", "_"))


def _file(name: str, opened: Opener, settings: Reading) -> File:
    """The reader that suits a file, by its first bytes, or its name."""
    with reading(name), opened() as stream:
        head = stream.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    plain = name.lower().removesuffix(".gz").removesuffix(".zst")
    if head.startswith(b"PAR1") or plain.endswith((".parquet", ".pq")):
        from bpnet.data.reading.parquet import Parquet

        return Parquet(name, opened, settings)
    if plain.endswith((".jsonl", ".ndjson")) or head.startswith((b'{"', b'{ "', b"[{")):
        from bpnet.data.reading.json_lines import JsonLines

        return JsonLines(name, opened, settings)
    return Delimited(name, opened, settings)
