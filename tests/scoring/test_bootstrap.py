"""Metrics of resamples are scikit-learn's of the repeated rows; intervals are SciPy's."""

import time

import numpy as np
import pytest
from expected_metrics import expected_of_classes, expected_of_labels, expected_of_quantities
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bpnet.scoring import bootstrap as module
from bpnet.scoring.bootstrap import Means, bootstrap, metrics_at
from bpnet.scoring.samples import ClassSample, LabelSample, QuantitySample
from bpnet.scoring.scores import score_classes, score_quantities
from bpnet.scoring.task_metrics import TaskMetrics


def agrees(sample, expected, counts, *arrays):
    """Each figure at each row of counts (S, N) is the expected one of the rows, repeated."""
    figures = metrics_at(TaskMetrics(sample), counts.astype(float))
    for s, drawn in enumerate(counts):
        wanted = expected(*(np.repeat(array, drawn, axis=0) for array in arrays))
        assert set(wanted) == set(figures)
        for name, value in wanted.items():
            assert figures[name][s] == pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True), name


def some_counts(rng, rows):
    counts = rng.integers(0, 4, (3, rows))
    counts[:, rng.integers(rows)] += 1  # no resample is empty
    return counts


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    rows=st.integers(1, 25),
    classes=st.integers(2, 4),
    grid=st.sampled_from([4, 1000]),
)
def test_class_figures_are_scikit_learns_of_the_repeated_rows(seed, rows, classes, grid):
    rng = np.random.default_rng(seed)
    true = rng.integers(0, rng.integers(1, classes + 1), rows)
    p = rng.integers(1, grid, (rows, classes)) + 0.0  # a coarse grid gives rows of the same score
    p /= p.sum(axis=1, keepdims=True)
    agrees(ClassSample(true, p), expected_of_classes, some_counts(rng, rows), true, p)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    rows=st.integers(1, 25),
    labels=st.integers(1, 4),
    grid=st.sampled_from([4, 1000]),
)
def test_label_figures_are_scikit_learns_of_the_repeated_rows(seed, rows, labels, grid):
    rng = np.random.default_rng(seed)
    true = (rng.random((rows, labels)) < rng.choice([0, 0.3, 0.7, 1], labels)).astype(int)
    p = rng.integers(1, grid, (rows, labels)) / grid
    agrees(LabelSample(true, p), expected_of_labels, some_counts(rng, rows), true, p)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), rows=st.integers(1, 25), targets=st.integers(1, 3))
def test_quantity_figures_are_scikit_learns_of_the_repeated_rows(seed, rows, targets):
    rng = np.random.default_rng(seed)
    true = rng.integers(1, 9, (rows, targets)) * rng.choice([0.1, 100.0])
    predicted = true + rng.integers(-3, 4, (rows, targets))
    agrees(
        QuantitySample(true, predicted),
        expected_of_quantities,
        some_counts(rng, rows),
        true,
        predicted,
    )


def test_the_interval_of_a_mean_is_scipys():
    values = np.random.default_rng(3).exponential(size=80)
    ours = bootstrap(
        Means(["mean"], values[:, None]), {"mean": values.mean()}, np.random.default_rng(0), 20_000
    )
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=1
    ).confidence_interval
    # 20,000 resamples: an endpoint is uncertain by about 1 % of the interval
    width = theirs.high - theirs.low
    assert ours.scores[0].low == pytest.approx(theirs.low, abs=0.04 * width)
    assert ours.scores[0].high == pytest.approx(theirs.high, abs=0.04 * width)
    assert (ours.resamples, ours.note) == (20_000, None)


def test_the_interval_covers_the_mean_as_often_as_it_says():
    covered = 0
    for k in range(300):
        values = np.random.default_rng([k, 1]).normal(5, 2, (60, 1))
        figure = bootstrap(
            Means(["m"], values), {"m": values.mean()}, np.random.default_rng(k), 500
        ).scores[0]
        covered += figure.low <= 5 <= figure.high
    # binomial(300, about 0.94): standard deviation 4.1
    assert 268 <= covered <= 296


def test_groups_are_drawn_whole():
    """Against resamples written out: indices of groups, each with all its rows, for ranks too."""
    rng = np.random.default_rng(6)
    groups = np.unique(rng.integers(0, 12, 60), return_inverse=True)[1]
    count = groups.max() + 1
    true, p = rng.integers(0, 2, 60), rng.uniform(size=60)
    sample = ClassSample(true, np.column_stack([1 - p, p]))
    names = ["accuracy", "log_loss", "roc_auc", "average_precision"]
    drawn = module.resample(
        TaskMetrics(sample), dict.fromkeys(names, 0.5), np.random.default_rng(8), 30, groups
    ).values
    for s, chosen in enumerate(np.random.default_rng(8).integers(0, count, (30, count))):
        rows = np.concatenate([np.flatnonzero(groups == group) for group in chosen])
        wanted = expected_of_classes(true[rows], np.column_stack([1 - p, p])[rows])
        for name in names:
            assert drawn[name][s] == pytest.approx(wanted[name], nan_ok=True), name


