"""The random split, of each class in proportion if the rows have classes."""

from collections.abc import Mapping

import numpy as np

from bpnet.data.splitting.parts import HELD_OUT, HeldOut, Indices
from bpnet.errors import DataError


def draw_rows(
    free: Indices,
    sizes: Mapping[HeldOut, int],
    classes: Indices | None,
    rng: np.random.Generator | None,
) -> dict[HeldOut, Indices]:
    """Return `sizes` of the free rows (F,) for each part, of each class (F,) in proportion.

    Without `rng` they are the last rows. Raises DataError if every remaining row is the only one of
    its class.
    """
    strata = [free]
    if classes is not None:
        # the rows of each class, cut where the next class begins
        by_class = free[np.argsort(classes, kind="stable")]
        strata = np.split(by_class, np.cumsum(np.bincount(classes))[:-1])
    # rows are taken from the start: reversed, the last ones
    left = [rng.permutation(stratum) if rng else stratum[::-1] for stratum in strata]
    totals = np.array([len(stratum) for stratum in strata])
    drawn: dict[HeldOut, Indices] = {}
    for part in HELD_OUT:
        must_train = 0 if classes is None else 1
        spare = np.array([max(len(stratum) - must_train, 0) for stratum in left])
        counts = _shares(totals, sizes[part], spare)
        drawn[part] = np.concatenate([stratum[:n] for stratum, n in zip(left, counts, strict=True)])
        if sizes[part] and not len(drawn[part]):
            raise DataError(
                f"dataset.split.{part}: every remaining row is the only one of its class, and "
                "each class needs a training row; "
                f"name fewer rows, add rows, or hold none out: --set dataset.split.{part}=0"
            )
        left = [stratum[n:] for stratum, n in zip(left, counts, strict=True)]
    return drawn


def _shares(sizes: Indices, total: int, spare: Indices) -> Indices:
    """Return `total` divided among strata by their sizes and largest remainders.

    No stratum gives more than its `spare` rows.
    """
    ideal = sizes * (total / sizes.sum())  # (K,) with fractions
    counts: Indices = np.minimum(np.floor(ideal).astype(np.intp), spare)
    for k in np.argsort(counts - ideal, kind="stable"):  # the largest remainder first
        if counts.sum() < total and counts[k] < spare[k]:
            counts[k] += 1
    # if a stratum had no row to spare, another gives one more
    while counts.sum() < total and (counts < spare).any():
        counts[np.argmax(spare - counts)] += 1
    return counts
