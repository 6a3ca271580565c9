"""Flags of rows: reasons to trust a row's prediction less."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

FlagKind = Literal["unseen", "imputed", "outside"]


@dataclass
class RowFlags:
    """Rows, counted from 0 in a chunk, that are flagged, for each kind of flag and column.

    `unseen` is a category that no training row had, `imputed` a missing value, and `outside` a
    number farther outside the training range than half the width of the range. A missing value is
    not flagged where training has seen some, so that the column has an indicator.
    """

    entries: list[tuple[FlagKind, str, npt.NDArray[np.intp]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Notes on columns that may be misread: a sentence about each."""

    def add(self, kind: FlagKind, column: str, rows: npt.NDArray[np.intp]) -> None:
        """Add an entry, if there are rows."""
        if len(rows):
            self.entries.append((kind, column, rows))

    def flagged(self) -> int:
        """Return the number of rows that have a flag."""
        return len(np.unique(np.concatenate([[], *(rows for _, _, rows in self.entries)])))

    def common(self, other: "RowFlags") -> "RowFlags":
        """Return the flags that both have."""
        rows_of = {(kind, column): rows for kind, column, rows in other.entries}
        both = RowFlags(notes=list(self.notes))
        for kind, column, rows in self.entries:
            shared = np.intersect1d(rows, rows_of.get((kind, column), []))
            both.add(kind, column, shared.astype(np.intp))  # float64 where [] was joined
        return both

    def texts(self, rows: int) -> list[str]:
        """Return the flags of each of `rows` rows: 'unseen city; imputed age', blank for none."""
        texts = [""] * rows
        for kind, column, flagged in self.entries:
            text = f"{kind} {column}"
            for row in flagged.tolist():
                texts[row] = f"{texts[row]}; {text}" if texts[row] else text
        return texts


@dataclass
class FlagSummary:
    """The number of rows, of those flagged, and of cells with each kind of flag."""

    rows: int = 0
    flagged: int = 0
    kinds: dict[FlagKind, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """Notes on columns that may be misread."""

    def add(self, flags: RowFlags, rows: int) -> None:
        """Add the flags of a chunk of `rows` rows."""
        self.rows += rows
        self.flagged += flags.flagged()
        for kind, _, flagged in flags.entries:
            self.kinds[kind] = self.kinds.get(kind, 0) + len(flagged)
        self.notes += [note for note in flags.notes if note not in self.notes]

    def include(self, other: "FlagSummary") -> None:
        """Add the flags of another table; notes are about one table."""
        self.rows += other.rows
        self.flagged += other.flagged
        for kind, cells in other.kinds.items():
            self.kinds[kind] = self.kinds.get(kind, 0) + cells
