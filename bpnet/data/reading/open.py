"""Open a table: a file, a folder or pattern of files, standard input, or a scikit-learn table."""

import re
from pathlib import Path

from bpnet.data.formats import READABLE, format_to_read
from bpnet.data.reading.addresses import is_address, refuse_address
from bpnet.data.reading.compression import COMPRESSIONS, without_compression_suffix
from bpnet.data.reading.data_frame import IN_MEMORY, held_table
from bpnet.data.reading.settings import Reading
from bpnet.data.reading.sklearn_tables import SKLEARN_PREFIX, sklearn_table
from bpnet.data.reading.streams import Opener, file_opener, stream_errors
from bpnet.data.reading.table import Table, TableFile
from bpnet.errors import DataError, UsageError
from bpnet.messages import MAX_PROBLEMS, quoted_list, shell_quoted
from bpnet.paths import exists, files_in, is_dir, is_file

_HEAD = 65_536
"""Bytes of a file by which its format is recognized."""

_WILDCARDS = "*?["

_TEXT = re.compile(
    rb"(?!\s*[<@%]|version https|HEADER REC|RD[AXB]|MATLAB|\$FL|\xff)[^\0-\x08\x0e-\x1f]*\Z"
)
"""The head of a file that is text, and of no format that begins like text."""


def open_table(path: str | Path, settings: Reading | None = None) -> Table:
    """Open the table at `path`.

    The path is that of a file, or of a folder or pattern of files that have the same columns; `-`
    is standard input, `sklearn:wine` a table that comes with scikit-learn, and `memory:` the data
    frame that `table_in_memory` holds.

    Raises
    ------
    DataError
        There is no such table, or its column names cannot be read.
    UsageError
        A package that the file's format needs is not installed.
    """
    settings = settings or Reading()
    text = str(path)
    if text == "-":
        return Table("standard input", [_file("standard input", file_opener(text), settings)])
    if text == IN_MEMORY:
        return held_table(settings)
    if text.startswith(SKLEARN_PREFIX):
        return sklearn_table(text.removeprefix(SKLEARN_PREFIX))
    if is_address(text):
        refuse_address(text)
    files = _files(Path(path))
    table = Table(text, [_file(str(file), file_opener(file), settings) for file in files])
    table.notes = left_out_note(text)
    return table


def table_files(path: str) -> list[Path]:
    """Return the files that `path` names, each of which is to be a table of its own.

    Raises DataError, or UsageError for a table that is in no file.
    """
    if path in ("-", IN_MEMORY) or path.startswith(SKLEARN_PREFIX):
        name = "standard input" if path == "-" else path
        raise UsageError(
            f"{name} is a table without a file, whose name that of its output follows; "
            "name the output, too: -o FILE"
        )
    if is_address(path):
        refuse_address(path)
    return _files(Path(path))


def left_out_note(path: str) -> list[str]:
    """Return a note on the files of a folder that look like tables, and are left out."""
    if not is_dir(path):
        return []
    read, *others = _ranked(Path(path)) or [[]]
    names = sorted(file.name for files in others for file in files)
    if not names:
        return []
    are, them = ("is", "it") if len(names) == 1 else ("are", "them")
    pattern = shell_quoted(str(Path(path) / "*"))
    return [
        f"{path}: {quoted_list(names, MAX_PROBLEMS)} {are} left out, since files that end so often "
        f"describe those beside them ({read[0].name}); {pattern} has {them} read, too"
    ]


def fixed_folder(path: str) -> Path:
    """Return the folder that a path names, or the last one of a pattern before its wildcards."""
    if is_dir(path):
        return Path(path)
    folder = Path(path).parent
    while not exists(folder) and any(wildcard in str(folder) for wildcard in _WILDCARDS):
        folder = folder.parent
    return folder


def _files(path: Path) -> list[Path]:
    """Return the file itself, or the files of a folder or pattern in the order of their names."""
    if is_dir(path):
        return _files_of_folder(path)
    # a file of that very name comes before the pattern
    if not exists(path) and any(wildcard in str(path) for wildcard in _WILDCARDS):
        # Path.glob takes relative patterns only
        anchor = Path(path.anchor)
        pattern = str(path.relative_to(anchor)) if path.is_absolute() else str(path)
        files = sorted(file for file in anchor.glob(pattern) if is_file(file))
        if not files:
            raise DataError(f"{path}: no file matches the pattern; check it")
        return files
    return [path]


def _files_of_folder(folder: Path) -> list[Path]:
    """Return a folder's tables by their names; what may be a note about others is left out."""
    ranked = _ranked(folder)
    if not ranked:
        endings = [suffix for file_format in READABLE for suffix in file_format.suffixes]
        compressed = [compression.suffix for compression in COMPRESSIONS]
        raise DataError(
            f"{folder}: the folder holds no table; names of tables end in {', '.join(endings)}, "
            f"or in one of these followed by {', '.join(compressed[:-1])} or {compressed[-1]}"
        )
    return ranked[0]


def _ranked(folder: Path) -> list[list[Path]]:
    """Return the files of a folder whose names are those of tables: first those that are read.

    Others are of kinds that often lie beside tables of the kinds before.
    """
    ranks: dict[int, list[Path]] = {}
    for file in sorted(files_in(folder)):
        name = without_compression_suffix(file.name).lower()
        if name.startswith((".", "_")):
            continue
        for file_format in READABLE:
            for suffix in file_format.suffixes:
                if name.endswith(suffix):
                    ranks.setdefault(file_format.beside.get(suffix, 0), []).append(file)
    return [ranks[rank] for rank in sorted(ranks)]


def _file(name: str, opener: Opener, settings: Reading) -> TableFile:
    """Open one file with the reader of its format."""
    # opened twice: here for the first bytes, by which the format is known, then by its reader
    with stream_errors(name), opener() as stream:
        head = stream.read(_HEAD)
    if settings.encoding is None and not _TEXT.match(head):
        from bpnet.data.foreign_formats import refuse_foreign_format  # not needed for text

        refuse_foreign_format(name, head)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    file_format = format_to_read(without_compression_suffix(name), start)
    file: TableFile = file_format.load(file_format.reader, name)(name, opener, settings)
    return file
