"""Date formats: how the text of a cell is read as a moment, in strptime's notation or ISO 8601."""

import re
from functools import cache

from bpnet.data.dates.moments import FRACTION, ZONE, days_of, iso_days, iso_zone

ISO = "ISO 8601"
"""The format of ISO dates with or without a time, a fraction of a second and a time zone."""

_WORD = r"[^\W\d_]+\.?"

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
    "p": r"[ap]\.?\s?m(?![a-z])\.?",
    "z": ZONE,
    "Z": r"(?:z|utc|gmt)(?![a-z])",
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


class FormatError(ValueError):
    """A date format that cannot be used; the text says why, as in `names %d twice`."""


class DateFormat:
    """A format, compiled; raises FormatError.

    Numbers may lack leading zeros where the next one does not follow at once; names are those of
    names.py. A month without a day is its first day, as is a quarter; without a
    year the year is 1900.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.directives: list[str] = []
        self.pattern: str | None = None
        """The regular expression of a cell, in any case; None for ISO 8601."""
        self.timed = False
        """True if there is a time of day, or a time zone."""
        if text == ISO:
            self.example = "2024-12-31"
            return
        pieces = _pieces(text)
        self.directives = [piece[1] for piece in pieces if len(piece) == 2 and piece[0] == "%"]
        self.example = "".join(_EXAMPLE[piece[1]] if len(piece) == 2 else piece for piece in pieces)
        _check(self.directives)
        self.timed = bool(set("HIzZ") & set(self.directives))
        self.pattern = _pattern(pieces)
        self._compiled = re.compile(self.pattern, re.IGNORECASE)

    def days(self, cell: str) -> float:
        """Return days since 1970-01-01, in UTC if the cell has a time zone.

        Raises ValueError if the cell is not of this format.
        """
        if self.text == ISO:
            return iso_days(cell)
        match = self._compiled.fullmatch(cell)
        if match is None:
            raise ValueError(cell)
        return days_of(match.groupdict(), timed=self.timed)

    def zone(self, cell: str) -> bool | None:
        """Return whether a cell of this format has a time zone; None if it has no time of day."""
        if self.text == ISO:
            return iso_zone(cell)
        return True if {"z", "Z"} & set(self.directives) else False if self.timed else None

    def fits(self, cell: str) -> bool:
        """Return whether a cell is of this format."""
        try:
            self.days(cell)
        except ValueError:
            return False
        return True


@cache
def date_format(text: str) -> DateFormat:
    """Return a format, compiled once; raise FormatError."""
    return DateFormat(text)


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
            parts.append(FRACTION.format("f"))
    return "".join(parts)
