"""A column of a chunk: its cells as numbers, or as codes into their distinct texts."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bpnet.data.numbers.cells import NumberCell, number_text
from bpnet.data.numbers.detection import (
    DetectedNumbers,
    TableNumberFormat,
    detect_number_format,
)
from bpnet.data.numbers.formats_so_far import FormatsSoFar
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.spelling import KnownValues, Spelling

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]

A_NUMBER = "a finite number"
"""The expected cell of a column of numbers."""


MAX_EXACT = 2**53
"""Whole numbers beyond it are not exact as floats: they are read as text unless they are scaled."""


class CellParseError(ValueError):
    """Cells that are not `expected`, such as "a finite number".

    `texts` are their distinct texts and `rows` their rows, counted from 0 in the chunk; the other
    cells are in the number format. `advice` returns what to do about these cells by the column's
    name, where that is known here.
    """

    def __init__(
        self,
        texts: list[str],
        rows: npt.NDArray[np.intp],
        expected: str,
        advice: Callable[[str], str] | None = None,
        number_format: NumberFormat | None = None,
    ) -> None:
        super().__init__(texts[0])
        self.texts, self.rows, self.expected, self.advice = texts, rows, expected, advice
        self.number_format = number_format or NumberFormat()


@dataclass(frozen=True)
class Column:
    """N cells, either as `numbers` or as `codes` into `categories`."""

    number_format: NumberFormat
    numbers: Floats | None = None
    """The numbers (N,), NaN for a missing value."""
    codes: Codes | None = None
    """Positions (N,) in `categories`, -1 for a blank cell."""
    categories: Sequence[str] = ()
    """The distinct texts of the cells."""
    memo: dict[object, Any] = field(default_factory=dict, repr=False, compare=False)
    """What has been read of the categories; columns of other rows, which `take` returns, share it.
    """
    formats_so_far: FormatsSoFar | None = field(default=None, repr=False, compare=False)
    """The formats of the numbers in the chunks before; None for a column outside a table."""

    def __len__(self) -> int:
        cells = self.codes if self.numbers is None else self.numbers
        assert cells is not None
        return len(cells)

    def without_missing_numbers(self) -> "Column":
        """Return the column with NaN for the numbers that mean a missing value, such as -999."""
        words = [word for word in self.number_format.missing_numbers if np.isfinite(word)]
        if self.numbers is None or not words:
            return self
        is_missing = np.isin(self.numbers, words)
        if not is_missing.any():
            return self
        return replace(self, numbers=np.where(is_missing, np.nan, self.numbers), memo={})

    def as_numbers(self) -> Floats:
        """Return the numbers (N,), NaN for a missing value; raise CellParseError."""
        if self.numbers is not None:
            return self.numbers
        return self.parse(self.number_format.number, A_NUMBER)

    def read_by(self, number_format: NumberFormat) -> "Column":
        """Return the column with a number format, but its own words for a missing value."""
        number_format = number_format.with_words(self.number_format.missing)
        if number_format == self.number_format:
            return self
        return self._like(number_format, self.formats_so_far)

    def with_formats(self, formats_so_far: FormatsSoFar) -> "Column":
        """Return the column of a table whose chunks before have been read so."""
        return self._like(self.number_format, formats_so_far)

    def _like(self, number_format: NumberFormat, formats_so_far: FormatsSoFar | None) -> "Column":
        """Return the same cells read otherwise; `replace` takes three times as long."""
        cells = (self.numbers, self.codes, self.categories)
        return Column(number_format, *cells, self.memo, formats_so_far)

    def detect_format(self, expected: NumberFormat | None = None) -> DetectedNumbers:
        """Return the number format that the cells show, those of rows that were not taken too.

        Where a decimal comma is `expected`, the points of 2.500 and 1.250 may be thousands marks.
        """
        own = self.number_format
        if self.codes is None or not isinstance(own, TableNumberFormat):
            return detect_number_format((), own)
        commas = expected is not None and expected.decimal == ","
        key = (own, commas)
        if key not in self.memo:
            base = self.read_by(own.of_column)
            # where one of the first texts does not fit, the others need not be parsed
            first = self.categories[:50]
            fits = own.of_column.plain_numbers(first) is not None
            fits = fits or all(map(base._is_number_or_missing, first))
            fits = fits and not base._parsed_texts(own.of_column.number, A_NUMBER)[1]
            self.memo[key] = detect_number_format(self.categories, own, fits=fits, commas=commas)
        detected: DetectedNumbers = self.memo[key]
        return detected

    def in_own_format(self) -> tuple["Column", DetectedNumbers]:
        """Return the column with the number format that its cells show."""
        detected = self.detect_format()
        return self.read_by(detected.number_format), detected

    @property
    def has_leading_zeros(self) -> bool:
        """True if a text begins with a zero and another digit, as the code 007 does."""
        key = "leading zeros"
        if key not in self.memo:
            zeros = (text[1:2] for text in self.categories if text.startswith("0"))
            self.memo[key] = any(map(str.isdigit, zeros))
        return bool(self.memo[key])

    def with_bits(self) -> "Column":
        """Return the column with 1 for true and 0 for false, in any case."""
        bits = {"true": "1", "false": "0"}
        categories = [bits.get(text.lower(), text) for text in self.categories]
        return replace(self, categories=categories, memo={})

    def parse(self, parse: Callable[[str], float], expected: str) -> Floats:
        """Return each cell as `parse` reads its text, NaN for a missing value.

        `parse` raises ValueError for a text that is not `expected`; CellParseError is then raised.
        Each text is parsed once: `expected` must be another one for another `parse`.
        """
        codes, categories = self.as_text()
        values, wrong = self._parsed_texts(parse, expected)
        if not wrong:
            return values[codes]
        rows = np.flatnonzero(np.isin(codes, wrong))
        if len(rows):  # else the texts are of rows that were not taken
            texts = [categories[k] for k in dict.fromkeys(codes[rows].tolist())]  # in row order
            raise CellParseError(texts, rows, expected, number_format=self.number_format)
        return values[codes]

    def _is_number_or_missing(self, text: str) -> bool:
        return self.number_format.is_missing_number(text) or self.number_format.is_number(text)

    def _parsed_texts(
        self, parse: Callable[[str], float], expected: str
    ) -> tuple[Floats, list[int]]:
        """Return the value of each distinct text, NaN for one that is missing, and the wrong texts.

        A last value of NaN is that of the code -1.
        """
        key = (self.number_format, expected)
        if key in self.memo:
            values, wrong = self.memo[key]
            return values, wrong
        _, categories = self.as_text()
        values = np.full(len(categories) + 1, np.nan)
        wrong = []
        plain = self.number_format.plain_numbers(categories) if expected == A_NUMBER else None
        if plain is not None:
            values[:-1] = plain
        else:
            for k, category in enumerate(categories):
                if self.number_format.is_missing_number(category):
                    continue
                try:
                    values[k] = parse(category)
                except ValueError:
                    wrong.append(k)
        if self.codes is not None:  # the texts of numbers depend on the rows
            self.memo[key] = values, wrong
        return values, wrong

    def as_text(self, known: KnownValues | None = None) -> tuple[Codes, Sequence[str]]:
        """Return codes (N,), -1 for a missing value, and the distinct texts they point into.

        A text that is `known` as a value, as NA may be, is not missing.
        """
        if self.codes is not None:
            missing = [
                k for k in self._missing_texts() if not (known and self.categories[k] in known)
            ]
            codes = self._without(self.codes, missing) if missing else self.codes
            return codes.astype(np.int32, copy=False), self.categories
        assert self.numbers is not None
        distinct, positions = np.unique(self.numbers, return_inverse=True)  # (D,), (N,)
        # NaN is sorted last: the positions of the others fit `texts` without it
        is_nan = np.isnan(distinct)
        texts = [number_text(value) for value in distinct[~is_nan].tolist()]
        return np.where(is_nan[positions], -1, positions).astype(np.int32), texts

    def _missing_texts(self) -> list[int]:
        """Return the positions of the categories that are missing values in any column."""
        key = self.number_format.missing
        if key not in self.memo:
            is_missing = self.number_format.is_missing
            self.memo[key] = [k for k, text in enumerate(self.categories) if is_missing(text)]
        positions: list[int] = self.memo[key]
        return positions

    def as_values(self) -> tuple[Codes, list[str]]:
        """Return codes (N,), -1 for a missing value, and the values they point into.

        A value has one spelling, however its cells are written, and the values are in the order in
        which they first occur. Texts that do not occur in these rows have no part in it.
        """
        codes, texts = self.as_text()
        distinct, first_rows = np.unique(codes, return_index=True)
        # numbers have codes by size: the order must be that of the same table as text
        in_order = distinct[np.argsort(first_rows)]
        plain, used = self.plain(texts), in_order[in_order >= 0].tolist()
        spelling = Spelling(plain[k] for k in used)
        number: dict[str, int] = {}  # the new code of each value
        new = np.full(len(texts) + 1, -1, np.int32)  # the last for the code -1
        for k in used:
            new[k] = number.setdefault(spelling(plain[k]), len(number))
        return new[codes], list(number)

    def positions(self, known: KnownValues, texts: Sequence[str]) -> list[int | None]:
        """Return the position of each text of the column among known values, None for others."""
        found = [known.find(text) for text in texts]
        plain = self.plain(texts)
        if plain is not texts:  # a value that is known as 1,5 comes before 1.5
            pairs = zip(found, plain, strict=True)
            found = [known.find(text) if k is None else k for k, text in pairs]
        return found

    def plain(self, texts: Sequence[str]) -> Sequence[str]:
        """Return texts with the numbers among them in plain notation: 1.5 for 1,5."""
        number_format = self.number_format
        marks = {number_format.decimal, number_format.thousands} - {".", None}
        if not marks:
            return texts
        marked = re.compile(f"[{re.escape(''.join(map(str, marks)))}.]")
        return [
            number_text(number_format.number(text))
            if marked.search(text) and number_format.is_number(text)
            else text
            for text in texts
        ]

    def without_missing_words(self) -> "Column":
        """Return the column with NA and the like as missing values.

        They are missing among numbers, dates, or yes and no; as text they are categories.
        """
        codes, categories = self.as_text()
        is_missing = self.number_format.is_missing_number
        words = [k for k, category in enumerate(categories) if is_missing(category)]
        codes = self._without(codes, words)
        return Column(self.number_format, codes=codes, categories=categories)

    @staticmethod
    def _without(codes: Codes, removed: list[int]) -> Codes:
        return np.where(np.isin(codes, removed), np.int32(-1), codes)

    def take(self, rows: npt.NDArray[np.intp]) -> "Column":
        """Return the cells of some rows as a column."""
        if self.numbers is not None:
            return replace(self, numbers=self.numbers[rows])
        assert self.codes is not None
        return replace(self, codes=self.codes[rows])

    def present_texts(self) -> list[str]:
        """Return the distinct texts of the cells that are not missing."""
        codes, categories = self.as_text()
        is_missing = self.number_format.is_missing_number
        return [categories[k] for k in used_codes(codes) if not is_missing(categories[k])]

    def cells(self) -> list[str]:
        """Return each cell as text, blank for a missing value."""
        codes, categories = self.as_text()
        texts = [*categories, ""]  # the last for the code -1
        return [texts[code] for code in codes.tolist()]

    def written_cells(self) -> list[str]:
        """Return each cell as it is written, also a word for a missing value."""
        if self.codes is None:
            return self.cells()
        codes, categories = self.codes, self.categories
        texts = [*categories, ""]  # the last for the code -1
        return [texts[code] for code in codes.tolist()]


def column_from_texts(cells: Iterable[str], number_format: NumberFormat) -> Column:
    """Return a column of cells that are texts in memory.

    If all are numbers in their file, their format is known.
    """
    cells = list(cells)
    # the code of each text, by first occurrence
    number = {text: k for k, text in enumerate(dict.fromkeys(cells))}
    codes = np.fromiter(map(number.__getitem__, cells), np.int32, len(cells))
    if "" in number:
        codes[codes == number[""]] = -1
    texts = list(number)
    if any(texts) and all(isinstance(text, NumberCell) for text in texts if text):
        number_format = NumberFormat(missing=number_format.missing)
    return Column(number_format, codes=codes, categories=texts)


def used_codes(codes: Codes) -> list[int]:
    """Return the codes that occur, in ascending order, without -1."""
    used: list[int] = np.unique(codes[codes >= 0]).tolist()
    return used
