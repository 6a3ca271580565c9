"""Moments: days since 1970-01-01 from the parts of a date, or from a text in ISO 8601."""

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

from bpnet.data.dates.names import month_number

ZONE = r"(?:z|utc|gmt)(?![a-z])|[+-][0-9]{2}(?::?[0-9]{2}){0,2}"
"""The pattern of a time zone."""
FRACTION = r"(?:[.,](?P<{}>[0-9]{{1,9}}))?"
"""The pattern of a fraction of a second, to be given its name."""

_EPOCH = date(1970, 1, 1).toordinal()
_MIDNIGHT_1970 = datetime(1970, 1, 1)
# seconds since 1970: the first of the year 1, and the first after the year 9999
_FIRST = (date.min.toordinal() - _EPOCH) * 86_400
_END = (date.max.toordinal() + 1 - _EPOCH) * 86_400
_ISO_VARIANT = re.compile(
    r"(?P<Y>[0-9]{4})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})[T ]"
    rf"(?P<H>[0-9]{{2}}):(?P<M>[0-9]{{2}})(?::(?P<S>[0-9]{{2}}){FRACTION.format('f')})?"
    rf"(?:\s*(?P<z>{ZONE}))?",
    re.IGNORECASE,
)
"""Times that the standard library refuses: 24:00, and a space or UTC before or as the zone."""

Given = Mapping[str, str | None]
"""The text of each directive of a format in a cell, by its letter; None if it is left out."""


def days_of(given: Given, *, timed: bool) -> float:
    """Return days since 1970-01-01; raise ValueError if the parts are not a date.

    Without `timed` there is no time of day.
    """
    day = _ordinal(given) - _EPOCH
    if not timed:
        return float(day)
    hour = _hour(given)
    minute, second = int(given.get("M") or 0), int(given.get("S") or 0)
    fraction = given.get("f")
    microsecond = int(fraction[:6].ljust(6, "0")) if fraction else 0
    # 24:00 ends the day
    if minute > 59 or second > 59 or hour > (23 if minute or second or microsecond else 24):
        raise ValueError(given)
    seconds = day * 86_400 + hour * 3600 + minute * 60 + second
    zone = given.get("z") or given.get("Z")
    if zone:
        seconds -= _offset(zone)
    return _checked(seconds * 10**6 + microsecond)


def iso_days(cell: str) -> float:
    """Return days since 1970-01-01 of a date in ISO 8601; raise ValueError."""
    # fromisoformat reads 20241231 too, which may be a number
    if len(cell) < 8 or "-" not in cell[1:]:
        raise ValueError(cell)
    try:
        when = datetime.fromisoformat(cell)
    except ValueError:
        match = _ISO_VARIANT.fullmatch(cell)
        if match is None:
            raise
        return days_of(match.groupdict(), timed=True)
    offset = when.utcoffset()
    if offset is None:
        return (when - _MIDNIGHT_1970).total_seconds() / 86_400
    since = when.replace(tzinfo=None) - _MIDNIGHT_1970
    return _checked((since - offset) // timedelta(microseconds=1))


def iso_zone(cell: str) -> bool | None:
    """Return whether a date in ISO 8601 has a time zone; None if it has no time of day."""
    clock = cell[11:]  # after the date and its separator
    return clock[-1] in "zZcCtT" or "+" in clock or "-" in clock if clock else None


def iso_text(days: float) -> str:
    """Return days since 1970-01-01 as an ISO date, with the time to the second if it has one."""
    when = _MIDNIGHT_1970 + timedelta(seconds=round(days * 86_400))
    if when.time() == time.min:
        return when.date().isoformat()
    return when.isoformat(sep=" ", timespec="seconds" if when.second else "minutes")


def _checked(microseconds: int) -> float:
    """Return the days of microseconds since 1970; raise ValueError beyond the years 1 to 9999."""
    seconds = microseconds / 10**6
    if not _FIRST <= seconds < _END:
        raise ValueError(microseconds)
    return seconds / 86_400


def _hour(given: Given) -> int:
    """Return the hour of a day of 24 hours; raise ValueError."""
    twelve = given.get("I")
    if twelve is None:
        return int(given.get("H") or 0)
    if int(twelve) > 12:
        raise ValueError(twelve)
    return int(twelve) % 12 + (12 if (given.get("p") or "am")[0] in "pP" else 0)


def _ordinal(given: Given) -> int:
    """Return the day, counted as `date.toordinal` does; raise ValueError."""
    short, year_day = given.get("y"), given.get("j")
    if "G" in given:
        return _day_of_iso_week(given)
    # of two digits, 69 to 99 are 1969 to 1999, and 00 to 68 are 2000 to 2068
    year = (
        int(given.get("Y") or 1900)
        if short is None
        else int(short) + (2000 if short < "69" else 1900)
    )
    if year_day is not None:
        return _in_year(date(year, 1, 1).toordinal() + int(year_day) - 1, year)
    if "U" in given or "W" in given:
        return _day_of_week(given, year)
    quarter, name = given.get("q"), given.get("b") or given.get("B")
    if name is not None:
        month = month_number(name) or 0  # 0 is refused below
    else:
        month = int(given.get("m") or 1) if quarter is None else 3 * int(quarter) - 2
    return date(year, month, int(given.get("d") or 1)).toordinal()


def _day_of_iso_week(given: Given) -> int:
    year, week = int(given["G"] or 0), int(given["V"] or 0)
    return date.fromisocalendar(year, week, _weekday(given) + 1).toordinal()


def _day_of_week(given: Given, year: int) -> int:
    """Return the day of a weekday of a week, counted from the first Sunday, or the first Monday."""
    sunday = given.get("U")
    starts = 0 if sunday is None else 6
    week, first = int(sunday or given["W"] or 0), date(year, 1, 1)
    before = (starts - first.weekday()) % 7  # the days of week 0
    day = first.toordinal() + before + 7 * (week - 1) + (_weekday(given) - starts) % 7
    return _in_year(day, year)


def _in_year(day: int, year: int) -> int:
    if date.fromordinal(day).year != year:
        raise ValueError(day)
    return day


def _weekday(given: Given) -> int:
    """Return the weekday from 0, Monday, by its number; Monday if there is none."""
    from_monday, from_sunday = given.get("u"), given.get("w")
    if from_monday is not None:
        return int(from_monday) - 1
    return 0 if from_sunday is None else (int(from_sunday) - 1) % 7


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
