"""Boosted trees are scikit-learn's, on the same rows, in a bounded time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from bpnet.scoring.boosted_trees import fit_boosted_trees, outputs_of, plan_trees

CATEGORICAL = np.array([False, True])


@pytest.fixture(autouse=True)
def one_thread():
    """Let scikit-learn's own fits not wait for other programs."""
    with threadpool_limits(1, "openmp"):
        yield


def table(rows, seed):
    """A number with gaps and a category (rows, 2), and a score that depends on both."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(size=rows), rng.integers(0, 5, rows)])
    score = x[:, 0] + np.isin(x[:, 1], (0, 3)) + 0.5 * rng.normal(size=rows)
    x[rng.random(x.shape) < 0.1] = np.nan
    return x, score


def reference(kind, **settings):
    return kind(
        categorical_features=CATEGORICAL,
        **{"early_stopping": False, "random_state": 7, **settings},
    )


@pytest.mark.parametrize("task", ["classification", "multilabel", "regression"])
@pytest.mark.parametrize("weighted", [False, True])
def test_they_are_those_of_scikit_learn(task, weighted):
    x, score = table(150, 0)
    x_eval, _ = table(40, 1)
    weights = np.random.default_rng(2).integers(0, 3, 150).astype(float) if weighted else None
    used = np.full(150, True) if weights is None else weights > 0
    w = None if weights is None else weights[used]
    y = {
        "classification": np.digitize(score, [0, 1]),
        "multilabel": (score[:, None] > [0.5, 1]).astype(int),
        "regression": np.column_stack([score, -(score**2)]),
    }[task]
    trees = fit_boosted_trees(task, x, y, weights, x_eval, CATEGORICAL, 3, seed=7)
    if task == "classification":
        model = reference(HistGradientBoostingClassifier).fit(x[used], y[used], w)
        expected = model.predict_proba(x_eval)
    elif task == "multilabel":
        fits = [
            reference(HistGradientBoostingClassifier).fit(x[used], y[used, k], w) for k in (0, 1)
        ]
        expected = np.column_stack([model.predict_proba(x_eval)[:, 1] for model in fits])
    else:
        fits = [
            reference(HistGradientBoostingRegressor).fit(x[used], y[used, k], w) for k in (0, 1)
        ]
        expected = np.column_stack([model.predict(x_eval) for model in fits])
    assert (trees.name, trees.note) == ("boosted trees", None)
    np.testing.assert_allclose(trees.predicted, expected, rtol=1e-9)


def test_classes_without_training_rows_have_probability_0():
    x, score = table(60, 0)
    y = np.where(score > 0.5, 3, 1)
    p = fit_boosted_trees("classification", x, y, None, x, CATEGORICAL, 4, seed=0).predicted
    assert (p[:, [0, 2]] == 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1)
    p = fit_boosted_trees("classification", x, y * 0, None, x, CATEGORICAL, 2, seed=0).predicted
    assert (p == [1, 0]).all()


def test_classes_of_a_row_each_are_no_obstacle():
    x, _ = table(20, 0)
    y = np.arange(20)
    p = fit_boosted_trees("classification", x, y, None, x, CATEGORICAL, 20, seed=0).predicted
    np.testing.assert_allclose(p.sum(axis=1), 1)


def test_rare_ones_of_many_categories_are_one():
    rng = np.random.default_rng(0)
    codes = np.concatenate([np.repeat(np.arange(300), 2), np.full(50, 299.0), [np.nan]])
    x = np.column_stack([rng.normal(size=len(codes)), codes])
    y = (codes == 299).astype(int)
    x_eval = np.array([[0.0, 299], [0.0, 5], [0.0, 400], [0.0, np.nan]])
    before = x_eval.copy()
    trees = fit_boosted_trees("classification", x, y, None, x_eval, CATEGORICAL, 2, seed=0)
    np.testing.assert_array_equal(x_eval, before)
    # the most frequent category keeps a code of its own
    assert trees.predicted[0, 1] > 0.9
    assert (trees.predicted[1:, 1] < 0.1).all()


def test_columns_without_a_value_and_the_largest_numbers_are_no_obstacle():
    x = np.full((60, 3), np.nan)
    x[:, 2] = 1.7e308 * np.linspace(-1, 1, 60)
    y = (np.arange(60) % 7 > 3).astype(int)
    trees = fit_boosted_trees(
        "classification", x, y, None, x, np.array([False, True, False]), 2, seed=0
    )
    assert np.isfinite(trees.predicted).all()


def test_many_classes_have_fewer_rounds(monkeypatch):
    monkeypatch.setattr("bpnet.scoring.boosted_trees._TREE_COLUMNS", 1000)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(400, 2)), np.arange(400) % 30
    x[:, 0] += y
    none = np.zeros(2, bool)
    trees = fit_boosted_trees("classification", x, y, None, x, none, 30, seed=0)
    assert trees.note == "16 rounds in place of 100"
    model = HistGradientBoostingClassifier(
        max_iter=16, learning_rate=0.3, early_stopping=False, random_state=0
    )
    np.testing.assert_allclose(trees.predicted, model.fit(x, y).predict_proba(x), rtol=1e-9)


def test_rows_are_thinned_out_evenly_and_this_is_noted(monkeypatch):
    monkeypatch.setattr("bpnet.scoring.boosted_trees._ROW_TREE_COLUMNS", 0)
    monkeypatch.setattr("bpnet.scoring.boosted_trees._FEWEST_ROWS", 50)
    x, score = table(1000, 0)
    trees = fit_boosted_trees("regression", x, score[:, None], None, x, CATEGORICAL, seed=7)
    assert trees.note == "fitted to 50 of 1,000 training rows"
    rows = np.linspace(0, 999, 50).astype(int)
    model = reference(HistGradientBoostingRegressor).fit(x[rows], score[rows])
    np.testing.assert_allclose(trees.predicted[:, 0], model.predict(x), rtol=1e-9)


def test_they_are_left_out_where_they_would_take_too_long():
    assert plan_trees(columns=1000, outputs=200, predicted_rows=10) is None
    assert plan_trees(columns=10, outputs=200, predicted_rows=10**6) is None
    x = np.zeros((2, 300_000))
    y = np.zeros((2, 1))
    assert fit_boosted_trees("regression", x, y, None, x, np.zeros(300_000, bool), seed=0) is None


@given(st.integers(1, 10**6), st.integers(1, 1000), st.integers(0, 10**8), st.floats(0.001, 1))
def test_their_work_is_bounded(columns, outputs, rows, share):
    plan = plan_trees(columns, outputs, rows, share)
    if plan is not None:
        trees = plan.rounds * outputs
        assert 10 <= plan.rounds <= 100
        assert trees * columns <= 200_000 * share
        assert trees * columns * plan.rows <= max(1e9 * share, 1000 * trees * columns)
        assert trees * rows <= 600_000_000 * share
        assert 0.1 <= plan.learning_rate <= 0.3


def test_two_classes_need_one_tree_a_round():
    assert outputs_of("classification", np.array([0, 1, 1])) == 1
    assert outputs_of("classification", np.array([0, 1, 2])) == 3
    assert outputs_of("regression", np.zeros((3, 2))) == 2
