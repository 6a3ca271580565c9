"""Candidates: the formats in which one text may be a date, made from the order of its parts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bpnet.data.dates.date_format import ISO, FormatError, date_format
from bpnet.data.dates.names import is_weekday, month_number

_ZONE = r"(?P<gap>\s*)(?P<zone>(?:Z|UTC|GMT)\b|[+-][0-9]{2}(?::?[0-9]{2})?(?![0-9:]))"
_TIME = re.compile(
    r"(?<![0-9])[0-9]{1,2}(?::(?P<minute>[0-9]{2})(?P<second>:[0-9]{2}(?:[.,][0-9]{1,9})?)?"
    r"(?:(?P<space>\s*)(?P<noon>[ap]\.?\s?m\b\.?))?|(?P<space_2>\s*)(?P<noon_2>[ap]\.?\s?m\b\.?))"
    rf"(?:{_ZONE})?(?!:?[0-9])",
    re.IGNORECASE,
)
_COMPACT_TIME = re.compile(rf"(?<=[0-9])T[0-9]{{4}}(?P<second>[0-9]{{2}})?(?:{_ZONE})?$")
_TOKEN = re.compile(r"[0-9]+|[^\W\d_]+|\s+|.", re.DOTALL)
_FILLERS = frozenset(("de", "del", "of", "the", "le", "den", "t", "at", "um"))
_ORDINALS = frozenset(("st", "nd", "rd", "th", "er"))
_DIGITS_ONLY = {
    4: ("%Y",),
    6: ("%Y%m", "%y%m%d", "%d%m%y", "%m%d%y"),
    8: ("%Y%m%d", "%d%m%Y", "%m%d%Y"),
    12: ("%Y%m%d%H%M",),
    14: ("%Y%m%d%H%M%S",),
}
"""The formats of numbers that may be dates, by their length."""


@dataclass(frozen=True)
class _Number:
    """A number in a text, to be given a directive."""

    digits: str


def candidate_formats(text: str, *, numbers: bool = False) -> list[str]:
    """Return the formats in which a text may be a date, the likelier ones first.

    With `numbers` a number such as 20190105 may be one.
    """
    text = text.strip()
    if not 4 <= len(text) <= 60 or not text[0].isalnum() or not re.search("[0-9]", text):
        return []
    if text.isdigit():
        forms = list(_DIGITS_ONLY.get(len(text), ())) if numbers else []
    else:
        forms = [ISO, *dict.fromkeys(_formats(text))]
    return [form for form in forms if _fits(form, text)]


def _fits(form: str, text: str) -> bool:
    try:
        return date_format(form).fits(text)
    except FormatError:  # two months, as in Jan-Feb 2019
        return False


def unusual_formats(text: str) -> list[str]:
    """Return the formats of a text that are never taken for it, but may be suggested.

    They are a day before the month after the year, a day without a year, and a time of day.
    """
    text = text.strip()
    if not 4 <= len(text) <= 60 or not text[0].isalnum() or text.isdigit():
        return []
    return [form for form in dict.fromkeys(_formats(text, usual=False)) if _fits(form, text)]


def date_order(form: str) -> str:
    """Return the parts of a format's date in order, such as dmy; formats with the same agree."""
    if form == ISO:
        return "ymd"
    parts = {"Y": "y", "y": "y", "G": "y", "b": "m", "B": "m", "m": "m", "d": "d", "q": "q"}
    return "".join(parts.get(letter, "") for letter in date_format(form).directives)


def _formats(text: str, *, usual: bool = True) -> Iterator[str]:
    """Yield the formats of a text that is not only digits."""
    compact = _COMPACT_TIME.search(text)
    match = compact or _TIME.search(text)
    if match is None:
        parts = _parts(text)
    else:
        before, after = _parts(text[: match.start()]), _parts(text[match.end() :])
        clock = _compact_time_of(match) if compact else _time_of(match)
        parts = None if before is None or after is None else [*before, clock, *after]
    if parts is not None:
        for directives in _assignments(parts, usual=usual):
            given = iter(directives)
            yield "".join(next(given) if isinstance(part, _Number) else part for part in parts)


def _compact_time_of(match: re.Match[str]) -> str:
    """Return the format of a time of day such as T103000."""
    return "T%H%M" + ("%S" if match["second"] else "") + _zone_of(match)


def _time_of(match: re.Match[str]) -> str:
    """Return the format of a time of day that was found."""
    noon = match["noon"] or match["noon_2"]
    form = "%I" if noon else "%H"
    form += ":%M" if match["minute"] else ""
    form += ":%S" if match["second"] else ""
    if noon:
        form += (" " if match["space"] or match["space_2"] else "") + "%p"
    return form + _zone_of(match)


def _zone_of(match: re.Match[str]) -> str:
    if not match["zone"]:
        return ""
    return (" " if match["gap"] else "") + "%z"


