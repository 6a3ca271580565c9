"""The comparison of a network with baselines: by which metrics, and whether it clearly beats them.

Each comparison is paired, row by row: the network is clearly better where the 95 % bootstrap
interval of the rows' mean gain, the same rows drawn for both, is above 0.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from bpnet.config.task import Task
from bpnet.data.decisions import Thresholds, predicted_classes, predicted_labels
from bpnet.data.reading.column import Floats
from bpnet.data.splitting import Indices
from bpnet.messages import counted
from bpnet.scoring.baselines import Baseline
from bpnet.scoring.bootstrap import Means, Score, bootstrap
from bpnet.scoring.metrics import (
    ACCURACY,
    AVERAGE_PRECISION,
    LABEL_ACCURACY,
    LOG_LOSS,
    R2,
    RMSE,
    metric_title,
)
from bpnet.scoring.row_losses import label_losses
from bpnet.scoring.samples import ClassSample, log_losses
from bpnet.scoring.thresholds import Cost

COST_PER_ROW = "cost per row"
_MOST_DECIMALS = 5
"""Decimals to which two values are shown, if they differ by less."""

Outcome = Literal["better", "better within the noise", "equal", "worse within the noise", "worse"]


@dataclass(frozen=True)
class Comparison:
    """A metric of the network beside a baseline's; `weighted` if rows weigh as in training."""

    baseline: str
    metric: str
    weighted: bool
    network_value: float
    baseline_value: float
    outcome: Outcome


class Truth(NamedTuple):
    """The true values (N,) that predictions are compared with, and each row's weight in training.

    The weights have the mean 1, or are None where all rows weigh the same. Of two classes,
    `classes` are their names and `positive` the number of the positive one. Thresholds decide for
    network and baselines alike, and `cost` is that of wrong decisions. `groups` are the numbers
    (N,) of groups that are drawn whole.
    """

    task: Task
    values: np.ndarray
    weights: Floats | None = None
    classes: Sequence[str] = ()
    positive: int = 1
    thresholds: Thresholds = None
    groups: Indices | None = None
    cost: Cost | None = None


class Gain(NamedTuple):
    """A metric of both, and how much better the network is on each row (N,): its mean counts."""

    metric: str
    weighted: bool
    network: float
    baseline: float
    rows: Floats


def compare(
    truth: Truth, network: Floats, baselines: Sequence[Baseline], generator: np.random.Generator
) -> list[Comparison]:
    """Compare a network's predictions with those of each baseline, both shaped as for scoring.

    Metrics are accuracy (multilabel: over all labels) and log loss, of two classes also average
    precision; or R² (RMSE if no target varies). Where wrong decisions have a cost, it takes the
    place of accuracy, which by thresholds other than ½ is not compared either: they were chosen for
    something else. All but cost and average precision are weighted as the rows are in training: a
    network is judged by what it was trained for.
    """
    return [
        Comparison(
            baseline.name,
            gain.metric,
            gain.weighted,
            gain.network,
            gain.baseline,
            _outcome(gain, generator, truth.groups),
        )
        for baseline in baselines
        for gain in gains(truth, network, baseline.predicted)
    ]


def verdict(comparisons: Sequence[Comparison], count: int, noun: str = "row") -> list[str]:
    """Return a sentence for each baseline that the network does not clearly beat.

    It names every metric, those in which the network is clearly better last. If the network beats
    all baselines in all metrics, one sentence says so. The metrics are of `count` rows, or of
    another `noun`.
    """
    names = list(dict.fromkeys(comparison.baseline for comparison in comparisons))
    noise = f"within the noise of {counted(count, noun)}"
    sentences = [
        sentence
        for name in names
        if (sentence := _shortfall(name, [c for c in comparisons if c.baseline == name], noise))
    ]
    if names and not sentences:
        *others, last = names
        return [
            f"the network clearly beats {' and '.join([', '.join(others), last][-len(names) :])}"
        ]
    return sentences


