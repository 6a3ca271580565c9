"""Roles: what each column is, read off its training rows, or as the user says."""

import re
from dataclasses import dataclass

import numpy as np

from bpnet.data.encoding.cell_errors import has_other_number_format
from bpnet.data.encoding.column_options import Role
from bpnet.data.encoding.columns import FALSE_AND_TRUE
from bpnet.data.encoding.dates import DATE_FORMATS, detect_format, likely_format
from bpnet.data.reading.column import Column
from bpnet.data.reading.number_format import NumberFormat
from bpnet.engine.component import Array
from bpnet.messages import quoted_cell

MAX_INTEGER_CLASSES = 20
"""Whole numbers with more different values than these are a regression target unless `task` says otherwise."""

BLANK_REASON = "it is blank in every training row"
_MOSTLY = 0.9
_FEWEST = 20
"""Fewer rows than these are too few to call a column an id."""


@dataclass(frozen=True)
class DetectedRole:
    """What a column is, and for one that is left out the reason; `date_format` is that of a date."""

    role: Role
    reason: str | None = None
    date_format: str | None = None
    note: str | None = None
    """What the user should know of a column that is used."""


def detect_role(
    name: str, column: Column, rows: Array, given: Role | None, *, named: bool
) -> DetectedRole:
    """What the cells that rows (N,) says are; `named` features are never left out for looking like ids."""
    found = _own_role(name, column, rows, named=named)
    if given is None or given == found.role:
        return found
    if given == "date":
        _, categories = _present(column, rows)
        return DetectedRole("date", date_format=likely_format(categories, 0.0) or DATE_FORMATS[0])
    return DetectedRole(given, "as dataset.roles says" if given == "ignored" else None)


def _own_role(name: str, column: Column, rows: Array, *, named: bool) -> DetectedRole:
    if (
        column.numbers is not None
        and not _called_id(name)
        and not np.isnan(column.numbers[rows]).all()
    ):
        return DetectedRole("numeric")
    count, categories = _present(column, rows)
    if not categories:
        return DetectedRole("ignored", BLANK_REASON)
    values = [
        category for category in categories if not column.number_format.is_missing_number(category)
    ] or categories
    numbers = [category for category in values if _reads_as_number(category, column.number_format)]
    if len(numbers) == len(values):
        if not named and _is_id(name, numbers, count):
            return DetectedRole(
                "ignored", "it looks like an id: every row has another whole number"
            )
        return DetectedRole("numeric")
    lowered = {category.lower() for category in values}
    # of none and yes, none is a word
    if (len(lowered) > 1 or len(values) == len(categories)) and any(
        lowered <= {no, yes} for no, yes in FALSE_AND_TRUE.items()
    ):
        return DetectedRole("boolean")
    if form := detect_format(values):
        return DetectedRole("date", date_format=form, note=_ambiguity(form, values))
    if len(numbers) > max(MAX_INTEGER_CLASSES, _MOSTLY * len(values)):
        return DetectedRole("numeric")  # a few words among numbers are found and named
    if sum(map(has_other_number_format, values)) > _MOSTLY * len(values):
        return DetectedRole("numeric")  # and so are marks that dataset.reading has to name
    if len(values) > MAX_INTEGER_CLASSES and (form := likely_format(values[:2000], _MOSTLY)):
        return DetectedRole("date", date_format=form)
    if not named and count >= _FEWEST and len(categories) > count / 2:
        spaces = sum(category.count(" ") for category in categories) / len(categories)
        if spaces >= 3:
            return DetectedRole("ignored", "it looks like free text")
        return DetectedRole(
            "ignored",
            f"it looks like an id or a name: {len(categories)} different texts in {count} rows",
        )
    word = next(category for category in values if category not in set(numbers))
    note = f"beside numbers it holds {quoted_cell(word)}, so it is taken as categories"
    return DetectedRole("categorical", note=note if len(numbers) > len(values) / 2 else None)


def _reads_as_number(category: str, number_format: NumberFormat) -> bool:
    """Whether a text is meant as a number, even one that is not finite."""
    return number_format.is_number(category) or bool(
        re.fullmatch(r"(?i)[-+]?(inf(inity)?|[0-9.]+e[0-9]+)", category)
    )


def _present(column: Column, rows: Array) -> tuple[int, list[str]]:
    """How many cells are no gaps, and the different texts among them."""
    codes, categories = column.as_text()
    counts = np.bincount(codes[rows] + 1, minlength=len(categories) + 1)[1:]
    there = [
        k
        for k in np.flatnonzero(counts).tolist()
        if not column.number_format.is_missing_number(categories[k])
    ]
    texts = [categories[k] for k in there]
    if any(column.number_format.is_number(text) for text in texts):
        return int(counts[there].sum()), texts
    there = np.flatnonzero(counts).tolist()  # among text, the words for gaps are words
    return int(counts.sum()), [categories[k] for k in there]


def _called_id(name: str) -> bool:
    """Whether a column is called an id, or a row number."""
    called = re.fullmatch(
        r"(?i)(.*[_ .-])?(id|uuid|guid|key|index|row|rowid|row_?n(o|um|umber)|unnamed.*)", name
    )
    return bool(called or re.fullmatch(r"[a-z0-9]+I[Dd]|[A-Z][A-Za-z0-9]+I[Dd]", name))


def _is_id(name: str, categories: list[str], count: int) -> bool:
    """Whether a column of whole numbers is called an id, and differs in every row."""
    differs = count >= _FEWEST and len(categories) == count
    return differs and _called_id(name) and all(_is_whole(category) for category in categories)


def _is_whole(category: str) -> bool:
    return bool(re.fullmatch(r"[-+]?[0-9]+(\.0*)?", category))


def _ambiguity(form: str, categories: list[str]) -> str | None:
    if (
        form.startswith("%m/%d")
        and detect_format(categories)
        and all(_swapped_fits(category) for category in categories)
    ):
        return (
            f"its dates are read as month/day/year ({form}), though every one would fit day/month/year too; "
            "set their format in dataset.preprocessing.columns if that is wrong"
        )
    return None


def _swapped_fits(category: str) -> bool:
    day = re.match(r"\d+/(\d+)/", category)
    return day is not None and int(day[1]) <= 12


def looks_like_classes(column: Column, rows: Array | None = None) -> bool:
    """Whether a target is classes: text, or at most 20 different whole numbers; else it is a quantity.

    Numbers with a few words among them are a quantity too, so that those words are found and named.
    """
    _, categories = _present(column, np.ones(len(column), bool) if rows is None else rows)
    numbers = [category for category in categories if column.number_format.is_number(category)]
    if len(numbers) < len(categories):
        return len(numbers) <= max(MAX_INTEGER_CLASSES, _MOSTLY * len(categories))
    return all(_is_whole(category) for category in numbers) and len(numbers) <= MAX_INTEGER_CLASSES
