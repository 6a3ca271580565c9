"""The loss of each row: its mean is scikit-learn's score, for targets of any size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss, r2_score
from untrained_models import LABELS, QUANTITIES, THREE, TWO

from bpnet.scoring.row_losses import RowLosses

seeds, rows = st.integers(0, 999), st.integers(2, 30)


def drawn(seed: int, count: int) -> tuple[np.random.Generator, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng, rng.random(count) + 0.05


@given(st.sampled_from([TWO, THREE]), seeds, rows)
def test_of_classes_it_is_the_log_loss(target, seed: int, count: int) -> None:
    rng, weights = drawn(seed, count)
    width = len(target.classes)
    true, p = rng.integers(0, width, count), rng.dirichlet(np.ones(width), count)
    losses = RowLosses(target, true, weights)
    expected = log_loss(true, p, labels=range(width), sample_weight=weights)
    assert losses.value(losses.of(p)) == pytest.approx(expected, rel=1e-9)
    assert losses.score.name == "log_loss"
    np.testing.assert_array_equal(losses.of(p[1:], np.arange(1, count)), losses.of(p)[1:])


@given(seeds, rows)
def test_of_labels_it_is_the_mean_log_loss(seed: int, count: int) -> None:
    rng, weights = drawn(seed, count)
    true, p = rng.integers(0, 2, (count, 2)), rng.random((count, 2))
    losses = RowLosses(LABELS, true, weights)
    each = [log_loss(true[:, k], p[:, k], labels=[0, 1], sample_weight=weights) for k in (0, 1)]
    assert losses.value(losses.of(p)) == pytest.approx(np.mean(each), rel=1e-9)


@given(seeds, rows, st.sampled_from([1e-200, 1e-3, 1.0, 1e6, 1e200]))
def test_of_quantities_it_is_r2(seed: int, count: int, size: float) -> None:
    rng, weights = drawn(seed, count)
    true, predicted = rng.normal(size=(2, count, 2))
    losses = RowLosses(QUANTITIES, true * size, weights)
    expected = r2_score(true, predicted, sample_weight=weights)
    assert losses.value(losses.of(predicted * size)) == pytest.approx(expected, rel=1e-6)
    assert (losses.score.name, losses.score.better) == ("r2", "higher")


def test_a_target_that_does_not_vary_has_no_part_unless_none_does() -> None:
    true = np.array([[3.0, 1.0], [3.0, 2.0], [3.0, 4.0]])
    predicted = true + np.array([[5.0, 1.0], [5.0, 0.0], [-5.0, 0.0]])
    losses = RowLosses(QUANTITIES, true)
    expected = r2_score(true[:, 1], predicted[:, 1])
    assert losses.value(losses.of(predicted)) == pytest.approx(expected)
    constant = RowLosses(QUANTITIES, true[:1])
    assert constant.score.name == "squared_error"
    assert constant.value(constant.of(predicted[:1])) == pytest.approx((25 + 1) / 2)
    assert not constant.weighted


def test_equal_weights_are_none() -> None:
    true = np.array([0, 1, 1])
    assert not RowLosses(TWO, true, np.full(3, 2.5)).weighted
    assert RowLosses(TWO, true, np.array([1.0, 2.0, 1.0])).weighted
