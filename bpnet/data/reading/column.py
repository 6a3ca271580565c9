"""A column of a chunk: its cells as numbers, or as codes into the different texts among them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bpnet.data.reading.number_format import NumberFormat

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]


class CellParseError(ValueError):
    """Cells that are not `expected`, such as "a finite number".

    `texts` are their distinct texts and `rows` their rows, counted from 0 in the chunk.
    """

    def __init__(self, texts: list[str], rows: npt.NDArray[np.intp], expected: str) -> None:
        super().__init__(texts[0])
        self.texts, self.rows, self.expected = texts, rows, expected


@dataclass(frozen=True)
class Column:
    """N cells: as `numbers` (N,), nan for a gap, or as `codes` (N,) into `levels`, -1 for a blank cell."""

    number_format: NumberFormat
    numbers: Floats | None = None
    codes: Codes | None = None
    categories: Sequence[str] = ()

    def __len__(self) -> int:
        held = self.codes if self.numbers is None else self.numbers
        assert held is not None
        return len(held)

    def as_numbers(self) -> Floats:
        """The numbers (N,), nan for a gap; raises CellParseError."""
        return (
            self.numbers
            if self.numbers is not None
            else self.parse(self.number_format.number, "a finite number")
        )

    def parse(self, parse: Callable[[str], float], expected: str) -> Floats:
        """Each cell as `parse` (which raises ValueError) reads its text, nan for a gap; raises CellParseError."""
        codes, categories = self.as_text()
        values = np.full(len(categories) + 1, np.nan)  # the last is what -1 points at
        wrong = []
        for k, category in enumerate(categories):
            if self.number_format.is_missing_number(category):
                continue
            try:
                values[k] = parse(category)
            except ValueError:
                wrong.append(k)
        rows = np.flatnonzero(np.isin(codes, wrong))
        if len(rows):  # else those levels stand in rows that were not picked
            raise CellParseError(
                [categories[k] for k in dict.fromkeys(codes[rows].tolist())], rows, expected
            )
        return values[codes]

    def as_text(self) -> tuple[Codes, Sequence[str]]:
        """Codes (N,) and the different texts they point into; -1 is a gap."""
        if self.codes is not None:
            gaps = [
                k
                for k, category in enumerate(self.categories)
                if self.number_format.is_missing(category)
            ]
            codes = (
                np.where(np.isin(self.codes, gaps), np.int32(-1), self.codes)
                if gaps
                else self.codes
            )
            return codes.astype(np.int32, copy=False), self.categories
        assert self.numbers is not None
        different, codes = np.unique(self.numbers, return_inverse=True)
        gap = np.isnan(different)
        return np.where(gap[codes], -1, codes).astype(np.int32), [
            number_text(value) for value in different[~gap].tolist()
        ]

    def without_missing_words(self) -> "Column":
        """The column with N/A and the like as gaps, as they are where a number, a date or a yes or no is meant."""
        codes, categories = self.as_text()
        words = [
            k
            for k, category in enumerate(categories)
            if self.number_format.is_missing_number(category)
        ]
        return Column(
            self.number_format,
            codes=np.where(np.isin(codes, words), np.int32(-1), codes),
            categories=categories,
        )

    def take(self, rows: npt.NDArray[np.intp]) -> "Column":
        """The column's cells in these rows."""
        if self.numbers is not None:
            return replace(self, numbers=self.numbers[rows])
        assert self.codes is not None
        return replace(self, codes=self.codes[rows])

    def cells(self) -> list[str]:
        """Each cell as text, blank for a gap."""
        codes, categories = self.as_text()
        texts = [*categories, ""]
        return [texts[code] for code in codes.tolist()]


def column_from_texts(cells: Iterable[str], number_format: NumberFormat) -> Column:
    """A column of cells that stand in memory as text."""
    number: dict[str, int] = {}
    codes = np.fromiter((number.setdefault(cell, len(number)) for cell in cells), np.int32)
    if "" in number:
        codes[codes == number[""]] = -1
    return Column(number_format, codes=codes, categories=list(number))


def number_text(value: float) -> str:
    """A number as text: without a fraction where it has none."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
