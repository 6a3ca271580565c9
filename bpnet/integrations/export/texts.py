"""The inputs that each text of a column becomes, as a table that needs no rule of spelling."""

import contextlib
import math
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from bpnet.data.encoding.columns import (
    BooleanColumn,
    CategoricalColumn,
    EncodedColumn,
    MissingValueError,
)
from bpnet.data.encoding.row_flags import RowFlags
from bpnet.data.missing_words import MISSING_WORDS
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading.column import column_from_texts
from bpnet.data.spelling import FALSE_AND_TRUE, KnownValues, Spelling, number_spelling
from bpnet.engine.component import Array


@dataclass(frozen=True)
class TextTable:
    """The row of `inputs` (T, inputs) for each text, and that of any other text.

    Inputs are NaN where a missing value is refused.
    """

    rows: dict[str, int]
    other: int
    inputs: Array
    all_numbers: bool
    """True if every known text is a number, so that other spellings of these are the same value."""
    yes_and_no: bool
    """True if the known texts are two words such as yes and no, found by their meaning."""


def text_table(
    column: CategoricalColumn | BooleanColumn,
    number_format: NumberFormat,
    dtype: str,
    seen: Collection[str] = (),
) -> TextTable:
    """Return what the encoding makes of the texts that it knows, and of those that were seen.

    A category has more spellings than can be listed. Those here are its own, 1.0 for 1, true and
    false and the like in small and capital letters, and the texts of `seen`.
    """
    texts = _spellings(column, number_format) | dict.fromkeys(seen)
    other = "other"
    while other in texts:
        other += "?"
    listed = [*texts, other]
    x = np.full((len(listed), len(column.inputs)), np.nan, dtype)
    answered = np.arange(len(listed))
    try:
        x[:] = _encoded(column, listed, number_format, dtype)
    except MissingValueError as error:
        answered = np.delete(answered, error.rows)
        present = [listed[k] for k in answered]
        x[answered] = _encoded(column, present, number_format, dtype)
    inputs, rows = np.unique(x, axis=0, return_inverse=True)
    rows = rows.reshape(-1)
    last = int(rows[-1])
    # a text with the inputs of any other need not be listed, but an attribute must list one
    known = {text: int(row) for text, row in zip(texts, rows, strict=False) if row != last}
    values = KnownValues(_known(column))
    return TextTable(
        known or {"": int(rows[listed.index("")])},
        last,
        inputs,
        values.all_numbers,
        values.yes_and_no,
    )


def missing_numbers(number_format: NumberFormat) -> list[float]:
    """Return the numbers that mean a missing value, such as -999."""
    return sorted(filter(math.isfinite, number_format.missing_numbers))


def _encoded(
    column: EncodedColumn, texts: list[str], number_format: NumberFormat, dtype: str
) -> Array:
    x = np.empty((len(texts), len(column.inputs)), dtype)
    column.encode(column_from_texts(texts, number_format), x, RowFlags())
    return x


def _spellings(
    column: CategoricalColumn | BooleanColumn, number_format: NumberFormat
) -> dict[str, None]:
    """Return the texts that a column knows, and missing values."""
    known = _known(column)
    texts = [*known, *map(Spelling(known), known)]
    for text in known:
        if not text.isascii():  # composed and decomposed letters look alike
            texts += [unicodedata.normalize(form, text) for form in ("NFC", "NFD")]
        with contextlib.suppress(ValueError):
            if number_spelling(text) is not None and float(text).is_integer():
                texts.append(f"{int(float(text))}.0")
    for pair in FALSE_AND_TRUE.items():
        texts += [each for word in pair for each in _cases(word)]
    texts += ["0.0", "1.0"]
    missing = ["", *sorted(number_format.missing)]
    if isinstance(column, BooleanColumn):
        missing += [each for word in MISSING_WORDS for each in _cases(word)]
    return dict.fromkeys([*texts, *missing])


def _known(column: CategoricalColumn | BooleanColumn) -> list[str]:
    if isinstance(column, CategoricalColumn):
        return [*column.levels, *column.rare]
    return [column.false, column.true]


def _cases(word: str) -> list[str]:
    return [word, word.lower(), word.upper(), word.capitalize()]
