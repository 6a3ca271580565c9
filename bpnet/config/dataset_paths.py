"""Paths of a dataset: which are files, and how one is written from another folder."""

import os
from pathlib import Path

from bpnet.data.reading.addresses import is_address
from bpnet.data.reading.data_frame import IN_MEMORY
from bpnet.data.reading.sklearn_tables import SKLEARN_PREFIX


def is_file_path(path: str) -> bool:
    """Return whether a dataset's path is one of the file system."""
    if path in ("-", IN_MEMORY):
        return False
    return not (path.startswith(SKLEARN_PREFIX) or is_address(path))


def relocated(path: str, folder: Path, other: Path) -> str:
    """Return a dataset's path, which is relative to `folder`, relative to the other folder."""
    if not is_file_path(path):
        return path
    return Path(
        os.path.relpath(os.path.realpath(folder / path), os.path.realpath(other))
    ).as_posix()
