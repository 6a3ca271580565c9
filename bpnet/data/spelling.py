"""The spelling of values: one text for each value, however it is written, and their order."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import cached_property

FALSE_AND_TRUE = {"false": "true", "no": "yes", "n": "y", "f": "t", "off": "on", "0": "1"}
"""The pairs of words, in any case, that mean false and true."""

_MEANING = {
    word: meaning
    for pair in FALSE_AND_TRUE.items()
    for word, meaning in zip(pair, ("false", "true"), strict=True)
}
_NUMBER = re.compile(r"([-+]?)(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))(?:[eE]([-+]?[0-9]{1,4}))?")
_CODE = re.compile(r"(0[0-9]+)(\.0*)?")
_WHOLE = re.compile(r"-?[0-9]+(\.0*)?")
_NO_BREAK = re.compile("[\u00a0\u2007\u202f]")


def tidy(text: str) -> str:
    """Return a text in Unicode's composed form (NFC), with plain spaces and none around it."""
    if text.isascii():
        return text.strip()
    return _NO_BREAK.sub(" ", unicodedata.normalize("NFC", text)).strip()


def number_spelling(text: str) -> str | None:
    """Return the one spelling of a number: 1 for 1.0, +1 and 1e0; None for any other text.

    Codes with leading zeros, such as 007, are not numbers. Digits are never rounded.
    """
    if text.isascii() and text.isdigit() and text[0] != "0":
        return text  # most are, and this is fast
    match = _NUMBER.fullmatch(text)
    if match is None or _CODE.fullmatch(text):
        return None
    sign, whole, fraction, only_fraction, exponent = match.groups()
    if whole is None:
        whole, fraction = "0", only_fraction
    # the number is 0.DIGITS times ten to the power of `point`
    digits, point = whole + (fraction or ""), len(whole) + int(exponent or 0)
    significant = digits.lstrip("0")
    point -= len(digits) - len(significant)
    significant = significant.rstrip("0")
    if not significant:
        return "0"
    minus = "-" if sign == "-" else ""
    if not -5 < point <= 40:
        fraction = f".{significant[1:]}" if len(significant) > 1 else ""
        return f"{minus}{significant[0]}{fraction}e{point - 1}"
    if point <= 0:
        return f"{minus}0.{'0' * -point}{significant}"
    if point >= len(significant):
        return minus + significant.ljust(point, "0")
    return f"{minus}{significant[:point]}.{significant[point:]}"


class Spelling:
    """The one spelling of each value of a column, by the distinct texts of its cells.

    White space and Unicode forms do not matter, nor does the case of true and false, and 1.0 is 1.
    If all texts are numbers, 1e0 and 1.50 are 1 and 1.5 too; in a column of words they may be
    versions or codes. Where true and 1 are in one column, they are the same value.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        distinct = {tidy(text) for text in texts}
        self.numeric = all(number_spelling(text) or _CODE.fullmatch(text) for text in distinct)
        few = distinct if len(distinct) < 100 else ()
        values = {spelled(text, numeric=self.numeric) for text in few}
        words, bits = {"true", "false"}, {"1", "0"}
        self._reads_bits = values <= words | bits and bool(values & words)

    def __call__(self, text: str) -> str:
        """Return the spelling of a text's value."""
        value = spelled(text, numeric=self.numeric)
        return _MEANING.get(value, value) if self._reads_bits else value


def spelled(text: str, *, numeric: bool = True) -> str:
    """Return the spelling of a text's value: if `numeric` of any number, else of 1 and 1.0 only."""
    text = tidy(text)
    if text[:1] in "tTfF" and (lowered := text.lower()) in ("true", "false"):
        return lowered
    if match := _CODE.fullmatch(text):
        return match[1]  # 007.0, as a spreadsheet may write it
    if numeric or _WHOLE.fullmatch(text):
        return number_spelling(text) or text
    return text


class KnownValues:
    """Values by the texts that they are known by, found however a cell writes them.

    A cell's own text comes first, then its one spelling, then its meaning: of the two values no
    and yes, TRUE is yes.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._exact = {text: k for k, text in enumerate(texts)}

    def __contains__(self, text: str) -> bool:
        """Return whether a text is one that a value is known by, to the letter."""
        return text in self._exact

    def find(self, text: str) -> int | None:
        """Return the position of a cell's value among the known ones, None for any other."""
        position = self._exact.get(text)
        if position is None:
            position = self._by_spelling.get(self._spelling(text))
        return self._by_meaning.get(meaning(text)) if position is None else position

    @property
    def all_numbers(self) -> bool:
        """True if every text is a number or a code of digits."""
        return self._spelling.numeric

    @property
    def yes_and_no(self) -> bool:
        """True if the two values are a pair of words that mean false and true."""
        return bool(self._by_meaning)

    # the rest is computed once a cell is not known to the letter: it takes a while for many values

    @cached_property
    def _spelling(self) -> Spelling:
        return Spelling(self._texts)

    @cached_property
    def _by_spelling(self) -> dict[str, int]:
        """The position of each spelling: of the value that has it to the letter, or the first."""
        positions: dict[str, int] = {}
        for text, k in self._exact.items():
            spelled = self._spelling(text)
            positions.setdefault(spelled, self._exact.get(spelled, k))
        return positions

    @cached_property
    def _by_meaning(self) -> dict[str | None, int]:
        """The positions of false and true, if the two values are a pair of such words."""
        words = {self._spelling(text).lower() for text in self._texts[:3]}
        if len(self._texts) != 2 or words not in map(set, FALSE_AND_TRUE.items()):
            return {}
        return {meaning(text): k for k, text in enumerate(self._texts)}


def meaning(text: str) -> str | None:
    """Return false or true for a word that means it, such as no, T or 1.0; None for any other."""
    text = tidy(text)
    return _MEANING.get(number_spelling(text) or text.lower())


def differing_in_case(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Return the pairs of texts that differ only in case, such as FR and fr."""
    first: dict[str, str] = {}
    pairs = []
    for text in texts:
        other = first.setdefault(text.casefold(), text)
        if other != text:
            pairs.append((other, text))
    return pairs


def sort_values(values: Iterable[str]) -> list[str]:
    """Return the distinct values in order: whole numbers by size, others by the alphabet."""
    distinct = set(values)
    whole = all(re.fullmatch(r"[-+]?[0-9]+", value) for value in distinct)
    # 1 and 01 are of equal size: the text decides; int() takes at most 4,300 digits
    return sorted(distinct, key=(lambda value: (Decimal(value), value)) if whole else str)
