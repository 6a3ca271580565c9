"""Flags: what about a row makes its prediction less trustworthy."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

FlagKind = Literal["unseen", "imputed", "outside"]


@dataclass
class RowFlags:
    """For each kind and column the rows (of one chunk, counted from 0) that it concerns.

    `unseen`: a level that no training row had. `imputed`: a gap. `outside`: a number farther outside the training
    range than half the range is wide.
    """

    entries: list[tuple[FlagKind, str, npt.NDArray[np.intp]]] = field(default_factory=list)

    def add(self, kind: FlagKind, column: str, rows: npt.NDArray[np.intp]) -> None:
        """Note rows, if there are any."""
        if len(rows):
            self.entries.append((kind, column, rows))

    def common(self, other: "RowFlags") -> "RowFlags":
        """What both say of the same rows."""
        theirs = {(kind, column): rows for kind, column, rows in other.entries}
        both = RowFlags()
        for kind, column, rows in self.entries:
            both.add(
                kind, column, np.intersect1d(rows, theirs.get((kind, column), [])).astype(np.intp)
            )
        return both

    def texts(self, rows: int) -> list[str]:
        """The flags of each row: 'unseen city; imputed age', blank where there are none."""
        texts = [""] * rows
        for kind, column, flagged in self.entries:
            text = f"{kind} {column}"
            for row in flagged.tolist():
                texts[row] = f"{texts[row]}; {text}" if texts[row] else text
        return texts
