"""Parts of messages about dates: the expected cell, the readings of a column, what to type."""

from collections.abc import Sequence
from datetime import datetime

from bpnet.data.dates.candidates import date_order
from bpnet.data.dates.date_format import ISO, date_format
from bpnet.data.dates.detection import DetectedFormat, detect_format, suggested_format
from bpnet.data.dates.moments import iso_text
from bpnet.messages import quoted_cell, set_option

MIXED_ZONES = (
    "some of its dates have a time zone and others none, which are read as UTC; "
    "write all with a time zone, or all without"
)
"""A note on a column of dates."""

_PARTS = {"d": "day", "m": "month", "q": "quarter", "y": "year"}


def expected_date(form: str) -> str:
    """Return the expected cell with an example: `a date like 31.12.2024 (%d.%m.%Y)`."""
    return f"a date like {date_format(form).example} ({form})"


def set_format(column: str, form: str) -> str:
    """Return the option that gives a column's format, as it is typed."""
    return set_option("dataset.preprocessing.columns", form, column, "format")


def reading(form: str) -> str:
    """Return how a format reads a date, in words: `day/month/year (%d-%m-%Y)`."""
    order = "/".join(_PARTS[part] for part in date_order(form))
    return f"{order} ({form})" if order else form


def reading_note(
    column: str, detected: DetectedFormat, texts: Sequence[str], *, given: bool = False
) -> str | None:
    """Return a note on how a column's dates, `texts`, are read if that may be wrong, else None.

    A format that is `given` is not in doubt, but the century of its years may be.
    """
    texts = [text for text in texts if date_format(detected.text).fits(text)]
    if not texts:
        return None
    notes = [_future(detected, texts)]
    if not given:
        notes = [_ambiguity(column, detected, texts), _day_or_year(column, detected, texts), *notes]
    return "; ".join(filter(None, notes)) or None


def _ambiguity(column: str, detected: DetectedFormat, texts: Sequence[str]) -> str | None:
    """Return a note with the readings if the dates fit another order of their parts, too."""
    if not detected.others:
        return None
    form, others = detected.text, detected.others
    cell = next(
        (text for text in texts if any(_day(text, o) != _day(text, form) for o in others)), texts[0]
    )
    as_others = " and ".join(
        f"{reading(other)}, by which it is {_day(cell, other)}" for other in others
    )
    return (
        f"its dates are read as {reading(form)}, by which {quoted_cell(cell)} is "
        f"{_day(cell, form)}, though each would also fit {as_others}; "
        f"give the format if that is right: {set_format(column, others[0])}"
    )


def _day_or_year(column: str, detected: DetectedFormat, texts: Sequence[str]) -> str | None:
    """Return a note if a two-digit year beside a month's name may be a day instead."""
    letters = date_format(detected.text).directives
    if letters not in (["b", "y"], ["B", "y"]):
        return None
    if any(int(text[-2:]) > 31 for text in texts):
        return None
    return (
        f"{quoted_cell(texts[0])} is read as a month and a year, {_day(texts[0], detected.text)}; "
        f"if it is a day without a year, {set_format(column, detected.text.replace('%y', '%d'))}"
    )


def _future(detected: DetectedFormat, texts: Sequence[str]) -> str | None:
    """Return a note if a year of two digits makes a date that is still to come."""
    form = date_format(detected.text)
    if "y" not in form.directives:
        return None
    now = (datetime.now() - datetime(1970, 1, 1)).days
    latest = max(texts, key=form.days)
    if form.days(latest) <= now:
        return None
    return (
        f"{quoted_cell(latest)} is read as {_day(latest, detected.text)}, which is still to come: "
        "years of two digits are 1969 to 2068; if they are earlier ones, write four digits"
    )


_COMPACT = ("%Y%m%d", "%Y%m", "%Y%m%d%H%M", "%Y%m%d%H%M%S", "%d%m%Y", "%m%d%Y")
"""Formats of digits only, which are numbers unless the config says otherwise."""


def compact_format(texts: Sequence[str]) -> str | None:
    """Return the format of at least three numbers that are probably dates, such as 20190105."""
    if len(texts) < 3:
        return None
    return next((f for f in _COMPACT if all(_is_compact(text, f) for text in texts)), None)


def compact_dates_note(column: str, texts: Sequence[str]) -> str | None:
    """Return a note if numbers are probably dates, else None."""
    form = compact_format(texts)
    if form is None:
        return None
    # a number has lost the zero of 01122019
    whole = all(len(text) == len(texts[0]) for text in texts)
    advice = set_format(column, form) if whole else "write them like 2019-12-31"
    return (
        f"its numbers look like dates ({texts[0]}), but are used as numbers; "
        f"if they are dates, {advice}"
    )


def _is_compact(text: str, form: str) -> bool:
    """Return whether digits are a date of the years 1900 to 2099 in a compact format."""
    if not (text.isascii() and text.isdigit()) or not 6 <= len(text) <= 14:
        return False
    if not form.startswith("%Y"):
        text = text.zfill(8)
    year = text[:4] if form.startswith("%Y") else text[4:]
    parsed = date_format(form)
    return len(text) == _digits(form) and year[:2] in ("19", "20") and parsed.fits(text)


def _digits(form: str) -> int:
    """Return the number of digits of a compact format, whose year has four and the rest two."""
    return form.count("%") * 2 + 2


def other_formats(form: str, texts: Sequence[str]) -> list[str]:
    """Return the formats beside `form` that fit all of a column's cells, one for each order."""
    detected = detect_format(texts, numbers=True)
    if detected is not None:
        return [other for other in (detected.text, *detected.others) if other != form]
    # an unusual format only where no cell has the one that was expected
    if not texts or any(map(date_format(form).fits, texts)):
        return []
    suggested = suggested_format(texts)
    return [] if suggested in (None, form) else [suggested]


def format_example(column: str, form: str) -> str:
    """Return how to give another format than `form`, which does not fit."""
    return set_format(column, "%d.%m.%Y" if form == ISO else form)


def new_dates_advice(form: str, texts: Sequence[str]) -> str:
    """Return advice on the dates of a new table, `texts`, that a model's format does not fit."""
    example = date_format(form).example
    others = other_formats(form, texts)
    if not others:
        return f"write it like {example}, or leave the cell blank if the date is not known"
    unsure = "; the table does not tell which is right" if len(others) > 1 else ""
    return (
        f"every date of the column fits {' and '.join(map(reading, others))}{unsure}; "
        f"write the dates like {example}"
        + (", or like 2024-12-31, which is read whatever the format" if form != ISO else "")
    )


def training_dates_advice(
    column: str, form: str, texts: Sequence[str], missing: str, *, given: bool
) -> str:
    """Return advice on cells that are not of the format of a column's training rows.

    `missing` is the option by which they are missing values. `given` is true if the config says in
    `dataset.preprocessing.columns` that they are dates.
    """
    others = other_formats(form, texts)
    if others:
        typed = ", or ".join(set_format(column, other) for other in others)
        return f"every date fits {' and '.join(map(reading, others))}: {typed}"
    no_date = (
        f"if it is no date, remove dataset.preprocessing.columns.{column}"
        if given
        else f"leave the column out with {set_option('dataset.roles', 'ignored', column)}"
    )
    return (
        f"correct it, or give the format if it is another, as in {format_example(column, form)}; "
        f"if it means a missing value: {missing}; {no_date}"
    )


def _day(text: str, form: str) -> str:
    """Return a cell's date in ISO form, as a format reads it."""
    return iso_text(date_format(form).days(text))