def _parts(text: str) -> list[str | _Number] | None:
    """Return the parts of a text without its time: directives, literals and numbers; or None."""
    parts: list[str | _Number] = []
    words = _TOKEN.findall(text)
    months = sum(month_number(word) is not None for word in words)
    for k, word in enumerate(words):
        if word.isdigit():
            parts.append(_Number(word))
        elif (
            word == "." and k and parts[-1] in ("%b", "%B") and words[k + 1 : k + 2] in ([], [" "])
        ):
            pass  # %b reads Jan., too
        elif not word[0].isalpha():
            parts.append(" " if word.isspace() else word.replace("%", "%%"))
        elif is_weekday(word) and (month_number(word) is None or months > 1):
            months -= month_number(word) is not None
            parts.append("%a" if len(word) <= 4 else "%A")
        elif month_number(word) is not None:
            parts.append("%b" if len(word) <= 4 else "%B")
        elif word.casefold() in _ORDINALS and k and words[k - 1].isdigit():
            pass  # %d reads 1st, too
        elif word.casefold() in {"q", "m"} or word.casefold() in _FILLERS:
            parts.append(word)
        else:
            return None
    return parts


def _assignments(parts: list[str | _Number], *, usual: bool) -> Iterator[list[str]]:
    """Yield the formats that the numbers may have, the likelier first; or unusual ones."""
    numbers = [part.digits for part in parts if isinstance(part, _Number)]
    literals = [part for part in parts if isinstance(part, str)]
    lowered = [literal.casefold() for literal in literals]
    named = any(literal in ("%b", "%B") for literal in literals)
    timed = any(literal.startswith(("%H", "%I", "T%H")) for literal in literals)
    if timed and len(numbers) == 1 and not named and usual:
        # 20190105 beside a time is no number
        yield from ([form] for form in _DIGITS_ONLY.get(len(numbers[0]), ()) if "%d" in form)
        return
    if not usual:
        orders = ["d"] if named else ["Ydm", *([""] if timed and len(parts) == 1 else [])]
    elif "q" in lowered:
        orders = [] if named else _quarters(parts)
    elif "m" in lowered:  # 2019M01, as Eurostat writes months
        orders = ["Ym"] if len(numbers) == 2 and not named else []
    elif named:
        orders = _beside_month_name(parts, numbers)
    else:
        orders = _unnamed(parts, numbers)
    for order in orders:
        if len(order) == len(numbers) and all(map(_suits, order, numbers)):
            yield [f"%{directive}" for directive in order]


def _quarters(parts: list[str | _Number]) -> list[str]:
    """Return the orders of a quarter and a year: the digit beside the Q is the quarter."""
    at = next(k for k, part in enumerate(parts) if isinstance(part, str) and part in "qQ")
    years = ["Y", "y"]
    following = parts[at + 1] if at + 1 < len(parts) else None
    if isinstance(following, _Number) and len(following.digits) == 1:
        first = not any(isinstance(part, _Number) for part in parts[:at])
        return [f"q{year}" if first else f"{year}q" for year in years]
    preceding = parts[at - 1] if at else None
    if isinstance(preceding, _Number) and len(preceding.digits) == 1:
        return [f"q{year}" for year in years]
    return []


def _beside_month_name(parts: list[str | _Number], numbers: list[str]) -> list[str]:
    """Return the orders of the numbers beside a month's name."""
    if len(numbers) == 1:
        # 'Jan 19' and '19-Jan' may be days; 'Jan-19' is how spreadsheets write a month
        spreadsheet = len(parts) == 3 and parts[1] in ("-", "'") and isinstance(parts[2], _Number)
        return [*(["Y"] if _is_likely_year(numbers[0]) else []), *(["y"] if spreadsheet else [])]
    return ["dY", "Yd", "dy"]


def _unnamed(parts: list[str | _Number], numbers: list[str]) -> list[str]:
    """Return the orders of numbers without a month's name."""
    if len(numbers) == 2:
        return ["Ym", "mY"] if _is_likely_year(max(numbers, key=len)) else []
    first = next((k for k, part in enumerate(parts) if isinstance(part, _Number)), len(parts))
    slashed = parts[first + 1 : first + 2] == ["/"]
    day_month = ("md", "dm") if slashed else ("dm", "md")
    return ["Ymd", *(f"{order}Y" for order in day_month), *(f"{o}y" for o in day_month), "ymd"]


def _is_likely_year(digits: str) -> bool:
    """Return whether a number is a year, rather than a count: of a month without a day."""
    return len(digits) == 4 and 1800 <= int(digits) < 2200


def _suits(directive: str, digits: str) -> bool:
    """Return whether a number has as many digits as its directive."""
    if directive in "Yy":
        return len(digits) == (4 if directive == "Y" else 2)
    return len(digits) <= (1 if directive == "q" else 2)
