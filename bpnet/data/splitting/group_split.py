"""The split by groups: whole groups of rows are drawn, so that no group is in two parts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bpnet.data.splitting.parts import HELD_OUT, HeldOut, Indices
from bpnet.errors import DataError
from bpnet.messages import counted

_DrawnGroups = dict[HeldOut, npt.NDArray[np.bool_]]
"""The mask (G,) of each part's groups."""

_MOST_DRAWS = 100
_MOST_GROUPS_DRAWN = 20_000
"""Groups of all draws together: many groups are in proportion by chance."""


@dataclass(frozen=True)
class _GroupCounts:
    """The number of rows of each of the P pairs of a group and a class that occur."""

    group: Indices
    of_class: Indices
    rows: Indices

    def class_shares(self, groups: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        """Return the share (K,) of each class's rows that are in a mask of groups (G,)."""
        rows = np.bincount(self.of_class, self.rows * groups[self.group])  # (K,)
        return np.asarray(rows / np.maximum(np.bincount(self.of_class, self.rows), 1))

    def main_classes(self, groups: int) -> Indices:
        """Return the class (G,) of which each group has the largest share."""
        share = self.rows / np.bincount(self.of_class, self.rows)[self.of_class]  # (P,)
        by_share = np.lexsort((share, self.group))  # by group, then by share
        # the last pair of each group is that of its largest share
        largest = by_share[np.append(np.diff(self.group[by_share]) > 0, True)]
        main = np.zeros(groups, np.intp)
        main[self.group[largest]] = self.of_class[largest]
        return main


def draw_groups(
    free: Indices,
    sizes: Mapping[HeldOut, int],
    groups: Indices,
    classes: Indices | None,
    rng: np.random.Generator,
) -> dict[HeldOut, Indices]:
    """Return some of the free rows (F,) for each part, in whole groups, of about these `sizes`.

    Groups are drawn at random. A part's size usually differs from the requested one by less than
    the largest group.

    With `classes` (F,), each part has its share of the groups of each kind, where the kind of a
    group is the class of which it has the largest share, and one group of each kind is in the
    training part. Of up to 100 draws, fewer if there are many groups, the one nearest to the shares
    of the classes is taken.

    Raises DataError if there are too few `groups` (F,) for each part to have one.
    """
    rows = np.bincount(groups)  # (G,)
    counts = _GroupCounts(*_pairs(groups, np.zeros_like(groups) if classes is None else classes))
    kinds = counts.main_classes(len(rows))
    present = np.flatnonzero(rows)  # a group may have no free row
    _check_enough(len(present), len(np.unique(kinds[present])), sizes, by_class=classes is not None)

    def distance(drawn: _DrawnGroups) -> float:
        """Return the sum of squared differences from each class's share."""
        return sum(
            float(((counts.class_shares(drawn[part]) - sizes[part] / len(free)) ** 2).sum())
            for part in drawn
        )

    draws = 1 if classes is None else min(max(_MOST_GROUPS_DRAWN // len(present), 1), _MOST_DRAWS)
    drawn = (_draw(rows, sizes, kinds, rng.permutation(present)) for _ in range(draws))
    return {part: free[mask[groups]] for part, mask in min(drawn, key=distance).items()}


def _check_enough(groups: int, kinds: int, sizes: Mapping[HeldOut, int], *, by_class: bool) -> None:
    """Raise DataError if there are too few groups for training and each part to draw."""
    needed = sum(size > 0 for size in sizes.values())
    if groups - kinds < needed:
        reason = ", one for each main class of a group," if by_class else ""
        none = " ".join(f"--set dataset.split.{part}=0" for part in sizes)
        # a part that is not held out needs no group
        advice = f"hold none out: {none}"
        if groups - kinds == 1:
            advice = "hold only one part out: --set dataset.split.validation=0"
        if by_class and groups > needed:
            advice = "draw groups of all classes alike: --set dataset.split.stratify=false"
        raise DataError(
            f"dataset.split.group: {kinds} of {counted(groups, 'group')} must be in the training "
            f"part{reason} and {needed} must be held out; use a column with more distinct values, "
            f"or {advice}"
        )


def _pairs(groups: Indices, classes: Indices) -> tuple[Indices, Indices, Indices]:
    """Return the groups and classes (P,) of the pairs that occur, in order, and their rows (P,)."""
    # a pair as one number: group · K + class
    pairs, rows = np.unique(groups * (classes.max() + 1) + classes, return_counts=True)
    return *np.divmod(pairs, classes.max() + 1), rows


def _draw(
    rows: Indices, sizes: Mapping[HeldOut, int], kinds: Indices, shuffled: Indices
) -> _DrawnGroups:
    """Return the groups of each part: of each kind the first ones of those shuffled."""
    # the groups of each kind; the stable sort keeps them shuffled
    by_kind = shuffled[np.argsort(kinds[shuffled], kind="stable")]
    left = np.split(by_kind, np.flatnonzero(np.diff(kinds[by_kind])) + 1)
    shares = [rows[kind].sum() / rows.sum() for kind in left]
    spare = len(shuffled) - len(left)  # one of each kind stays for training
    parts: list[HeldOut] = [part for part in HELD_OUT if sizes[part]]
    drawn: _DrawnGroups = {}
    for parts_after, part in zip(reversed(range(len(parts))), parts, strict=True):
        drawn[part] = np.zeros(len(rows), np.bool_)
        aim, taken = 0.0, 0
        # the next kind makes up for the rows that one kind misses of its share
        for k, kind in enumerate(left):
            aim += shares[k] * sizes[part]
            most = min(len(kind) - 1, spare - parts_after)  # each later part needs one
            # (most + 1,) rows of the part with the first 0, 1, … groups
            after = taken + np.concatenate([[0], np.cumsum(rows[kind[:most]])])
            n = int(np.argmin(np.abs(after - aim)))  # groups whose rows come nearest to the aim
            drawn[part][kind[:n]] = True
            left[k], taken, spare = kind[n:], int(after[n]), spare - n
        if not taken:  # a part is never empty
            k = int(np.argmax([len(kind) for kind in left]))
            drawn[part][left[k][0]] = True
            left[k], spare = left[k][1:], spare - 1
    return drawn
