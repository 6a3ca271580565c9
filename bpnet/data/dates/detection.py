"""Detection: the one format in which all the cells of a column are dates."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bpnet.data.dates.candidates import candidate_formats, date_order, unusual_formats
from bpnet.data.dates.date_format import date_format
from bpnet.data.dates.names import month_number
from bpnet.messages import quoted_cell

_MOST_TEXTS = 2000
"""Texts that are looked at where not all are dates of one format."""


@dataclass(frozen=True)
class DetectedFormat:
    """The format of a column, and the others that fit its cells with another order of the parts."""

    text: str
    others: tuple[str, ...] = ()

    def narrowed(self, texts: Sequence[str]) -> "DetectedFormat":
        """Return what is left once further texts are seen; if none fits them, this one."""
        left = [form for form in (self.text, *self.others) if _fit_all(form, texts)]
        return DetectedFormat(left[0], tuple(left[1:])) if left else self


def detect_format(texts: Sequence[str], *, numbers: bool = False) -> DetectedFormat | None:
    """Return the format in which all the texts are dates, or None.

    With `numbers` a number such as 20190105 may be one.
    """
    if not texts or _are_seasons(texts):
        return None
    fitting = [
        form for form in candidate_formats(texts[0], numbers=numbers) if _fit_all(form, texts)
    ]
    return _without_twins(fitting)


_SEASON = re.compile(r"(?P<year>[0-9]{4})[-/](?P<next>[0-9]{2})")


def _are_seasons(texts: Sequence[str]) -> bool:
    """Return whether all of several texts are two years, such as 2010-11 and 2011-12."""
    matches = [_SEASON.fullmatch(text) for text in texts]
    return len(texts) > 1 and all(
        match is not None and int(match["next"]) == (int(match["year"]) + 1) % 100
        for match in matches
    )


def likely_format(
    texts: Sequence[str], share: float, *, numbers: bool = False
) -> DetectedFormat | None:
    """Return the format in which most texts are dates, or None if these are at most a `share`."""
    texts = texts[:_MOST_TEXTS]
    proposed = Counter(form for text in texts for form in candidate_formats(text, numbers=numbers))
    # a candidate of one text may fit others that do not propose it, such as a name of a month
    fitting = {
        form: [date_format(form).fits(text) for text in texts]
        for form, _ in proposed.most_common(8)
    }
    best = max(fitting, key=lambda form: sum(fitting[form]), default=None)
    if best is None or sum(fitting[best]) <= share * len(texts):
        return None
    return _without_twins([form for form in fitting if fitting[form] == fitting[best]])


def several_formats(texts: Sequence[str]) -> str | None:
    """Return the reason to leave a column out: its texts are dates of several formats; or None."""
    texts = texts[:_MOST_TEXTS]
    forms: dict[str, str] = {}  # a text of each format
    for text in texts:
        candidates = candidate_formats(text)
        if not candidates:
            return None
        if not any(form in forms for form in candidates):
            forms[candidates[0]] = text
    if len(forms) < 2:
        return None
    shown = " and ".join(f"{quoted_cell(text)} ({form})" for form, text in list(forms.items())[:2])
    return f"its dates are of several formats, such as {shown}; write them in one"


def suggested_format(texts: Sequence[str]) -> str | None:
    """Return a format that all the texts fit, but that is taken only where the config gives it."""
    forms = unusual_formats(texts[0])
    return next((form for form in forms if _fit_all(form, texts)), None)


_NAMED_MONTH = re.compile(r"([0-9]{1,2}\W+)?(?P<word>[^\W\d_]{3,})\W+([0-9]{1,2}\W+)?[0-9]{4}")


def unknown_month(texts: Sequence[str]) -> str | None:
    """Return a word that is the name of a month if all texts are dates, but not a known one."""
    matches = [_NAMED_MONTH.fullmatch(text) for text in texts]
    words = {match["word"].casefold() for match in matches if match}
    if not all(matches) or len(words) > 24:  # in full, and abbreviated
        return None
    return next((word for word in sorted(words) if month_number(word) is None), None)


def _without_twins(forms: Sequence[str]) -> DetectedFormat | None:
    """Return the first format, and those that put the parts of a date into another order."""
    if not forms:
        return None
    first_of = {date_order(form): form for form in reversed(forms)}
    others = tuple(form for form in forms[1:] if first_of[date_order(form)] == form)
    return DetectedFormat(
        forms[0], tuple(o for o in others if date_order(o) != date_order(forms[0]))
    )


def _fit_all(form: str, texts: Sequence[str]) -> bool:
    compiled = date_format(form)
    return all(map(compiled.fits, texts))
