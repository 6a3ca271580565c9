"""Labels to write: a label for each row, as text and as a value of JSON or Parquet."""

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bpnet.data.reading.column import MAX_EXACT


@dataclass(frozen=True)
class LabelColumn:
    """Rows' labels, as codes (N,) into the labels that occur."""

    codes: list[int]
    labels: Sequence[str]

    @cached_property
    def values(self) -> list[Any]:
        """The labels: true and false, or numbers, if all are written so; else texts."""
        return label_values(self.labels)


def label_values(labels: Sequence[str]) -> list[Any]:
    """Return labels as true and false, or as numbers, if all are written so; else as texts."""
    values = [_value(label) for label in labels]
    kinds = {type(value) for value in values}
    if kinds == {bool} or kinds in ({int}, {float}, {int, float}):
        return values
    return list(labels)


def _value(label: str) -> Any:
    """Return a label as true, false or a number if it is written so: 1.5, not 1.50 or 007.

    Whole numbers that some readers of JSON would round stay text.
    """
    if label.lower() in ("true", "false"):
        return label.lower() == "true"
    with contextlib.suppress(ValueError):
        value = json.loads(label)
        if type(value) in (int, float) and str(value) == label and abs(value) <= MAX_EXACT:
            return value
    return label
