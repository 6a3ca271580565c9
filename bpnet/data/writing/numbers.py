"""Numbers to write: values with their resolution, in the fewest digits that keep it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bpnet.data.reading.column import Floats

_EXACT_POWER = 22
"""The largest power of ten that a float holds exactly."""


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
        if not len(self.values):
            return []
        # of the whole list at once: one by one it takes twice as long
        together = f"{self.rounded().tolist()!r}"[1:-1] + ", "
        return together.replace(".0, ", ", ").split(", ")[:-1]


def _round(values: Floats, decimals: npt.NDArray[np.int64]) -> Floats:
    """Return each value as the float next to its decimal number with so many decimals."""
    with np.errstate(all="ignore"):
        power = 10.0 ** decimals.clip(0, _EXACT_POWER)
        whole = np.rint(values * power)
        rounded = np.asarray(whole / power)  # the quotient of two exact numbers is the nearest
    others = (decimals < 0) | (decimals > _EXACT_POWER) | ~(np.abs(whole) < 2**53)
    for row in np.flatnonzero(others).tolist():
        value = float(values[row])
        try:
            rounded[row] = round(value, int(decimals[row]))
        except OverflowError:  # rounded up, it would be infinite
            rounded[row] = value
    return rounded
