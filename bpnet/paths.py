"""What is at a path; a path that cannot be looked at, for whatever reason, holds nothing.

Those of pathlib raise an OSError of a folder that may not be entered, and of a name that is too
long: opening the file then says why it cannot be read.
"""

import os
from collections.abc import Iterator
from pathlib import Path


def exists(path: str | Path) -> bool:
    """Return whether there is anything at a path."""
    return os.path.exists(path)  # noqa: PTH110 (see the top)


def is_file(path: str | Path) -> bool:
    """Return whether a path is that of a regular file."""
    return os.path.isfile(path)  # noqa: PTH113


def is_dir(path: str | Path) -> bool:
    """Return whether a path is that of a folder."""
    return os.path.isdir(path)  # noqa: PTH112


def absolute(path: str | Path) -> str:
    """Return a path from the root, without `..`; links are not followed."""
    return os.path.abspath(path)  # noqa: PTH100 (absolute() keeps `..`, resolve() follows links)


def files_in(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder, in no order; none if it cannot be listed."""
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except OSError:
        return
    yield from (path for path in map(folder.joinpath, names) if is_file(path))
