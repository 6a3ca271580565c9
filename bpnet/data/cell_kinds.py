"""Kinds of cells: numbers, digits, codes, pairs such as no and yes, lists, classes."""

from collections.abc import Sequence, Set
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
ROWS_OF_A_CLASS = 10
"""Whole numbers in fewer rows each, on average, are a quantity, unless they are codes."""
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
    """Return whether a target is of classes: text, or a few whole numbers that recur."""
    return quantity_reason(column, rows) is None


def quantity_reason(column: Column, rows: Array | None = None) -> str | None:
    """Return why a target, in a mask of rows (N,), is a quantity; None if it is of classes.

    Classes are text, or at most 20 distinct whole numbers that are in 10 rows each on average; of
    fewer rows, two numbers, and codes that count up from 0 or 1. Numbers with a few words among
    them are a quantity, so that those words are reported with their place, and so are amounts such
    as 1,410 or 5 %.
    """
    count, texts = present_cells(column, np.ones(len(column), bool) if rows is None else rows)
    is_number, number = column.number_format.is_number, column.number_format.number
    numbers = [text for text in texts if is_number(text)]
    if len(numbers) < len(texts):
        return "the target is numbers" if are_mostly_numbers(texts, len(numbers)) else None
    if any(map(column.number_format.is_amount, texts)):
        return "the target is numbers with a unit or thousands marks"
    values, plain = {number(text) for text in texts}, column.plain(texts)
    distinct = len(set(map(Spelling(plain), plain)))
    if distinct > MAX_INTEGER_CLASSES or not all(value.is_integer() for value in values):
        return (
            f"the target is numbers: more than {MAX_INTEGER_CLASSES} different ones, or fractions"
        )
    if distinct <= 2 or count >= ROWS_OF_A_CLASS * distinct or _are_codes(values, count):
        return None
    return (
        f"the target is numbers: {distinct} different ones in {count} rows, fewer than "
        f"{ROWS_OF_A_CLASS} rows of each"
    )


def _are_codes(values: Set[float], count: int) -> bool:
    """Return whether whole numbers count up from -1, 0 or 1, each in two of `count` rows."""
    lowest, span = min(values), max(values) - min(values) + 1
    return lowest in (-1, 0, 1) and span == len(values) and count >= 2 * len(values)
