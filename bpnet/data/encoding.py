"""Encoding: columns to the network's inputs and targets, by figures of the training rows alone."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from bpnet.data.columns import Floats
from bpnet.errors import DataError

_TINY = 1e-12
"""A deviation this small beside the column's size is rounding: the column counts as constant."""


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """x = (value - subtract) / divide for each column; `constant` columns are divided by 1."""

    subtract: list[float]
    divide: list[float]
    constant: list[bool] = field(default_factory=list)

    def apply(self, values: Floats) -> Floats:
        """Scale values (rows, columns)."""
        return np.asarray((values - np.array(self.subtract)) / np.array(self.divide))


def fit_scaling(
    values: Floats, kind: Literal["standardize", "min_max", "l2_rows", "none"], columns: list[str]
) -> Scaling:
    """The scaling of columns (rows, columns): by mean and deviation, by minimum and range, or none.

    Raises DataError where a column's values are so large that its figures overflow.
    """
    with np.errstate(all="ignore"):
        spread = values.max(axis=0) - values.min(axis=0)
        constant = spread <= _TINY * np.abs(values).max(axis=0)
        subtract, divide = np.zeros(values.shape[1]), np.ones(values.shape[1])
        if kind == "standardize":
            subtract, divide = values.mean(axis=0), np.where(constant, 1.0, values.std(axis=0))
        elif kind == "min_max":
            subtract, divide = values.min(axis=0), np.where(constant, 1.0, spread)
    finite = np.isfinite(subtract) & np.isfinite(divide)
    if not finite.all():
        k = int(np.argmin(finite))
        raise DataError(
            f"column '{columns[k]}' holds {np.abs(values[:, k]).max():g}, too large to {kind.replace('_', '-')}; "
            "correct it, or give the column in another unit"
        )
    return Scaling(subtract=subtract.tolist(), divide=divide.tolist(), constant=constant.tolist())


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """The feature columns, in the network's order, and how each becomes an input."""

    features: list[str]
    numeric: Literal["standardize", "min_max", "l2_rows", "none"]
    scaling: Scaling

    def encode(self, values: Floats, dtype: str, where: Callable[[int], str]) -> np.ndarray:
        """Inputs (rows, features) from the values of the feature columns; raises DataError where one overflows.

        `where` names the place of a row, counted from 0.
        """
        with np.errstate(all="ignore"):
            x: Floats = self.scaling.apply(values)
            if self.numeric == "l2_rows":
                x = _to_length_1(x)
            inputs: np.ndarray = np.ascontiguousarray(x, dtype)
        _check_size(inputs, values, self.features, where)
        return inputs


@dataclass(frozen=True, kw_only=True)
class Target:
    """The column to predict: its classes in the network's order, or for a regression how its values are scaled."""

    name: str
    classes: list[str] | None = None
    scaling: Scaling | None = None

    def encode_labels(self, labels: list[str], outputs: int, dtype: str) -> np.ndarray:
        """One-hot rows (rows, classes), or 0 and 1 for the second class (rows, 1) where the network has one output."""
        assert self.classes is not None
        number = {label: k for k, label in enumerate(self.classes)}
        rows = np.array([number[label] for label in labels])
        if outputs == 1:
            return rows.astype(dtype)[:, None]
        one_hot: np.ndarray = np.eye(len(self.classes), dtype=dtype)[rows]
        return one_hot

    def encode_values(self, values: Floats, dtype: str, where: Callable[[int], str]) -> np.ndarray:
        """Scaled values (rows, 1); raises DataError where one overflows."""
        assert self.scaling is not None
        with np.errstate(all="ignore"):
            y: np.ndarray = np.ascontiguousarray(self.scaling.apply(values), dtype)
        _check_size(y, values, [self.name], where)
        return y

    def decode_values(self, y: np.ndarray) -> Floats:
        """The network's predictions (rows, 1) in the target's own unit."""
        assert self.scaling is not None
        values: Floats = y.astype(np.float64) * self.scaling.divide[0] + self.scaling.subtract[0]
        return values


def _to_length_1(rows: Floats) -> Floats:
    """Each row divided by its Euclidean length; by its largest magnitude first, so that no square overflows."""
    largest = np.abs(rows).max(axis=1, keepdims=True)
    rows = rows / np.where(largest == 0, 1.0, largest)
    length = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    return np.asarray(rows / np.where(length == 0, 1.0, length))


def _check_size(encoded: np.ndarray, values: Floats, columns: list[str], where: Callable[[int], str]) -> None:
    # squares of what is encoded must fit too: the network multiplies and sums
    too_large = ~(np.abs(encoded) < np.sqrt(np.finfo(encoded.dtype).max))
    if too_large.any():
        row, k = (int(index) for index in np.argwhere(too_large)[np.argmax(np.abs(values[too_large]))])
        raise DataError(
            f"{where(row)}, column '{columns[k]}': {values[row, k]:g} is too large to compute with; "
            "correct it, or give the column in another unit"
        )
