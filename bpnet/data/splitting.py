"""Splitting: which rows train, which validate and which test, from a seed alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from bpnet.data.group_split import draw_groups
from bpnet.engine.randomness import Purpose, generator
from bpnet.errors import DataError
from bpnet.messages import did_you_mean

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = get_args(Part)
HeldOut = Literal["validation", "test"]
Indices = npt.NDArray[np.intp]
PartNumbers = npt.NDArray[np.int8]

_TRAIN, _DROPPED = 0, -1
_HELD_OUT: dict[HeldOut, int] = {"validation": 1, "test": 2}
_WORDS = {"train": 0, "validation": 1, "val": 1, "valid": 1, "dev": 1, "test": 2}


@dataclass(frozen=True)
class SplitOptions:
    """What a split should be: each part's share of the rows, count or row indices, and how rows are drawn.

    An int is a count, a float a share.
    """

    validation: int | float = 0.0
    test: int | float = 0.0
    validation_rows: Sequence[int] | None = None
    test_rows: Sequence[int] | None = None
    shuffle: bool = True


def split_rows(
    rows: int,
    options: SplitOptions,
    seed: int,
    classes: Indices | None = None,
    *,
    groups: Indices | None = None,
    times: npt.NDArray[np.float64] | None = None,
    named: PartNumbers | None = None,
    dropped: npt.NDArray[np.bool_] | None = None,
) -> dict[Part, Indices]:
    """Row indices of each part, in file order; a part has its share of the rows to the nearest whole row.

    Each array has an entry for each row (N,). With `classes`, the class number, every part drawn also has its share
    of each class, by largest remainders, and the training rows keep at least one of each.

    With `groups`, the group number, whole groups are drawn, so that no group is in two parts and shares are
    approximate; `classes` then count as `draw_groups` says. With `times`, the latest rows test, those before them
    validate and the earliest train; rows of the same time stay together, for which a cut moves to the nearest change
    of the time, the earlier where two are as near.

    `named` is the part, by its place in PARTS: rows named for validation or test stay there, no more are drawn for
    such a part, and shares are of the other rows, whether these are named for train or are -1. Rows that are `dropped`
    are in no part, and their other entries are not looked at.

    Raises DataError where a part would be empty, a row is named that is not there, or a time or group is missing.
    """
    parts = np.zeros(rows, np.int8) if named is None else np.maximum(named, _TRAIN)
    filled = [part for part, k in _HELD_OUT.items() if (parts == k).any()]
    if dropped is not None:
        parts[dropped] = _DROPPED
    drawn_from = int(np.count_nonzero(parts == _TRAIN))
    amounts: dict[HeldOut, int | float] = {"validation": options.validation, "test": options.test}
    sizes = {
        part: 0 if part in filled else _size(part, amount, drawn_from)
        for part, amount in amounts.items()
    }
    rows_of: dict[HeldOut, Sequence[int] | None] = {
        "validation": options.validation_rows,
        "test": options.test_rows,
    }
    for part, listed in rows_of.items():
        if listed:
            _name(parts, part, np.array(sorted(listed), np.intp))
            filled.append(part)
    for part in filled:
        if not (parts == _HELD_OUT[part]).any():
            raise DataError(
                f"dataset.split: all rows of the {part} part are left out; name other rows for it"
            )
    free = np.flatnonzero(parts == _TRAIN)
    if sum(sizes.values()) >= len(free):
        kept = int(np.count_nonzero(parts != _DROPPED))
        raise DataError(
            f"dataset.split: of {kept} rows {kept - len(free) + sum(sizes.values())} are held out for validation and "
            "test, which leaves none to train on; lower the shares or counts, or name fewer rows"
        )
    rng = generator(seed, Purpose.SPLIT)
    if times is not None:
        _check_given("time", free, np.isfinite(times[free]))
        drawn = _latest(free, sizes, times[free])
    elif groups is not None:
        _check_given("group", free, groups[free] >= 0)
        drawn = draw_groups(
            free, sizes, groups[free], None if classes is None else classes[free], rng
        )
    else:
        drawn = _draw(
            free,
            sizes,
            None if classes is None else classes[free],
            rng if options.shuffle else None,
        )
    for part, chosen in drawn.items():
        parts[chosen] = _HELD_OUT[part]
    return {part: np.flatnonzero(parts == k) for k, part in enumerate(PARTS)}


def parts_from_words(
    codes: Indices, categories: Sequence[str], where: Callable[[int], str]
) -> PartNumbers:
    """The part of each row (N,), by its place in PARTS, from the words of dataset.split.column in any case.

    `codes` (N,) are places in `levels`, the distinct words, or -1 for a blank; `where` names the place of a row. Raises
    DataError where a word is none of train, validation (also val, valid, dev) and test, and where no row trains.
    """
    # the last entry is that of code -1
    numbers = np.array(
        [*(_WORDS.get(category.strip().casefold(), -1) for category in categories), -1], np.int8
    )
    parts: PartNumbers = numbers[codes]
    wrong = int(np.count_nonzero(parts == -1))
    if wrong:
        row = int(np.argmax(parts == -1))
        word = "" if codes[row] < 0 else categories[codes[row]].strip()
        shown = f"'{word}'" if word else "blank"
        others = (
            f" (and {wrong - 1} more such {'row' if wrong == 2 else 'rows'})" if wrong > 1 else ""
        )
        raise DataError(
            f"{where(row)}: the cell of dataset.split.column is {shown}{others}; it must be "
            f"train, validation (or val, valid, dev) or test{did_you_mean(word, _WORDS) if word else ''}"
        )
    if not (parts == _TRAIN).any():
        raise DataError(
            "dataset.split.column: no row has the word train there; mark the rows to train on with it"
        )
    return parts


def _size(part: HeldOut, amount: int | float, rows: int) -> int:
    """The rows to draw for a part from so many."""
    if isinstance(amount, int):
        return amount
    size = round(rows * amount)
    if amount > 0 and size == 0:
        raise DataError(
            f"dataset.split.{part} is {amount}, which of {rows} rows leaves the {part} part empty; "
            + (
                f"raise it to at least {1 / rows:.3g}, or set it to 0"
                if rows > 3
                else "set it to 0"
            )
        )
    return size


def _name(parts: PartNumbers, part: HeldOut, listed: Indices) -> None:
    """Enter the rows that a key of the config lists, in order, into the part of each row (N,)."""
    if listed[-1] >= len(parts):
        outside = listed[np.argmax(listed >= len(parts))]
        raise DataError(
            f"dataset.split.{part}_rows names row {outside + 1}, but the table has {len(parts)} rows"
        )
    twice = listed[1:][np.diff(listed) == 0]
    if len(twice):
        raise DataError(
            f"dataset.split.{part}_rows names row {twice[0] + 1} twice; name each row once"
        )
    both = listed[parts[listed] > _TRAIN]
    if len(both):
        raise DataError(
            f"dataset.split names row {both[0] + 1} for validation and for test; choose one"
        )
    parts[listed[parts[listed] == _TRAIN]] = _HELD_OUT[part]


def _check_given(key: str, free: Indices, given: npt.NDArray[np.bool_]) -> None:
    if not given.all():
        raise DataError(
            f"dataset.split.{key}: row {free[np.argmin(given)] + 1} has no {key}; give it one, or take the row out"
        )


def _draw(
    free: Indices,
    sizes: dict[HeldOut, int],
    classes: Indices | None,
    rng: np.random.Generator | None,
) -> dict[HeldOut, Indices]:
    """Rows among those free (F,) for each part, of each class in proportion; the last rows where there is no `rng`."""
    strata = [free]
    if classes is not None:
        strata = np.split(
            free[np.argsort(classes, kind="stable")], np.cumsum(np.bincount(classes))[:-1]
        )
    left = [rng.permutation(stratum) if rng else stratum[::-1] for stratum in strata]
    totals = np.array([len(stratum) for stratum in strata])
    drawn: dict[HeldOut, Indices] = {}
    for part in ("test", "validation"):
        kept = 0 if classes is None else 1
        counts = _shares(
            totals, sizes[part], np.array([max(len(stratum) - kept, 0) for stratum in left])
        )
        drawn[part] = np.concatenate([stratum[:n] for stratum, n in zip(left, counts, strict=True)])
        if sizes[part] and not len(drawn[part]):
            raise DataError(
                f"dataset.split.{part}: every row left is the only one of its class, which must train; "
                f"name fewer rows, set stratify to false, or set {part} to 0"
            )
        left = [stratum[n:] for stratum, n in zip(left, counts, strict=True)]
    return drawn


def _shares(sizes: Indices, total: int, spare: Indices) -> Indices:
    """`total` divided among strata in proportion to their sizes by largest remainders, none above its `spare`."""
    ideal = sizes * (total / sizes.sum())
    counts: Indices = np.minimum(np.floor(ideal).astype(np.intp), spare)
    for k in np.argsort(counts - ideal, kind="stable"):
        if counts.sum() < total and counts[k] < spare[k]:
            counts[k] += 1
    while counts.sum() < total and (counts < spare).any():
        counts[np.argmax(spare - counts)] += 1
    return counts


def _latest(
    free: Indices, sizes: dict[HeldOut, int], times: npt.NDArray[np.float64]
) -> dict[HeldOut, Indices]:
    """The latest of the rows free (F,), which have these times, for the test, and those before for validation."""
    order = np.argsort(times, kind="stable")
    changes = np.flatnonzero(np.diff(times[order])) + 1
    wanted = sum(size > 0 for size in sizes.values())
    if len(changes) < wanted:
        raise DataError(
            f"dataset.split.time: the rows have {len(changes) + 1} different times, too few for {wanted + 1} parts of "
            "different times; take a finer column, or set validation or test to 0"
        )
    drawn: dict[HeldOut, Indices] = {}
    end = len(free)
    for part in ("test", "validation"):
        if sizes[part]:
            wanted -= 1
            allowed = changes[wanted:]  # each part before this one needs a change of its own
            k = wanted + int(np.argmin(np.abs(allowed - (end - sizes[part]))))
            drawn[part] = free[order[changes[k] : end]]
            end, changes = int(changes[k]), changes[:k]
    return drawn
