"""A verdict compares by the metrics that training weighs, and minds the noise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from bpnet.scoring.baselines import Baseline
from bpnet.scoring.comparison import Comparison, Truth, compare, verdict
from bpnet.scoring.thresholds import Cost


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def probabilities(right, true, confidence=0.8):
    """Two classes, predicted rightly where `right` (N,)."""
    said = np.where(right, true, 1 - true)
    return np.where(np.arange(2) == said[:, None], confidence, 1 - confidence)


def judged(network_right, baseline_right, rng):
    true = np.arange(len(network_right)) % 2
    baseline = Baseline("logistic regression", probabilities(baseline_right, true), None)
    truth = Truth("classification", true)
    return verdict(compare(truth, probabilities(network_right, true), [baseline], rng), len(true))


BEATEN = "the network clearly beats logistic regression"


def test_a_network_that_beats_all_is_said_to(rng):
    assert judged(np.arange(200) >= 10, np.arange(200) >= 60, rng) == [BEATEN]
    truth, near, far = Truth("regression", np.arange(50.0)[:, None]), *np.ones((2, 50, 1))
    names = ("the mean", "ridge regression", "boosted trees")
    baselines = [Baseline(name, 25 * far, None) for name in names]
    found = verdict(compare(truth, truth.values + near, baselines, rng), 50)
    assert found == ["the network clearly beats the mean, ridge regression and boosted trees"]
    assert verdict([], 50) == []


def test_a_sentence_has_what_the_network_is_better_in_last():
    def compared(metric, network, baseline, outcome):
        return Comparison("the baseline", metric, False, network, baseline, outcome)

    behind = compared("accuracy", 0.8649, 0.8653, "worse within the noise")
    unclear = compared("ROC AUC", 0.812, 0.807, "better within the noise")
    better = compared("log loss", 0.2977, 0.3078, "better")
    assert verdict([behind, better, unclear], 4884) == [
        "the network does not beat the baseline: accuracy 0.8649 against 0.8653 (within the "
        "noise); better within the noise of 4,884 rows: ROC AUC 0.812 against 0.807; clearly "
        "better: log loss 0.30 against 0.31"
    ]
    worse = compared("recall", 0.5, 0.6, "worse")
    assert verdict([behind, better, worse], 10, "fold") == [
        "the network is clearly worse than the baseline: recall 0.50 against 0.60; no better: "
        "accuracy 0.8649 against 0.8653 (within the noise); clearly better: log loss 0.30 against "
        "0.31"
    ]
    assert verdict([better, unclear], 4884) == [
        "the network is not clearly better than the baseline: ROC AUC 0.812 against 0.807, a "
        "difference within the noise of 4,884 rows; clearly better: log loss 0.30 against 0.31"
    ]


def test_a_network_that_is_clearly_worse(rng):
    (sentence,) = judged(np.arange(200) >= 60, np.arange(200) >= 10, rng)
    assert sentence.startswith(
        "the network is clearly worse than logistic regression: "
        "accuracy 0.70 against 0.95, log loss 0.64"
    )
    assert "noise" not in sentence


def test_values_that_look_alike_are_told_apart_or_equal():
    close = Comparison("trees", "average precision", False, 0.9999991, 1.0, "worse")
    assert verdict([close], 50) == [
        "the network is clearly worse than trees: average precision 1.00000 against 1.00000 "
        "(9e-07 apart)"
    ]


def test_a_network_that_is_better_by_chance(rng):
    # right on 3 rows where the baseline is wrong, wrong on 2 where it is right
    network = np.ones(100, bool)
    baseline = network.copy()
    network[:2] = baseline[2:5] = False
    (sentence,) = judged(network, baseline, rng)
    assert sentence.startswith(
        "the network is not clearly better than logistic regression: accuracy 0.98 against 0.97"
    )
    assert sentence.endswith("a difference within the noise of 100 rows")
    (sentence,) = judged(baseline, network, rng)
    assert sentence.startswith(
        "the network does not beat logistic regression: "
        "accuracy 0.97 against 0.98 (within the noise)"
    )


def test_the_same_predictions_do_not_beat_each_other(rng):
    right = np.arange(50) > 3
    (sentence,) = judged(right, right, rng)
    assert "accuracy 0.92 (equal)" in sentence


def test_the_comparison_is_paired(rng):
    # better on 12 rows of 1,000 and worse on none is clear, though either accuracy varies by 0.03
    network = np.arange(1000) >= 300
    baseline = np.arange(1000) >= 312
    assert judged(network, baseline, rng) == [BEATEN]


def sentences(task, true, network, baseline, rng, name="a baseline"):
    compared = compare(Truth(task, true), network, [Baseline(name, baseline, None)], rng)
    return verdict(compared, len(true))


def test_quantities_are_compared_by_r2_of_targets_in_their_own_units(rng):
    true = rng.normal(size=(300, 2)) * [1, 1000]
    near, far = (
        true + 0.3 * rng.normal(size=(300, 2)) * [1, 1000],
        true + rng.normal(size=(300, 2)) * [1, 1000],
    )
    assert sentences("regression", true, near, far, rng) == ["the network clearly beats a baseline"]
    (sentence,) = sentences("regression", true, far, near, rng)
    assert sentence.startswith("the network is clearly worse than a baseline: R² ")
    still = np.ones((5, 1))
    assert sentences("regression", still, still + 0.25, still, rng, "the mean") == [
        "the network is clearly worse than the mean: RMSE 0.25 against 0.00"
    ]


def test_tiny_errors_are_not_shown_as_zeros(rng):
    still = np.full((5, 1), 1e-6)
    (sentence,) = sentences("regression", still, still * 1.25, still * 1.12, rng)
    assert "RMSE 2.5e-07 against 1.2e-07" in sentence


def test_labels_are_compared_by_accuracy_and_log_loss(rng):
    true = rng.integers(0, 2, (300, 2))
    good, bad = 0.6 * true + 0.2, np.full((300, 2), 0.4, np.float32)
    assert sentences("multilabel", true, good, bad, rng) == ["the network clearly beats a baseline"]
    (sentence,) = sentences("multilabel", true, bad, good, rng)
    assert "label accuracy" in sentence
    assert "log loss" in sentence
    assert "against 0.22" in sentence


def test_classes_are_compared_by_what_scikit_learn_says_with_the_same_weights(rng):
    true, weights = rng.integers(0, 2, 80), rng.uniform(0.1, 4, 80)
    network, baseline = rng.dirichlet(np.ones(2), 80), rng.dirichlet(np.ones(2), 80)
    for positive in (0, 1):
        truth = Truth("classification", true, weights / weights.mean(), ["ok", "bad"], positive)
        accuracy, loss, precision = compare(truth, network, [Baseline("x", baseline, None)], rng)
        assert (accuracy.metric, accuracy.weighted) == ("weighted accuracy", True)
        assert (loss.metric, loss.weighted) == ("weighted log loss", True)
        label = ["ok", "bad"][positive]
        assert (precision.metric, precision.weighted) == (f"average precision of '{label}'", False)
        for p, found in ((network, "network_value"), (baseline, "baseline_value")):
            expected = (
                metrics.accuracy_score(true, p.argmax(axis=1), sample_weight=weights),
                metrics.log_loss(true, p, sample_weight=weights),
                metrics.average_precision_score(true, p[:, positive], pos_label=positive),
            )
            shown = [getattr(each, found) for each in (accuracy, loss, precision)]
            np.testing.assert_allclose(shown, expected, rtol=1e-12)


@pytest.mark.parametrize("targets", [1, 3])
def test_quantities_are_compared_by_weighted_r2(targets, rng):
    true, weights = rng.normal(size=(50, targets)), rng.uniform(0, 3, 50)
    network, baseline = true + rng.normal(size=true.shape), np.zeros_like(true)
    truth = Truth("regression", true, weights / weights.mean())
    (found,) = compare(truth, network, [Baseline("x", baseline, None)], rng)
    assert found.metric == "weighted R²"
    for p, value in ((network, found.network_value), (baseline, found.baseline_value)):
        assert value == pytest.approx(metrics.r2_score(true, p, sample_weight=weights))


def test_balanced_weights_make_weighted_accuracy_the_balanced_one(rng):
    true = np.array([0] * 90 + [1] * 10)
    weights = np.where(true == 0, 100 / 180, 100 / 20)
    p = rng.dirichlet(np.ones(2), 100)
    constant = np.tile([0.9, 0.1], (100, 1))
    truth = Truth("classification", true, weights, ["a", "b"])
    accuracy, *_ = compare(truth, p, [Baseline("x", constant, None)], rng)
    balanced = metrics.balanced_accuracy_score(true, p.argmax(axis=1))
    assert accuracy.network_value == pytest.approx(balanced)
    assert accuracy.baseline_value == pytest.approx(0.5)


@given(st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
@settings(max_examples=40, deadline=None)
def test_the_mean_gain_is_the_difference_of_the_metrics(seed, weighted, ties):
    """So an outcome never contradicts the values beside it."""
    rng = np.random.default_rng(seed)
    true = np.arange(30) % 2
    network, baseline = rng.dirichlet(np.ones(2), 30), rng.dirichlet(np.ones(2), 30)
    if ties:
        network, baseline = network.round(1), baseline.round(1)
    weights = rng.uniform(0.2, 2, 30) if weighted else None
    truth = Truth("classification", true, weights, ["a", "b"], int(rng.integers(2)))
    for each in compare(truth, network, [Baseline("x", baseline, None)], rng):
        sign = -1 if "loss" in each.metric else 1
        difference = sign * (each.network_value - each.baseline_value)
        if abs(difference) > 1e-12:
            assert (difference > 0) == each.outcome.startswith("better")


@pytest.mark.parametrize("labels", [1, 2])
def test_wrong_decisions_are_compared_by_their_cost(labels, rng):
    """In place of accuracy; rows count alike, whatever their weights, and labels of a row add."""
    true = rng.integers(2, size=(60, labels))
    p, q = rng.uniform(size=(2, 60, labels))
    thresholds, weights = [0.3, 0.6][:labels], rng.uniform(0.2, 2, 60)
    expected = []
    for share in (p, q):
        costs = np.zeros(60)
        for k in range(labels):
            costs += np.where(true[:, k], 5.0 * (share[:, k] <= thresholds[k]), 0.0)
            costs += np.where(true[:, k], 0.0, 2.0 * (share[:, k] > thresholds[k]))
        expected.append(costs)
    truth = Truth("multilabel", true, weights, thresholds=thresholds, cost=Cost(fn=5, fp=2))
    if labels == 1:
        p, q = (np.column_stack([1 - share[:, 0], share[:, 0]]) for share in (p, q))
        truth = truth._replace(
            task="classification", values=true[:, 0], classes=["no", "yes"], positive=1
        )
    found = {one.metric: one for one in compare(truth, p, [Baseline("x", q, None)], rng)}
    cost = found["cost per row"]
    assert (cost.network_value, cost.baseline_value) == pytest.approx(
        tuple(each.mean() for each in expected)
    )
    assert not cost.weighted
    lower = expected[0].mean() < expected[1].mean()
    assert cost.outcome.startswith("better" if lower else "worse")
    without = compare(truth._replace(cost=None), p, [Baseline("x", q, None)], rng)
    assert not {"cost per row", "weighted accuracy", "weighted label accuracy"} & {
        one.metric for one in without
    }
    usual = compare(truth._replace(cost=None, thresholds=None), p, [Baseline("x", q, None)], rng)
    assert any("accuracy" in one.metric for one in usual)
