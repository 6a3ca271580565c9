"""Encoding: columns to the network's inputs and targets, by figures of the training rows alone."""

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


def fit_scaling(values: Floats, kind: Literal["standardize", "min_max", "l2_rows", "none"]) -> Scaling:
    """The scaling of columns (rows, columns): by mean and deviation, by minimum and range, or none."""
    with np.errstate(all="ignore"):
        spread = values.max(axis=0) - values.min(axis=0)
        constant = spread <= _TINY * np.abs(values).max(axis=0)
        subtract, divide = np.zeros(values.shape[1]), np.ones(values.shape[1])
        if kind == "standardize":
            subtract, divide = values.mean(axis=0), np.where(constant, 1.0, values.std(axis=0))
        elif kind == "min_max":
            subtract, divide = values.min(axis=0), np.where(constant, 1.0, spread)
    return Scaling(subtract=subtract.tolist(), divide=divide.tolist(), constant=constant.tolist())


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """The feature columns, in the network's order, and how each becomes an input."""

    features: list[str]
    numeric: Literal["standardize", "min_max", "l2_rows", "none"]
    scaling: Scaling

    def encode(self, values: Floats, dtype: str) -> np.ndarray:
        """Inputs (rows, features) from the values of the feature columns; raises DataError where they overflow."""
        with np.errstate(all="ignore"):
            x: Floats = self.scaling.apply(values)
            if self.numeric == "l2_rows":
                length = np.sqrt((x**2).sum(axis=1, keepdims=True))
                x /= np.where(length == 0, 1.0, length)
            inputs: np.ndarray = np.ascontiguousarray(x, dtype)
        finite = np.isfinite(inputs).all(axis=0)
        if not finite.all():
            column = self.features[int(np.argmin(finite))]
            raise DataError(f"column '{column}' holds values too large to encode; rescale it, or leave it out")
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

    def encode_values(self, values: Floats, dtype: str) -> np.ndarray:
        """Scaled values (rows, 1)."""
        assert self.scaling is not None
        y: np.ndarray = np.ascontiguousarray(self.scaling.apply(values), dtype)
        return y

    def decode_values(self, y: np.ndarray) -> Floats:
        """The network's predictions (rows, 1) in the target's own unit."""
        assert self.scaling is not None
        values: Floats = y.astype(np.float64) * self.scaling.divide[0] + self.scaling.subtract[0]
        return values
