"""Known rows: the rows of a table that are in the run's own table, in whatever form it is given.

The own table is recognized by its SHA-256. In any other, rows are by their fingerprints: those that
equal a row of the run in every column that the model reads.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bpnet.data.encoding.fingerprints import (
    table_fingerprints,
)
from bpnet.data.reading import Table
from bpnet.data.splitting import PARTS, Indices, Part, PartNumbers
from bpnet.engine.component import Array
from bpnet.messages import counted
from bpnet.models.ensemble import Ensemble
from bpnet.paths import is_file
from bpnet.runs.directory import RunPaths
from bpnet.runs.splits import DROPPED
from bpnet.workflows.run_rows import RunRows, open_run_rows


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
        return of_run.by_chance(len(known), len(self.found))

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


def _of(count: int, rows: int) -> str:
    return f"all {count:,} rows" if count == rows > 1 else f"{count:,} of {counted(rows, 'row')}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


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
