"""Combinations fitted to out-of-fold scores, against scipy, scikit-learn and by hand."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from untrained_models import LABELS, QUANTITIES, THREE, TWO, describe

from bpnet.engine.calibration import error_smoothing
from bpnet.engine.losses import Quantile
from bpnet.models.combination_fit import fit_combination, plausible_range, trust_in_rows
from bpnet.models.curve import Curve


def class_scores(seed, rows=300, members=3, classes=3, sharp=4.0):
    """Class numbers (N,) and overconfident scores (N, C) of members that know some of them."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(classes, size=rows)
    truth = np.eye(classes)[codes]
    scores = [sharp * (truth + rng.normal(size=truth.shape) * (1 + k)) for k in range(members)]
    return codes, scores


def soft(codes, classes):
    e = 0.5 * classes / (classes - 1) / (len(codes) + 1)
    return np.eye(classes)[codes] * (1 - e) + e / classes


def weighted_mean(losses, weights):
    return np.average(losses, weights=weights)


def test_the_smoothing_gives_a_wrong_answer_half_a_row_in_n_plus_one():
    for rows, classes in [(18, 2), (98, 3), (10, 7)]:
        e = error_smoothing(rows, classes)
        assert e / classes * (classes - 1) == pytest.approx(0.5 / (rows + 1))


@pytest.mark.parametrize("weighted", [False, True])
def test_temperatures_and_weights_of_classes_are_scipys(weighted):
    codes, scores = class_scores(1)
    weights = np.random.default_rng(2).random(len(codes)) if weighted else None
    fitted = fit_combination([describe(THREE)] * 3, scores, codes, weights)
    goal = soft(codes, 3)

    def loss(logits):
        return weighted_mean(-(goal * log_softmax(logits, axis=1)).sum(axis=1), weights)

    for temperature, z in zip(fitted.temperatures, scores, strict=True):
        best = minimize_scalar(lambda u, z=z: loss(z * np.exp(u)), (-3, 3), options={"xtol": 1e-12})
        assert loss(z / temperature) == pytest.approx(best.fun, abs=1e-10)
    logs = np.stack(
        [log_softmax(z / t, axis=1) for z, t in zip(scores, fitted.temperatures, strict=True)]
    )
    blend = minimize(
        lambda w: loss(np.tensordot(w, logs, 1)),
        np.full(3, 1 / 3),
        method="SLSQP",
        bounds=[(0, 1)] * 3,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        options={"ftol": 1e-12},
    )
    found = fitted.combination
    blended = np.tensordot(found.weights, logs, 1)
    assert loss(blended) == pytest.approx(blend.fun, abs=1e-6)
    np.testing.assert_allclose(found.weights, blend.x, atol=1e-3)
    last = minimize_scalar(lambda u: loss(blended * np.exp(u)), (-3, 3), options={"xtol": 1e-12})
    assert loss(blended / found.temperature) == pytest.approx(last.fun, abs=1e-10)
    np.testing.assert_allclose(
        fitted.predicted, softmax(blended / found.temperature, axis=1), atol=1e-6
    )


def test_classes_that_share_one_output_are_those_of_two_outputs():
    codes, scores = class_scores(3, classes=2)
    two = fit_combination([describe(TWO)] * 3, scores, codes)
    one = fit_combination(
        [describe(TWO, outputs=1)] * 3, [z[:, 1:] - z[:, :1] for z in scores], codes
    )
    np.testing.assert_allclose(one.predicted, two.predicted, atol=1e-8)
    np.testing.assert_allclose(one.temperatures, two.temperatures, rtol=1e-6)


def test_labels_have_one_temperature_and_the_same_weights():
    rng = np.random.default_rng(4)
    truth = rng.integers(2, size=(400, 2)).astype(float)
    scores = [6 * (truth - 0.5) + rng.normal(size=truth.shape) * 6 * (1 + k) for k in range(2)]
    fitted = fit_combination([describe(LABELS)] * 2, scores, truth)
    goal = truth * (1 - 1 / 401) + 0.5 / 401

    def loss(z):
        return -(goal * np.log(expit(z)) + (1 - goal) * np.log(expit(-z))).mean()

    best = minimize_scalar(lambda u: loss(scores[0] * np.exp(u)), (-3, 3), options={"xtol": 1e-12})
    assert loss(scores[0] / fitted.temperatures[0]) == pytest.approx(best.fun, abs=1e-10)
    together = sum(
        w * z / t
        for w, z, t in zip(fitted.combination.weights, scores, fitted.temperatures, strict=True)
    )
    np.testing.assert_allclose(
        fitted.predicted, expit(together / fitted.combination.temperature), atol=1e-5
    )
    assert loss(together / fitted.combination.temperature) < min(
        loss(z / t) for z, t in zip(scores, fitted.temperatures, strict=True)
    )


