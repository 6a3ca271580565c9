"""Models beside the best constant prediction: what is learned, and what may be chance."""

import numpy as np
import pytest
from sklearn import metrics as sk

from bpnet.data.encoding.scalers import LinearScaler
from bpnet.data.targets import Classes, Labels, Quantities
from bpnet.scoring.constant_comparison import compare_with_constant

RNG = np.random.default_rng(0)
SCALE = LinearScaler(by="none", subtract=0.0, divide=1.0)
CLASSES = Classes(name="y", classes=["a", "b", "c"])


def test_classes_by_scikit_learns_log_loss():
    true, weights = RNG.integers(0, 3, 60), RNG.uniform(size=60)
    p = RNG.dirichlet([1, 1, 1], 60)
    found = compare_with_constant(CLASSES, true, p, weights)
    shares = np.array([weights[true == k].sum() for k in range(3)]) / weights.sum()
    each = [np.log(p[np.arange(60), true]), np.log(shares[true])]
    assert found.loss == pytest.approx(sk.log_loss(true, p, sample_weight=weights))
    assert found.constant == pytest.approx(-np.average(each[1], weights=weights))
    w, d = weights / weights.sum(), each[0] - each[1]
    expected = np.sqrt(np.sum((w * (d - np.average(d, weights=weights))) ** 2))
    assert found.standard_error == pytest.approx(expected)


def test_numbers_by_scikit_learns_r2():
    true = RNG.normal(size=(50, 2)) * [1, 1e200] + [5, 0]
    predicted = true + RNG.normal(size=(50, 2)) * [0.5, 0.5e200]
    target = Quantities(names=["y", "z"], scales=[SCALE, SCALE])
    found = compare_with_constant(target, true, predicted, None)
    scaled = [values / [1, 1e200] for values in (true, predicted)]
    assert 1 - found.loss / found.constant == pytest.approx(sk.r2_score(*scaled))
    assert found.constant == pytest.approx(1)
    assert found.learned


def test_labels_sum_over_each():
    true = RNG.integers(0, 2, (40, 2))
    p = RNG.uniform(0.1, 0.9, (40, 2))
    found = compare_with_constant(Labels(names=["y", "z"]), true, p, None)
    assert found.loss == pytest.approx(sum(sk.log_loss(true[:, k], p[:, k]) for k in (0, 1)))
    shares = np.broadcast_to(true.mean(axis=0), true.shape)
    expected = sum(sk.log_loss(true[:, k], shares[:, k]) for k in (0, 1))
    assert found.constant == pytest.approx(expected)


def test_a_guess_has_learned_nothing_and_a_good_prediction_has():
    true = RNG.integers(0, 3, 300)
    guess = np.full((300, 3), 1 / 3) + RNG.normal(0, 0.01, (300, 3))
    guess /= guess.sum(axis=1, keepdims=True)
    assert not compare_with_constant(CLASSES, true, guess, None).learned
    better = 0.8 * guess + 0.2 * np.eye(3)[true]
    assert compare_with_constant(CLASSES, true, better, None).learned
