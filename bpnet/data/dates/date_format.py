"""Date formats: how the text of a cell is read as a moment, in strptime's notation or ISO 8601."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache

from bpnet.data.dates.names import month_number

ISO = "ISO 8601"
"""The format of ISO dates with or without a time, a fraction of a second and a time zone."""

_WORD = r"[^\W\d_]+\.?"
_FRACTION = r"(?:[.,](?P<{}>[0-9]{{1,9}}))?"

_DIRECTIVES = {
    "Y": "[0-9]{4}",
    "G": "[0-9]{4}",
    "y": "[0-9]{2}",
    "m": "[0-9]{1,2}",
    "d": "[0-9]{1,2}",
    "H": "[0-9]{1,2}",
    "I": "[0-9]{1,2}",
    "M": "[0-9]{1,2}",
    "S": "[0-9]{1,2}",
    "f": "[0-9]{1,9}",
    "j": "[0-9]{1,3}",
    "q": "[1-4]",
    "V": "[0-9]{1,2}",
    "U": "[0-9]{1,2}",
    "W": "[0-9]{1,2}",
    "u": "[1-7]",
    "w": "[0-6]",
    "b": _WORD,
    "B": _WORD,
    "a": _WORD,
    "A": _WORD,
    "p": r"[ap]\.?\s?m\b\.?",
    "z": r"(?:z|utc|gmt)\b|[+-][0-9]{2}(?::?[0-9]{2}){0,2}",
    "Z": r"(?:z|utc|gmt)\b",
}
"""The pattern of each directive. %q, a quarter, is pandas's; %p and the names match in any case."""

_EXAMPLE = {
    "Y": "2024",
    "G": "2025",
    "y": "24",
    "m": "12",
    "d": "31",
    "H": "18",
    "I": "06",
    "M": "30",
    "S": "00",
    "f": "0",
    "j": "366",
    "q": "4",
    "V": "01",
    "U": "52",
    "W": "53",
    "u": "2",
    "w": "2",
    "b": "Dec",
    "B": "December",
    "a": "Tue",
    "A": "Tuesday",
    "p": "PM",
    "z": "+0000",
    "Z": "UTC",
}
"""The last day of 2024, at half past six in the evening."""

_ALIASES = {
    "e": "%d",
    "h": "%b",
    "F": "%Y-%m-%d",
    "T": "%H:%M:%S",
    "R": "%H:%M",
    "D": "%m/%d/%y",
    "x": "%m/%d/%y",
    "X": "%H:%M:%S",
    "c": "%a %b %d %H:%M:%S %Y",
}
"""The directives that stand for several others, as in the C locale."""

_EXCLUSIVE = ("Yy", "mbBqj", "HI", "dq", "UW", "zZ", "aAuw", "Gy", "GY")
"""Directives of which a format may have only one."""

_NEEDS = {"G": "V", "V": "G", "U": "wu", "W": "wu", "p": "IH", "f": "S"}
"""Directives that need one of the others."""
_EPOCH = date(1970, 1, 1).toordinal()
_MIDNIGHT_1970 = datetime(1970, 1, 1)
# microseconds since 1970: the first of the year 1, and the first after the year 9999
_FIRST = (date.min.toordinal() - _EPOCH) * 86_400_000_000
_END = (date.max.toordinal() + 1 - _EPOCH) * 86_400_000_000


class FormatError(ValueError):
    """A date format that cannot be used; the text says why, as in `names %d twice`."""


@dataclass(frozen=True)
class Moment:
    """A date, or a date and a time, as a cell gives it."""

    microseconds: int
    """Microseconds since 1970-01-01, in UTC if the cell has a time zone."""
    aware: bool | None
    """True if the cell has a time zone; None if it has no time of day."""

    @property
    def days(self) -> float:
        """Days since 1970-01-01."""
        return self.microseconds / 10**6 / 86_400


