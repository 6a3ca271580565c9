"""Prediction intervals: conformal, from the errors of rows that the networks have not seen.

An interval of the level c is y ± q s(y), with the predicted value y, the scale s of errors near y,
and q the ⌈(n + 1) c⌉-th smallest of the n ratios |error| / s. Whatever the distribution of the
errors, a new row that is drawn as the held-out ones lies inside with a probability of c or slightly
more (Lei et al., Distribution-Free Predictive Inference for Regression, 2018, split conformal with
local weights). Of folds, the networks that predict a new row are more than those of a held-out row:
the errors are multiplied by the ratio that `averaging` estimates.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bpnet.data.reading.column import Floats
from bpnet.engine.component import Component, FieldError, number
from bpnet.models.curve import Curve

_FOLDS = 5
_ROWS_PER_KNOT, _MOST_KNOTS = 40, 10
_ROWS_OF_THE_MEAN = 10
"""Rows with the mean error that are added to those of each knot, against chance."""
_LEVEL = 0.9
"""The level whose intervals are compared to choose the scale."""
_MOST_RATIOS = 1000
_HIGHEST_RATIOS = 100


@dataclass(frozen=True, kw_only=True)
class Interval(Component):
    """What the prediction intervals of one quantity are made of, for any level."""

    rows: int = number(ge=1)
    """The number n of held-out rows."""
    scale: Curve
    """The typical size of the error by the predicted value, both in the unit of the target."""
    ranks: list[int]
    """The ranks, from 1 to n, of the ratios that are kept: of many rows not all are."""
    ratios: list[float]
    """The ratio |error| / scale of each of these ranks."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if (
            not self.ranks
            or self.ranks[0] < 1
            or self.ranks[-1] != self.rows
            or any(low >= high for low, high in pairwise(self.ranks))
        ):
            raise FieldError("ranks", "must be ascending numbers from 1 up to `rows`")
        if (
            len(self.ratios) != len(self.ranks)
            or not np.isfinite(self.ratios).all()
            or min(self.ratios) < 0
            or (np.diff(self.ratios) < 0).any()
        ):
            raise FieldError("ratios", "must be ascending numbers, one for each of the ranks")
        if min(self.scale.y) <= 0:
            raise FieldError("scale", "must be above 0")

    @property
    def highest_level(self) -> float:
        """The highest level that so few rows can give: n / (n + 1)."""
        return self.rows / (self.rows + 1)

    def half_widths(self, predicted: Floats, level: float) -> Floats:
        """Return half of the width (N,) of the intervals around predicted values (N,).

        They are infinite for a level above the highest.
        """
        return self._quantile(level) * self.scale(predicted)

    def _quantile(self, level: float) -> float:
        rank = conformal_rank(self.rows, level)
        if rank > self.rows:
            return math.inf
        # the next larger one that is kept
        return self.ratios[int(np.searchsorted(self.ranks, rank))]


def conformal_rank(rows: int, level: float) -> int:
    """Return ⌈(n + 1) c⌉, at least 1: the rank of the ratio that intervals of the level c need."""
    # rounded, since 10 · 0.9 may be slightly more than 9
    return max(1, math.ceil(round((rows + 1) * level, 9)))


def fit_intervals(
    predicted: Floats, values: Floats, ratios: Floats | None = None, weights: Floats | None = None
) -> list[Interval] | None:
    """Return the intervals of each quantity from held-out predictions and values (N, K).

    `ratios` (K,) and `weights` (N,) are those of `fit_interval`. Returns None if a prediction is
    not finite.
    """
    if weights is not None and weights.any():  # a row without weight does not count
        predicted, values, weights = (of[weights > 0] for of in (predicted, values, weights))
    each = [
        fit_interval(
            predicted[:, k], values[:, k], 1.0 if ratios is None else float(ratios[k]), weights
        )
        for k in range(values.shape[1])
    ]
    found = [interval for interval in each if interval is not None]
    return found if len(found) == len(each) else None


