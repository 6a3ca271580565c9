"""Known rows: the rows of a table that are in the run's own table, in whatever form it is given.

The own table is recognized by its SHA-256. In any other, rows are by their fingerprints: those that
equal a row of the run in every column that the model reads.
"""

import contextlib
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
    row_fingerprints,
    table_fingerprints,
)
from bpnet.data.reading import Table
from bpnet.data.reading.chunk import Chunk
from bpnet.data.splitting import PARTS, Indices, Part, PartNumbers
from bpnet.engine.component import Array
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
    write_fingerprints(run.fingerprints, prepared.fingerprints, cell_readings(prepared.encoder))


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


@dataclass(frozen=True)
class KnownRows:
    """The rows (N,) of a table that are in a run's table."""

    table: Table
    run_rows: RunRows
    found: Indices
    """The position of each row in the fingerprints of the run, -1 of a row that it lacks."""
    rows: Indices | None
    """The number of each row in the run's table, -1 of none; None unless the table has each row of
    the run, as often as the run has it."""

    @property
    def new(self) -> Array:
        """Mask (N,) of the rows that the run's table lacks."""
        return np.asarray(self.found < 0)

    @property
    def count(self) -> int:
        """The number of rows that are in the run's table."""
        return len(self.found) - int(self.new.sum())

    @property
    def certain(self) -> bool:
        """True if equal rows are the run's rows, and not equal by chance."""
        return self.rows is not None or not self._by_chance

    @property
    def _by_chance(self) -> str:
        """A remark on rows that may be equal by chance; blank if they are the run's."""
        of_run, known = self.run_rows, self.found[~self.new]
        distinct = len(np.unique(known))
        few = distinct < len(of_run.values)  # else it is the run's table, more than once
        if few and len(known) - distinct > max(0.01 * len(known), of_run.copies):
            return " (perhaps by chance: many are equal to the same row)"
        return by_chance(of_run.repeated, len(known), len(self.found))

    def mask(self, part: Part) -> Array:
        """Return the mask (N,) of the rows that are of a part of the run; raises RunError."""
        return np.asarray(self.parts == PARTS.index(part))

    def kinds_of(self, unseen: Array) -> str:
        """Return what the rows of a mask (N,), that the run has not seen, are."""
        rows = {"test": unseen & ~self.new, "new": unseen & self.new}
        return f"{' and '.join(kind for kind in rows if rows[kind].any())} rows"

    def left_out_note(self, unseen: Array, verb: str) -> list[str]:
        """Return a note that only the rows of a mask (N,) are used, if others are left out."""
        if unseen.all():
            return []
        return [
            f"{_of(self.count, len(self.found))} of {self.table.name} {_are(self.count)} equal to "
            "rows of the run's table in every column that the model reads: only its "
            f"{self.kinds_of(unseen)} are {verb} ({unseen.sum():,}); all with --all-rows"
        ]

    def seen_note(self, effect: str) -> list[str]:
        """Return a note on the rows that equal seen ones, if any do, and what comes of it."""
        seen = int((self.mask("train") | self.mask("validation")).sum())
        if not seen:
            return []
        return [
            f"{_of(seen, len(self.found))} of {self.table.name} {_are(seen)} equal to rows that "
            "the run was trained or validated on, in every column that the model reads"
            f"{'' if self.certain else self._by_chance}: {effect}"
        ]

    @cached_property
    def parts(self) -> PartNumbers:
        """The part (N,) of each row in the run, DROPPED of a new one; raises RunError."""
        of_run, places = self.run_rows.parts_of_values, self.found
        if self.rows is not None:
            of_run, places = self.run_rows.parts, self.rows
        return np.where(self.new, DROPPED, of_run[places]).astype(np.int8)

    def unseen(self, masks: Array) -> Array:
        """Return the masks (R, N) of the rows that networks have not seen, new ones among them.

        `masks` are those of the run's rows.
        """
        if self.rows is not None:
            return np.asarray(self.new | masks[:, self.rows])
        positions, size = self.run_rows.positions, len(self.run_rows.values)
        of_values = np.ones((len(masks), size), bool)
        for network, mask in enumerate(masks):
            of_values[network, positions[~mask & (positions >= 0)]] = False
        return np.asarray(self.new | of_values[:, self.found])


def by_chance(repeated: float, known: int, rows: int) -> str:
    """Return a remark on `known` rows of all `rows`, if they may equal the run's by chance.

    New rows equal one of the run's about as often as these equal another, in the share `repeated`.
    """
    expected = repeated * rows
    if repeated <= _MOST_REPEATED and (not expected or known > 2 * expected + 3):
        return ""
    return f" (perhaps by chance: {100 * repeated:.3g} % of the run's own rows equal another)"


def _of(count: int, rows: int) -> str:
    return f"all {count:,} rows" if count == rows > 1 else f"{count:,} of {counted(rows, 'row')}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


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
    values, positions = np.unique(saved.values, return_inverse=True)
    positions = positions.reshape(-1)
    if len(values) and values[0] == UNKNOWN:
        values, positions = values[1:], positions - 1
    return RunRows(paths, saved.columns, values, positions)


def known_rows(paths: RunPaths | None, model: Ensemble, table: Table) -> KnownRows | None:
    """Return the rows of a table that are in a run's table; None if none is, or none can be known.

    Raises RunError or DataError.
    """
    if paths is None or not is_file(paths.splits):
        return None
    opened = open_run_rows(paths, model)
    if opened is None or not len(opened[0].values):
        return None
    run_rows, encoder = opened
    if not all(map(table.has, encoder.features)):
        return None  # which is refused where the table is read for the model
    found = run_rows.find(table_fingerprints(encoder, table))
    here = np.flatnonzero(found >= 0)
    if not len(here):
        return None
    rows, of_run = None, run_rows.positions
    in_run = np.flatnonzero(of_run >= 0)
    in_order = np.argsort(found[here], kind="stable")
    run_order = np.argsort(of_run[in_run], kind="stable")
    if np.array_equal(found[here][in_order], of_run[in_run][run_order]):
        rows = np.full(len(found), -1)
        rows[here[in_order]] = in_run[run_order]
    return KnownRows(table, run_rows, found, rows)


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
        remark = by_chance(self._run_rows.repeated, self._known, rows)
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