class DateFormat:
    """A format, compiled; raises FormatError.

    Numbers may lack leading zeros where the next one does not follow at once; names are those of
    names.py. A month without a day is its first day, as is a quarter; without a
    year the year is 1900.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.directives: list[str] = []
        if text == ISO:
            self.example = "2024-12-31"
            return
        pieces = _pieces(text)
        self.directives = [piece[1] for piece in pieces if len(piece) == 2 and piece[0] == "%"]
        self.example = "".join(_EXAMPLE[piece[1]] if len(piece) == 2 else piece for piece in pieces)
        _check(self.directives)
        self._pattern = re.compile(_pattern(pieces), re.IGNORECASE)

    def moment(self, cell: str) -> Moment:
        """Return the moment that a cell names; raise ValueError if it is not of this format."""
        if self.text == ISO:
            return _iso_moment(cell)
        match = self._pattern.fullmatch(cell.strip())
        if match is None:
            raise ValueError(cell)
        given = {key: value for key, value in match.groupdict().items() if value is not None}
        return _moment(given, cell)

    def fits(self, cell: str) -> bool:
        """Return whether a cell is of this format."""
        try:
            self.moment(cell)
        except ValueError:
            return False
        return True


@cache
def date_format(text: str) -> DateFormat:
    """Return a format, compiled once; raise FormatError."""
    return DateFormat(text)


def parse_date(cell: str, form: str) -> float:
    """Return days since 1970-01-01, in UTC if the text has a time zone; raise ValueError."""
    return date_format(form).moment(cell).days


def iso_text(days: float) -> str:
    """Return days since 1970-01-01 as an ISO date, with the time to the second if it has one."""
    when = _MIDNIGHT_1970 + timedelta(seconds=round(days * 86_400))
    if when.time() == time.min:
        return when.date().isoformat()
    return when.isoformat(sep=" ", timespec="seconds" if when.second else "minutes")


def _pieces(text: str) -> list[str]:
    """Return the parts of a format: directives such as %d, runs of white space, characters."""
    pieces: list[str] = []
    for piece in re.findall(r"%[-#_0]?.|%$|\s+|.", text, re.DOTALL):
        if piece[0] != "%" or piece == "%%":
            pieces.append(piece[:1])
            continue
        letter = piece[-1]
        if letter in _ALIASES:
            pieces += _pieces(_ALIASES[letter])
        elif letter in _DIRECTIVES and len(piece) > 1:
            pieces.append(f"%{letter}")
        else:
            raise FormatError(
                f"has the directive {piece}, which is not one; allowed are "
                f"{' '.join(f'%{name}' for name in _DIRECTIVES)}"
            )
    return pieces


def _check(directives: list[str]) -> None:
    """Raise FormatError if directives contradict each other or make no date."""
    if not directives:
        raise FormatError('has no directive; name the parts of the date, as in "%d.%m.%Y"')
    for letter in directives:
        if directives.count(letter) > 1:
            raise FormatError(f"names %{letter} twice; name each part of the date once")
    for group in _EXCLUSIVE:
        both = [letter for letter in directives if letter in group]
        if len(both) > 1:
            raise FormatError(f"has both %{both[0]} and %{both[1]}; keep one of the two")
    for letter, needed in _NEEDS.items():
        if letter in directives and not set(needed) & set(directives):
            words = " or ".join(f"%{other}" for other in needed)
            raise FormatError(f"has %{letter} without {words}, which it needs; add it")


def _pattern(pieces: list[str]) -> str:
    """Return the regular expression of a format's parts."""
    parts = []
    for k, piece in enumerate(pieces):
        letter = piece[1] if len(piece) == 2 and piece[0] == "%" else None
        if letter is None:
            # before AM, and before a time zone, white space may be missing
            following = pieces[k + 1] if k + 1 < len(pieces) else ""
            space = r"\s*" if following in ("%p", "%z", "%Z") else r"\s+"
            parts.append(space if piece.isspace() else re.escape(piece))
            continue
        digits = _DIRECTIVES[letter]
        beside = [*pieces[max(k - 1, 0) : k], *pieces[k + 1 : k + 2]]
        if any(len(other) == 2 and "[0-9" in _DIRECTIVES.get(other[1], "") for other in beside):
            digits = digits.replace("{1,2}", "{2}").replace("{1,3}", "{3}")
        parts.append(f"(?P<{letter}>{digits})")
        if letter == "d":
            parts.append("(?:st|nd|rd|th|er)?")
        elif letter == "S" and "%f" not in pieces:
            parts.append(_FRACTION.format("f"))
    return "".join(parts)


