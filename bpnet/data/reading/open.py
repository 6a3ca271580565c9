"""Open a table: a file, a folder or pattern of files, standard input, or a scikit-learn table."""

from pathlib import Path

from bpnet.data.reading.delimited import DelimitedFile
from bpnet.data.reading.settings import Reading
from bpnet.data.reading.sklearn_tables import SKLEARN_PREFIX, sklearn_table
from bpnet.data.reading.streams import Opener, file_opener, stream_errors
from bpnet.data.reading.table import Table, TableFile
from bpnet.errors import DataError

_SUFFIXES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".parquet", ".pq")
_COMPRESSED = (".gz", ".zst")


def open_table(path: str | Path, settings: Reading | None = None) -> Table:
    """Open the table at `path`; raise DataError where there is none.

    The path is that of a file, or of a folder or pattern of files that have the same columns; `-`
    is standard input, and `sklearn:wine` a table that comes with scikit-learn.
    """
    settings = settings or Reading()
    text = str(path)
    if text == "-":
        return Table("standard input", [_file("standard input", file_opener(text), settings)])
    if text.startswith(SKLEARN_PREFIX):
        return sklearn_table(text.removeprefix(SKLEARN_PREFIX))
    files = _files(Path(path))
    return Table(text, [_file(str(file), file_opener(file), settings) for file in files])


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


def _file(name: str, opened: Opener, settings: Reading) -> TableFile:
    """The reader that suits a file, by its first bytes, or its name."""
    with stream_errors(name), opened() as stream:
        head = stream.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    plain = name.lower().removesuffix(".gz").removesuffix(".zst")
    if head.startswith(b"PAR1") or plain.endswith((".parquet", ".pq")):
        from bpnet.data.reading.parquet import ParquetFile

        return ParquetFile(name, opened, settings)
    if plain.endswith((".jsonl", ".ndjson")) or head.startswith((b'{"', b'{ "', b"[{")):
        from bpnet.data.reading.json_lines import JsonLinesFile

        return JsonLinesFile(name, opened, settings)
    return DelimitedFile(name, opened, settings)
