"""A curve: a piecewise linear function, such as an isotonic calibration."""

from dataclasses import dataclass

import numpy as np

from bpnet.data.reading.column import Floats
from bpnet.engine.component import Component, FieldError


@dataclass(frozen=True, kw_only=True)
class Curve(Component):
    """A piecewise linear function of one number, constant beyond its first and last knot."""

    x: list[float]
    """The knots in ascending order."""
    y: list[float]
    """The values at the knots."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.x or len(self.x) != len(self.y):
            raise FieldError("y", "must have a number for each of the knots x, of which one is")
        if not (np.isfinite(self.x).all() and np.isfinite(self.y).all()):
            raise FieldError("y", "must be finite numbers, as the knots x")
        if (np.diff(self.x) <= 0).any():
            raise FieldError("x", "must be in ascending order, each once")

    def __call__(self, values: Floats) -> Floats:
        """Return the function of each value."""
        x, y = np.array(self.x), np.array(self.y)
        if len(x) == 1:
            return np.full(values.shape, y[0])
        # np.interp divides by the distance between knots first, which may overflow
        within = np.clip(values, x[0], x[-1])
        k = np.clip(np.searchsorted(x, within, side="right") - 1, 0, len(x) - 2)
        share = (within - x[k]) / (x[k + 1] - x[k])
        return np.asarray(y[k] + share * (y[k + 1] - y[k]))
