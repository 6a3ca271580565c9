"""Splitting: which rows train, which validate and which test, from a seed alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from bpnet.engine.randomness import Purpose, generator
from bpnet.errors import DataError

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Wish:
    """What a split should be: the share of all rows for each part, or its row indices, and how rows are drawn."""

    validation: float = 0.0
    test: float = 0.0
    validation_rows: Sequence[int] | None = None
    test_rows: Sequence[int] | None = None
    shuffle: bool = True


def split_rows(rows: int, wish: Wish, seed: int, classes: Indices | None = None) -> dict[Part, Indices]:
    """Row indices of each part, in file order; a part has its share of the rows to the nearest whole row.

    With `classes`, the class number of each row, every part drawn also has its share of each class, by largest
    remainders, and the training rows keep at least one of each. Raises DataError where a part would be empty.
    """
    taken: dict[Part, Indices] = {
        "validation": np.array(sorted(wish.validation_rows or []), np.intp),
        "test": np.array(sorted(wish.test_rows or []), np.intp),
    }
    _check_named(rows, taken)
    free = np.setdiff1d(np.arange(rows), np.concatenate(list(taken.values())))
    sizes = {"validation": round(rows * wish.validation), "test": round(rows * wish.test)}
    for part, share in (("validation", wish.validation), ("test", wish.test)):
        if share > 0 and sizes[part] == 0:
            raise DataError(
                f"dataset.split.{part} is {share}, which of {rows} rows leaves the {part} part empty; "
                + (f"raise it to at least {1 / rows:.3g}, or set it to 0" if rows > 3 else "set it to 0")
            )
    if sum(sizes.values()) >= len(free):
        raise DataError(
            f"dataset.split: of {rows} rows {rows - len(free) + sum(sizes.values())} are held out for validation and "
            "test, which leaves none to train on; lower the shares, or name fewer rows"
        )
    rng = generator(seed, Purpose.SPLIT)
    groups = [free] if classes is None else [free[classes[free] == k] for k in range(classes.max() + 1)]
    left = [rng.permutation(group) if wish.shuffle else group[::-1] for group in groups]
    totals = np.array([len(group) for group in groups])
    for drawn in ("test", "validation"):
        kept = 0 if classes is None else 1
        counts = _shares(totals, sizes[drawn], np.array([max(len(group) - kept, 0) for group in left]))
        chosen = np.concatenate([group[:n] for group, n in zip(left, counts, strict=True)])
        if sizes[drawn] and not len(chosen):
            raise DataError(
                f"dataset.split.{drawn}: every row left is the only one of its class, which must train; "
                f"name fewer rows, set stratify to false, or set {drawn} to 0"
            )
        taken[drawn] = np.sort(np.concatenate([taken[drawn], chosen]))
        left = [group[n:] for group, n in zip(left, counts, strict=True)]
    taken["train"] = np.sort(np.concatenate(left))
    return {part: taken[part] for part in PARTS}


def _check_named(rows: int, taken: Mapping[Part, Indices]) -> None:
    for part, named in taken.items():
        outside = [int(row) + 1 for row in named if row >= rows]
        if outside:
            raise DataError(f"dataset.split.{part}_rows names row {outside[0]}, but the table has {rows} rows")
        if len(np.unique(named)) < len(named):
            raise DataError(f"dataset.split.{part}_rows names row {_first_twice(named) + 1} twice; name each row once")
    both = np.intersect1d(taken["validation"], taken["test"])
    if len(both):
        raise DataError(f"dataset.split names row {both[0] + 1} for validation and for test; choose one")


def _first_twice(named: Indices) -> int:
    values, counts = np.unique(named, return_counts=True)
    return int(values[np.argmax(counts > 1)])


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
