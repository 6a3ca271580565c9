"""The split: validation and test rows, named or drawn with the seed; the others for training."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bpnet.data.splitting.group_split import draw_groups
from bpnet.data.splitting.parts import (
    DROPPED,
    NUMBERS,
    PARTS,
    TRAIN,
    HeldOut,
    Indices,
    Part,
    PartNumbers,
)
from bpnet.data.splitting.random_split import draw_rows
from bpnet.data.splitting.time_split import draw_latest
from bpnet.engine.randomness import SplitUse, split_generator
from bpnet.errors import DataError
from bpnet.messages import counted


@dataclass(frozen=True)
class SplitOptions:
    """The rows to hold out for validation and test, and whether at random.

    Of each part, the number of rows as a count (an int) or a share (a float), or the rows
    themselves, counted from 0. Without `shuffle`, the last rows are held out.
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
    """Return the rows of each part, in file order; shares are to the nearest whole row.

    Parameters
    ----------
    rows
        The number of rows of the table, N; each array has an entry for each row.
    options
        The rows to hold out.
    seed
        Seed of the draw.
    classes
        Class numbers (N,): every part drawn has its share of each class, by largest remainders, and
        at least one row of each class is a training row.
    groups
        Group numbers (N,): whole groups are drawn, so that no group is in two parts and shares are
        approximate; `classes` then count as `draw_groups` explains.
    times
        Times (N,): the latest rows are the test rows, those before them the validation rows, the
        earliest the training rows. Rows of the same time stay together.
    named
        Parts (N,) named row by row, -1 for none: rows named for validation or test are in that
        part, no more are drawn for it, and the shares of other parts are of the other rows.
    dropped
        Mask (N,) of the rows that are in no part; their other entries are not read.

    Raises
    ------
    DataError
        A part would be empty, a row does not exist, or a time or group is missing.
    """
    # rows that are named for no part may be drawn, and train otherwise
    parts = np.zeros(rows, np.int8) if named is None else np.maximum(named, TRAIN)
    # before rows are dropped: _check_filled refuses a part that then has none
    filled = [part for part, number in NUMBERS.items() if (parts == number).any()]
    if dropped is not None:
        parts[dropped] = DROPPED
    # before listed rows are entered: shares are of those, too
    sizes = _sizes(options, filled, int(np.count_nonzero(parts == TRAIN)))
    filled += _enter_listed_rows(parts, options)
    _check_filled(parts, filled)
    free = np.flatnonzero(parts == TRAIN)
    _check_some_left(sizes, len(free), int(np.count_nonzero(parts != DROPPED)))
    rng = split_generator(seed, SplitUse.PARTS)
    free_classes = None if classes is None else classes[free]
    if times is not None:
        _check_given("time", free, np.isfinite(times[free]))
        drawn = draw_latest(free, sizes, times[free])
    elif groups is not None:
        _check_given("group", free, groups[free] >= 0)
        drawn = draw_groups(free, sizes, groups[free], free_classes, rng)
    else:
        drawn = draw_rows(free, sizes, free_classes, rng if options.shuffle else None)
    for part, chosen in drawn.items():
        parts[chosen] = NUMBERS[part]
    return {part: np.flatnonzero(parts == number) for number, part in enumerate(PARTS)}


def _sizes(options: SplitOptions, filled: Sequence[HeldOut], rows: int) -> dict[HeldOut, int]:
    """Return the number of rows to draw for each part that is not filled."""
    amounts: dict[HeldOut, int | float] = {"validation": options.validation, "test": options.test}
    return {
        part: 0 if part in filled else _size(part, amount, rows) for part, amount in amounts.items()
    }


def _size(part: HeldOut, amount: int | float, rows: int) -> int:
    """Return the number of rows to draw from `rows` for a part; raise DataError if it is 0."""
    if isinstance(amount, int):
        return amount
    size = round(rows * amount)
    if amount > 0 and size == 0:
        advice = f"hold none out: --set dataset.split.{part}=0"
        if rows > 3:
            advice = f"raise it: --set dataset.split.{part}={1 / rows:.2g}, or {advice}"
        raise DataError(
            f"dataset.split.{part} is {amount}, which leaves the {part} part empty: "
            f"it is drawn from {counted(rows, 'row')}; {advice}"
        )
    return size


def _enter_listed_rows(parts: PartNumbers, options: SplitOptions) -> list[HeldOut]:
    """Enter the rows that the config lists into `parts` (N,), and return the parts it lists."""
    listed: dict[HeldOut, Sequence[int] | None] = {
        "validation": options.validation_rows,
        "test": options.test_rows,
    }
    filled: list[HeldOut] = []
    for part, rows in listed.items():
        if rows:
            _enter(parts, part, np.array(sorted(rows), np.intp))
            filled.append(part)
    return filled


def _enter(parts: PartNumbers, part: HeldOut, rows: Indices) -> None:
    """Enter rows, in order, into a part; raise DataError for one that does not fit."""
    if rows[-1] >= len(parts):
        outside = rows[np.argmax(rows >= len(parts))]
        raise DataError(
            f"dataset.split.{part}_rows names row {outside + 1}, "
            f"but the table has {len(parts)} rows; name rows from 1 to {len(parts)}"
        )
    twice = rows[1:][np.diff(rows) == 0]
    if len(twice):
        raise DataError(
            f"dataset.split.{part}_rows names row {twice[0] + 1} twice; name each row once"
        )
    both = rows[parts[rows] > TRAIN]
    if len(both):
        raise DataError(
            f"dataset.split names row {both[0] + 1} for validation and for test; choose one"
        )
    parts[rows[parts[rows] == TRAIN]] = NUMBERS[part]  # dropped rows stay dropped


def _check_filled(parts: PartNumbers, filled: Sequence[HeldOut]) -> None:
    """Raise DataError if all rows named for a part are dropped."""
    for part in filled:
        if not (parts == NUMBERS[part]).any():
            raise DataError(
                f"dataset.split: all rows named for the {part} part are dropped; name other rows"
            )


def _check_some_left(sizes: dict[HeldOut, int], free: int, rows: int) -> None:
    """Raise DataError if no training row is left."""
    held_out = rows - free + sum(sizes.values())
    if held_out >= rows:
        raise DataError(
            f"dataset.split: {held_out} of {rows} rows are held out for validation and test, so "
            "none are left to train on; lower the shares or counts, or name fewer rows"
        )


def _check_given(key: str, free: Indices, given: npt.NDArray[np.bool_]) -> None:
    """Raise DataError if a row has no time, or no group."""
    if not given.all():
        raise DataError(
            f"dataset.split.{key}: row {free[np.argmin(given)] + 1} has no {key}; "
            "give it one, or remove the row"
        )
