"""The table that a run was trained on, opened again, and the part of each of its rows."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bpnet.config.loading import LoadedConfig, read_config
from bpnet.data.reading import Table
from bpnet.data.reading.data_frame import IN_MEMORY, holds_table
from bpnet.data.reading.streams import has_standard_input
from bpnet.data.splitting import PARTS, Part, PartNumbers
from bpnet.engine.component import Array
from bpnet.errors import ConfigError, DataError, RunError
from bpnet.preparation.table import open_dataset_table
from bpnet.runs import directory, files
from bpnet.runs.splits import read_splits


@dataclass(frozen=True)
class TrainingTable:
    """The table of a run, with the part (N,) of each row, an index of PARTS."""

    table: Table
    parts: PartNumbers
    in_order: bool = True
    """False if its rows are not in the order of the run's."""

    def mask(self, part: Part) -> Array:
        """Return the mask (N,) of a part's rows."""
        return np.asarray(self.parts == PARTS.index(part))


def open_training_table(run: Path, advice: str = "", *, command: str = "") -> TrainingTable:
    """Open a run's table with the split of its rows: see `reopen_table`.

    Raises RunError or DataError, with the advice.
    """
    paths = directory.open_run(run)
    paths.require("config.yaml", "splits.csv")
    table = reopen_table(paths, advice, command=command)
    return TrainingTable(table, read_splits(paths.splits, len(table)))


def reopen_table(paths: directory.RunPaths, advice: str = "", *, command: str = "") -> Table:
    """Open the table that a run was trained on.

    One that was on standard input is read from there again if `command` is given, which is what is
    typed for that. Raises RunError or DataError, with the advice, if the table is gone or has
    changed since.
    """
    try:
        loaded = read_config(paths.config)
    except ConfigError as error:
        raise RunError([f"{problem}; restore it{advice}" for problem in error.problems]) from None
    table = _open(loaded, paths, advice, command)
    content = files.read_json(paths.run)
    trained_on = content.get("data_sha256") if isinstance(content, dict) else None
    if trained_on is None:
        raise RunError(
            f"{paths.run}: lacks data_sha256, by which the table is recognized; restore it{advice}"
        )
    if table.digest != trained_on:
        if loaded.config.dataset.path == IN_MEMORY:  # the table in memory is another one
            raise _not_kept(paths, advice)
        raise DataError(
            f"{table.name}: the file has changed since the run was trained on it, "
            f"so its training rows are unknown; restore it{advice}"
        )
    return table


def require_given_table(loaded: LoadedConfig, paths: directory.RunPaths, command: str) -> None:
    """Raise DataError, with what to type, if the run's table must be given again and is not."""
    if loaded.config.dataset.path == IN_MEMORY and not holds_table():
        raise DataError(
            f"{paths.folder}: the run was trained on a table in Python's memory, which is not "
            "kept; give it again in Python: bpnet.resume(run, table=table)"
        )
    if loaded.config.dataset.path == "-" and not has_standard_input():
        raise DataError(
            f"{paths.folder}: the run was trained on standard input, which is not kept; give the "
            f"table again: {command} < TABLE"
        )


def _not_kept(paths: directory.RunPaths, advice: str) -> DataError:
    return DataError(
        f"{paths.folder}: the run was trained on a table in Python's memory, which is not kept: "
        f"give it again in Python, as `table`{advice}"
    )


def _open(loaded: LoadedConfig, paths: directory.RunPaths, advice: str, command: str) -> Table:
    path = loaded.config.dataset.path
    if path == IN_MEMORY and not holds_table():
        raise _not_kept(paths, advice)
    if path == "-" and not command:
        raise DataError(
            f"{paths.folder}: the run was trained on standard input, which is not kept{advice}"
        )
    require_given_table(loaded, paths, command)
    try:
        return open_dataset_table(loaded).table
    except DataError as error:
        raise DataError(
            [f"{problem}; the run was trained on it{advice}" for problem in error.problems]
        ) from None
