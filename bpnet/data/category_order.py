"""The order and the spelling of categories."""

import re
from collections.abc import Iterable


def sort_categories(labels: Iterable[str]) -> list[str]:
    """Return the distinct labels in order: whole numbers by size, others by the alphabet."""
    distinct = set(labels)
    whole = all(re.fullmatch(r"[-+]?[0-9]+", label) for label in distinct)
    # 1 and 01 are of equal size: the text decides
    return sorted(distinct, key=(lambda label: (int(label), label)) if whole else str)


def without_fractions(labels: Iterable[str]) -> dict[str, str]:
    """Return the spelling of each distinct label: 1 for 1.0 if all are whole numbers."""
    distinct = set(labels)
    whole = {
        label: match[1]
        for label in distinct
        if (match := re.fullmatch(r"([-+]?[0-9]+)(\.0*)?", label))
    }
    return whole if len(whole) == len(distinct) else {label: label for label in distinct}
