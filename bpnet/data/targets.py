"""Targets: from the table's words and units to the network's outputs, and back."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from bpnet.data.encoding.number_errors import Where
from bpnet.data.encoding.scalers import LinearScaler
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading.column import Codes, Column, Floats
from bpnet.data.spelling import KnownValues, number_spelling
from bpnet.data.target_cells import missing_targets, refuse_missing_targets
from bpnet.engine.component import Array, Component, FieldError
from bpnet.errors import DataError
from bpnet.messages import (
    did_you_mean,
    like_it,
    quoted_list,
)

Names = Annotated[list[str], Field(min_length=1)]


@dataclass(frozen=True, kw_only=True)
class Classes(Component):
    """One of several classes, in the network's order."""

    kind: Literal["classes"] = "classes"
    name: str
    classes: list[str]
    positive: str | None = None
    """The class, of two, that average precision and the like are about; by default the second."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
            raise FieldError("classes", "must be two or more, each named once")
        if self.positive is not None and (
            len(self.classes) > 2 or self.positive not in self.classes
        ):
            raise FieldError("positive", "must be one of two classes, or null")

    @property
    def positive_number(self) -> int:
        """The number of the positive class, of two: 0 or 1."""
        return 1 if self.positive is None else self.classes.index(self.positive)

    @property
    def names(self) -> list[str]:
        """The target's columns."""
        return [self.name]

    def missing(self, column: Column) -> npt.NDArray[np.bool_]:
        """Return the mask (N,) of missing target values."""
        # among classes that are words, N/A and the like are words too
        words = not all(map(number_spelling, self.classes))
        return missing_targets(column, words=words, known=KnownValues(self.classes))

    def numbers(self, column: Column, where: Where) -> Codes:
        """Return the number (N,) of each cell's class; raise DataError for any other cell."""
        known = KnownValues(self.classes)
        refuse_missing_targets(self.missing(column), column, self.name, where)
        codes, labels = column.as_text(known)
        found = column.in_own_format()[0].positions(known, labels)
        numbers = np.array([-1 if k is None else k for k in found], np.int32)[codes]
        unknown = np.flatnonzero(numbers < 0)
        if len(unknown):
            label = labels[codes[unknown[0]]]
            raise DataError(
                f"{where(int(unknown[0]))}, column '{self.name}': '{label}' is not a class of the "
                f"model; its classes are {quoted_list(self.classes)}"
                f"{did_you_mean(label, self.classes)}{like_it(len(unknown), 'rows')}"
            )
        return numbers

    def encode(self, numbers: Codes, outputs: int, dtype: str) -> Array:
        """Return one-hot rows (N, classes); of one output, 1 (N, 1) for the second class, or 0."""
        if outputs == 1:
            return numbers.astype(dtype)[:, None]
        one_hot: Array = np.eye(len(self.classes), dtype=dtype)[numbers]  # (N, classes)
        return one_hot


@dataclass(frozen=True, kw_only=True)
class Quantities(Component):
    """One or more numbers, each with its scaler."""

    kind: Literal["quantities"] = "quantities"
    names: Names
    scales: list[LinearScaler]
    number_formats: list[NumberFormat | None] = field(default_factory=list)
    """The format of each one's numbers in the table; empty if they were not recorded."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.scales) != len(self.names) or len(set(self.names)) < len(self.names):
            raise FieldError("scales", "must be one for each of the names, which must differ")
        if len(self.number_formats) not in (0, len(self.names)):
            raise FieldError("number_formats", "must be one for each of the names, or none")

    def number_format(self, name: str) -> NumberFormat | None:
        """Return the format of a target's numbers, None if it was not recorded."""
        return self.number_formats[self.names.index(name)] if self.number_formats else None

    @property
    def divisors(self) -> Floats:
        """The number that each is divided by (K,)."""
        return np.array([scale.divide for scale in self.scales])

    def encode(self, values: Floats, dtype: str, where: Where) -> Array:
        """Return the scaled values (N, K); raise DataError if one is too large."""
        y = np.empty(values.shape, dtype)
        with np.errstate(all="ignore"):
            for k, scale in enumerate(self.scales):
                y[:, k] = scale.apply(values[:, k])
        # the loss squares it; ~(a < b) holds for NaN too
        too_large = ~(np.abs(y) < np.sqrt(np.finfo(y.dtype).max))
        if too_large.any():
            row, k = (int(index) for index in np.argwhere(too_large)[0])
            raise DataError(
                f"{where(row)}, column '{self.names[k]}': {values[row, k]:g} is too large to "
                "compute with; correct it, or give the column in another unit"
            )
        return y

    @property
    def offsets(self) -> Floats:
        """The number that is subtracted from each first (K,)."""
        return np.array([scale.subtract for scale in self.scales])

    def decode(self, y: Array, origin: Floats | None = None) -> Floats:
        """Return the network's predictions y (N, K) in the units of the targets.

        They count from `origin` (K,), by default 0: from near the offsets, they keep digits that
        are lost beside a large offset.
        """
        start = self.offsets if origin is None else self.offsets - origin
        return np.asarray(y.astype(np.float64) * self.divisors + start)

    def resolution(self, differences: Floats, dtype: str) -> Floats:
        """Return the resolution of differences (N, K) between quantities, in their units.

        It is the distance from each to the next that a network which computes in `dtype` can make.
        """
        y = np.abs(differences / self.divisors).astype(dtype)
        return np.asarray(np.spacing(y) * self.divisors)


@dataclass(frozen=True, kw_only=True)
class Labels(Component):
    """Several labels, each true or not: columns of 0 and 1, or of words such as no and yes."""

    kind: Literal["labels"] = "labels"
    names: Names

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(set(self.names)) < len(self.names):
            raise FieldError("names", "must differ")


AnyTarget = Classes | Quantities | Labels
