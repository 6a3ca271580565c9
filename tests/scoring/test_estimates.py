"""Estimates over folds, worked by hand."""

import math

import pytest

from bpnet.scoring.estimates import Estimate, FoldResult, estimate_metrics, metrics_document


def folds(name: str, *values: float | None) -> list[FoldResult]:
    """Return folds with 8 rows to train on, 2 for validation and 5 to test on."""
    rows = {"train": 8, "validation": 2, "test": 5}
    return [
        FoldResult(1, k, 42 + k, rows, "epochs", 3, {name: value})
        for k, value in enumerate(values, start=1)
    ]


def test_the_interval_of_three_folds_by_hand() -> None:
    # mean 3, deviation √((1 + 0 + 1) / 2) = 1; t(2) = 4.30265; √(1/3 + 5/10) = 0.912871
    estimate = estimate_metrics(folds("r2", -2.0, -3.0, -4.0))["r2"]
    half = 4.302652729911275 * math.sqrt(1 / 3 + 1 / 2)
    assert (estimate.mean, estimate.deviation, estimate.folds) == (-3, 1, 3)
    assert estimate.low == pytest.approx(-3 - half)
    assert estimate.high == pytest.approx(-3 + half)


@pytest.mark.parametrize(
    ("name", "values", "low", "high"),
    [
        ("accuracy", (0.1, 0.9), 0.0, 1.0),
        ("rmse", (1.0, 9.0), 0.0, None),
        ("r2", (0.1, 0.9), None, 1.0),
        ("matthews", (-0.9, 0.9), -1.0, 1.0),
        ("brier", (0.1, 1.9), 0.0, 2.0),
        ("loss", (1.0, 9.0), 0.0, None),
    ],
)
def test_an_interval_ends_where_the_range_of_its_metric_does(name, values, low, high) -> None:
    estimate = estimate_metrics(folds(name, *values))[name]
    assert low in (None, estimate.low)
    assert high in (None, estimate.high)
    assert estimate.low < estimate.mean < estimate.high


def test_folds_where_a_metric_is_undefined_are_left_out() -> None:
    assert estimate_metrics(folds("r2", 0.5, None))["r2"] == Estimate(0.5, None, None, None, 1)
    assert estimate_metrics(folds("r2", None, None))["r2"] == Estimate(None, None, None, None, 0)


def test_the_document_has_means_deviations_intervals_and_folds() -> None:
    results = folds("rmse", 1.0, 3.0)
    document = metrics_document(estimate_metrics(results), results, "yes")
    assert document["test"] == {"rmse": 2.0}
    assert document["deviation"] == {"test": {"rmse": math.sqrt(2)}}
    assert document["folds"] == [
        {"repeat": 1, "fold": 1, "test": {"rmse": 1.0}},
        {"repeat": 1, "fold": 2, "test": {"rmse": 3.0}},
    ]
    low, high = document["interval"]["test"]["rmse"]
    assert low == 0 < 2 < high
