"""Levels: the different texts of a column, and their order."""

import re
from collections.abc import Iterable


def sort_categories(labels: Iterable[str]) -> list[str]:
    """The different labels: whole numbers by size, else by the alphabet."""
    different = set(labels)
    whole = all(re.fullmatch(r"[-+]?[0-9]+", label) for label in different)
    return sorted(different, key=(lambda label: (int(label), label)) if whole else str)


def without_fractions(labels: Iterable[str]) -> dict[str, str]:
    """For each different label how it is written: where all are whole numbers, 1.0 is written 1."""
    different = set(labels)
    whole = {
        label: found[1]
        for label in different
        if (found := re.fullmatch(r"([-+]?[0-9]+)(\.0*)?", label))
    }
    return whole if len(whole) == len(different) else {label: label for label in different}
