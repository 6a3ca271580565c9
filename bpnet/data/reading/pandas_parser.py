"""Columns of a large block of clean delimited text, parsed by pandas."""

import io
import re
import warnings

import numpy as np
import pandas as pd

from bpnet.data.missing_words import MISSING_WORDS
from bpnet.data.numbers.detection import TableNumberFormat
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading.chunk import CellType, ColumnTypes
from bpnet.data.reading.column import MAX_EXACT, Codes, Column, Floats
from bpnet.data.reading.dialect import Dialect

_SPELLINGS = sorted(
    {form for word in MISSING_WORDS for form in (word, word.upper(), word.title(), "NaN", "N/a")}
)


def parse_columns(
    content: bytes, columns: list[str], dialect: Dialect, types: ColumnTypes, blank: int = 0
) -> dict[str, Column] | None:
    """Return the columns of `types`, as text where a cell is not a plain number.

    Each row has `blank` cells without content after the columns. Returns None if a row is not
    valid: reading cell by cell then names its line.
    """
    if b"\0" in content or dialect.runs:
        return None
    fillers = [f"\0{k}" for k in range(blank)]  # not a name of a column
    columns = [*columns, *fillers]
    given, types = types, {**types, **dict.fromkeys(fillers, "text")}
    # without quotes every separator and line end counts, and rows are checked by their sums
    unquoted = dialect.quote.encode() not in content and len(types) == len(columns)
    rows = _line_count(content) if unquoted else _row_count(content, len(columns), dialect)
    if rows is None:
        return None
    frame = _frame(content, columns, dialect, types)
    if frame is None or len(frame) != rows:
        return None  # a line was blank
    separators = rows * (len(columns) - 1)
    if unquoted and content.count(dialect.separator.encode()) != separators:
        return None  # a row is short; pandas refuses a long one
    if not all(frame[name].isna().all() for name in fillers):
        return None
    # pandas reads the code 007 as the number 7
    may_be_codes = "any" in given.values() and _has_leading_zeros(content, dialect)
    # looked for once, not for each of many columns
    has_zeros = b".000" in content
    parsed: dict[str, Column] = {}
    for name, kind in given.items():
        series = frame[name]
        if series.dtype.kind in "iuf":
            numbers = series.to_numpy(np.float64)
            inexact = kind == "any" and (
                (np.abs(numbers) > MAX_EXACT).any() or (may_be_codes and _are_whole(numbers))
            )
            exact = not inexact and not np.isinf(numbers).any()
            if exact and not _may_have_thousands(
                numbers, dialect.number_format, has_zeros=has_zeros
            ):
                parsed[name] = Column(dialect.number_format, numbers=numbers)
        elif kind == "text":
            codes, categories = pd.factorize(series)
            parsed[name] = _stripped(
                codes.astype(np.int32), categories.tolist(), dialect.number_format
            )
    # a column with other cells than plain numbers is parsed again: by now pandas has made true
    # into True
    as_text: ColumnTypes = {name: "text" for name in given if name not in parsed}
    if as_text:
        again = parse_columns(content, columns[: len(columns) - blank], dialect, as_text, blank)
        return None if again is None else parsed | again
    return parsed


def _may_have_thousands(numbers: Floats, number_format: NumberFormat, *, has_zeros: bool) -> bool:
    """Return whether a point may be a thousands mark, as in 2.524 beside 463, or in 45.000.

    The table `has_zeros` if .000 is in it somewhere.
    """
    if not isinstance(number_format, TableNumberFormat) or number_format.is_certain:
        return False
    whole = numbers % 1 == 0
    if (whole | np.isnan(numbers)).all():
        return has_zeros
    if not (whole.any() or number_format.semicolons) or np.nanmax(np.abs(numbers)) >= 1000:
        return False
    thousands = numbers * 1000
    return bool((np.isnan(numbers) | (np.abs(thousands - np.round(thousands)) < 1e-6)).all())