def fit_interval(
    predicted: Floats, values: Floats, ratio: float = 1.0, weights: Floats | None = None
) -> Interval | None:
    """Return the intervals of a quantity from held-out predictions (N,) and their values (N,).

    The model's errors are taken for `ratio` times these. With `weights` (N,) the share of the
    weights that lies inside is that of the level; the scale is the same.
    The scale follows the predicted value where that makes the intervals of other rows better, by
    the interval score of Gneiting and Raftery (2007); else it is constant. Returns None if a
    prediction or an error is not finite.
    """
    with np.errstate(all="ignore"):
        errors = np.abs(values - predicted) * ratio
    if not len(errors) or not np.isfinite(errors).all():
        return None
    unit = float(errors.max()) or 1.0  # so that no sum overflows
    errors = errors / unit
    constant, following = (
        _held_out_scales(predicted, errors, knots) for knots in (1, _knots(len(errors)))
    )
    follows = _score(errors, following) < _score(errors, constant)
    scales, knots = (following, _knots(len(errors))) if follows else (constant, 1)
    curve = _scale(predicted, errors, knots)
    ratios = _of_ranks(errors / scales, weights)
    kept = _kept_ranks(len(ratios))
    return Interval(
        rows=len(ratios),
        # errors of the smallest numbers have a scale, too
        scale=Curve(x=curve.x, y=np.maximum(np.array(curve.y) * unit, 5e-324).tolist()),
        ranks=kept.tolist(),
        ratios=ratios[kept - 1].tolist(),
    )


def _of_ranks(ratios: Floats, weights: Floats | None) -> Floats:
    """Return the ratios (N,) of the ranks 1 … N, ascending.

    With weights the ratio of rank r is the smallest one up to which they add up to r / N of all.
    """
    order = np.argsort(ratios, kind="stable")
    if weights is None or not weights.any():
        return np.asarray(ratios[order])
    shares = np.cumsum(weights[order] / weights.sum()) * len(ratios)
    # a little less, so that equal weights give each rank its own ratio in spite of rounding
    places = np.searchsorted(shares, np.arange(1, len(ratios) + 1) - 1e-6)
    return np.asarray(ratios[order[np.minimum(places, len(ratios) - 1)]])


def _knots(rows: int) -> int:
    return int(np.clip(rows // _ROWS_PER_KNOT, 1, _MOST_KNOTS))


def _scale(predicted: Floats, errors: Floats, knots: int) -> Curve:
    """Return the mean error by the predicted value: a knot for each of equally large groups."""
    mean = float(errors.mean())
    # no scale is so small that a single error makes every other interval too wide
    least = mean / 10 or 1.0
    xs: dict[float, float] = {}
    for group in np.array_split(np.argsort(predicted, kind="stable"), knots):
        total = errors[group].sum() + _ROWS_OF_THE_MEAN * mean
        size = total / (len(group) + _ROWS_OF_THE_MEAN)
        xs.setdefault(float(predicted[group[len(group) // 2]]), max(float(size), least))
    return Curve(x=list(xs), y=list(xs.values()))


def _held_out_scales(predicted: Floats, errors: Floats, knots: int) -> Floats:
    """Return the scale (N,) of each row by curves that were fitted without it."""
    fold, scales = np.arange(len(errors)) % min(_FOLDS, len(errors)), np.empty(len(errors))
    for k in range(fold.max() + 1):
        others, held_out = fold != k, fold == k
        if not others.any():  # of a single row
            others = held_out
        scales[held_out] = _scale(predicted[others], errors[others], knots)(predicted[held_out])
    return scales


def _score(errors: Floats, scales: Floats) -> float:
    """Return the interval score: the mean width, and 2 / (1 - c) times what lies outside."""
    ratios = np.sort(errors / scales)
    rank = min(conformal_rank(len(ratios), _LEVEL), len(ratios))
    half = ratios[rank - 1] * scales
    return float((2 * half + 2 / (1 - _LEVEL) * np.maximum(errors - half, 0)).mean())


def _kept_ranks(rows: int) -> np.ndarray:
    """Return the ranks to keep: all of few rows, of many evenly spaced ones and the highest."""
    evenly = np.linspace(1, rows, min(rows, _MOST_RATIOS)).round().astype(int)
    return np.union1d(evenly, np.arange(max(1, rows - _HIGHEST_RATIOS + 1), rows + 1))
