"""Fast reading: columns of a large block of clean delimited text by pandas' C parser."""

import io
import warnings
from typing import Any

import numpy as np
import pandas as pd

from bpnet.data.reading.chunk import CellType, ColumnTypes
from bpnet.data.reading.column import Codes, Column
from bpnet.data.reading.dialect import Dialect
from bpnet.data.reading.number_format import MISSING_WORDS

_WORDS = sorted(
    {form for word in MISSING_WORDS for form in (word, word.upper(), word.title(), "NaN", "N/a")}
)


def parse_columns(
    content: bytes, columns: list[str], dialect: Dialect, wanted: ColumnTypes
) -> dict[str, Column] | None:
    """The wanted columns, or None where anything is amiss: the careful reader then finds it, and names it."""
    if b"\0" in content:
        return None
    if dialect.number_format.thousands and any(kind != "text" for kind in wanted.values()):
        return None  # pandas takes the mark away wherever it stands
    plain = dialect.quote.encode() not in content and len(wanted) == len(columns)
    rows = (
        content.count(b"\n") + (not content.endswith(b"\n"))
        if plain
        else _rows(content, len(columns), dialect)
    )
    if rows is None:
        return None
    missing = sorted(dialect.number_format.missing)
    words: dict[CellType, list[str]] = {
        "number": [*missing, *_WORDS],
        "any": missing,
        "text": [],
    }  # a level is told later
    gaps = {name: ["", *words[kind]] for name, kind in wanted.items()}
    # not "category", of which pandas makes numbers where all levels are: 007 would become 7
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                io.BytesIO(content),
                sep=dialect.separator,
                quotechar=dialect.quote,
                decimal=dialect.number_format.decimal,
                header=None,
                names=columns,
                usecols=list(wanted),
                dtype={name: object for name, kind in wanted.items() if kind == "text"},
                na_values=gaps,
                keep_default_na=False,
                skipinitialspace=dialect.separator != " ",
                index_col=False,
                low_memory=False,
                encoding="utf-8",
            )
    except (ValueError, OverflowError, Warning):
        return None
    if len(frame) != rows or (
        plain and content.count(dialect.separator.encode()) != rows * (len(columns) - 1)
    ):
        return None  # a line was blank, or a row short; one that is long, pandas refuses
    read: dict[str, Column] = {}
    for name in wanted:
        series = frame[name]
        if series.dtype.kind in "iuf":
            numbers = series.to_numpy(np.float64)
            if np.isinf(numbers).any():
                return None
            read[name] = Column(dialect.number_format, numbers=numbers)
        elif wanted[name] == "number":
            return None  # not all are
        elif wanted[name] == "text":
            codes, categories = pd.factorize(series)
            read[name] = Column(
                dialect.number_format, **_stripped(codes.astype(np.int32), categories.tolist())
            )
    texts: ColumnTypes = {
        name: "text" for name in wanted if name not in read
    }  # read anew: true has become True by now
    if texts:
        again = parse_columns(content, columns, dialect, texts)
        return None if again is None else read | again
    return read


def _rows(content: bytes, width: int, dialect: Dialect) -> int | None:
    """How many rows there are; None where one is short or long, or a quote stands in a cell: pandas lets it pass."""
    text = np.frombuffer(content, np.uint8)
    separator, end = ord(dialect.separator), ord("\n")
    marks = (text == separator) | (text == end)
    if dialect.quote.encode() in content:
        quotes = np.flatnonzero(text == ord(dialect.quote))
        opening, closing = quotes[::2], quotes[1::2]
        around = np.frombuffer(b"\n" + content + b"\n", np.uint8)
        beside = [ord(dialect.quote), separator, end]
        before, after = around[opening], around[closing + 2]
        if not (
            np.isin(before, [*beside, ord(" ")]).all()
            and np.isin(after, [*beside, ord("\r")]).all()
        ):
            return None
        marks &= np.cumsum(text == ord(dialect.quote), dtype=np.uint8) % 2 == 0
    ends = text[marks] == end
    if not content.endswith(b"\n"):
        ends = np.append(ends, True)
    if len(ends) % width:
        return None
    cells = ends.reshape(-1, width)
    return len(cells) if cells[:, -1].all() and not cells[:, :-1].any() else None


def _stripped(codes: Codes, categories: list[str]) -> dict[str, Any]:
    """The levels without white space around them, which may make two of them one."""
    stripped = [category.strip() for category in categories]
    if stripped == categories:
        return {"codes": codes, "categories": categories}
    number: dict[str, int] = {}
    new = np.array(
        [
            *(
                number.setdefault(category, len(number)) if category else -1
                for category in stripped
            ),
            -1,
        ],
        np.int32,
    )
    return {"codes": new[codes], "categories": list(number)}
