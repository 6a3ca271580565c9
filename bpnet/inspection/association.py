"""Association of columns: how much of one column another one tells, whatever the target is.

Two columns of numbers or dates have the correlation of their ranks |ρ| (Spearman); a category and
a number the correlation ratio of the ranks, as √ε² (Kelley, 1935), which chance does not raise; two
categories Cramér's V with the correction of Bergsma (Journal of the Korean Statistical Society 42,
2013). All are from 0 to 1. A pair counts the rows in which both have a value; among categories a
missing value is one of them.
"""

from collections.abc import Sequence

import numpy as np

from bpnet.data.reading.column import Floats
from bpnet.inspection.cells import Cells

LINKED = 0.7
"""The association from which on columns are in one group: each tells half of the other's ranks."""
MOST_ROWS = 1000
"""Rows from which associations are measured."""
_MOST_LEVELS, _FEWEST_LEVELS, _ALL_LEVELS = 30, 4, 3000
"""Categories of a column that are told apart: at most, at least, and of all columns together."""
_SIGNIFICANCE = 0.01
_NO_SPREAD = 1e-6


def association_groups(columns: Sequence[Cells]) -> list[list[int]]:
    """Return groups of at least two columns, by number, of which each pair is associated.

    The association of a pair is 0.7 or more, and more than chance makes of as few rows and as many
    pairs.
    """
    # deferred: scipy takes a while to import
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(columns) < 2:
        return []
    strength, rows = associations(columns)
    linked = strength >= np.maximum(LINKED, _by_chance(rows))
    distance = np.where(linked, 1 - strength, 2.0)  # farther than any that are linked
    above = np.triu_indices(len(columns), 1)
    # complete: the distance of two groups is that of their farthest columns
    numbers = fcluster(linkage(distance[above], "complete"), 1.0, "distance")
    groups = [np.flatnonzero(numbers == k).tolist() for k in np.unique(numbers)]
    return [group for group in groups if len(group) > 1]


def _by_chance(rows: Floats) -> Floats:
    """Return the largest |ρ| (C, C) that chance makes of these numbers of rows, of all pairs."""
    # deferred: see above
    from scipy.special import stdtrit

    pairs = len(rows) * (len(rows) - 1) / 2
    counts, place = np.unique(rows, return_inverse=True)
    freedom = np.maximum(counts - 2, 1)
    # ρ √((n - 2) / (1 - ρ²)) has about Student's distribution
    quantile = stdtrit(freedom, 1 - _SIGNIFICANCE / (2 * pairs))
    largest = np.where(counts > 3, quantile / np.sqrt(freedom + quantile**2), np.inf)
    return np.asarray(largest[place])