def _frame(
    content: bytes, columns: list[str], dialect: Dialect, types: ColumnTypes
) -> pd.DataFrame | None:
    """Parse the columns of `types`; None if pandas cannot."""
    missing = sorted(dialect.number_format.missing)
    words: dict[CellType, list[str]] = {
        "number": [*missing, *_SPELLINGS],
        "any": missing,
        "text": [],  # Column.as_text recognizes those of text
    }
    # text is not read as "category": pandas would make categories of 007 into 7
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                io.BytesIO(content),
                sep=dialect.separator,
                quotechar=dialect.quote,
                decimal=dialect.number_format.decimal,
                header=None,
                names=columns,
                usecols=list(types),
                dtype={name: object for name, kind in types.items() if kind == "text"},
                na_values={name: ["", *words[kind]] for name, kind in types.items()},
                keep_default_na=False,
                skipinitialspace=dialect.separator != " ",
                index_col=False,
                low_memory=False,
                encoding="utf-8",
            )
    except (ValueError, OverflowError, Warning):
        return None


def _has_leading_zeros(content: bytes, dialect: Dialect) -> bool:
    """Return whether a cell begins with a zero and another digit."""
    text = np.frombuffer(content, np.uint8)
    # the difference from "0" wraps around for smaller bytes
    zeros = np.flatnonzero((text[:-1] == ord("0")) & (text[1:] - np.uint8(ord("0")) < 10))
    before = f"\n{dialect.separator}{dialect.quote}".encode()
    preceding = text[zeros[zeros > 0] - 1]
    if zeros.size > preceding.size or np.isin(preceding, list(before)).any():
        return True
    # a space may be within a cell: a regular expression, which takes far longer, looks before it
    spaced = rb"(?:^|[" + re.escape(before) + rb"]) +0[0-9]"
    return ord(" ") in preceding and re.search(spaced, content) is not None


def _are_whole(numbers: Floats) -> bool:
    return bool((np.isnan(numbers) | (numbers == np.floor(numbers))).all())


def _line_count(content: bytes) -> int:
    return content.count(b"\n") + (not content.endswith(b"\n"))


def _row_count(content: bytes, width: int, dialect: Dialect) -> int | None:
    """Return the number of rows; None if one is short or long, or a quote is inside a cell.

    pandas accepts such quotes.
    """
    text = np.frombuffer(content, np.uint8)
    separator, line_end = ord(dialect.separator), ord("\n")
    ends_cell = (text == separator) | (text == line_end)
    if dialect.quote.encode() in content:
        quotes = np.flatnonzero(text == ord(dialect.quote))
        opening, closing = quotes[::2], quotes[1::2]
        # shifted by one: around[k] is the byte before byte k, around[k + 2] the one after it
        around = np.frombuffer(b"\n" + content + b"\n", np.uint8)
        beside = [ord(dialect.quote), separator, line_end]
        before, after = around[opening], around[closing + 2]
        if not (
            np.isin(before, [*beside, ord(" ")]).all()
            and np.isin(after, [*beside, ord("\r")]).all()
        ):
            return None
        # separators inside quotes end no cell: an odd number of quotes precedes them
        # a count that wraps around at 256 keeps its parity
        ends_cell &= np.cumsum(text == ord(dialect.quote), dtype=np.uint8) % 2 == 0
    ends_row = text[ends_cell] == line_end  # (cells,)
    if not content.endswith(b"\n"):
        ends_row = np.append(ends_row, True)
    if len(ends_row) % width:
        return None
    cells = ends_row.reshape(-1, width)
    # every row must end with its last cell, and with no earlier one
    return len(cells) if cells[:, -1].all() and not cells[:, :-1].any() else None


def _stripped(codes: Codes, categories: list[str], number_format: NumberFormat) -> Column:
    """Return a column without white space around its texts, which may make two of them equal."""
    stripped = [category.strip() for category in categories]
    if stripped == categories:
        return Column(number_format, codes=codes, categories=categories)
    number: dict[str, int] = {}
    # the new code of each old one; -1 for a blank text, and for the code -1, the last entry
    new = np.array(
        [*(number.setdefault(text, len(number)) if text else -1 for text in stripped), -1],
        np.int32,
    )
    return Column(number_format, codes=new[codes], categories=list(number))