def test_many_groups_are_drawn_in_blocks(monkeypatch):
    rng, groups = np.random.default_rng(9), np.repeat(np.arange(400), 3)
    true, p = rng.integers(0, 2, 1200), rng.uniform(size=1200)
    sample = ClassSample(true, np.column_stack([1 - p, p]))
    values = {"accuracy": ((p > 0.5) == true).mean(), "roc_auc": 0.5}
    exact = bootstrap(TaskMetrics(sample), values, np.random.default_rng(0), 400, groups)
    monkeypatch.setattr(module, "_MAX_BLOCKS", 200)
    merged = bootstrap(TaskMetrics(sample), values, np.random.default_rng(0), 400, groups)
    assert "groups were drawn in 200 blocks" in merged.note
    for one, other in zip(exact.scores, merged.scores, strict=True):
        assert other.high - other.low == pytest.approx(one.high - one.low, rel=0.25)


def test_a_single_group_has_no_interval():
    values = {"m": 2.0}
    one = bootstrap(
        Means(["m"], np.ones((5, 1))), values, np.random.default_rng(0), groups=np.zeros(5, int)
    )
    assert one.scores == [module.Score("m", 2.0, None, None)]


def test_the_same_generator_gives_the_same_interval():
    values = np.random.default_rng(0).normal(size=(50, 1))
    one, two, other = (
        bootstrap(Means(["m"], values), {"m": 0.0}, np.random.default_rng(seed)).scores
        for seed in ([5, 1], [5, 1], 6)
    )
    assert one == two
    assert one != other


def test_undefined_figures_have_no_interval():
    values = np.full((4, 1), np.nan)
    assert bootstrap(Means(["m"], values), {"m": None}, np.random.default_rng(0)).scores == [
        module.Score("m", None, None, None)
    ]


@pytest.mark.parametrize("grid", [5, 10**6])
@pytest.mark.parametrize("labels", [1, 3])
def test_slopes_are_the_derivatives_of_the_ranked_figures(grid, labels):
    rng = np.random.default_rng(grid)
    true = rng.integers(0, 2, (30, labels))
    ranked = LabelSample(
        true, (rng.integers(0, grid, (30, labels)) + true * grid / 2) / (2 * grid)
    ).ranked
    step = 1e-5 * np.eye(30)
    above, below = ranked.at(1 + step), ranked.at(1 - step)
    for name, slopes in ranked.slopes().items():
        np.testing.assert_allclose(slopes, (above[name] - below[name]) / 2e-5, atol=1e-8)


def width(figures, name):
    return next(figure.high - figure.low for figure in figures if figure.name == name)


def test_intervals_of_blocks_and_slopes_are_as_wide_as_those_of_rows(monkeypatch):
    rng = np.random.default_rng(1)
    true = rng.integers(0, 3, 3000)
    logits = rng.normal(size=(3000, 3)) + np.eye(3)[true]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    values = rng.uniform(1, 2, (3000, 2)) * [1, 3]
    predicted = values + rng.normal(size=(3000, 2))

    def scored():
        generator = np.random.default_rng(0)
        return (
            score_classes(true, p, ["a", "b", "c"], generator),
            score_quantities(values, predicted, ["u", "v"], generator),
        )

    by_rows = scored()
    monkeypatch.setattr(module, "_MAX_BLOCKS", 1000)
    in_blocks = scored()
    for exact, approximate in zip(by_rows, in_blocks, strict=True):
        assert exact.note is None
        assert approximate.note is not None
        assert "1000 blocks" in approximate.note
        for figure in exact.figures:
            # widths from 1,000 resamples are uncertain by some percent each
            found = width(approximate.figures, figure.name) / width(exact.figures, figure.name)
            assert found == pytest.approx(1, abs=0.2), figure.name


@pytest.mark.parametrize(
    ("rows", "classes", "seconds"), [(5000, 10, 1.0), (150, 3, 0.3), (100_000, 3, 3.0)]
)
def test_intervals_are_fast(rows, classes, seconds):
    rng = np.random.default_rng(0)
    sample = ClassSample(rng.integers(0, classes, rows), rng.dirichlet(np.ones(classes), rows))
    figures = dict.fromkeys(["accuracy", "log_loss", "roc_auc", "average_precision"], 0.5)
    started = time.thread_time()
    bootstrap(TaskMetrics(sample), figures, np.random.default_rng(0))
    # twice the time it may take, for a computer that has other work
    assert time.thread_time() - started < 2 * seconds
