"""Numbers to write: values with their resolution, in the fewest digits that keep it."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bpnet.data.reading.column import Floats

_EXACT_POWER = 22
"""The largest power of ten that a float holds exactly."""


_POWERS = np.array([float(f"1e{k}") for k in range(_EXACT_POWER + 1)])

_FAST = 14
"""Significant digits that `%g` writes fast, and as `repr` does if a float has no more."""


@dataclass(frozen=True)
class Numbers:
    """Values (N,), each with its resolution (N,): the distance to the next value that can occur."""

    values: Floats
    resolution: Floats

    def rounded(self) -> Floats:
        """Return the values (N,) with as few decimals as keep each within half its resolution."""
        values, resolution = self.values, self.resolution
        rounded = values + 0.0  # makes 0 of -0
        known = np.flatnonzero(np.isfinite(resolution) & (resolution > 0))
        # 10^-decimals is no more than the resolution, and ten times that may be near enough too
        decimals = -np.floor(np.log10(resolution[known])).astype(np.int64)
        enough = _round(values[known], decimals)
        fewer = _round(values[known], decimals - 1)
        near = np.abs(fewer - values[known]) <= resolution[known] / 2
        rounded[known] = np.where(near, fewer, enough) + 0.0
        return rounded

    def texts(self) -> list[str]:
        """Return the rounded values as text, whole numbers without a fraction."""
        rounded = self.rounded().tolist()
        digits = self._digits()
        if digits > _FAST:
            return [repr(value).removesuffix(".0") for value in rounded]
        # the same texts, together: one by one they take three times as long
        return (f"%.{digits}g " * len(rounded) % tuple(rounded)).split()

    def _digits(self) -> float:
        """Return a number of digits that no rounded value exceeds, before the point or in all."""
        size, resolution = np.abs(self.values), self.resolution
        if not (resolution.min(initial=1) > 0 and resolution.max(initial=1) < np.inf):
            return np.inf  # not all are rounded
        with np.errstate(all="ignore"):
            most = max((size / resolution).max(initial=1), size.max(initial=1))
        # one more for a power of ten below the resolution, and one for rounding up
        return math.ceil(math.log10(most)) + 2 if most < np.inf else np.inf


def _round(values: Floats, decimals: npt.NDArray[np.int64]) -> Floats:
    """Return each value as the float next to its decimal number with so many decimals."""
    with np.errstate(all="ignore"):
        power = _POWERS[decimals.clip(0, _EXACT_POWER)]
        whole = np.rint(values * power)
        rounded = np.asarray(whole / power)  # the quotient of two exact numbers is the nearest
    others = (decimals < 0) | (decimals > _EXACT_POWER) | ~(np.abs(whole) < 2**53)
    others &= values != 0  # which has a tiny resolution, and is exact already
    for row in np.flatnonzero(others).tolist():
        value = float(values[row])
        try:
            rounded[row] = round(value, int(decimals[row]))
        except OverflowError:  # rounded up, it would be infinite
            rounded[row] = value
    return rounded
