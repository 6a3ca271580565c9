"""Parts of messages about numbers: how a column is read, and what to type."""

from bpnet.data.numbers.cells import number_text
from bpnet.data.numbers.detection import DetectedNumbers
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.messages import quoted_cell, set_option


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
