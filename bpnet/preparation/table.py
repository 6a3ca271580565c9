"""The table of a config's dataset: one path, a file for each part, or rows in the config itself."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bpnet.config.dataset_schema import Files
from bpnet.config.loading import LoadedConfig
from bpnet.config.yaml_tree import KeyPath
from bpnet.data.reading import Table, open_table, table_from_rows
from bpnet.data.reading.addresses import is_address
from bpnet.data.reading.data_frame import IN_MEMORY
from bpnet.data.reading.kept import kept_table
from bpnet.data.reading.sklearn_tables import SKLEARN_PREFIX
from bpnet.data.splitting import PARTS, Part, PartNumbers
from bpnet.errors import DataError
from bpnet.paths import is_file


@dataclass(frozen=True)
class DatasetTable:
    """A dataset's table, and how many of its files each part has; empty if the parts share them."""

    table: Table
    files: dict[Part, int]

    def part_numbers(self) -> PartNumbers | None:
        """Return each row's part (N,), an index of PARTS; None if the parts share the files."""
        if not self.files:
            return None
        parts = [PARTS.index(part) for part, files in self.files.items() for _ in range(files)]
        return np.repeat(np.array(parts, np.int8), self.table.sizes)

    def kept(self) -> "DatasetTable":
        """Return the same table for several passes, which parses each cell once."""
        return replace(self, table=kept_table(self.table))


def open_dataset_table(loaded: LoadedConfig) -> DatasetTable:
    """Open the table of a config; raise DataError if it cannot be read."""
    path = loaded.config.dataset.path
    if path is None:
        return DatasetTable(_written_table(loaded), {})
    if isinstance(path, Files):
        return _tables_of_parts(loaded, path)
    return DatasetTable(_open_path(path, loaded, ("dataset", "path")), {})


def relocated(path: str, folder: Path, other: Path) -> str:
    """Return a dataset's path, which is relative to `folder`, relative to the other folder."""
    if not _is_file(path):
        return path
    return Path(
        os.path.relpath(os.path.realpath(folder / path), os.path.realpath(other))
    ).as_posix()


def _tables_of_parts(loaded: LoadedConfig, files: Files) -> DatasetTable:
    tables = {
        part: _open_path(path, loaded, ("dataset", "path", part))
        for part, path in files.parts.items()
    }
    return DatasetTable(
        Table(tables["train"].name, [file for table in tables.values() for file in table.files]),
        {part: len(table.files) for part, table in tables.items()},
    )


def _written_table(loaded: LoadedConfig) -> Table:
    """Return the table of the rows that the config itself holds."""
    dataset, source = loaded.config.dataset, loaded.source
    rows, columns = dataset.rows or [], dataset.columns or []
    lines = [source.lines.get(("dataset", "rows", k)) for k in range(len(rows))]
    numbers = [line if isinstance(line, int) else 1 for line in lines]
    return table_from_rows(source.name, columns, rows, numbers, dataset.reading)


def _open_path(path: str, loaded: LoadedConfig, key: KeyPath) -> Table:
    place = os.path.normpath(loaded.folder / path) if _is_file(path) else path
    try:
        return open_table(place, loaded.config.dataset.reading)
    except DataError as error:
        if not _is_file(path) or is_file(place):
            raise
        raise DataError(
            [loaded.problem(key, f"cannot be opened: {problem}") for problem in error.problems]
        ) from None


def _is_file(path: str) -> bool:
    """Return whether a dataset's path is one of the file system."""
    if path in ("-", IN_MEMORY):
        return False
    return not (path.startswith(SKLEARN_PREFIX) or is_address(path))
