"""Thresholds: the probability above which a class, or a label, is predicted; and the best one."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from bpnet.data.reading.column import Floats
from bpnet.data.splitting import Indices
from bpnet.scoring.bootstrap import (
    RESAMPLES,
    Blocks,
    MetricValues,
    RankStatistic,
    Score,
    bootstrap,
    ratio,
    values_of_all_rows,
)

Criterion = Literal["f1", "matthews", "cost"]
CRITERIA: tuple[Criterion, ...] = get_args(Criterion)
SHOWN = tuple(round(0.05 * k, 2) for k in range(1, 20))
"""The thresholds of the table, beside the chosen one."""

_MOST_CANDIDATES = 200
_NAMES = ("precision", "recall", "f1", "matthews", "cost")


@dataclass(frozen=True)
class Cost:
    """The cost of a row that is missed (false negative), and of a false alarm (false positive)."""

    fn: float
    fp: float


@dataclass(frozen=True)
class ThresholdScores:
    """Scores of the rows above a threshold; matthews is None where all rows are of one class.

    Precision, recall and F1 are 0 where they are undefined, and the cost is that of a row.
    """

    threshold: float
    precision: float
    recall: float
    f1: float
    matthews: float | None
    cost: float | None


@dataclass(frozen=True)
class Decision:
    """The scores at a threshold with intervals, and how much better one of them is than before.

    `gain` is that of the criterion, positive where the threshold is better than the one before.
    """

    figures: list[Score]
    before: list[Score]
    gain: Score


class _Counts(NamedTuple):
    """Counts (S,) of right and wrong predictions."""

    tp: Floats
    fp: Floats
    fn: Floats
    tn: Floats


def scores_at(
    true: npt.NDArray[np.bool_], p: Floats, thresholds: Sequence[float], cost: Cost | None
) -> list[ThresholdScores]:
    """Return the scores of rows (N,) at each threshold t, where p > t is predicted."""
    values = _scores(_counts_above(true, p, np.asarray(thresholds, np.float64)), cost)
    columns = {name: _floats(values[name]) for name in values}
    columns.setdefault("cost", [None] * len(thresholds))
    return [
        ThresholdScores(threshold, *(columns[name][k] for name in _NAMES))  # type: ignore[arg-type]
        for k, threshold in enumerate(map(float, thresholds))
    ]


def best_threshold(
    true: npt.NDArray[np.bool_], p: Floats, criterion: Criterion, cost: Cost | None
) -> float:
    """Return the threshold from 0 to 1 with the best score, of few decimals.

    Each distinct probability is a candidate. Of equally good ones it is that nearest to ½, which it
    is itself where the score is undefined.
    """
    lows = np.unique(np.append(p[p > 0], 0.0))  # p > t is the same from each one up to the next
    highs = np.append(lows[1:], np.nextafter(1.0, 2.0))
    values = _scores(_counts_above(true, p, lows), cost)[criterion]
    values = -values if criterion == "cost" else values
    if np.isnan(values).all():
        return 0.5
    best = np.flatnonzero(values >= np.nanmax(values) - 1e-12)
    nearest = best[int(_away(lows[best], highs[best]).argmin())]
    return _short_number(float(lows[nearest]), min(float(highs[nearest]), 1.0))


def resampled_thresholds(
    true: npt.NDArray[np.bool_],
    p: Floats,
    criterion: Criterion,
    cost: Cost | None,
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
    groups: Indices | None = None,
) -> tuple[float | None, float | None]:
    """Return the limits of the thresholds that 95 % of the resamples of rows (N,) choose.

    Wide limits tell that the rows are too few to choose one. Of many distinct probabilities 200
    are tried.
    """
    statistic = _BestThreshold(true, p, criterion, cost)
    values = values_of_all_rows(statistic, with_ranks=False)
    (score,) = bootstrap(statistic, values, generator, resamples, groups).scores
    return score.low, score.high


def score_decision(
    true: npt.NDArray[np.bool_],
    p: Floats,
    threshold: float,
    before: float,
    criterion: Criterion,
    cost: Cost | None,
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
    groups: Indices | None = None,
) -> Decision:
    """Return the scores of rows (N,) at a threshold and at the one before, on equal resamples.

    `groups` (N,) are those that resamples draw whole.
    """
    statistic = _TwoDecisions(true, [p > threshold, p > before], criterion, cost)
    values = values_of_all_rows(statistic, with_ranks=False)
    scores = bootstrap(statistic, values, generator, resamples, groups).scores
    *figures, gain = scores
    half = len(figures) // 2
    return Decision(
        [_renamed(score) for score in figures[:half]],
        [_renamed(score) for score in figures[half:]],
        gain,
    )


class _BestThreshold:
    """The best threshold as a statistic: of equally good ones the nearest to ½, nan of one class.

    There are U candidates, from each of which up to the next one the same rows are above.
    """

    ranked: RankStatistic | None = None

    def __init__(
        self, true: npt.NDArray[np.bool_], p: Floats, criterion: Criterion, cost: Cost | None
    ) -> None:
        self.rows = len(p)
        self._true, self._criterion, self._cost = true.astype(np.float64), criterion, cost
        lows = np.unique(np.append(p[p > 0], 0.0))
        if len(lows) > _MOST_CANDIDATES:
            lows = np.unique(np.quantile(lows, np.linspace(0, 1, _MOST_CANDIDATES)))
        highs = np.append(lows[1:], np.nextafter(1.0, 2.0))
        self._thresholds = np.array(
            [
                _short_number(low, min(high, 1.0))
                for low, high in zip(lows.tolist(), highs.tolist(), strict=True)
            ]
        )
        self._away = _away(lows, highs)
        self._above = np.searchsorted(lows, p)  # (N,): how many candidates a row is above
        self.width = 2 * (len(lows) + 1)

    def contributions(self, blocks: Blocks) -> Mapping[str, Floats]:
        """Return the positive and the negative rows of each block that are above k candidates."""
        width = self.width // 2
        return {
            "positives": blocks.group_sums(self._above, width, self._true),
            "negatives": blocks.group_sums(self._above, width, 1 - self._true),
        }

    def of_sums(self, sums: Mapping[str, Floats]) -> MetricValues:
        """Return the best threshold (S,) of the sums."""
        positives, negatives = sums["positives"], sums["negatives"]
        # rows above candidate k: those above k + 1 candidates or more
        tp, fp = (np.cumsum(each[:, :0:-1], axis=1)[:, ::-1] for each in (positives, negatives))
        p, n = positives.sum(axis=1, keepdims=True), negatives.sum(axis=1, keepdims=True)
        values = _scores(_Counts(tp, fp, p - tp, n - fp), self._cost)[self._criterion]
        values = -values if self._criterion == "cost" else values
        with np.errstate(invalid="ignore"):
            good = values >= values.max(axis=1, keepdims=True) - 1e-12
        away = np.where(good, self._away, np.inf)
        one_class = (np.minimum(p, n) <= 0)[:, 0]
        return {"threshold": np.where(one_class, np.nan, self._thresholds[away.argmin(axis=1)])}


class _TwoDecisions:
    """The scores of two ways to predict N rows, and the gain from the second to the first."""

    ranked: RankStatistic | None = None

    def __init__(
        self,
        true: npt.NDArray[np.bool_],
        predicted: Sequence[npt.NDArray[np.bool_]],
        criterion: Criterion,
        cost: Cost | None,
    ) -> None:
        self.rows, self.width = len(true), 4 * len(predicted)
        self._criterion, self._cost = criterion, cost
        self._cells = np.column_stack(
            [
                cell
                for said in predicted
                for cell in (true & said, ~true & said, true & ~said, ~true & ~said)
            ]
        )

    def contributions(self, blocks: Blocks) -> Mapping[str, Floats]:
        """Return the counts of each block."""
        return {"cells": blocks.sums(self._cells)}

    def of_sums(self, sums: Mapping[str, Floats]) -> MetricValues:
        """Return the scores of the sums of counts."""
        cells = sums["cells"]
        first, second = (
            _scores(_Counts(*cells[:, 4 * k : 4 * k + 4].T), self._cost) for k in (0, 1)
        )
        gain = first[self._criterion] - second[self._criterion]
        return {
            **{f"0.{name}": values for name, values in first.items()},
            **{f"1.{name}": values for name, values in second.items()},
            "gain": -gain if self._criterion == "cost" else gain,
        }


def _counts_above(true: npt.NDArray[np.bool_], p: Floats, thresholds: Floats) -> _Counts:
    """Return the counts (T,) of rows (N,) where p > t is predicted, for each threshold t."""
    positives, negatives = np.sort(p[true]), np.sort(p[~true])
    fn = np.searchsorted(positives, thresholds, side="right").astype(np.float64)
    tn = np.searchsorted(negatives, thresholds, side="right").astype(np.float64)
    return _Counts(len(positives) - fn, len(negatives) - tn, fn, tn)


def _scores(counts: _Counts, cost: Cost | None) -> dict[str, Floats]:
    """Return each score (S,) of counts."""
    tp, fp, fn, tn = counts
    with np.errstate(invalid="ignore"):
        spread = np.sqrt((tp + fn) * (fp + tn)) * np.sqrt((tp + fp) * (fn + tn))
    # as in scikit-learn, predictions of a single class have a correlation of 0
    matthews = np.nan_to_num(ratio(tp * tn - fp * fn, spread))
    scores = {
        "precision": np.nan_to_num(ratio(tp, tp + fp)),
        "recall": np.nan_to_num(ratio(tp, tp + fn)),
        "f1": np.nan_to_num(ratio(2 * tp, 2 * tp + fp + fn)),
        "matthews": np.where((tp + fn) * (fp + tn) > 0, matthews, np.nan),
    }
    if cost is not None:
        scores["cost"] = (cost.fn * fn + cost.fp * fp) / (tp + fp + fn + tn)
    return scores


def _floats(values: Floats) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values.tolist()]


def _away(lows: Floats, highs: Floats) -> Floats:
    """Return how far ½ is from each range of thresholds."""
    return np.maximum(np.maximum(lows - 0.5, 0.5 - highs), 0)


def _short_number(low: float, high: float) -> float:
    """Return the number from `low` to below `high` with the fewest decimals, ½ if it is there."""
    if low <= 0.5 < high:
        return 0.5
    middle = low + (high - low) / 2
    for digits in range(1, 18):
        if low <= (short := round(middle, digits)) < high:
            return short
    return low


def _renamed(score: Score) -> Score:
    return Score(score.name[2:], score.value, score.low, score.high)
