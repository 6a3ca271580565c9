"""Parts of messages about numbers: how a column is read, and what to type."""

import re
from collections.abc import Collection

from bpnet.data.numbers.cells import number_text
from bpnet.data.numbers.detection import DetectedNumbers
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.messages import quoted_cell, set_option

_MEASURE = re.compile(r"[-+]?[0-9][0-9.,]*\s?(?P<unit>[^\W\d_]{1,12}(?:/[^\W\d_]{1,5})?|°[CF]?)")

_FEWEST_AMOUNTS = 3
"""Texts that differ, below which a number and a word may be a name, such as `500 ml`."""


def common_unit(texts: Collection[str]) -> str | None:
    """Return the unit of different texts that are all numbers with one, as `57 kg` is, or None.

    Currencies and percent are no such units: their numbers are read.
    """
    found = [_MEASURE.fullmatch(text) for text in texts]
    units = {match["unit"] if match else None for match in found}
    return units.pop() if len(units) == 1 and len(texts) >= _FEWEST_AMOUNTS else None


def unit_note(texts: Collection[str]) -> str | None:
    """Return a note on texts that are numbers but for their unit, or None."""
    unit = common_unit(texts)
    if unit is None:
        return None
    return (
        f"its cells are numbers followed by '{unit}', such as "
        f"{quoted_cell(next(iter(texts)))}; if they are amounts, remove '{unit}' in the table"
    )


def ambiguity_note(detected: DetectedNumbers, feature: str | None = None) -> str | None:
    """Return a note on a column whose numbers may mean something else, or None.

    `feature` is its name if it may be left out, or read as categories.
    """
    chosen, other, example = detected.number_format, detected.other, detected.example
    number = number_text(chosen.number(example))
    if other is not None:
        return (
            f"{quoted_cell(example)} is read as {number}; if it means "
            f"{number_text(other.number(example))}, add {set_format(other, chosen)}; "
            f"if not, {set_format(chosen, other)} ends this warning"
        )
    if detected.unlike_table:
        role = set_option("dataset.roles", "categorical", feature) if feature else None
        return (
            f"{quoted_cell(example)} is read as {number}, though other columns have decimal "
            "points; --set dataset.reading.decimal=, ends this warning"
            + (f"; if it is not a number, add {role}" if role else "")
        )
    return None


def set_format(number_format: NumberFormat, other: NumberFormat) -> str:
    """Return the option by which a column is read in a format rather than in the other one."""
    if number_format.thousands not in (None, other.thousands):
        return set_option("dataset.reading.thousands", number_format.thousands)
    return set_option("dataset.reading.decimal", number_format.decimal)