def _shortfall(name: str, comparisons: Sequence[Comparison], noise: str) -> str:
    """Return the sentence for one baseline, or nothing if the network clearly beats it."""
    texts: dict[Outcome, list[str]] = {}
    for comparison in comparisons:
        text = f"{comparison.metric} {_both_text(comparison)}"
        texts.setdefault(comparison.outcome, []).append(text)
    worse, better = texts.get("worse", []), texts.get("better", [])
    behind = [
        *texts.get("equal", []),
        *(f"{text} (within the noise)" for text in texts.get("worse within the noise", [])),
    ]
    unclear = texts.get("better within the noise", [])
    clauses = []
    if worse:
        clauses.append(f"the network is clearly worse than {name}: {', '.join(worse)}")
    if behind:
        start = "no better" if worse else f"the network does not beat {name}"
        clauses.append(f"{start}: {', '.join(behind)}")
    if unclear and clauses:
        clauses.append(f"better {noise}: {', '.join(unclear)}")
    elif unclear:
        clauses.append(
            f"the network is not clearly better than {name}: {', '.join(unclear)}, "
            f"a difference {noise}"
        )
    if not clauses:
        return ""
    return "; ".join(clauses + ([f"clearly better: {', '.join(better)}"] if better else []))


def _outcome(gain: Gain, generator: np.random.Generator, groups: Indices | None) -> Outcome:
    score = _mean_gain(gain.rows, generator, groups)
    assert score.value is not None
    if math.isclose(gain.network, gain.baseline, rel_tol=1e-12):  # but for rounding
        return "equal"
    if score.value <= 0:
        return "worse" if score.high is not None and score.high < 0 else "worse within the noise"
    return "better" if score.low is not None and score.low > 0 else "better within the noise"


def _mean_gain(rows: Floats, generator: np.random.Generator, groups: Indices | None) -> Score:
    """Return the mean gain of the rows with its 95 % interval."""
    means = Means(["gain"], rows[:, None])
    values = {"gain": float(rows.mean())}
    return bootstrap(means, values, generator, groups=groups).scores[0]


def gains(truth: Truth, network: Floats, baseline: Floats) -> Iterator[Gain]:
    """Yield the metrics that the network and a baseline are compared by."""
    if truth.task == "regression":
        yield _gain_in_errors(truth, network, baseline)
        return
    true = truth.values
    if truth.task == "classification":
        title = ACCURACY.title
        predicted = [
            predicted_classes(p, truth.positive, truth.thresholds) for p in (network, baseline)
        ]
        wrong = [(classes != true)[:, None] for classes in predicted]
        yes = (true == truth.positive)[:, None]
        losses = [log_losses(true, p) for p in (network, baseline)]
    else:
        title = LABEL_ACCURACY.title
        predicted = [predicted_labels(p, truth.thresholds) for p in (network, baseline)]
        wrong, yes = [labels != true for labels in predicted], true > 0
        losses = [label_losses(true, p) for p in (network, baseline)]
    if truth.cost is not None:
        yield _gain_in_cost(yes, wrong, truth.cost)
    elif truth.thresholds is None:
        right = [1 - each.mean(axis=1) for each in wrong]
        yield _weighted_gain(truth, title, right[0], right[1], sign=1)
    yield _weighted_gain(truth, LOG_LOSS.title, losses[0], losses[1], sign=-1)
    if len(truth.classes) == 2 and 0 < true.sum() < len(true):
        yield _gain_in_precision(truth, network, baseline)


def _weighted_gain(
    truth: Truth, title: str, of_network: Floats, of_baseline: Floats, sign: int
) -> Gain:
    """Return the gain in the weighted mean of the rows' values (N,), higher better for sign 1."""
    weights = truth.weights
    if weights is not None:
        of_network, of_baseline = weights * of_network, weights * of_baseline
    network, baseline = float(of_network.mean()), float(of_baseline.mean())
    return _named(truth, title, network, baseline, sign * (of_network - of_baseline))


