"""Words and numbers by which a column of numbers or dates may say that a value is missing."""

import re

import numpy as np
import numpy.typing as npt

from bpnet.data.dates.detection import detect_format
from bpnet.data.missing_words import GAPS
from bpnet.data.reading.column import Column, used_codes

_WORDS = re.compile(
    r"(?i)[-–—. *]+|unk|unknown|unspecified|undefined|unavailable|missing|blank|empty|nil|refused"
    r"|tb[ad]|n\.?\s?[ad]\.?|nodata|noval|no (data|value|answer|response)|dk|don'?t know"
    r"|not? (available|applicable|known|recorded|reported|measured|stated|given|specified)"
)
_SENTINELS = (-999.0, -9999.0, -99999.0)


def missing_words(column: Column, fewest: int) -> list[str]:
    """Return the words that seem to mean a missing value in a column of numbers, in row order.

    All cells that are not numbers must be such words, and in fewer rows than the numbers, of which
    at least `fewest` must differ. A number such as -999 is one if it is repeated and no other
    number is below 0.
    """
    column = column.in_own_format()[0]
    number_format = column.number_format
    codes, texts = column.as_text()
    rows = np.bincount(codes[codes >= 0], minlength=len(texts))
    used = [k for k in range(len(texts)) if rows[k]]
    present = [k for k in used if not number_format.is_missing_number(texts[k])]
    is_number, number = number_format.is_number, number_format.number
    numbers = {k: number(texts[k]) for k in present if is_number(texts[k])}
    words = [k for k in present if k not in numbers]
    if len(numbers) < fewest or rows[words].sum() >= rows[list(numbers)].sum():
        return []
    if not all(_WORDS.fullmatch(texts[k]) for k in words):
        return []
    return [texts[k] for k in [*words, *_sentinels(numbers, rows, fewest)]]


def words_among_dates(column: Column, fewest: int) -> list[str]:
    """Return the words that seem to mean a missing value in a column of dates, in row order.

    All cells that are not such words must be dates of one format, of which at least `fewest` differ
    and which are in more rows than the words.
    """
    codes, texts = column.as_text()
    rows = np.bincount(codes[codes >= 0], minlength=len(texts))
    is_missing = column.number_format.is_missing_number
    present = [k for k in range(len(texts)) if rows[k] and not is_missing(texts[k])]
    words = [k for k in present if _WORDS.fullmatch(texts[k])]
    dates = [k for k in present if k not in set(words)]
    if not words or len(dates) < fewest or rows[words].sum() >= rows[dates].sum():
        return []
    if detect_format([texts[k] for k in dates]) is None:
        return []
    return [texts[k] for k in words]


def _sentinels(numbers: dict[int, float], rows: npt.NDArray[np.intp], fewest: int) -> list[int]:
    """Return the codes of repeated numbers such as -999, if all others are at least 0."""
    found = [k for k, number in numbers.items() if number in _SENTINELS]
    others = [number for k, number in numbers.items() if k not in found]
    if len(others) < fewest or min(others) < 0:
        return []
    return [k for k in found if rows[k] > 1]


def gap_words(column: Column) -> list[str]:
    """Return the words such as NA that are read as missing values, in a column of texts."""
    if column.codes is None:
        return []
    is_missing = column.number_format.is_missing
    texts = [column.categories[k] for k in used_codes(column.codes)]
    return [text for text in texts if text in GAPS and is_missing(text)]
