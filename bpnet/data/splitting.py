"""Splitting: which rows train, which validate and which test, from a seed alone."""

from typing import Literal

import numpy as np
import numpy.typing as npt

from bpnet.engine.randomness import Purpose, generator
from bpnet.errors import DataError

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")
Indices = npt.NDArray[np.intp]


def split_rows(
    rows: int, validation: float, test: float, seed: int, classes: Indices | None = None
) -> dict[Part, Indices]:
    """Row indices of each part, in file order; a part has its share of the rows to the nearest whole row.

    With `classes`, the class number of each row, every part also has its share of each class, by largest remainders,
    and the training rows have at least one of each. Raises DataError where a part with a share would be empty.
    """
    sizes = {"validation": round(rows * validation), "test": round(rows * test)}
    for part, share in (("validation", validation), ("test", test)):
        if share > 0 and sizes[part] == 0:
            raise DataError(
                f"dataset.split.{part} is {share}, which of {rows} rows leaves the {part} part empty; "
                f"raise it to at least {1 / rows:.3g}, or set it to 0"
            )
    if sum(sizes.values()) >= rows:
        raise DataError(
            f"dataset.split: validation {validation} and test {test} of {rows} rows leave none to train on; lower them"
        )
    rng = generator(seed, Purpose.SPLIT)
    groups = [np.arange(rows)] if classes is None else [np.flatnonzero(classes == k) for k in range(classes.max() + 1)]
    left = [rng.permutation(group) for group in groups]
    taken: dict[Part, Indices] = {}
    for part in ("test", "validation"):
        spare = np.array([len(group) - 1 for group in left]) if classes is not None else np.array([len(left[0])])
        counts = _shares(np.array([len(group) for group in groups]), sizes[part], spare)
        taken[part] = np.sort(np.concatenate([group[:n] for group, n in zip(left, counts, strict=True)]))  # type: ignore[index]
        left = [group[n:] for group, n in zip(left, counts, strict=True)]
    taken["train"] = np.sort(np.concatenate(left))
    return {part: taken[part] for part in PARTS}


def _shares(sizes: Indices, total: int, spare: Indices) -> Indices:
    """`total` divided among groups in proportion to their sizes by largest remainders, none above its `spare`."""
    ideal = sizes * (total / sizes.sum())
    counts: Indices = np.minimum(np.floor(ideal).astype(np.intp), spare)
    for k in np.argsort(counts - ideal, kind="stable"):
        if counts.sum() < total and counts[k] < spare[k]:
            counts[k] += 1
    while counts.sum() < total and (counts < spare).any():
        counts[np.argmax(spare - counts)] += 1
    return counts
