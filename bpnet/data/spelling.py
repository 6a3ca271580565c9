"""The spelling of values: one text for each value, however it is written, and their order."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

_NUMBER = re.compile(r"([-+]?)(\d+)(?:\.(\d*))?(?:[eE]([-+]?\d{1,4}))?|([-+]?)\.(\d+)")
_SPACES = re.compile(r"[^\S\n]+")
MEANINGS = {
    "false": ("false", "0", "no", "n", "f", "off"),
    "true": ("true", "1", "yes", "y", "t", "on"),
}
"""Words that mean false and true, of which a column has one pair; in any case."""
_MEANING = {word: meaning for meaning, words in MEANINGS.items() for word in words}


def tidy(text: str) -> str:
    """Return a text in Unicode's composed form (NFC), with single plain spaces inside only."""
    if text.isascii() and "  " not in text and text == text.strip():
        return text
    return _SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip()


def number_spelling(text: str) -> str | None:
    """Return the one spelling of a number: 1 for 1.0, +1 and 1e0; None for other texts.

    Codes with leading zeros, such as 007, are not numbers. Digits are never rounded.
    """
    match = _NUMBER.fullmatch(text)
    if match is None or not text.isascii():
        return None
    sign, whole, fraction, exponent, short_sign, short_fraction = match.groups()
    if short_fraction is not None:  # .5
        sign, whole, fraction = short_sign, "0", short_fraction
    if len(whole) > 1 and whole[0] == "0":
        return None
    digits, point = whole + (fraction or ""), len(whole) + int(exponent or 0)
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    stripped = stripped.rstrip("0")
    if not stripped:
        return "0"
    minus = "-" if sign == "-" else ""
    if len(stripped) <= point <= 40:
        return minus + stripped.ljust(point, "0")
    if 0 < point <= 40:
        return f"{minus}{stripped[:point]}.{stripped[point:]}"
    if -6 < point <= 0:
        return f"{minus}0.{'0' * -point}{stripped}"
    mantissa = stripped[0] + (f".{stripped[1:]}" if len(stripped) > 1 else "")
    return f"{minus}{mantissa}e{point - 1}"


def spelling(text: str) -> str:
    """Return the one spelling of a text's value: 1 for 1.0 and 1e0, true for True and TRUE."""
    text = tidy(text)
    lowered = text.lower()
    return lowered if lowered in ("true", "false") else number_spelling(text) or text


class KnownValues:
    """Values by the texts that they are known by, found however a cell writes them.

    A cell's own text comes first, then its one spelling, then its meaning: of the values no and
    yes, TRUE is yes.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._positions: dict[str, int] = {}
        for read in (str, spelling):  # a value's own text comes before the spelling of another
            for k, text in enumerate(texts):
                self._positions.setdefault(read(text), k)
        words = {_MEANING.get(spelling(text).lower()): k for k, text in enumerate(texts)}
        two = len(texts) == 2 and None not in words and len(words) == 2
        self._by_meaning = words if two else {}

    def find(self, text: str) -> int | None:
        """Return the position of a value among the known ones, None for any other."""
        if (position := self._positions.get(text)) is not None:
            return position
        one = spelling(text)
        if (position := self._positions.get(one)) is not None:
            return position
        return self._by_meaning.get(_MEANING.get(one.lower())) if self._by_meaning else None


def sort_values(labels: Iterable[str]) -> list[str]:
    """Return the distinct labels in order: whole numbers by size, others by the alphabet."""
    distinct = set(labels)
    whole = all(re.fullmatch(r"[-+]?[0-9]+", label) for label in distinct)
    # 1 and 01 are of equal size: the text decides
    return sorted(distinct, key=(lambda label: (int(label), label)) if whole else str)