def test_rows_that_are_separated_without_an_error_keep_a_finite_temperature():
    codes = np.arange(30) % 3
    fitted = fit_combination([describe(THREE)], [np.eye(3)[codes] * 5.0], codes)
    # the probability of a wrong answer is ½ / (n + 1)
    assert fitted.predicted.max(axis=1) == pytest.approx(1 - 0.5 / 31, rel=1e-6)


def test_identical_members_share_their_weight():
    codes, scores = class_scores(5, members=1)
    alone = fit_combination([describe(THREE)], scores, codes)
    twins = fit_combination([describe(THREE)] * 4, scores * 4, codes)
    assert twins.combination.weights == pytest.approx([0.25] * 4)
    np.testing.assert_allclose(twins.predicted, alone.predicted, atol=1e-9)


def test_weights_that_are_all_0_are_equal_ones():
    codes, scores = class_scores(5)
    equal = fit_combination([describe(THREE)] * 3, scores, codes)
    none = fit_combination([describe(THREE)] * 3, scores, codes, np.zeros(len(codes)))
    assert none.combination == equal.combination


def test_without_calibration_only_the_weights_are_fitted():
    codes, scores = class_scores(6)
    fitted = fit_combination([describe(THREE)] * 3, scores, codes, calibration="none")
    assert fitted.temperatures == [1.0] * 3
    assert (fitted.combination.temperature, fitted.combination.isotonic) == (1.0, None)
    values = np.random.default_rng(0).normal(size=(50, 2))
    fitted = fit_combination([describe(QUANTITIES)], [values], values, calibration="none")
    assert fitted.combination.shrinkage is None


class Blend(ClassifierMixin, BaseEstimator):
    """A classifier that has predicted already: rows are their own probabilities."""

    def fit(self, x, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, x):
        return x.argmax(axis=1)

    def predict_proba(self, x):
        return x


def test_isotonic_curves_are_those_of_scikit_learn():
    codes, scores = class_scores(7, members=1)
    tempered = fit_combination([describe(THREE)], scores, codes).predicted
    fitted = fit_combination([describe(THREE)], scores, codes, calibration="isotonic")
    theirs = CalibratedClassifierCV(Blend(), method="isotonic", cv=3, ensemble=False)
    theirs.fit(tempered, codes)
    (calibrated,) = theirs.calibrated_classifiers_
    e = error_smoothing(len(codes), 3)
    for k, (ours, reference) in enumerate(
        zip(fitted.combination.isotonic, calibrated.calibrators, strict=True)
    ):
        p = tempered[:, k]
        # the targets are moved toward a third by e, and so is the curve
        np.testing.assert_allclose((ours(p) - e / 3) / (1 - e), reference.predict(p), atol=1e-12)


def test_the_isotonic_score_is_that_of_rows_the_curves_have_not_seen():
    rng = np.random.default_rng(8)
    codes = rng.integers(2, size=400)
    noise = [rng.normal(size=(400, 2))]  # nothing can be learned
    fitted = fit_combination([describe(TWO)], noise, codes, calibration="isotonic")
    seen = fitted.combination.probabilities(fitted.members, TWO)
    rows = np.arange(400)
    honest = -np.log(fitted.predicted[rows, codes]).mean()
    assert -np.log(seen[rows, codes]).mean() < np.log(2) < honest
    np.testing.assert_allclose(fitted.predicted.sum(axis=1), 1)


def test_weights_of_quantities_are_those_of_constrained_least_squares():
    rng = np.random.default_rng(9)
    truth = rng.normal(size=(200, 2))
    scores = [0.8 * truth + rng.normal(size=truth.shape) * (0.3 + k) for k in range(3)]
    values = QUANTITIES.decode(truth)
    fitted = fit_combination([describe(QUANTITIES)] * 3, scores, values)
    # a twentieth of the range more, but no target that is always below 0 above it
    margin = np.ptp(values, axis=0) / 20
    lowest, highest = values.min(axis=0) - margin, values.max(axis=0) + margin
    assert (lowest[0] > 0, highest[1] < 0) == (True, True)
    each = np.stack([np.clip(QUANTITIES.decode(z), lowest, highest) for z in scores])

    def loss(w):
        return np.square((np.tensordot(w, each, 1) - values) / values.std(axis=0)).mean()

    best = minimize(
        loss,
        np.full(3, 1 / 3),
        method="SLSQP",
        bounds=[(0, 1)] * 3,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        options={"ftol": 1e-12},
    )
    assert loss(fitted.combination.weights) == pytest.approx(best.fun, abs=1e-6)
    center = values.mean(axis=0)
    blend = np.tensordot(fitted.combination.weights, each, 1) - center
    for k, shrinkage in enumerate(fitted.combination.shrinkage):
        slope = (blend[:, k] @ (values[:, k] - center[k])) / (blend[:, k] @ blend[:, k])
        assert shrinkage.slope == pytest.approx(min(max(slope, 0), 1))
        assert (shrinkage.lowest, shrinkage.highest) == pytest.approx((lowest[k], highest[k]))
        np.testing.assert_allclose(
            fitted.predicted[:, k],
            np.clip(center[k] + shrinkage.slope * blend[:, k], lowest[k], highest[k]),
        )


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ([-1.0, 3.0], (-5, 7)),  # of few rows by its width at most
        ([*np.linspace(-1, 1, 100)], (-1.2, 1.2)),
        ([0.0, 3.0], (0, 6)),
        ([-4.0, -3.0], (-5, -2)),
        ([-4.0, -1.0], (-7, 0)),
        ([5.0, 5.0], (5, 5)),
        ([-1e308, 1e308], (-np.finfo(float).max, np.finfo(float).max)),
    ],
)
def test_the_range_of_predictions_is_wider_where_rows_are_few(values, ends):
    low, high = plausible_range(np.array(values)[:, None])
    assert (low[0], high[0]) == pytest.approx(ends)


