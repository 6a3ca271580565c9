"""Cells of numbers as people write them: sign, currency or percent sign, and digits with marks."""

import re
import unicodedata
from dataclasses import dataclass

_CURRENCY_SIGNS = "$€£¥₹₩₽₺₫₪₴₦฿₱₲₵₸₡₭₮₼₾¢"
_CURRENCY_WORDS = (
    "AED ARS AUD BDT BGN BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP GHS HKD HRK HUF IDR ILS INR "
    "ISK JPY KES KRW KZT LKR MAD MXN MYR NGN NOK NZD PEN PHP PKR PLN QAR RMB RON RSD RUB SAR SEK "
    "SGD THB TND TRY TWD TZS UAH UGX USD UYU VND XAF XOF ZAR "
    "kr kr. Kr Kr. Kč zł Ft lei Fr Fr. Rs Rs. руб руб."
)

_UNIT = "|".join(
    [
        rf"[A-Z]{{0,3}}[{_CURRENCY_SIGNS}]",
        *(re.escape(word) for word in sorted(_CURRENCY_WORDS.split(), key=len, reverse=True)),
    ]
)
_NUMBER = re.compile(
    rf"(?P<sign>[-+]?) ?(?P<before>{_UNIT})? ?(?P<inner>[-+]?)"
    r"(?P<digits>[0-9.,](?:[0-9.,' _]*[0-9.,])?(?:[eE][-+]?[0-9]+)?)"
    rf" ?(?P<after>%|{_UNIT})?"
)
_PARENTHESES = re.compile(rf"(?P<before>{_UNIT})? ?\((?P<inside>[^-+()]+)\) ?(?P<after>%|{_UNIT})?")

_PLAIN_MARKS = str.maketrans(
    {
        **dict.fromkeys("\u00a0\u202f\u2009\u2007", " "),  # no-break, narrow, thin, figure space
        **dict.fromkeys("’ʼ", "'"),
        **dict.fromkeys("−‒–", "-"),  # minus sign, figure dash, en dash
        "％": "%",
        "٪": "%",
        "٫": ".",
        "٬": ",",
    }
)


@dataclass(frozen=True)
class NumberParts:
    """The sign, 1 or -1, the digits with their marks, and the unit of a number."""

    sign: int
    digits: str
    unit: str | None


def with_plain_marks(text: str) -> str:
    """Return a text with spaces, apostrophes, minus signs and digits of ASCII for their kin.

    Digits of two scripts in one text are left as they are: such a text is no number.
    """
    if text.isascii():
        return text
    text = text.translate(_PLAIN_MARKS)
    digits = {character for character in text if character.isdecimal()}
    if not any(digit.isascii() for digit in digits):
        text = text.translate({ord(digit): str(unicodedata.decimal(digit)) for digit in digits})
    return text


def split_number(text: str) -> NumberParts | None:
    """Return the parts of a text with plain marks, None if it does not look like a number.

    An amount in parentheses is negative, as in accounting.
    """
    negative = False
    if text.endswith(")") or "(" in text:
        amount = _PARENTHESES.fullmatch(text)
        if amount is None:
            return None
        text = f"{amount['before'] or ''}{amount['inside']}{amount['after'] or ''}"
        negative = True
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    before, after = match["before"], match["after"]
    signs = match["sign"] + match["inner"]
    if len(signs) > 1 or (before and after):
        return None
    unit = (before or after or "").removesuffix(".") or None
    return NumberParts(-1 if negative or signs == "-" else 1, match["digits"], unit)


def looks_infinite(text: str) -> bool:
    """Return whether a text is infinity, or has an exponent that may be too large for a float."""
    return re.fullmatch(r"(?i)[-+]?(inf(inity)?|[0-9.]+e[0-9]+)", text) is not None


class NumberCell(str):
    """The text of a cell that is a number in its file, so that its point is a decimal mark."""

    __slots__ = ()


def number_text(value: float) -> NumberCell:
    """Return a number as text, a whole number without a fraction."""
    whole = value.is_integer() and abs(value) < 1e15
    return NumberCell(int(value) if whole else repr(value))
