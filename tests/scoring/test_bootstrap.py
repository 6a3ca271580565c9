"""Resampled figures are scikit-learn's on the rows repeated as often as drawn; intervals are scipy's."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from bpnet.scoring import bootstrap as module
from bpnet.scoring.bootstrap import Means, bootstrap, figures_at
from bpnet.scoring.samples import ClassSample, LabelSample, QuantitySample
from bpnet.scoring.scores import score_classes, score_quantities


def mean(values):
    return np.mean(values) if len(values) else np.nan


def ranks(pairs):
    pairs = [(t, p) for t, p in pairs if 0 < t.sum() < len(t)]
    return {
        "roc_auc": mean([metrics.roc_auc_score(*pair) for pair in pairs]),
        "average_precision": mean([metrics.average_precision_score(*pair) for pair in pairs]),
    }


def expected_of_classes(true, p):
    predicted, classes = p.argmax(axis=1), p.shape[1]
    present = np.unique(true)
    confidence, right = p.max(axis=1), predicted == true
    gaps = 0.0
    for b in range(15):
        inside = (confidence > b / 15) & (confidence <= (b + 1) / 15)
        if inside.any():
            gaps += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    brier = ((p - np.eye(classes)[true]) ** 2).sum(axis=1).mean() / (2 if classes == 2 else 1)
    columns = [1] if classes == 2 else range(classes)
    return {
        "accuracy": metrics.accuracy_score(true, predicted),
        "balanced_accuracy": metrics.recall_score(true, predicted, labels=present, average="macro"),
        "log_loss": metrics.log_loss(true, p, labels=range(classes)),
        "brier": brier,
        "f1_macro": metrics.f1_score(true, predicted, average="macro", zero_division=0),
        "f1_weighted": metrics.f1_score(true, predicted, average="weighted", zero_division=0),
        "matthews": metrics.matthews_corrcoef(true, predicted) if len(present) > 1 else np.nan,
        "calibration_error": gaps,
        **ranks([(true == k, p[:, k]) for k in columns]),
    }


def expected_of_labels(true, p):
    said = (p > 0.5).astype(int)
    seen = (true + said).any(axis=0)
    labels = range(true.shape[1])
    f1 = np.array([metrics.f1_score(true[:, k], said[:, k], zero_division=0) for k in labels])
    rows = true.sum(axis=0)
    return {
        "subset_accuracy": metrics.accuracy_score(true, said),
        "label_accuracy": 1 - metrics.hamming_loss(true, said),
        "f1_macro": mean(f1[seen]),
        "f1_micro": metrics.f1_score(true.ravel(), said.ravel()) if seen.any() else np.nan,
        "f1_weighted": np.average(f1, weights=rows) if rows.any() else np.nan,
        "log_loss": mean([metrics.log_loss(true[:, k], p[:, k], labels=[0, 1]) for k in labels]),
        "brier": mean([metrics.brier_score_loss(true[:, k], p[:, k], pos_label=1) for k in labels]),
        **ranks([(true[:, k] > 0, p[:, k]) for k in labels]),
    }


def expected_of_quantities(true, predicted):
    targets = [(true[:, k], predicted[:, k]) for k in range(true.shape[1])]
    return {
        "rmse": mean([metrics.root_mean_squared_error(*pair) for pair in targets]),
        "mae": mean([metrics.mean_absolute_error(*pair) for pair in targets]),
        "r2": mean([metrics.r2_score(*pair) for pair in targets if np.ptp(pair[0]) > 0]),
        "median_absolute_error": mean([metrics.median_absolute_error(*pair) for pair in targets]),
        "mape": mean([metrics.mean_absolute_percentage_error(*pair) for pair in targets]),
    }


def agrees(statistic, expected, counts, *arrays):
    """Each figure at each row of counts (S, N) is the expected one of the rows, repeated."""
    figures = figures_at(statistic, counts.astype(float))
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
    assert ours.figures[0].low == pytest.approx(theirs.low, abs=0.04 * width)
    assert ours.figures[0].high == pytest.approx(theirs.high, abs=0.04 * width)
    assert (ours.resamples, ours.note) == (20_000, None)


def test_the_interval_covers_the_mean_as_often_as_it_says():
    covered = 0
    for k in range(300):
        values = np.random.default_rng([k, 1]).normal(5, 2, (60, 1))
        figure = bootstrap(
            Means(["m"], values), {"m": values.mean()}, np.random.default_rng(k), 500
        ).figures[0]
        covered += figure.low <= 5 <= figure.high
    # binomial(300, about 0.94): standard deviation 4.1
    assert 268 <= covered <= 296


def test_the_same_generator_gives_the_same_interval():
    values = np.random.default_rng(0).normal(size=(50, 1))
    one, two, other = (
        bootstrap(Means(["m"], values), {"m": 0.0}, np.random.default_rng(seed)).figures
        for seed in ([5, 1], [5, 1], 6)
    )
    assert one == two
    assert one != other


def test_undefined_figures_have_no_interval():
    values = np.full((4, 1), np.nan)
    assert bootstrap(Means(["m"], values), {"m": None}, np.random.default_rng(0)).figures == [
        module.Figure("m", None, None, None)
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
    monkeypatch.setattr(module, "_MOST_BLOCKS", 1000)
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
    statistic = ClassSample(rng.integers(0, classes, rows), rng.dirichlet(np.ones(classes), rows))
    figures = dict.fromkeys(["accuracy", "log_loss", "roc_auc", "average_precision"], 0.5)
    started = time.thread_time()
    bootstrap(statistic, figures, np.random.default_rng(0))
    # twice the time it may take, for a computer that has other work
    assert time.thread_time() - started < 2 * seconds
