"""Grouping: whole groups of rows drawn for a part, so that no group is in two."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from bpnet.errors import DataError

Indices = npt.NDArray[np.intp]
HeldOut = Literal["validation", "test"]
Drawn = dict[HeldOut, npt.NDArray[np.bool_]]

_ORDER: tuple[HeldOut, ...] = ("test", "validation")
_MOST_DRAWS = 100
_MOST_GROUPS_DRAWN = (
    20_000  # in all draws together: many groups are in proportion by chance already
)


@dataclass(frozen=True)
class _Counts:
    """How many rows of each class each group has, where it has any (P,): the group, the class and the rows."""

    group: Indices
    of_class: Indices
    rows: Indices

    def by_class(self, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        """The share (K,) of each class's rows that these groups (G,) hold."""
        held = np.bincount(self.of_class, self.rows * chosen[self.group])
        return np.asarray(held / np.maximum(np.bincount(self.of_class, self.rows), 1))

    def kinds(self, groups: int) -> Indices:
        """The class (G,) of which each group holds the largest share."""
        share = self.rows / np.bincount(self.of_class, self.rows)[self.of_class]
        by_share = np.lexsort((share, self.group))
        largest = by_share[np.append(np.diff(self.group[by_share]) > 0, True)]
        kinds = np.zeros(groups, np.intp)
        kinds[self.group[largest]] = self.of_class[largest]
        return kinds


def draw_groups(
    free: Indices,
    sizes: Mapping[HeldOut, int],
    groups: Indices,
    classes: Indices | None,
    rng: np.random.Generator,
) -> dict[HeldOut, Indices]:
    """Rows among those free (F,) for each part, in whole groups whose rows come nearest to the part's size.

    `groups` (F,) are the rows' group numbers. With their `classes` (F,), each part has its share of the groups of each
    kind, where a group's kind is the class of which it holds the largest share, and one group of each kind trains; of
    up to 100 draws, fewer where there are many groups, that counts which comes nearest to each class's share.

    Groups are drawn at random and as a rule miss a size by no more than the largest group. Raises DataError where there
    are too few groups for each part to have one.
    """
    rows = np.bincount(groups)
    counts = _Counts(*_pairs(groups, np.zeros_like(groups) if classes is None else classes))
    kinds = counts.kinds(len(rows))
    present = np.flatnonzero(rows)
    kinds_present = len(np.unique(kinds[present]))
    needed = sum(size > 0 for size in sizes.values())
    if len(present) - kinds_present < needed:
        raise DataError(
            f"dataset.split.group: of {len(present)} groups {kinds_present} must train"
            + (", one of each kind of class," if classes is not None else "")
            + f" and {needed} must be held out; take a finer column, set validation or test to 0"
            + (", or stratify to false" if classes is not None else "")
        )

    def miss(drawn: Drawn) -> float:
        return sum(
            float(((counts.by_class(drawn[part]) - sizes[part] / len(free)) ** 2).sum())
            for part in drawn
        )

    draws = 1 if classes is None else min(max(_MOST_GROUPS_DRAWN // len(present), 1), _MOST_DRAWS)
    best = min(
        (_draw(rows, sizes, kinds, rng.permutation(present)) for _ in range(draws)), key=miss
    )
    return {part: free[chosen[groups]] for part, chosen in best.items()}


def _pairs(groups: Indices, classes: Indices) -> tuple[Indices, Indices, Indices]:
    """Each pair of a group and a class that some row has, in order, and how many rows have it."""
    pairs, rows = np.unique(groups * (classes.max() + 1) + classes, return_counts=True)
    return *np.divmod(pairs, classes.max() + 1), rows


def _draw(rows: Indices, sizes: Mapping[HeldOut, int], kinds: Indices, shuffled: Indices) -> Drawn:
    """The groups (G,) of each part: of each kind the first ones of those shuffled."""
    by_kind = shuffled[np.argsort(kinds[shuffled], kind="stable")]
    left = np.split(by_kind, np.flatnonzero(np.diff(kinds[by_kind])) + 1)
    shares = [rows[kind].sum() / rows.sum() for kind in left]
    spare = len(shuffled) - len(left)
    wanted: list[HeldOut] = [part for part in _ORDER if sizes[part]]
    drawn: Drawn = {}
    for parts_after, part in zip(reversed(range(len(wanted))), wanted, strict=True):
        drawn[part] = np.zeros(len(rows), np.bool_)
        aim, taken = 0.0, 0
        # what one kind's groups miss of its share is made up for by the next kind's
        for k, kind in enumerate(left):
            aim += shares[k] * sizes[part]
            most = min(len(kind) - 1, spare - parts_after)
            after = taken + np.concatenate([[0], np.cumsum(rows[kind[:most]])])
            n = int(np.argmin(np.abs(after - aim)))
            drawn[part][kind[:n]] = True
            left[k], taken, spare = kind[n:], int(after[n]), spare - n
        if not taken:
            k = int(np.argmax([len(kind) for kind in left]))
            drawn[part][left[k][0]] = True
            left[k], spare = left[k][1:], spare - 1
    return drawn