def _moment(given: dict[str, str], cell: str) -> Moment:
    """Return the moment of a cell from the text of each directive; raise ValueError."""
    hour = int(given.get("H", 0))
    if "I" in given:
        twelve = int(given["I"])
        if twelve > 12:
            raise ValueError(cell)
        hour = twelve % 12 + (12 if given.get("p", "am")[0] in "pP" else 0)
    minute, second = int(given.get("M", 0)), int(given.get("S", 0))
    fraction = int(given.get("f", "0").ljust(6, "0")[:6])
    midnight = (minute, second, fraction) == (0, 0, 0)  # 24:00 ends the day
    if minute > 59 or second > 59 or hour > 24 or (hour == 24 and not midnight):
        raise ValueError(cell)
    seconds = (_ordinal(given) - _EPOCH) * 86_400 + hour * 3600 + minute * 60 + second
    zone = given.get("z", given.get("Z"))
    if zone is not None:
        seconds -= _offset(zone)
    timed = zone is not None or "H" in given or "I" in given
    return _in_range(Moment(seconds * 10**6 + fraction, zone is not None if timed else None), cell)


def _ordinal(given: dict[str, str]) -> int:
    """Return the day, counted as `date.toordinal` does; raise ValueError."""
    if "G" in given:
        return date.fromisocalendar(
            int(given["G"]), int(given["V"]), _weekday(given) + 1
        ).toordinal()
    year = _year(given)
    if "j" in given:
        first = date(year, 1, 1)
        day = first.toordinal() + int(given["j"]) - 1
        if date.fromordinal(day).year != year:
            raise ValueError(given["j"])
        return day
    if "U" in given or "W" in given:
        # week 1 begins with the first Sunday, or the first Monday; the days before are in week 0
        starts = 6 if "U" in given else 0
        week, first = int(given.get("U", given.get("W", ""))), date(year, 1, 1)
        before = (starts - first.weekday()) % 7
        day = first.toordinal() + before + 7 * (week - 1) + (_weekday(given) - starts) % 7
        if date.fromordinal(day).year != year:
            raise ValueError(given)
        return day
    month = int(given.get("m", 1))
    if "q" in given:
        month = 3 * int(given["q"]) - 2
    name = given.get("b", given.get("B"))
    if name is not None:
        month = month_number(name) or 0  # 0 is refused below
    return date(year, month, int(given.get("d", 1))).toordinal()


def _year(given: dict[str, str]) -> int:
    """Return the year; of two digits, 69 to 99 are 1969 to 1999, and 00 to 68 are 2000 to 2068."""
    if "y" in given:
        short = int(given["y"])
        return short + (1900 if short >= 69 else 2000)
    return int(given.get("Y", 1900))


def _weekday(given: dict[str, str]) -> int:
    """Return the weekday from 0, Monday, by its number; Monday if there is none."""
    if "u" in given:
        return int(given["u"]) - 1
    return (int(given["w"]) - 1) % 7 if "w" in given else 0


def _offset(zone: str) -> int:
    """Return the seconds by which a time zone such as +05:30 or Z is ahead of UTC."""
    if zone[0] not in "+-":
        return 0
    digits = re.sub("[^0-9]", "", zone).ljust(6, "0")
    hours, minutes, seconds = int(digits[:2]), int(digits[2:4]), int(digits[4:])
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ValueError(zone)
    ahead = hours * 3600 + minutes * 60 + seconds
    return -ahead if zone[0] == "-" else ahead


_ISO_VARIANT = re.compile(
    r"(?P<Y>[0-9]{4})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})[T ]"
    rf"(?P<H>[0-9]{{2}}):(?P<M>[0-9]{{2}})(?::(?P<S>[0-9]{{2}}){_FRACTION.format('f')})?"
    rf"(?:\s*(?P<z>{_DIRECTIVES['z']}))?",
    re.IGNORECASE,
)
"""What the standard library does not read: 24:00, and a space or UTC before or as the zone."""


def _iso_moment(cell: str) -> Moment:
    """Return the moment of an ISO date; raise ValueError."""
    # fromisoformat reads 20241231 too, which may be a number
    if "-" not in cell[1:] or len(cell) < 8:
        raise ValueError(cell)
    try:
        when = datetime.fromisoformat(cell)
    except ValueError:
        match = _ISO_VARIANT.fullmatch(cell)
        if match is None:
            raise
        given = {key: value for key, value in match.groupdict().items() if value is not None}
        return _moment(given, cell)
    offset = when.utcoffset()
    since = when.replace(tzinfo=None) - _MIDNIGHT_1970
    microseconds = since // timedelta(microseconds=1)
    if offset is None:
        return Moment(microseconds, False if len(cell) > 10 else None)
    return _in_range(Moment(microseconds - offset // timedelta(microseconds=1), True), cell)


def _in_range(moment: Moment, cell: str) -> Moment:
    """Return a moment; raise ValueError if in UTC it is before the year 1 or after 9999."""
    if not _FIRST <= moment.microseconds < _END:
        raise ValueError(cell)
    return moment