def test_weights_and_temperature_of_few_rows_are_mostly_equal_ones_and_1():
    fits = {}
    for rows in (20, 60, 100):
        codes, scores = class_scores(5, rows)
        fits[rows] = fit_combination([describe(THREE)] * 3, scores, codes).combination
    assert fits[20].weights == pytest.approx([1 / 3] * 3)
    assert fits[20].temperature == 1
    assert trust_in_rows(60) == 0.5
    assert min(fits[60].weights) >= 1 / 6
    assert trust_in_rows(100) == 1


def test_quantiles_keep_equal_weights_and_are_not_drawn_to_the_mean():
    rng = np.random.default_rng(11)
    truth = rng.normal(size=(200, 2))
    scores = [truth / 9 + 1, truth / 5 + rng.normal(size=truth.shape)]
    quantile = dataclasses.replace(describe(QUANTITIES), loss=Quantile(quantile=0.9))
    fitted = fit_combination([quantile] * 2, scores, QUANTITIES.decode(truth))
    assert fitted.combination.weights == [0.5, 0.5]
    assert [one.slope for one in fitted.combination.shrinkage] == pytest.approx([1, 1])


def test_a_prediction_that_knows_nothing_shrinks_to_the_mean():
    rng = np.random.default_rng(10)
    values = rng.normal(size=(500, 2)) * 5 + 100
    opposite = -(values - values.mean(axis=0)) / 5
    fitted = fit_combination([describe(QUANTITIES)], [opposite * [1, 50]], values)
    assert [one.slope for one in fitted.combination.shrinkage] == pytest.approx([0, 0], abs=1e-12)
    np.testing.assert_allclose(fitted.predicted, np.broadcast_to(values.mean(axis=0), (500, 2)))


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(2, 60),
    members=st.integers(1, 5),
    size=st.sampled_from([1e-3, 1.0, 1e4]),
    calibration=st.sampled_from(["temperature", "isotonic", "none"]),
    target=st.sampled_from([TWO, THREE, LABELS, QUANTITIES]),
)
def test_any_scores_give_proper_predictions(seed, rows, members, size, calibration, target):
    rng = np.random.default_rng(seed)
    outputs = describe(target).network().outputs
    scores = [rng.normal(size=(rows, outputs)).astype(np.float32) * size for _ in range(members)]
    if target is QUANTITIES:
        values = rng.normal(size=(rows, 2)) * size
    elif target is LABELS:
        values = rng.integers(2, size=(rows, 2)).astype(float)
    else:
        values = rng.integers(outputs, size=rows)
    fitted = fit_combination([describe(target)] * members, scores, values, calibration=calibration)
    weights = np.array(fitted.combination.weights)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1, abs=1e-9)
    assert np.isfinite(fitted.predicted).all()
    if target is QUANTITIES:
        if calibration != "none":
            # the range of few rows is widened by up to its width
            room = np.ptp(values, axis=0) * min(1, 10 / rows) + 1e-9 * size
            assert (fitted.predicted <= values.max(axis=0) + room).all()
        return
    assert fitted.predicted.min() >= 0
    assert fitted.predicted.max() <= 1 + 1e-12
    if target is not LABELS:
        np.testing.assert_allclose(fitted.predicted.sum(axis=1), 1)


def test_a_curve_by_hand():
    curve = Curve(x=[0.25, 0.5], y=[0.0, 1.0])
    assert curve(np.array([0.0, 0.25, 0.375, 0.5, 0.9])).tolist() == [0, 0, 0.5, 1, 1]