def _gain_in_cost(
    yes: npt.NDArray[np.bool_], wrong: Sequence[npt.NDArray[np.bool_]], cost: Cost
) -> Gain:
    """Compare by the cost of wrong decisions (N, L) about what is so, `yes` (N, L), or is not."""
    of_each = np.where(yes, cost.fn, cost.fp)
    network, baseline = ((of_each * each).sum(axis=1) for each in wrong)
    return Gain(
        COST_PER_ROW, False, float(network.mean()), float(baseline.mean()), baseline - network
    )


def _named(truth: Truth, title: str, network: float, baseline: float, rows: Floats) -> Gain:
    weighted = truth.weights is not None
    return Gain(f"weighted {title}" if weighted else title, weighted, network, baseline, rows)


def _gain_in_precision(truth: Truth, network: Floats, baseline: Floats) -> Gain:
    """Compare by average precision, whose gain is taken to first order in the rows' counts.

    precision ≈ value + Σ_rows (count - 1) · ∂ precision / ∂ count, and the derivatives sum to 0.
    """
    name, rows = AVERAGE_PRECISION.name, len(truth.values)
    values, slopes = [], []
    for predicted in (network, baseline):
        sample = ClassSample(truth.values, predicted, truth.positive)
        value = AVERAGE_PRECISION.formula("classification").of_rows(sample)
        assert value is not None  # both classes occur
        values.append(value)
        slopes.append(sample.ranked.slopes()[name])
    gain = values[0] - values[1] + rows * (slopes[0] - slopes[1])
    title = metric_title(name, truth.classes[truth.positive])
    return Gain(title, False, values[0], values[1], gain)


def _gain_in_errors(truth: Truth, network: Floats, baseline: Floats) -> Gain:
    """Compare by R²: squared errors over each target's variance, averaged over those that vary."""
    true = truth.values
    weights = np.ones(len(true)) if truth.weights is None else truth.weights
    varies = np.ptp(true[weights > 0], axis=0) > 0
    w = weights[:, None]
    errors = [w * (predicted - true) ** 2 for predicted in (network, baseline)]
    if not varies.any():
        network_error, baseline_error = (error.mean(axis=1) for error in errors)
        rmse, other_rmse = (float(np.sqrt(each.mean())) for each in (network_error, baseline_error))
        return _named(truth, RMSE.title, rmse, other_rmse, baseline_error - network_error)
    # 1 - R² is the mean of error² / variance
    around = true[:, varies] - (w * true[:, varies]).mean(axis=0)
    variance = (w * around**2).mean(axis=0)
    network_error, baseline_error = ((error[:, varies] / variance).mean(axis=1) for error in errors)
    r2, other_r2 = (float(1 - each.mean()) for each in (network_error, baseline_error))
    return _named(truth, R2.title, r2, other_r2, baseline_error - network_error)


def _both_text(comparison: Comparison) -> str:
    """Return both values, to as many decimals as their difference has."""
    network, baseline = comparison.network_value, comparison.baseline_value
    if comparison.outcome == "equal":
        return f"{_rounded(network, 2)} (equal)"
    # 0.8649 and 0.8653 are not 0.86 and 0.87
    apart = abs(network - baseline)
    digits = next((d for d in range(2, _MOST_DECIMALS) if apart >= 0.1**d), _MOST_DECIMALS)
    texts = _rounded(network, digits), _rounded(baseline, digits)
    return " against ".join(texts) + (f" ({apart:.1g} apart)" if len({*texts}) == 1 else "")


def _rounded(value: float, digits: int) -> str:
    """Return a number with decimals; one that is 10 or more, or small, with significant digits."""
    if 0 < abs(value) < 0.1**digits or abs(value) >= 1e6:
        return f"{value:.{digits}g}"
    return f"{value:.{digits}f}"
