"""The rows of a run's table, by the fingerprints that the run keeps of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from bpnet.data.encoding import Encoder
from bpnet.data.encoding.fingerprints import (
    UNKNOWN,
    Fingerprints,
    cell_readings,
)
from bpnet.data.splitting import PARTS, Indices, PartNumbers
from bpnet.errors import RunError
from bpnet.messages import counted
from bpnet.models.ensemble import Ensemble
from bpnet.paths import is_file
from bpnet.preparation.encode import EncodedDataset
from bpnet.runs import directory
from bpnet.runs.directory import RunPaths
from bpnet.runs.fingerprints import read_fingerprints, write_fingerprints
from bpnet.runs.splits import DROPPED, count_rows, read_splits

_MOST_REPEATED = 0.1
"""The share of the run's rows that equal another, beyond which equal rows may be others."""


def save_fingerprints(run: RunPaths, prepared: EncodedDataset) -> None:
    """Write the fingerprints of a run's rows."""
    columns, digest = cell_readings(prepared.encoder), prepared.split.table.digest
    write_fingerprints(run.fingerprints, prepared.fingerprints, columns, digest)


@dataclass(frozen=True)
class RunRows:
    """The rows of a run's table: those that are equal have one position in `values`."""

    paths: RunPaths
    columns: Mapping[str, str]
    """How the columns of the fingerprints were read."""
    values: Fingerprints
    """The distinct fingerprints, ascending."""
    positions: Indices
    """The position (N,) of each row's fingerprint, -1 of a row in no part."""

    @cached_property
    def repeated(self) -> float:
        """The share of the rows that equal another."""
        counts = np.bincount(self.positions[self.positions >= 0], minlength=len(self.values))
        return float(counts[counts > 1].sum() / max(counts.sum(), 1))

    @property
    def copies(self) -> int:
        """The number of rows that equal one before them."""
        return int((self.positions >= 0).sum()) - len(self.values)

    def find(self, fingerprints: Fingerprints) -> Indices:
        """Return the position (N,) of each fingerprint in `values`, -1 of others."""
        # in ascending order, since jumps through a large array take four times as long
        order = np.argsort(fingerprints)
        places = np.empty(len(order), np.intp)
        places[order] = np.searchsorted(self.values, fingerprints[order])
        places[places == len(self.values)] = 0
        return np.where(self.values[places] == fingerprints, places, -1)

    @property
    def of_folds(self) -> bool:
        """True of a cross-validation, each of whose rows trained some of its networks."""
        return is_file(self.paths.folds_csv)

    @cached_property
    def parts(self) -> PartNumbers:
        """The part of each of the run's rows; of a cross-validation, all have trained.

        Raises RunError.
        """
        if self.of_folds:
            return np.where(self.positions < 0, DROPPED, PARTS.index("train")).astype(np.int8)
        rows, split = len(self.positions), count_rows(self.paths.splits)
        if split != rows:
            raise RunError(
                f"{self.paths.fingerprints}: is of {counted(rows, 'row')}, and "
                f"{self.paths.splits} of {split:,}; remove the former, or restore both"
            )
        return read_splits(self.paths.splits, rows)

    @cached_property
    def parts_of_values(self) -> PartNumbers:
        """The part of each fingerprint: of equal rows in several parts, the first of PARTS."""
        parts = np.full(len(self.values), DROPPED, np.int8)
        for number in reversed(range(len(PARTS))):
            parts[self.positions[(self.parts == number) & (self.positions >= 0)]] = number
        return parts

    def by_chance(self, known: int, rows: int) -> str:
        """Return a remark on `known` rows of all `rows`, if they may equal these by chance.

        New rows equal one of the run's about as often as these equal another.
        """
        expected = self.repeated * rows
        if self.repeated <= _MOST_REPEATED and (not expected or known > 2 * expected + 3):
            return ""
        return (
            f" (perhaps by chance: {100 * self.repeated:.3g} % of the run's own rows equal another)"
        )


def open_run_rows(paths: RunPaths, model: Ensemble) -> tuple[RunRows, Encoder] | None:
    """Return the rows of a run, and an encoder that reads a table's rows as they were read.

    None of a run whose rows are not known: those before 0.7.0 have no fingerprints. Raises
    RunError.
    """
    if not is_file(paths.fingerprints):
        return None
    run_rows = _read(paths, tuple(map(_state, (paths.fingerprints, paths.splits))))
    for member in model.members:
        encoder = member.description.encoder
        if cell_readings(encoder) == run_rows.columns:
            return run_rows, encoder
    return None


def _state(path: Path) -> tuple[int, int]:
    """Return what changes with a file's content."""
    try:
        status = path.stat()
    except OSError:  # which is said where the file is read
        return 0, 0
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=1)  # Python may predict row by row, and a command many tables
def _read(paths: RunPaths, _states: object) -> RunRows:
    saved = read_fingerprints(paths.fingerprints)
    if saved.data_sha256 is not None:
        of_run = directory.data_sha256(paths.folder)
        if of_run is not None and of_run != saved.data_sha256:
            raise RunError(
                f"{paths.fingerprints}: is of another table than the run ({paths.run}); remove it "
                "(rows are then recognized in a table that is the same as a whole), or restore it"
            )
    values, positions = np.unique(saved.values, return_inverse=True)
    positions = positions.reshape(-1)
    if len(values) and values[0] == UNKNOWN:
        values, positions = values[1:], positions - 1
    return RunRows(paths, saved.columns, values, positions)
