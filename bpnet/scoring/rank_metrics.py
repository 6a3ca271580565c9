"""Metrics of ranks: those that depend on the order of the rows, at any counts of the rows."""

from collections.abc import Callable
from functools import cached_property

import numpy as np
import numpy.typing as npt

from bpnet.data.reading.column import Floats
from bpnet.scoring.bootstrap import MetricValues, mean_of_defined, ratio


class Rankings:
    """ROC AUC and average precision, averaged over the columns with positive and negative rows.

    `column(k)` returns a mask (N,) of column k's positive rows, and the scores (N,) that should
    rank these first. There are K = `width` columns.
    """

    def __init__(
        self, width: int, column: Callable[[int], tuple[npt.NDArray[np.bool_], Floats]]
    ) -> None:
        self.width = width
        self._column = column

    @cached_property
    def _sorted(self) -> list["_Ranking"]:
        return [_Ranking(*self._column(k)) for k in range(self.width)]

    def at(self, counts: Floats) -> MetricValues:
        """Return the means (S,) over the columns with rows of both kinds in a resample."""
        each = np.array([ranking.at(counts) for ranking in self._sorted])
        return {
            "roc_auc": mean_of_defined(each[:, 0].T),
            "average_precision": mean_of_defined(each[:, 1].T),
        }

    def slopes(self) -> MetricValues:
        """Return the means of the columns' slopes; empty where no column has rows of both kinds."""
        # one column at a time: all of them, sorted, would not fit into memory
        total, defined = np.zeros((2, 1)), 0
        for k in range(self.width):
            positive, scores = self._column(k)
            if 0 < positive.sum() < len(positive):
                total = total + np.array(_Ranking(positive, scores).slopes())
                defined += 1
        return (
            {"roc_auc": total[0] / defined, "average_precision": total[1] / defined}
            if defined
            else {}
        )


class _Ranking:
    """Rows by descending score; rows of equal score share a rank, from `start` to before `end`."""

    def __init__(self, positive: npt.NDArray[np.bool_], scores: Floats) -> None:
        self._order = np.argsort(-scores, kind="stable")
        ordered, self._positive = scores[self._order], positive[self._order]
        new = np.flatnonzero(np.diff(ordered, prepend=np.nan) != 0)  # first place of a score
        rank = np.repeat(np.arange(len(new)), np.diff(new, append=len(ordered)))  # (N,)
        self._start, self._end = new[rank], np.append(new[1:], len(ordered))[rank]

    def at(self, counts: Floats) -> tuple[Floats, Floats]:
        """Return ROC AUC and average precision (S,), nan where no rows are positive, or all.

        With w the counts, `before` the rows of a higher score, `upto` those of no lower a score:
        AUC = (Σ_positive w (rows - (before + upto)/2) - positives²/2) / (positives · negatives),
        where the square removes the pairs of two positive rows;
        AP = Σ_positive w · (positives upto) / upto / positives.
        """
        places = np.flatnonzero(self._positive)  # (P,) of the positive rows
        start, end = self._start[places], self._end[places]
        total = _running(counts[:, self._order])  # (S, N + 1)
        weight = counts[:, self._order[places]]  # (S, P)
        right = _running(weight)
        rows, positives = total[:, -1], right[:, -1]
        before, upto = total[:, start], total[:, end]
        pairs = (weight * (rows[:, None] - (before + upto) / 2)).sum(axis=1) - positives**2 / 2
        right_upto = right[:, np.searchsorted(places, end)]  # (S, P)
        precision = np.divide(
            weight * right_upto, upto, out=np.zeros_like(weight), where=upto > 0
        ).sum(axis=1)
        negatives = rows - positives
        return ratio(pairs, positives * negatives), ratio(
            np.where(negatives > 0, precision, np.nan), positives
        )

    def slopes(self) -> tuple[Floats, Floats]:
        """Return ∂ AUC / ∂ w and ∂ AP / ∂ w (N,) at w = 1, in the rows' original order.

        With P positive rows, M negative ones, T_j and A_j the positive rows and all rows of a score
        no lower than row j's, and t_j = 1 for a positive row, else 0:
        ∂ AUC / ∂ w_j = (negatives below)/(P M) - AUC/P where t_j = 1,
        ∂ AUC / ∂ w_j = (positives above)/(P M) - AUC/M where t_j = 0, equal scores counted half;
        ∂ AP / ∂ w_j = (t_j (T_j/A_j - AP) + Σ_i t_i (t_j/A_i - T_i/A_i²)) / P,
        where i runs over the rows of a score no higher than row j's.
        """
        t = self._positive.astype(np.float64)
        right = _running(t[None])[0]  # (N + 1,) positive rows before each place
        others = np.arange(len(t) + 1) - right  # negative rows
        positives, negatives = right[-1], others[-1]
        # negatives below a positive row, positives above a negative one; equal scores count half
        above = np.where(
            self._positive,
            negatives - (others[self._start] + others[self._end]) / 2,
            (right[self._start] + right[self._end]) / 2,
        )
        auc = above[self._positive].sum() / (positives * negatives)
        auc_slope = above / (positives * negatives) - auc / np.where(
            self._positive, positives, negatives
        )
        precision = right[self._end] / self._end
        mean = (t * precision).sum() / positives
        # sums from the first row of the same score to the end
        below = _running((t / self._end)[None, ::-1])[0, ::-1][self._start]
        below_squared = _running((t * precision / self._end)[None, ::-1])[0, ::-1][self._start]
        precision_slope = (t * (precision - mean) + t * below - below_squared) / positives
        slopes = np.empty((2, len(t)))
        slopes[:, self._order] = auc_slope, precision_slope  # back to the original order
        return slopes[0], slopes[1]


class Medians:
    """The median of values (N, K), averaged over the columns, as the metric `name`."""

    def __init__(self, name: str, values: Floats) -> None:
        self.width = values.shape[1]
        self._name = name
        self._order, self._sorted = np.argsort(values, axis=0), np.sort(values, axis=0)

    def at(self, counts: Floats) -> MetricValues:
        """Return the middle value of the rows drawn, or the mean of the two in the middle."""
        rows = counts.sum(axis=1)
        each = np.zeros(len(counts))
        for k in range(self.width):
            upto = np.cumsum(counts[:, self._order[:, k]], axis=1)  # (S, N)
            # the two places in the middle, which are one if the number of rows is odd
            for middle in ((rows - 1) // 2, rows // 2):
                each += self._sorted[(upto <= middle[:, None]).sum(axis=1), k] / 2
        return {self._name: each / self.width}

    def slopes(self) -> MetricValues:
        """Return ∂ median / ∂ w = (1/2 - [value ≤ median]) / (N · density) (N,).

        The density at the median is estimated from the 2 √N values around it.
        """
        rows, reach = len(self._sorted), 1 / np.sqrt(len(self._sorted))
        low, middle, high = np.quantile(self._sorted, [0.5 - reach, 0.5, 0.5 + reach], axis=0)
        slopes = np.empty_like(self._sorted)
        # density = 2 reach / (high - low)
        below = (self._sorted <= middle) - 0.5
        np.put_along_axis(slopes, self._order, -below * (high - low) / (2 * reach * rows), axis=0)
        return {self._name: slopes.mean(axis=1)}


def _running(values: Floats) -> Floats:
    """Return the sums (S, N + 1) of the values (S, N) before each place."""
    sums = np.zeros((len(values), values.shape[1] + 1))
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums
