"""The split by time: the latest rows for test, those before for validation, then training."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from bpnet.data.splitting.parts import HELD_OUT, HeldOut, Indices
from bpnet.errors import DataError


def draw_latest(
    free: Indices, sizes: Mapping[HeldOut, int], times: npt.NDArray[np.float64]
) -> dict[HeldOut, Indices]:
    """Return the latest of the free rows (F,) with these times (F,), about `sizes` for each part.

    A cut moves to the nearest change of the time, the earlier of two that are as near. Raises
    DataError if the times are too few for each part to have its own.
    """
    order = np.argsort(times, kind="stable")
    changes = np.flatnonzero(np.diff(times[order])) + 1  # positions at which a new time begins
    parts_left = sum(size > 0 for size in sizes.values())
    if len(changes) < parts_left:
        raise DataError(
            f"dataset.split.time: the rows have {len(changes) + 1} different times, "
            f"too few for {parts_left + 1} parts of different times; "
            "use a column with more distinct values, or hold fewer parts out: "
            "--set dataset.split.validation=0"
        )
    drawn: dict[HeldOut, Indices] = {}
    end = len(free)
    for part in HELD_OUT:
        if sizes[part]:
            parts_left -= 1
            allowed = changes[parts_left:]  # each part before this one needs a change of its own
            cut = parts_left + int(np.argmin(np.abs(allowed - (end - sizes[part]))))
            drawn[part] = free[order[changes[cut] : end]]
            end, changes = int(changes[cut]), changes[:cut]
    return drawn
