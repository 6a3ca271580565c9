"""The paired comparison of several models on the same rows.

Every resample of the rows is drawn for all models at once, so that a metric's difference between
two of them is measured on the same rows. Its interval is difference ± √(N / (N - 1)) · t · s, where
s is the difference's deviation over the resamples of N rows, or of N groups of rows. Of q, the 95 %
quantile, over the resamples, of the largest |deviation from the mean| / s among all pairs, t is the
quantile of Student's distribution with N - 1 degrees of freedom that has the same probability as q
of the normal one: resamples vary less than new rows would.

So the intervals of all pairs hold at once, whichever model is best on these rows (Westfall and
Young, Resampling-Based Multiple Testing, 1993, chapter 2: single-step maximum of studentized
statistics; Hesterberg, What Teachers Should Know about the Bootstrap, 2015, section 4: expanded
intervals).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np

from bpnet.data.decisions import Thresholds, predicted_classes, predicted_labels
from bpnet.data.reading.column import Floats
from bpnet.data.splitting import Indices
from bpnet.data.targets import AnyTarget, Classes, Labels, Quantities
from bpnet.scoring.bootstrap import (
    CONFIDENCE,
    RESAMPLES,
    MetricValues,
    Statistic,
    WeightedMeans,
    resample,
    values_of_all_rows,
)
from bpnet.scoring.metric_values import metric_values, sample_of
from bpnet.scoring.metrics import (
    ACCURACY,
    CALIBRATION_ERROR,
    EVALUATION_METRICS,
    LABEL_ACCURACY,
    WEIGHTED,
)
from bpnet.scoring.row_losses import RowLosses
from bpnet.scoring.task_metrics import TaskMetrics
from bpnet.scoring.units import squarable_unit

FEWEST_ROWS, FEWEST_GROUPS = 20, 10
"""Rows, and groups, from which differences have intervals: fewer tell too little."""


@dataclass(frozen=True)
class Difference:
    """How much better a metric of the best model is than that of another, with its interval.

    The limits are None where there are none: of few rows, and of the calibration error.
    """

    other: int
    value: float
    low: float | None
    high: float | None

    @property
    def clear(self) -> bool:
        """True if the interval is above 0."""
        return self.low is not None and self.low > 0


@dataclass(frozen=True)
class PairedMetric:
    """A metric of several models; `best` is the number of the best, None where one is undefined.

    Of equal ones the first is the best. `differences` are those between it and each other one.
    """

    name: str
    values: list[float | None]
    best: int | None
    differences: list[Difference]


def compare_paired(
    target: AnyTarget,
    true: np.ndarray,
    predictions: Sequence[Floats],
    seed: int = 0,
    resamples: int = RESAMPLES,
    thresholds: Sequence[Thresholds] | None = None,
    groups: Indices | None = None,
    weights: Floats | None = None,
) -> list[PairedMetric]:
    """Compare the predictions (N, K) of several models for the same N rows by every metric.

    The true values are class numbers (N,), labels (N, K) or quantities (N, K), and `seed` is that
    of the resamples. `thresholds` are those by which each model decides. `groups` (N,), numbers
    from 0, are drawn whole. With `weights` (N,) there are weighted metrics, too: the loss of the
    task's proper score, and the accuracy of classes or labels.
    """
    unit = squarable_unit(true) if isinstance(target, Quantities) else 1.0
    models = list(zip(predictions, thresholds or [None] * len(predictions), strict=True))
    samples = [sample_of(target, true, predicted, unit, above) for predicted, above in models]
    statistics = [TaskMetrics(sample) for sample in samples]
    metrics = EVALUATION_METRICS[statistics[0].task]
    names = [metric.name for metric in metrics]
    values = [metric_values(target, true, predicted, names, above) for predicted, above in models]
    in_units = {metric.name: unit if metric.has_unit else 1.0 for metric in metrics}
    draws = _Draws(seed, resamples, groups, len(true))
    drawn = [
        draws.of(
            statistic,
            {name: None if v is None else v / in_units[name] for name, v in of_model.items()},
        )
        for statistic, of_model in zip(statistics, values, strict=True)
    ]
    paired = [
        _paired(
            metric.name,
            [of_model[metric.name] for of_model in values],
            np.array([of_model[metric.name] for of_model in drawn]),
            in_units[metric.name],
            sign=1 if metric.higher_is_better else -1,
            units=draws.units,
            # resamples raise the calibration error, the more the smaller it is
            judged=draws.enough and metric is not CALIBRATION_ERROR,
        )
        for metric in metrics
    ]
    if weights is not None:
        paired += _weighted(target, true, models, weights, draws)
    return paired


class _Draws(NamedTuple):
    """The resamples of N rows, which are the same for all models and metrics."""

    seed: int
    resamples: int
    groups: Indices | None
    rows: int

    @property
    def units(self) -> int:
        """The number of rows or groups that are drawn."""
        return self.rows if self.groups is None else int(self.groups.max()) + 1

    @property
    def enough(self) -> bool:
        """True if there are enough of them for intervals."""
        few = self.groups is not None and self.units < FEWEST_GROUPS
        return self.rows >= FEWEST_ROWS and not few

    def of(self, statistic: Statistic, values: Mapping[str, float | None]) -> MetricValues:
        """Return the metrics (S,) that are named in `values` on the resamples."""
        generator = np.random.default_rng(self.seed)
        return resample(statistic, values, generator, self.resamples, self.groups).values


def _weighted(
    target: AnyTarget,
    true: np.ndarray,
    models: Sequence[tuple[Floats, Thresholds]],
    weights: Floats,
    draws: _Draws,
) -> Iterator[PairedMetric]:
    """Yield the metrics in which rows count by their weights (N,)."""
    numbers = list(map(str, range(len(models))))
    for name, sign, rows in _weighted_values(target, true, models, weights):
        statistic = WeightedMeans(numbers, rows, weights)
        values = values_of_all_rows(statistic, with_ranks=False)
        drawn = np.array([*draws.of(statistic, values).values()])
        yield _paired(
            f"{WEIGHTED}{name}",
            [*values.values()],
            drawn,
            1.0,
            sign=sign,
            units=draws.units,
            judged=draws.enough,
        )


def _weighted_values(
    target: AnyTarget,
    true: np.ndarray,
    models: Sequence[tuple[Floats, Thresholds]],
    weights: Floats,
) -> Iterator[tuple[str, int, Floats]]:
    """Yield the metrics that are weighted means: name, sign (1: higher is better), values (N, M).

    A value of R² is 1 - error² / variance, where the variance is the weighted one of all rows.
    """
    if isinstance(target, Classes):
        right = [predicted_classes(p, target.positive_number, above) == true for p, above in models]
        yield ACCURACY.name, 1, np.column_stack(right).astype(np.float64)
    elif isinstance(target, Labels):
        shares = [(predicted_labels(p, above) == true).mean(axis=1) for p, above in models]
        yield LABEL_ACCURACY.name, 1, np.column_stack(shares)
    losses = RowLosses(target, true, weights)
    of_models = np.column_stack([losses.of(predicted) for predicted, _ in models])
    if losses.score.better == "higher":
        yield losses.score.name, 1, 1 - of_models
    else:
        yield losses.score.name, -1, of_models


def _paired(
    name: str,
    values: list[float | None],
    drawn: Floats,
    unit: float,
    *,
    sign: int,
    units: int,
    judged: bool,
) -> PairedMetric:
    """Compare the values of M models by those on the resamples, `drawn` (M, S), in a unit.

    `units` are the rows or groups that are drawn. Differences that are not `judged` have no
    interval.
    """
    if any(value is None for value in values):
        return PairedMetric(name, values, None, [])
    signed = sign * np.array(values, np.float64) / unit
    best = int(signed.argmax())
    drawn = sign * drawn[:, np.isfinite(drawn).all(axis=0)]
    factor = None
    if judged and drawn.shape[1] > 1:
        factor = _expanded(_largest_deviation(drawn), units)
    differences = []
    for other in (k for k in range(len(values)) if k != best):
        value, low, high = float(signed[best] - signed[other]), None, None
        if factor is not None:
            half = factor * float((drawn[best] - drawn[other]).std())
            low, high = (value - half) * unit, (value + half) * unit
        differences.append(Difference(other, value * unit, low, high))
    return PairedMetric(name, values, best, differences)


def _expanded(quantile: float, units: int) -> float:
    """Return √(N / (N - 1)) times the quantile of Student's distribution that is as probable."""
    from scipy.special import ndtr, stdtrit  # deferred: SciPy is slow to import

    return float(np.sqrt(units / (units - 1)) * stdtrit(units - 1, ndtr(quantile)))


def _largest_deviation(drawn: Floats) -> float:
    """Return the quantile of the largest studentized deviation among all pairs of (M, S)."""
    largest = np.zeros(drawn.shape[1])
    for one, other in combinations(range(len(drawn)), 2):
        difference = drawn[one] - drawn[other]
        deviation = difference.std()
        if deviation > 0:
            np.maximum(largest, np.abs(difference - difference.mean()) / deviation, out=largest)
    return float(np.quantile(largest, CONFIDENCE))
