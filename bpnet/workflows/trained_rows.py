"""The number of rows of a table that trained the networks of a run."""

import contextlib
from dataclasses import dataclass

from bpnet.data.encoding.fingerprints import (
    row_fingerprints,
)
from bpnet.data.reading import Table
from bpnet.data.reading.chunk import Chunk
from bpnet.data.splitting import PARTS
from bpnet.errors import RunError
from bpnet.models.ensemble import Ensemble
from bpnet.paths import is_file
from bpnet.runs import directory
from bpnet.runs.directory import RunPaths
from bpnet.runs.splits import count_rows, read_splits
from bpnet.workflows.run_rows import RunRows, open_run_rows


class TrainedRows:
    """The number of rows of a table that trained a run's networks, counted chunk by chunk."""

    def __init__(self, paths: RunPaths, model: Ensemble) -> None:
        self._paths, self._known, self._count = paths, 0, 0
        self._run_rows: RunRows | None = None
        with contextlib.suppress(RunError):  # a damaged run predicts nevertheless
            if opened := open_run_rows(paths, model):
                self._run_rows, self._encoder = opened

    def add(self, chunk: Chunk) -> None:
        """Count the rows of a chunk."""
        rows = self._run_rows
        if rows is None or not len(rows.values):
            return
        found = rows.find(row_fingerprints(self._encoder, chunk))
        found = found[found >= 0]
        self._known += len(found)
        if len(found):
            try:
                parts = rows.parts_of_values
            except RunError:
                self._run_rows = None
                return
            self._count += int((parts[found] == PARTS.index("train")).sum())

    def of(self, table: Table, rows: int) -> "Trained":
        """Return the number of a table's rows that trained, of all `rows`."""
        with contextlib.suppress(RunError):
            # the digest takes a while: only of a table that has the rows that were split
            known = self._run_rows
            splits = self._paths.splits
            # the file is not read for each of many tables
            own = rows == (count_rows(splits) if known is None else len(known.positions))
            if own and directory.data_sha256(self._paths.folder) == table.digest:
                return Trained(self._trained_rows(rows), own=True)
        if self._run_rows is None:
            return Trained(0)
        remark = self._run_rows.by_chance(self._known, rows)
        return Trained(self._count, by_chance=remark)

    def _trained_rows(self, rows: int) -> int:
        """Return how many of the run's rows trained its networks; raises RunError."""
        if is_file(self._paths.folds_csv):  # each row trained the networks of the other folds
            return count_rows(self._paths.splits, in_folds=True)
        known = self._run_rows
        parts = read_splits(self._paths.splits, rows) if known is None else known.parts
        return int((parts == PARTS.index("train")).sum())


@dataclass(frozen=True)
class Trained:
    """The number of rows that trained a model: of the run's `own` table, or equal to such rows."""

    rows: int
    own: bool = False
    by_chance: str = ""
