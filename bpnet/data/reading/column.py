"""A column of a chunk: its cells as numbers, or as codes into the different texts among them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bpnet.data.reading.number_format import Marks

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]


class NotNumbersError(ValueError):
    """Cells that are not what was `meant`: `levels` are their different texts, `rows` where they stand in the chunk."""

    def __init__(self, levels: list[str], rows: npt.NDArray[np.intp], meant: str) -> None:
        super().__init__(levels[0])
        self.levels, self.rows, self.meant = levels, rows, meant


@dataclass(frozen=True)
class Column:
    """N cells: as `numbers` (N,), nan for a gap, or as `codes` (N,) into `levels`, -1 for a blank cell."""

    marks: Marks
    numbers: Floats | None = None
    codes: Codes | None = None
    levels: Sequence[str] = ()

    def __len__(self) -> int:
        held = self.codes if self.numbers is None else self.numbers
        assert held is not None
        return len(held)

    def as_numbers(self) -> Floats:
        """The numbers (N,), nan for a gap; raises NotNumbersError."""
        return (
            self.numbers
            if self.numbers is not None
            else self.read(self.marks.number, "a finite number")
        )

    def read(self, parse: Callable[[str], float], meant: str) -> Floats:
        """Each cell as `parse` (which raises ValueError) reads its text, nan for a gap; raises NotNumbersError."""
        codes, levels = self.as_text()
        values = np.full(len(levels) + 1, np.nan)  # the last is what -1 points at
        wrong = []
        for k, level in enumerate(levels):
            if self.marks.is_gap_among_numbers(level):
                continue
            try:
                values[k] = parse(level)
            except ValueError:
                wrong.append(k)
        rows = np.flatnonzero(np.isin(codes, wrong))
        if len(rows):  # else those levels stand in rows that were not picked
            raise NotNumbersError(
                [levels[k] for k in dict.fromkeys(codes[rows].tolist())], rows, meant
            )
        return values[codes]

    def as_text(self) -> tuple[Codes, Sequence[str]]:
        """Codes (N,) and the different texts they point into; -1 is a gap."""
        if self.codes is not None:
            gaps = [k for k, level in enumerate(self.levels) if self.marks.is_gap(level)]
            codes = (
                np.where(np.isin(self.codes, gaps), np.int32(-1), self.codes)
                if gaps
                else self.codes
            )
            return codes.astype(np.int32, copy=False), self.levels
        assert self.numbers is not None
        different, codes = np.unique(self.numbers, return_inverse=True)
        gap = np.isnan(different)
        return np.where(gap[codes], -1, codes).astype(np.int32), [
            shown(value) for value in different[~gap].tolist()
        ]

    def without_gap_words(self) -> "Column":
        """The column with N/A and the like as gaps, as they are where a number, a date or a yes or no is meant."""
        codes, levels = self.as_text()
        words = [k for k, level in enumerate(levels) if self.marks.is_gap_among_numbers(level)]
        return Column(
            self.marks, codes=np.where(np.isin(codes, words), np.int32(-1), codes), levels=levels
        )

    def picked(self, rows: npt.NDArray[np.intp]) -> "Column":
        """The column's cells in these rows."""
        if self.numbers is not None:
            return replace(self, numbers=self.numbers[rows])
        assert self.codes is not None
        return replace(self, codes=self.codes[rows])

    def cells(self) -> list[str]:
        """Each cell as text, blank for a gap."""
        codes, levels = self.as_text()
        texts = [*levels, ""]
        return [texts[code] for code in codes.tolist()]


def column_of(cells: Iterable[str], marks: Marks) -> Column:
    """A column of cells that stand in memory as text."""
    number: dict[str, int] = {}
    codes = np.fromiter((number.setdefault(cell, len(number)) for cell in cells), np.int32)
    if "" in number:
        codes[codes == number[""]] = -1
    return Column(marks, codes=codes, levels=list(number))


def shown(value: float) -> str:
    """A number as text: without a fraction where it has none."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
