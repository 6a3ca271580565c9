"""Opening a config's dataset: one table, and for each row the part its file says, where files do."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bpnet.config.loading import LoadedConfig
from bpnet.config.schema import Files
from bpnet.config.yaml_tree import KeyPath
from bpnet.data.reading import Table, open_table, table_from_rows
from bpnet.data.reading.sklearn_tables import SKLEARN_PREFIX
from bpnet.data.splitting import PARTS, PartNumbers
from bpnet.errors import DataError


@dataclass(frozen=True)
class Opened:
    """A dataset's table, and the numbers of its files that each part has, where they are apart."""

    table: Table
    files: dict[str, int]

    def named_parts(self) -> PartNumbers | None:
        """The part (N,) of each row whose file says it, by its place in PARTS; None where there is one path."""
        if not self.files:
            return None
        parts = [PARTS.index(part) for part, files in self.files.items() for _ in range(files)]
        return np.repeat(np.array(parts, np.int8), self.table.sizes)


def open_dataset(loaded: LoadedConfig) -> Opened:
    """The table of a config; raises DataError."""
    dataset, source = loaded.config.dataset, loaded.source
    if isinstance(dataset.path, str):
        return Opened(_open(dataset.path, loaded, ("dataset", "path")), {})
    if isinstance(dataset.path, Files):
        tables = {
            part: _open(path, loaded, ("dataset", "path", part))
            for part, path in dataset.path.parts.items()
        }
        files = [file for table in tables.values() for file in table.files]
        return Opened(
            Table(tables["train"].name, files),
            {part: len(table.files) for part, table in tables.items()},
        )
    assert dataset.rows is not None
    assert dataset.columns is not None
    lines = [source.lines.get(("dataset", "rows", k)) for k in range(len(dataset.rows))]
    numbers = [line if isinstance(line, int) else 1 for line in lines]
    return Opened(
        table_from_rows(
            source.name, dataset.columns, dataset.rows, numbers, dataset.reading.missing
        ),
        {},
    )


def relocated(path: str, folder: Path, other: Path) -> str:
    """A dataset's path relative to another folder than `folder`."""
    if not _is_file(path):
        return path
    return Path(os.path.relpath((folder / path).resolve(), other.resolve())).as_posix()


def _open(path: str, loaded: LoadedConfig, key: KeyPath) -> Table:
    place = os.path.normpath(loaded.folder / path) if _is_file(path) else path
    try:
        return open_table(place, loaded.config.dataset.reading)
    except DataError as error:
        if not _is_file(path) or Path(place).is_file():
            raise
        raise DataError(
            [loaded.problem(key, f"cannot be opened: {problem}") for problem in error.problems]
        ) from None


def _is_file(path: str) -> bool:
    """Whether a dataset's path is one of the file system."""
    return path != "-" and not path.startswith(SKLEARN_PREFIX)
