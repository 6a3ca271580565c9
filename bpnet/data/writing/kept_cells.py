"""The cells of a kept column, in the types that the table or the model reads them as."""

import json
import re
from typing import Any

import numpy as np

from bpnet.data.numbers.cells import number_text
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading.chunk import Chunk
from bpnet.data.reading.column import CellParseError
from bpnet.data.reading.column_numbers import numbers_like

_JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")
_LIKE_THOUSANDS = re.compile(r"-?\d{1,3}\.\d{3}")


def number_texts(chunk: Chunk, name: str, expected: NumberFormat | None) -> list[str] | None:
    """Return the cells of a column of numbers as plain numbers, or None if they are so already."""
    try:
        values, number_format = numbers_like(chunk.column(name), expected)
    except CellParseError:
        return None
    marks = (number_format.decimal, number_format.thousands, number_format.unit)
    if marks == (".", None, None):
        return None
    texts = ["" if value != value else number_text(value) for value in values.tolist()]
    if number_format.thousands == "." and all(
        _LIKE_THOUSANDS.fullmatch(text) for text in texts if text and "." in text
    ):
        # 1.234 would be read back as 1234
        texts = [f"{text}0" if "." in text else text for text in texts]
    return texts


def number_values(chunk: Chunk, name: str, expected: NumberFormat | None) -> list[Any] | None:
    """Return the numbers of a column, whole ones exactly, None for a missing one.

    Return None if cells are not numbers.
    """
    column = chunk.column(name)
    try:
        numbers, _ = numbers_like(column, expected)
    except CellParseError:
        return None
    if not np.isfinite(numbers[~np.isnan(numbers)]).all():
        return None
    return [
        None if value != value else json.loads(text if _same(text, value) else number_text(value))
        for value, text in zip(numbers.tolist(), column.written_cells(), strict=True)
    ]


def _same(text: str, value: float) -> bool:
    """Return whether a cell is a number of JSON, and this one: 1.234 may be 1234."""
    return bool(_JSON_NUMBER.fullmatch(text)) and float(text) == value
