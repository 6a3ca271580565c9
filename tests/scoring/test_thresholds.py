"""Scores by threshold are scikit-learn's, and the best threshold is the best of all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, matthews_corrcoef, precision_recall_fscore_support

from bpnet.scoring.thresholds import (
    CRITERIA,
    Cost,
    _short_number,
    best_threshold,
    resampled_thresholds,
    score_decision,
    scores_at,
)

COST = Cost(fn=10, fp=1)


def reference(true, predicted, cost=COST):
    """Precision, recall, F1, Matthews correlation (None: of one class) and cost of a row."""
    *scores, _ = precision_recall_fscore_support(
        true, predicted, labels=[True], zero_division=0, average="macro"
    )
    _, fp, fn, _ = confusion_matrix(true, predicted, labels=[False, True]).ravel()
    matthews = matthews_corrcoef(true, predicted) if 0 < true.sum() < len(true) else None
    return [*scores, matthews, (cost.fn * fn + cost.fp * fp) / len(true)]


def sample(seed, digits):
    """Rows with probabilities of few digits, so that many are equal, and some are 0 or 1."""
    rng = np.random.default_rng(seed)
    true = rng.random(30) < rng.choice([0.1, 0.5, 1.0])
    return true, np.clip(rng.normal(0.4 + 0.3 * true, 0.4), 0, 1).round(digits)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
@settings(max_examples=15, deadline=None)
def test_scores_are_those_of_scikit_learn(seed, digits):
    true, p = sample(seed, digits)
    thresholds = [0.0, 0.3, 0.5, float(p[0]), 1.0]
    for threshold, found in zip(thresholds, scores_at(true, p, thresholds, COST), strict=True):
        expected = reference(true, p > threshold)
        ours = [found.precision, found.recall, found.f1, found.matthews, found.cost]
        assert (found.threshold, ours) == (threshold, pytest.approx(expected, abs=1e-12))
    assert scores_at(true, p, [0.5], None)[0].cost is None


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.sampled_from(CRITERIA))
@settings(max_examples=40, deadline=None)
def test_no_threshold_is_better_than_the_best(seed, digits, criterion):
    true, p = sample(seed, digits)
    place = {"f1": 2, "matthews": 3, "cost": 4}[criterion]
    sign = -1 if criterion == "cost" else 1
    best = best_threshold(true, p, criterion, COST)
    assert 0 <= best <= 1
    found = reference(true, p > best)[place]
    if found is None:
        assert best == 0.5
        return
    others = [simple(true, p > t, criterion) for t in (0, *p, *np.linspace(0, 1, 21))]
    assert sign * found == pytest.approx(max(sign * other for other in others), abs=1e-12)


def simple(true, said, criterion):
    """One score by its definition."""
    if criterion == "f1":
        return 2 * (true & said).sum() / max(true.sum() + said.sum(), 1)
    if criterion == "matthews":
        return np.corrcoef(true, said)[0, 1] if 0 < said.sum() < len(said) else 0.0
    return (10 * (true & ~said) + (~true & said)).mean()


@pytest.mark.parametrize(
    ("negative", "positive", "best"),
    [
        ([0.1, 0.2], [0.31, 0.36], 0.3),  # of one decimal, where there is one
        ([0.1, 0.212], [0.2133, 0.3], 0.213),
        ([0.1, 0.4], [0.9, 0.6], 0.5),  # the usual one, where it is as good
        ([0.7, 0.8], [0.9, 0.95], 0.85),
        ([0.0], [1.0], 0.5),
    ],
)
def test_the_best_threshold_has_few_decimals(negative, positive, best):
    true = np.array([False] * len(negative) + [True] * len(positive))
    assert best_threshold(true, np.array(negative + positive), "f1", None) == best


def test_costs_move_the_threshold():
    rng = np.random.default_rng(3)
    true = rng.random(50) < 0.4
    p = rng.uniform(0.05, 0.95, 50)
    alarms, misses = (best_threshold(true, p, "cost", Cost(*c)) for c in ((1, 0), (0, 1)))
    assert (p > alarms)[true].all()
    assert not (p > misses)[~true].any()


@pytest.mark.parametrize("criterion", CRITERIA)
def test_a_decision_is_scored_beside_the_one_before(criterion):
    rng = np.random.default_rng(0)
    true = rng.random(400) < 0.2
    p = np.clip(rng.normal(0.2 + 0.2 * true, 0.1), 0, 1)
    decision = score_decision(true, p, 0.3, 0.5, criterion, COST, rng, 200)
    for scores, threshold in ((decision.figures, 0.3), (decision.before, 0.5)):
        assert [score.name for score in scores] == [
            *("precision", "recall", "f1", "matthews", "cost")
        ]
        expected = reference(true, p > threshold)
        assert [score.value for score in scores] == pytest.approx(expected)
        assert all(score.low <= score.value <= score.high for score in scores)
    place = {"f1": 2, "matthews": 3, "cost": 4}[criterion]
    gain = decision.figures[place].value - decision.before[place].value
    assert decision.gain.value == pytest.approx(-gain if criterion == "cost" else gain)
    assert decision.gain.low > 0
    same = score_decision(true, p, 0.5, 0.5, criterion, COST, rng, 50).gain
    assert (same.value, same.low, same.high) == (0, 0, 0)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_resamples_choose_the_best_threshold_of_their_rows(criterion):
    """Against resamples written out, with the threshold that each chooses by itself."""
    rng = np.random.default_rng(11)
    true, p = next(one for k in range(9) if 0 < (one := sample(k, 2))[0].sum() < len(one[0]))
    found = resampled_thresholds(true, p, criterion, COST, np.random.default_rng(7), 60)
    chosen = []
    for rows in np.random.default_rng(7).integers(0, len(p), (60, len(p))):
        if 0 < true[rows].sum() < len(rows):
            # among all probabilities, as a row that is not drawn splits no range
            chosen.append(best_of(true[rows], p[rows], p, criterion))
    assert found == pytest.approx(tuple(np.quantile(chosen, [0.025, 0.975])))
    groups = np.arange(len(p)) // 10
    whole = resampled_thresholds(true, p, criterion, COST, rng, 60, groups)
    assert None not in whole


def best_of(true, p, candidates, criterion):
    """The best threshold of rows among given ones, each up to the next, the nearest to ½."""
    lows = np.unique([0.0, *candidates[candidates > 0]]).tolist()
    sign = -1 if criterion == "cost" else 1
    values = [sign * simple(true, p > low, criterion) for low in lows]
    good = [k for k, value in enumerate(values) if value >= max(values) - 1e-12]
    ranges = [(lows[k], [*lows, 1.0][k + 1]) for k in good]
    low, high = min(ranges, key=lambda one: max(one[0] - 0.5, 0.5 - one[1], 0))
    return _short_number(low, high)


def test_many_rows_tell_the_threshold_from_a_half_and_few_rows_less_well():
    rng, ranges = np.random.default_rng(2), []
    for rows in (4000, 30):
        true = rng.random(rows) < 0.15
        p = np.clip(rng.normal(0.2 + 0.15 * true, 0.15), 0, 1)
        low, high = resampled_thresholds(true, p, "f1", None, rng, 200)
        ranges.append(high - low)
        assert low <= best_threshold(true, p, "f1", None) <= high
        assert rows < 4000 or high < 0.5
    assert ranges[0] < 0.5 * ranges[1]


@pytest.mark.slow
def test_the_interval_of_f1_holds_the_true_one_in_95_percent_of_samples():
    rng = np.random.default_rng(1)

    def drawn(rows):
        true = rng.random(rows) < 0.3
        return true, 1 / (1 + np.exp(-rng.normal(true, 1.0, rows)))

    whole = scores_at(*drawn(400_000), [0.6], None)[0].f1
    held = 0
    for _ in range(200):
        true, p = drawn(300)
        f1 = score_decision(true, p, 0.6, 0.5, "f1", None, rng, 300).figures[2]
        held += f1.low <= whole <= f1.high
    assert 180 <= held <= 198  # of 200; ± 3 deviations around 190
