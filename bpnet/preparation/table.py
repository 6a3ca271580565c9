"""The table of a config's dataset: one path, a file for each part, or rows in the config itself."""

import os
from dataclasses import dataclass, replace

import numpy as np

from bpnet.config.dataset_paths import is_file_path
from bpnet.config.dataset_schema import Files
from bpnet.config.loading import LoadedConfig
from bpnet.config.yaml_tree import KeyPath
from bpnet.data.reading import Table, open_table, table_from_rows
from bpnet.data.reading.kept import kept_table
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
    places = [source.where(("dataset", "rows", k)).rpartition(", line ") for k in range(len(rows))]
    numbers = [int(line) if line.isdecimal() else 1 for _, _, line in places]
    # the rows may be those of a config that this one extends
    name = places[0][0] if places[0][2].isdecimal() else source.name
    return table_from_rows(name, columns, rows, numbers, dataset.reading)


def _open_path(path: str, loaded: LoadedConfig, key: KeyPath) -> Table:
    place = os.path.normpath(loaded.folder / path) if is_file_path(path) else path
    try:
        return open_table(place, loaded.config.dataset.reading)
    except DataError as error:
        if not is_file_path(path) or is_file(place):
            raise
        raise DataError(
            [loaded.problem(key, f"cannot be opened: {problem}") for problem in error.problems]
        ) from None
