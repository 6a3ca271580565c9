"""Baselines are scikit-learn's models and the training rows' shares; a verdict minds the noise."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from bpnet.scoring import baselines as module
from bpnet.scoring.baselines import fit_baselines


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


def test_equal_weighted_shares_predict_the_most_frequent_class(rng):
    y = np.array([0, 1, 1, 1, 1, 2, 2])
    weights = np.array([4, 1, 1, 1, 1, 2, 2.0])
    x = rng.normal(size=(7, 2))
    shares, _ = fit_baselines("classification", x, y, weights, x, 3, class_weighted=True)
    assert shares.name == "the weighted class shares"
    np.testing.assert_allclose(shares.predicted, np.full((7, 3), 1 / 3), atol=1e-8)
    assert set(shares.predicted.argmax(axis=1)) == {1}
