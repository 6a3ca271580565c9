"""Models beside the best constant prediction: what is learned, and what may be chance."""

import numpy as np
import pytest
from scipy.optimize import brentq
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


def grouped(rows, folds=6, signal=0.7, seed=5):
    """Return folds (N,) with levels of their own, scores (N,) that know none, and the levels."""
    rng = np.random.default_rng(seed)
    fold, score = np.arange(rows) % folds, signal * rng.normal(size=rows)
    return fold, score, rng.normal(0, 2, folds)[fold]


def test_by_fold_classes_are_shifted_as_a_logistic_regression_with_an_offset_does():
    fold, score, level = grouped(900, signal=1)
    rng = np.random.default_rng(0)
    true = (score + level + rng.logistic(size=900) > 0).astype(int)
    p = 1 / (1 + np.exp(np.c_[score, -score]))
    target, weights = Classes(name="y", classes=["a", "b"]), rng.uniform(0.5, 2, 900)
    assert not compare_with_constant(target, true, p, None).learned
    found = compare_with_constant(target, true, p, weights, fold)
    assert (found.learned, found.by_fold) == (True, True)
    each = []
    for k in range(6):
        w, y = weights[fold == k], true[fold == k]
        shift = brentq(
            lambda b, w=w, y=y, z=score[fold == k]: w @ (y - 1 / (1 + np.exp(-z - b))), -30, 30
        )
        shifted = 1 / (1 + np.exp(-score[fold == k] - shift))
        each.append((w.sum(), sk.log_loss(y, shifted, sample_weight=w, labels=[0, 1]),
                     sk.log_loss(y, np.full(len(y), w @ y / w.sum()), sample_weight=w,
                                 labels=[0, 1])))  # fmt: skip
    loss, constant = np.average(np.array(each)[:, 1:], axis=0, weights=np.array(each)[:, 0])
    assert (found.loss, found.constant) == pytest.approx((loss, constant), rel=1e-5)
    share = weights / weights.sum()
    assert found.gain_by_chance == pytest.approx(share @ share / 2)


def test_by_fold_a_level_that_only_the_constant_knows_counts_for_nothing():
    fold, score, level = grouped(400)
    noise = np.random.default_rng(1).normal(size=400)
    target = Quantities(names=["y"], scales=[SCALE])
    true = (score + level + noise)[:, None]
    wrong = score[:, None] - 5 * level[:, None]
    assert not compare_with_constant(target, true, wrong, None).learned
    found = compare_with_constant(target, true, wrong, None, fold)
    assert found.learned
    within = [true[:, 0] - level, score]
    for one in within:
        for k in range(6):
            one[fold == k] -= one[fold == k].mean()
    assert 1 - found.loss / found.constant == pytest.approx(sk.r2_score(*within))
    # predictions that are equal within each fold are the constant, and have learned nothing
    found = compare_with_constant(target, true, level[:, None], None, fold)
    assert (found.loss, found.standard_error) == (pytest.approx(found.constant), pytest.approx(0))
    assert not found.learned


@pytest.mark.parametrize("labels", [False, True])
def test_by_fold_a_class_that_a_fold_lacks_is_impossible_there(labels):
    rng = np.random.default_rng(2)
    fold = np.repeat([0, 1, 2], [30, 40, 5])
    if labels:
        target, true = Labels(names=["y", "z"]), rng.integers(0, 2, (75, 2))
        true[fold == 0, 1], true[fold == 2] = 1, 0
        p = rng.uniform(0.1, 0.9, (75, 2))
    else:
        target, true = CLASSES, rng.integers(0, 3, 75)
        true[(fold == 0) & (true == 1)], true[fold == 2] = 0, 2
        p = rng.dirichlet([1, 1, 1], 75)
    before = p.copy()
    found = compare_with_constant(target, true, p, None, fold)
    assert (p == before).all()
    assert np.isfinite([found.loss, found.constant, found.standard_error]).all()
    assert found.constant < compare_with_constant(target, true, p, None).constant


def test_by_fold_noise_has_learned_nothing():
    learned = []
    for seed in range(200):
        fold, score, level = grouped(80, seed=seed)
        true = (level + np.random.default_rng(seed).logistic(size=80) > 0).astype(int)
        # with the factor of a fitted temperature, which may not be negative
        factor = max(0, np.polyfit(score, true - true.mean(), 1)[0] * 4)
        p = 1 / (1 + np.exp(-factor * np.c_[-score, score]))
        target = Classes(name="y", classes=["a", "b"])
        learned.append(compare_with_constant(target, true, p, None, fold).learned)
    assert np.mean(learned) <= 0.05


def test_the_standard_error_of_groups_is_that_of_their_sums():
    group = np.array([0, 0, 0, 1, 1, 2, 3, 3])
    true, weights = np.arange(8.0)[:, None] ** 1.5, np.array([1, 2, 1, 1, 3, 1, 1, 2.0])
    target = Quantities(names=["y"], scales=[SCALE])
    predicted = true + np.array([1, 1, 2, -1, 0, 3, 0, -2.0])[:, None]
    found = compare_with_constant(target, true, predicted, weights, groups=group)
    y, w = true[:, 0], weights / weights.sum()
    constant = w @ y
    d = ((y - constant) ** 2 - (predicted[:, 0] - y) ** 2) / (w @ (y - constant) ** 2)
    sums = [sum(w[k] * (d[k] - w @ d) for k in np.flatnonzero(group == g)) for g in range(4)]
    assert found.standard_error == pytest.approx(np.sqrt(sum(s * s for s in sums) * 4 / 3))
    # each row a group of its own, and groups that happen to be alike
    by_rows = compare_with_constant(target, true, predicted, weights).standard_error
    alone = compare_with_constant(target, true, predicted, weights, groups=np.arange(8))
    assert alone.standard_error == pytest.approx(by_rows * np.sqrt(8 / 7))
    order = np.argsort(d)
    mixed = np.empty(8, int)
    mixed[order] = [0, 1, 2, 3, 3, 2, 1, 0]
    found = compare_with_constant(target, true, predicted, np.ones(8), groups=mixed)
    by_rows = compare_with_constant(target, true, predicted, np.ones(8)).standard_error
    assert found.standard_error == pytest.approx(by_rows)


def test_a_guess_for_each_group_has_learned_nothing_as_often_as_chance_has_it():
    target = Quantities(names=["y"], scales=[SCALE])
    group = np.repeat(np.arange(10), 50)
    learned = {"rows": 0, "groups": 0}
    for seed in range(100):
        rng = np.random.default_rng(seed)
        guess, level = rng.normal(size=(2, 10))[:, group]
        guess, true = 0.3 * guess, (level + 0.3 * rng.normal(size=500))[:, None]
        for name, groups in (("rows", None), ("groups", group)):
            found = compare_with_constant(target, true, guess[:, None], None, group % 5, groups)
            learned[name] += found.learned
    assert learned["groups"] <= 6 < 20 <= learned["rows"]
