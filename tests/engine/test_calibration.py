"""Temperatures: the minimum that scipy finds, on any scores, targets and weights."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from bpnet.engine.calibration import HIGHEST, LOWEST, error_smoothing, fit_temperature


def loss_at(b, z, t, w, smoothing, independent):
    """The mean cross-entropy of b z, as its definition has it."""
    if independent:
        t = (1 - smoothing) * t + smoothing / 2
        each = np.logaddexp(0, b * z) - t * b * z
    else:
        t = (1 - smoothing) * t + smoothing / z.shape[1]
        each = -t * log_softmax(b * z, axis=1)
    return np.average(each.sum(axis=1), weights=w)


def by_scipy(z, t, w=None, smoothing=0.0, independent=False):
    """The inverse temperature and the loss that scipy finds between the same bounds."""
    found = minimize_scalar(
        lambda u: loss_at(np.exp(u), z, t, w, smoothing, independent),
        bounds=(np.log(LOWEST), np.log(HIGHEST)),
        method="bounded",
        options={"xatol": 1e-10, "maxiter": 500},
    )
    return np.exp(found.x), found.fun


def some_scores(kind, rows=200, outputs=4, scale=3.0, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(rows, 1 if kind == "binary" else outputs)) * scale
    if kind == "softmax":
        p = softmax(z * 0.4, axis=1)
        t = np.eye(outputs)[[rng.choice(outputs, p=row) for row in p]]
    else:
        t = (rng.random(z.shape) < 1 / (1 + np.exp(-0.4 * z))).astype(float)
    return z, t, rng.gamma(1.0, size=rows)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(["softmax", "binary", "labels"]),
    weighted=st.booleans(),
    smoothing=st.sampled_from([0.0, 0.01, 0.3]),
    scale=st.sampled_from([0.01, 1.0, 50.0]),
    start=st.sampled_from([1e-5, 1.0, 300.0]),
    seed=st.integers(0, 99),
)
def test_it_is_the_minimum_that_scipy_finds(kind, weighted, smoothing, scale, start, seed):
    z, t, w = some_scores(kind, scale=scale, seed=seed)
    w = w if weighted else None
    independent = kind != "softmax"
    b, loss = fit_temperature(z, t, w, smoothing, independent=independent, start=start)
    expected, least = by_scipy(z, t, w, smoothing, independent)
    assert loss == pytest.approx(least, rel=1e-10)
    assert loss == pytest.approx(loss_at(b, z, t, w, smoothing, independent), rel=1e-12)
    assert b == pytest.approx(expected, rel=1e-5)


def test_a_single_output_is_a_class_by_itself():
    z, t, _ = some_scores("binary")
    assert fit_temperature(z, t) == fit_temperature(z, t, independent=True)


def test_two_classes_are_one_output():
    z, t, w = some_scores("binary")
    pair, shares = np.hstack([np.zeros_like(z), z]), np.hstack([1 - t, t])
    assert fit_temperature(pair, shares, w, 0.1) == pytest.approx(
        fit_temperature(z, t, w, 0.1), rel=1e-7
    )


def test_a_weight_counts_a_row_that_often():
    z, t, _ = some_scores("softmax", rows=30)
    counts = np.arange(30) % 3
    repeated = fit_temperature(np.repeat(z, counts, axis=0), np.repeat(t, counts, axis=0))
    assert fit_temperature(z, t, counts.astype(float)) == pytest.approx(repeated, rel=1e-7)


@pytest.mark.parametrize("independent", [False, True])
def test_rows_that_are_all_right_have_no_best_temperature_without_smoothing(independent):
    t = np.eye(3)[np.arange(30) % 3]
    z = 4 * t - 2 + np.random.default_rng(0).normal(size=t.shape) * 0.1
    b, loss = fit_temperature(z, t, independent=independent)
    assert b > 5
    assert 0 <= loss < 1e-12
    smoothing = error_smoothing(30, 2 if independent else 3)
    b, loss = fit_temperature(z, t, None, smoothing, independent=independent)
    expected, least = by_scipy(z, t, None, smoothing, independent)
    assert loss == pytest.approx(least, rel=1e-10)
    assert b == pytest.approx(expected, rel=1e-5)
    assert b < 3


def test_rows_that_are_all_wrong_are_best_at_the_lowest_bound():
    t = np.eye(3)[np.arange(30) % 3]
    b, loss = fit_temperature(-5 * t, t)
    assert b == LOWEST
    assert loss == pytest.approx(np.log(3), abs=1e-5)


def test_a_class_that_no_row_has():
    z, t, w = some_scores("softmax")
    z, t = np.hstack([z, z[:, :1] - 1]), np.hstack([t, np.zeros((len(t), 1))])
    b, loss = fit_temperature(z, t, w)
    expected, least = by_scipy(z, t, w)
    assert (b, loss) == (pytest.approx(expected, rel=1e-5), pytest.approx(least, rel=1e-10))


def test_scores_without_differences_are_as_good_at_any_temperature():
    t = np.eye(3)[np.arange(9) % 3]
    assert fit_temperature(np.zeros((9, 3)), t) == (1.0, pytest.approx(np.log(3)))


def test_the_rule_of_krichevsky_and_trofimov():
    """Of n rows without an error, the next is wrong with ½ / (n + 1)."""
    for classes in (2, 5):
        smoothing = error_smoothing(9, classes)
        right = 1 - smoothing + smoothing / classes
        assert 1 - right == pytest.approx(1 / 20)


@pytest.mark.parametrize(
    ("scores", "targets", "weights", "message"),
    [
        (np.zeros((3, 2)), np.zeros((3, 1)), None, r"scores are \(3, 2\) and the targets \(3, 1\)"),
        (np.zeros((3, 2)), np.zeros((3, 2)), np.ones(2), r"the weights are \(2,\)"),
        (np.full((3, 2), np.nan), np.zeros((3, 2)), None, "not finite"),
    ],
)
def test_what_does_not_fit_is_named(scores, targets, weights, message):
    with pytest.raises(ValueError, match=message):
        fit_temperature(scores, targets, weights)
