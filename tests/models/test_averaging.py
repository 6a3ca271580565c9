"""Averaging: the ratio of errors by hand, and for ridge regressions on folds, where it is known."""

import numpy as np
import pytest

from bpnet.models.averaging import compared_rows, error_ratios


def test_two_rows_by_hand():
    # three networks; the first row trained the first two, the second row all three
    errors = np.array([[1.0, 2.0], [3.0, 2.0], [-9.0, 5.0]])[..., None]
    trained = np.array([[True, True], [True, True], [False, True]])
    # mean squares (1 + 9) / 2 and (4 + 4 + 25) / 3; variances 2 and 3; of the first row what the
    # networks that have seen it have in common is more, (9 · 2)² / (1 · 3), but of the other sign
    share = (2 + 3) / (5 + 11)
    held_out = np.array([[4.0], [-4.0]])
    (ratio,) = error_ratios(errors, trained, held_out, before=1, after=3)
    assert ratio == pytest.approx(np.sqrt(1 - share * 2 / 3))
    (ratio,) = error_ratios(errors, trained, held_out, before=2, after=3)
    assert ratio == pytest.approx(np.sqrt((1 - share * 2 / 3) / (1 - share / 2)))
    assert error_ratios(errors, trained, held_out, before=3, after=3) == 1
    # one network in place of three: the error would be larger, and stays
    assert error_ratios(errors, trained, held_out, before=3, after=1) == 1


@pytest.mark.parametrize(
    ("rows", "share"),
    [
        # two rows that the first two networks trained on: the mean products are (2 · 3 + 2 · 0) / 2
        # and 1 · 3, so that the networks have 3² / 3 of the unseen 9 / 2 in common
        ([[1, 3, 3], [3, 1, 0]], 2 / 3),
        # a row that two networks hold out, beside two that nothing can be told by
        ([[1, -1, 3, 1]], 3 / 5),
    ],
)
def test_rows_that_a_network_has_not_seen_by_hand(rows, share):
    errors = np.array(rows, float).T[..., None]
    trained = np.repeat(np.arange(len(errors))[:, None] < 2, len(rows), axis=1)
    (ratio,) = error_ratios(errors, trained, np.full((2, 1), 1e-9), before=1, after=4)
    assert ratio == pytest.approx(np.sqrt(1 - (1 - share) * 3 / 4))


def test_where_no_row_trained_two_networks_the_ratio_is_1():
    trained = np.eye(2, dtype=bool)
    assert error_ratios(np.ones((2, 2, 1)), trained, np.ones((2, 1)), before=1, after=2) == 1


def test_rows_learned_by_heart_tell_little():
    rng = np.random.default_rng(0)
    errors, trained = rng.normal(size=(5, 40, 1)) * 1e-3, np.ones((5, 40), bool)
    (ratio,) = error_ratios(errors, trained, rng.normal(size=(40, 1)), before=1, after=5)
    assert ratio > 0.999  # by their own measure it would be 1 / √5
    assert error_ratios(0 * errors, trained, np.zeros((9, 1)), before=1, after=5) == 1


@pytest.mark.parametrize("size", [1e-200, 1.0, 1e150])
@pytest.mark.parametrize(("folds", "penalty"), [(4, 0.1), (8, 1.0), (5, 20.0)])
def test_the_ratio_of_ridge_regressions_is_that_on_new_rows(folds, penalty, size):
    """Networks that see random halves of wide rows, so that they differ as much as they err."""
    rng = np.random.default_rng(folds)
    rows, columns = 240, 90
    ratios, truth = [], []
    for _ in range(12):
        weights = rng.normal(size=columns)
        x, new = (rng.normal(size=(count, columns)) for count in (rows, 2000))
        y, y_new = (a @ weights + 3 * rng.normal(size=len(a)) for a in (x, new))
        fold = rng.permutation(rows) % folds
        fitted = []
        for k in range(folds):
            # each has a random half of the columns, as networks have random first weights
            seen = rng.permutation(columns)[: columns // 2]
            a = x[fold != k][:, seen]
            gram = a.T @ a + penalty * np.eye(len(seen))
            one = np.zeros(columns)
            one[seen] = np.linalg.solve(gram, a.T @ y[fold != k])
            fitted.append(one)
        errors = np.stack([x @ one - y for one in fitted])
        trained = np.stack([fold != k for k in range(folds)])
        held_out = errors[fold, np.arange(rows)]
        found = error_ratios(
            size * errors[..., None], trained, size * held_out[:, None], before=1, after=folds
        )
        ratios.append(found[0])
        on_new = np.stack([new @ one - y_new for one in fitted])
        truth.append(np.sqrt((on_new.mean(axis=0) ** 2).mean() / (on_new**2).mean()))
    assert np.mean(truth) < 0.9  # something to find
    assert np.mean(ratios) == pytest.approx(np.mean(truth), abs=0.02)


def test_every_quantity_has_its_own_ratio():
    rng = np.random.default_rng(3)
    common, own = rng.normal(size=(1, 500, 2)), rng.normal(size=(6, 500, 2))
    errors = common + own * [0.0, 1.0]
    trained = np.ones((6, 500), bool)
    found = error_ratios(errors, trained, errors[0], before=1, after=6)
    np.testing.assert_allclose(found, [1, np.sqrt((1 + 1 / 6) / 2)], atol=0.03)


@pytest.mark.parametrize("rows", [1, 7, 4000, 100_003])
def test_the_compared_rows_are_different_ones_of_all(rows):
    found = compared_rows(rows)
    assert len(found) == min(rows, 4000)
    assert (np.diff(found) > 0).all()
    assert (found[0], found[-1]) == (0, rows - 1)
