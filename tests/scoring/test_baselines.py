"""Baselines are scikit-learn's models and the training rows' shares; a verdict minds the noise."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from bpnet.scoring import baselines as module
from bpnet.scoring.baselines import Baseline, describe_comparison, fit_baselines


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_classes(rng):
    y = rng.integers(0, 3, 200)
    x = rng.normal(size=(200, 4)) + np.eye(4)[y]
    x_eval = rng.normal(size=(20, 4))
    majority, logistic = fit_baselines("classification", x, y, None, x_eval, classes=3)
    assert (majority.name, logistic.name) == ("the majority class", "logistic regression")
    np.testing.assert_allclose(majority.predicted, np.tile(np.bincount(y) / 200, (20, 1)))
    expected = LogisticRegression(max_iter=1000).fit(x, y).predict_proba(x_eval)
    np.testing.assert_allclose(logistic.predicted, expected)
    assert majority.note is logistic.note is None


@pytest.mark.parametrize("task", ["classification", "multilabel", "regression"])
def test_a_weight_counts_as_repetition(task, rng):
    x, x_eval = rng.normal(size=(60, 2)), rng.normal(size=(10, 2))
    weights = rng.integers(0, 4, 60).astype(float)
    y = {
        "classification": rng.integers(0, 3, 60),
        "multilabel": rng.integers(0, 2, (60, 2)),
        "regression": rng.normal(size=(60, 2)),
    }[task]
    times = weights.astype(int)
    weighted = fit_baselines(task, x, y, weights, x_eval, classes=3)
    repeated = fit_baselines(
        task, np.repeat(x, times, 0), np.repeat(y, times, 0), None, x_eval, classes=3
    )
    for one, other in zip(weighted, repeated, strict=True):
        np.testing.assert_allclose(one.predicted, other.predicted, rtol=1e-3)


def test_classes_without_training_rows_have_probability_0(rng):
    y = np.array([1, 3] * 10)
    x = rng.normal(size=(20, 2)).astype(np.float32)
    for baseline in fit_baselines("classification", x, y, None, x[:5], classes=4):
        assert baseline.predicted.shape == (5, 4)
        assert (baseline.predicted[:, [0, 2]] == 0).all()
        np.testing.assert_allclose(baseline.predicted.sum(axis=1), 1, rtol=1e-6)


def test_a_single_class_among_the_training_rows(rng):
    _, logistic = fit_baselines(
        "classification", np.ones((4, 1)), np.ones(4, int), None, np.ones((2, 1)), classes=2
    )
    np.testing.assert_array_equal(logistic.predicted, [[0, 1], [0, 1]])
    assert logistic.note == "all training rows are of one class"


def test_labels(rng):
    x, x_eval = rng.normal(size=(100, 3)), rng.normal(size=(10, 3))
    y = (x[:, :2] + rng.normal(size=(100, 2)) > [0, 0.8]).astype(int)
    frequent, logistic = fit_baselines("multilabel", x, y, None, x_eval)
    np.testing.assert_allclose(frequent.predicted, np.tile(y.mean(axis=0), (10, 1)))
    expected = [
        LogisticRegression(max_iter=1000).fit(x, y[:, k]).predict_proba(x_eval)[:, 1]
        for k in range(2)
    ]
    np.testing.assert_allclose(logistic.predicted, np.transpose(expected))


@pytest.mark.parametrize("targets", [1, 2])
def test_quantities(targets, rng):
    x, x_eval = rng.normal(size=(50, 3)), rng.normal(size=(10, 3))
    y = x[:, :targets] * 3 + rng.normal(size=(50, targets))
    mean, ridge = fit_baselines("regression", x, y, None, x_eval)
    np.testing.assert_allclose(mean.predicted, np.tile(y.mean(axis=0), (10, 1)))
    np.testing.assert_allclose(
        ridge.predicted, Ridge(alpha=1.0).fit(x, y).predict(x_eval).reshape(10, targets)
    )


def test_a_fit_that_does_not_converge_is_noted_and_does_not_warn(monkeypatch, rng):
    monkeypatch.setattr(module, "MAX_ITERATIONS", 2)
    y = rng.integers(0, 2, 100)
    _, logistic = fit_baselines(
        "classification", rng.normal(size=(100, 5)) + y[:, None], y, None, np.ones((2, 5)), 2
    )
    assert logistic.note == "did not converge in 2 iterations"


def probabilities(right, true, confidence=0.8):
    """Two classes, predicted rightly where `right` (N,)."""
    said = np.where(right, true, 1 - true)
    return np.where(np.arange(2) == said[:, None], confidence, 1 - confidence)


def judged(network_right, baseline_right, rng):
    true = np.arange(len(network_right)) % 2
    baseline = Baseline("logistic regression", probabilities(baseline_right, true), None)
    return describe_comparison(
        "classification", true, probabilities(network_right, true), [baseline], rng
    )


def test_a_network_that_beats_all_gets_no_sentence(rng):
    assert judged(np.arange(200) >= 10, np.arange(200) >= 60, rng) == []


def test_a_network_that_is_clearly_worse(rng):
    (sentence,) = judged(np.arange(200) >= 60, np.arange(200) >= 10, rng)
    assert sentence.startswith(
        "the network does not beat logistic regression: "
        "accuracy 0.70 against 0.95 (clearly worse), log loss 0.64"
    )
    assert sentence.count("(clearly worse)") == 2
    assert "noise" not in sentence


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
    assert judged(network, baseline, rng) == []


def test_quantities_are_compared_by_r2_of_targets_in_their_own_units(rng):
    true = rng.normal(size=(300, 2)) * [1, 1000]
    near, far = (
        true + 0.3 * rng.normal(size=(300, 2)) * [1, 1000],
        true + rng.normal(size=(300, 2)) * [1, 1000],
    )
    assert (
        describe_comparison(
            "regression", true, near, [Baseline("ridge regression", far, None)], rng
        )
        == []
    )
    (sentence,) = describe_comparison(
        "regression", true, far, [Baseline("ridge regression", near, None)], rng
    )
    assert sentence.startswith("the network does not beat ridge regression: R² ")
    still = np.ones((5, 1))
    (sentence,) = describe_comparison(
        "regression", still, still + 0.25, [Baseline("the mean", still, None)], rng
    )
    assert sentence == "the network does not beat the mean: RMSE 0.25 against 0.00 (clearly worse)"


def test_labels_are_compared_by_accuracy_and_log_loss(rng):
    true = rng.integers(0, 2, (300, 2))
    good, bad = 0.6 * true + 0.2, np.full((300, 2), 0.4, np.float32)
    assert (
        describe_comparison(
            "multilabel", true, good, [Baseline("the most frequent values", bad, None)], rng
        )
        == []
    )
    (sentence,) = describe_comparison("multilabel", true, bad, [Baseline("x", good, None)], rng)
    assert "accuracy" in sentence
    assert "log loss" in sentence
    assert "against 0.22" in sentence
