"""Kinds of cells: numbers, digits, codes, pairs such as no and yes, lists, classes."""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from bpnet.data.numbers.cells import looks_infinite
from bpnet.data.numbers.detection import looks_like_number
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading.column import CellParseError, Column
from bpnet.data.spelling import FALSE_AND_TRUE, Spelling
from bpnet.engine.component import Array

MAX_INTEGER_CLASSES = 20
"""Whole numbers with more distinct values are a regression target, unless `task` says otherwise."""
MOSTLY = 0.9
"""Share of the distinct texts that decides about a column in spite of the others."""


def present_cells(column: Column, rows: Array) -> tuple[int, list[str]]:
    """Return the number of cells that are not missing, and the distinct texts among them."""
    codes, texts = column.as_text()
    counts = np.bincount(codes[rows] + 1, minlength=len(texts) + 1)[1:]  # first: missing
    used = np.flatnonzero(counts).tolist()
    present = [k for k in used if not column.number_format.is_missing_number(texts[k])]
    if not any(map(looks_like_number, (texts[k] for k in present))):
        present = used  # among text, N/A and the like are words
    return int(counts[present].sum()), [texts[k] for k in present]


def reads_as_number(text: str, number_format: NumberFormat) -> bool:
    """Return whether a text is meant as a number, even one that is not finite."""
    return number_format.is_number(text) or looks_infinite(text)


def are_mostly_numbers(words: list[str], numeric: int) -> bool:
    """Return whether many of the words are numbers, or most are, in one format or several.

    `numeric` is the number of those in the column's format.
    """
    most = MOSTLY * len(words)
    return numeric > max(MAX_INTEGER_CLASSES, most) or (
        0 < numeric < len(words) and most < sum(map(looks_like_number, words)) > numeric
    )


def are_digits(column: Column, rows: Array) -> bool:
    """Return whether all numbers are whole and not below 0."""
    with suppress(CellParseError):
        numbers = column.as_numbers()[rows]
        return bool((np.isnan(numbers) | ((numbers >= 0) & (numbers % 1 == 0))).all())
    return False


def leading_zero_code(column: Column, rows: Array) -> str | None:
    """Return a whole number with a leading zero, such as 02134, if the cells are all digits."""
    if column.numbers is not None or not column.has_leading_zeros:
        return None
    _, texts = present_cells(column, rows)
    codes = [text for text in texts if not column.number_format.is_missing_number(text)]
    return with_leading_zero(codes) if are_of_digits(codes) else None


def are_of_digits(texts: Sequence[str]) -> bool:
    """Return whether texts hold nothing but the digits 0 to 9."""
    return all(text.isascii() and text.isdigit() for text in texts)


def with_leading_zero(texts: Sequence[str]) -> str | None:
    """Return the first of the texts that has a leading zero, as codes have, if one has."""
    return next((text for text in texts if text[0] == "0" and len(text) > 1), None)


def are_booleans(words: list[str], texts: list[str]) -> bool:
    """Return whether the words are a pair such as no and yes."""
    spelling = Spelling(words)
    lowered = {spelling(word).lower() for word in words}
    if len(lowered) == 1 and len(words) < len(texts):
        return False  # of none and yes, none is a word too
    return any(lowered <= set(pair) for pair in FALSE_AND_TRUE.items())


def are_nested(texts: list[str]) -> bool:
    """Return whether texts are lists or objects of JSON, as a cell of some formats may hold."""
    if not all(text[0] + text[-1] in ("[]", "{}") for text in texts):
        return False
    import json  # not above: few columns are nested

    with suppress(ValueError, RecursionError):
        return all(isinstance(json.loads(text), list | dict) for text in texts)
    return False


def looks_like_classes(column: Column, rows: Array | None = None) -> bool:
    """Return whether a target is of classes: text, or at most 20 distinct whole numbers.

    Numbers with a few words among them are not, so that those words are reported with their place,
    nor are amounts such as 1,410 or 5 %.
    """
    _, texts = present_cells(column, np.ones(len(column), bool) if rows is None else rows)
    numbers = [text for text in texts if column.number_format.is_number(text)]
    if len(numbers) < len(texts):
        return not are_mostly_numbers(texts, len(numbers))
    if any(map(column.number_format.is_amount, texts)):
        return False
    plain = column.plain(texts)
    spelling = Spelling(plain)
    whole = (column.number_format.number(text).is_integer() for text in texts)
    return all(whole) and len(set(map(spelling, plain))) <= MAX_INTEGER_CLASSES