def associations(columns: Sequence[Cells]) -> tuple[Floats, Floats]:
    """Return the association (C, C) of each two columns, and the rows (C, C) that have both."""
    count, rows = len(columns), len(columns[0].values)
    step = -(-rows // MOST_ROWS)
    values = [each.values[::step] for each in columns]
    numbers = np.array([k for k in range(count) if columns[k].kind != "category"], np.intp)
    categories = [k for k in range(count) if columns[k].kind == "category"]
    strength, both = np.zeros((count, count)), np.zeros((count, count))
    ranks = _Ranks([values[k] for k in numbers])
    if len(numbers):
        place = np.ix_(numbers, numbers)
        strength[place], both[place] = ranks.correlations()
    most = int(np.clip(_ALL_LEVELS // max(len(categories), 1), _FEWEST_LEVELS, _MOST_LEVELS))
    one_hot = [_one_hot(values[k], most) for k in categories]
    for k, codes in zip(categories, one_hot, strict=True):
        if len(numbers):
            strength[k, numbers], both[k, numbers] = ranks.ratios(codes)
            strength[numbers, k], both[numbers, k] = strength[k, numbers], both[k, numbers]
    if categories:
        place = np.ix_(categories, categories)
        strength[place], both[place] = _cramers_v(one_hot), len(one_hot[0])
    np.fill_diagonal(strength, 1.0)
    return strength, both


class _Ranks:
    """The ranks of N rows in C columns of numbers, from -½ to ½, with 0 for a missing value."""

    def __init__(self, columns: Sequence[Floats]) -> None:
        each = np.column_stack([_ranks(values) for values in columns] or [np.empty((0, 0))])
        known = ~np.isnan(each)
        self._known, self._x = known.astype(np.float32), np.where(known, each, 0).astype(np.float32)
        self._squares = self._x**2

    def correlations(self) -> tuple[Floats, Floats]:
        """Return |ρ| (C, C), and the rows (C, C) in which both are known."""
        known, x = self._known, self._x
        rows = (known.T @ known).astype(np.float64)
        with np.errstate(all="ignore"):
            # of one where the other is known, too
            sums, squares = x.T @ known, self._squares.T @ known
            spread = squares - sums**2 / rows
            ratio = np.abs(x.T @ x - sums * sums.T / rows) / np.sqrt(spread * spread.T)
        varies = (spread > _NO_SPREAD) & (spread.T > _NO_SPREAD)
        return np.where(varies, np.minimum(ratio, 1), 0.0), rows

    def ratios(self, codes: Floats) -> tuple[Floats, Floats]:
        """Return √ε² (C,) by categories (N, L), and the rows (C,) with a rank."""
        counts, sums = codes.T @ self._known, codes.T @ self._x  # (L, C)
        rows, total = counts.sum(axis=0), sums.sum(axis=0)
        levels = (counts > 0).sum(axis=0)
        with np.errstate(all="ignore"):
            middle = total**2 / rows
            spread = self._squares.sum(axis=0) - middle
            between = np.where(counts > 0, sums**2 / counts, 0.0).sum(axis=0) - middle
            share = 1 - (1 - between / spread) * (rows - 1) / (rows - levels)
        usable = (spread > _NO_SPREAD) & (rows > levels)
        return np.sqrt(np.clip(np.where(usable, share, 0.0), 0.0, 1.0)), rows


def _ranks(values: Floats) -> Floats:
    """Return the ranks (N,) of the values, equal ones shared, NaN for a missing value."""
    present = ~np.isnan(values)
    ranks = np.full(len(values), np.nan)
    _, place, counts = np.unique(values[present], return_inverse=True, return_counts=True)
    ranks[present] = ((np.cumsum(counts) - counts / 2) / max(present.sum(), 1) - 0.5)[place]
    return ranks


def _one_hot(codes: Floats, most: int) -> Floats:
    """Return columns (N, L) for the most frequent codes, with one for all others.

    Missing values are a code, too.
    """
    codes = np.where(np.isnan(codes), -1, codes)
    found, place, counts = np.unique(codes, return_inverse=True, return_counts=True)
    number = np.full(len(found), min(len(found), most) - 1)
    frequent = np.argsort(-counts, kind="stable")[: min(len(found), most)]
    number[frequent[: most - 1]] = np.arange(len(frequent[: most - 1]))
    return np.asarray(np.eye(number.max() + 1, dtype=np.float32)[number[place]])


def _cramers_v(one_hot: Sequence[Floats]) -> Floats:
    """Return the corrected V (C, C) of categories, each given by its columns (N, L)."""
    every, rows = np.hstack(one_hot), len(one_hot[0])
    counts = every.sum(axis=0, dtype=np.float64)
    levels = np.array([codes.shape[1] for codes in one_hot])
    starts = np.cumsum(levels) - levels
    # χ² / n = Σ n_ij² / (n_i n_j) - 1
    parts = []
    for codes, start in zip(one_hot, starts, strict=True):
        own = counts[start : start + codes.shape[1], None]
        cells = ((codes.T @ every) ** 2 / (own * counts)).sum(axis=0)
        parts.append(np.add.reduceat(cells, starts) - 1)
    below = max(rows - 1, 1)
    excess = np.outer(levels - 1, levels - 1) / below
    corrected = levels - (levels - 1) ** 2 / below
    fewest = np.minimum.outer(corrected, corrected) - 1
    phi = np.maximum(np.array(parts) - excess, 0)
    return np.sqrt(np.minimum(phi / np.where(fewest > 0, fewest, np.inf), 1.0))
