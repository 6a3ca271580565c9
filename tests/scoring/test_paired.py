"""The paired bootstrap: intervals that hold the true difference, of pairs that share their rows."""

import numpy as np
import pytest
from scipy import stats

from bpnet.data.encoding.scalers import LinearScaler
from bpnet.data.reading.column import Floats
from bpnet.data.targets import AnyTarget, Classes, Labels, Quantities
from bpnet.scoring.paired import FEWEST_ROWS, PairedMetric, compare_paired

SCALE = LinearScaler(by="none", subtract=0.0, divide=1.0)
QUANTITY = Quantities(names=["y"], scales=[SCALE])
TWO = Classes(name="y", classes=["a", "b"])


def by_name(metrics: list[PairedMetric]) -> dict[str, PairedMetric]:
    return {metric.name: metric for metric in metrics}


def signed_interval(metric: PairedMetric) -> tuple[float, float]:
    """The interval of how much better the first of two models is."""
    (one,) = metric.differences
    assert one.low is not None
    assert one.high is not None
    return (one.low, one.high) if metric.best == 0 else (-one.high, -one.low)


def errors_of(rng: np.random.Generator, rows: int) -> list[Floats]:
    """Errors of two models, which have a part in common: the MAE are 0.8 and 1.12 times √2/√π."""
    shared, *own = rng.normal(size=(3, rows, 1))
    return [0.8 * (0.8 * shared + 0.6 * own[0]), 1.12 * (0.8 * shared + 0.6 * own[1])]


def coverage_of_errors(samples: int, rows: int, resamples: int) -> float:
    """The share of samples of which the interval holds the true difference of the MAE."""
    truth, held = (1.12 - 0.8) * np.sqrt(2 / np.pi), 0
    rng = np.random.default_rng(1)
    for seed in range(samples):
        true = rng.normal(size=(rows, 1))
        predicted = [true + error for error in errors_of(rng, rows)]
        metric = by_name(compare_paired(QUANTITY, true, predicted, seed, resamples))["mae"]
        low, high = signed_interval(metric)
        held += low <= truth <= high
    return held / samples


def coverage_of_accuracy(samples: int, rows: int, resamples: int) -> float:
    """That of the accuracy of models of which 0.85 and 0.7 of the predictions are right."""
    held, rng = 0, np.random.default_rng(2)
    for seed in range(samples):
        true = rng.integers(0, 2, rows)
        chance = rng.uniform(size=rows)  # the first is right wherever the second is
        right = [chance < 0.85, chance < 0.7]
        predicted = [np.eye(2)[np.where(one, true, 1 - true)] * 0.8 + 0.1 for one in right]
        metric = by_name(compare_paired(TWO, true, predicted, seed, resamples))["accuracy"]
        low, high = signed_interval(metric)
        held += low <= 0.15 <= high
    return held / samples


def test_the_interval_holds_a_known_difference() -> None:
    assert 0.9 <= coverage_of_errors(150, 30, 300) <= 0.99


@pytest.mark.slow
@pytest.mark.parametrize("rows", [22, 60, 120])
def test_the_interval_holds_a_known_difference_in_95_of_100_samples(rows: int) -> None:
    """With 800 samples the share itself is known to ± 0.8 % (a standard deviation)."""
    assert coverage_of_errors(800, rows, 500) == pytest.approx(0.95, abs=0.025)
    # where a few rows decide, as 3 of 22, intervals of shares are too narrow
    if rows >= 60:
        assert coverage_of_accuracy(800, rows, 500) == pytest.approx(0.95, abs=0.025)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [20, 40])
def test_shares_of_few_rows_are_not_marked_by_mistake(rows: int) -> None:
    rng, marked, samples = np.random.default_rng(9), 0, 800
    for seed in range(samples):
        true = rng.integers(0, 2, rows)
        right = rng.uniform(size=(2, rows)) < 0.8
        predicted = [np.eye(2)[np.where(one, true, 1 - true)] * 0.8 + 0.1 for one in right]
        metric = by_name(compare_paired(TWO, true, predicted, seed))["accuracy"]
        marked += any(one.clear for one in metric.differences)
    assert marked / samples <= 0.07


@pytest.mark.slow
@pytest.mark.parametrize("models", [2, 5, 10])
def test_of_equal_models_one_is_marked_in_5_of_100_comparisons(models: int) -> None:
    rng, marked, samples = np.random.default_rng(3), 0, 800
    for seed in range(samples):
        true = rng.normal(size=(40, 1))
        shared, own = rng.normal(size=(40, 1)), rng.normal(size=(models, 40, 1))
        metric = by_name(compare_paired(QUANTITY, true, list(true + shared + own), seed, 500))[
            "mae"
        ]
        marked += any(one.clear for one in metric.differences)
    assert marked / samples <= 0.07


def test_the_interval_is_that_of_rows_drawn_for_both() -> None:
    """Against resamples written out: indices of rows, the same for both models."""
    rng, rows, resamples = np.random.default_rng(4), 50, 400
    true = rng.normal(size=(rows, 1))
    errors = errors_of(rng, rows)
    predicted = [true + error for error in errors]
    metric = by_name(compare_paired(QUANTITY, true, predicted, 7, resamples))["mae"]
    drawn = np.random.default_rng(7).integers(0, rows, (resamples, rows))
    sizes = [np.abs(error[:, 0]) for error in errors]
    differences = [sizes[1][index].mean() - sizes[0][index].mean() for index in drawn]
    deviations = np.abs(np.array(differences) - np.mean(differences))
    deviation = np.std(differences)
    quantile = np.quantile(deviations / deviation, 0.95)
    t = stats.t.ppf(stats.norm.cdf(quantile), rows - 1)
    half = np.sqrt(rows / (rows - 1)) * t * deviation
    (one,) = metric.differences
    assert metric.best == 0
    assert one.value == pytest.approx(sizes[1].mean() - sizes[0].mean())
    assert (one.low, one.high) == pytest.approx((one.value - half, one.value + half))


def test_of_several_models_the_largest_deviation_of_all_pairs_counts() -> None:
    rng = np.random.default_rng(5)
    true = rng.normal(size=(40, 1))
    predicted = [true + rng.normal(size=(40, 1)) * size for size in (1, 1.05, 1.1, 3)]
    of_four = by_name(compare_paired(QUANTITY, true, predicted))["rmse"]
    for one in of_four.differences:
        assert of_four.best is not None
        pair = [predicted[of_four.best], predicted[one.other]]
        (alone,) = by_name(compare_paired(QUANTITY, true, pair))["rmse"].differences
        assert alone.value == one.value
        assert None not in (one.low, one.high, alone.low, alone.high)
        assert one.high - one.low > alone.high - alone.low  # type: ignore[operator]
    assert [one.clear for one in of_four.differences if one.other == 3] == [True]


def test_the_order_of_the_models_does_not_matter() -> None:
    rng = np.random.default_rng(6)
    true = rng.integers(0, 2, 60)
    right = [np.where(rng.uniform(size=60) < share, true, 1 - true) for share in (0.9, 0.6)]
    predicted = [np.eye(2)[one] * 0.6 + rng.uniform(0.1, 0.3, (60, 1)) for one in right]
    for one, other in zip(
        compare_paired(TWO, true, predicted),
        compare_paired(TWO, true, predicted[::-1]),
        strict=True,
    ):
        assert one.values == other.values[::-1]
        if one.values[0] != one.values[1]:
            assert one.best == 1 - (other.best or 0)
        for mine, theirs in zip(one.differences, other.differences, strict=True):
            assert mine.value == theirs.value
            if mine.low is not None:
                assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high))


@pytest.mark.parametrize(
    ("target", "true", "predicted"),
    [
        (QUANTITY, np.arange(40.0)[:, None], np.arange(40.0)[:, None] + 1),
        (TWO, np.arange(40) % 2, np.tile([0.4, 0.6], (40, 1))),
        (Labels(names=["p", "q"]), np.ones((40, 2), int), np.full((40, 2), 0.7)),
    ],
)
def test_a_model_does_not_differ_from_itself(
    target: AnyTarget, true: np.ndarray, predicted: Floats
) -> None:
    for metric in compare_paired(target, true, [predicted, predicted.copy()]):
        assert metric.values[0] == metric.values[1]
        for one in metric.differences:
            assert one.value == 0
            assert not one.clear


def test_few_rows_and_the_calibration_error_have_no_interval() -> None:
    true = np.arange(60) % 2
    sure = np.where(true[:, None] == [0, 1], 0.9, 0.1)
    poor = np.tile([0.8, 0.2], (60, 1))
    many = by_name(compare_paired(TWO, true, [sure, poor]))
    assert many["accuracy"].differences[0].clear
    assert many["calibration_error"].differences[0].low is None
    for rows, clear in ((FEWEST_ROWS - 1, False), (FEWEST_ROWS, True)):
        few = by_name(compare_paired(TWO, true[:rows], [sure[:rows], poor[:rows]]))
        assert few["accuracy"].differences[0].clear is clear
        assert (few["accuracy"].differences[0].low is None) is not clear


def test_an_undefined_metric_has_no_best() -> None:
    true = np.zeros(30, int)  # one class only
    each = [np.tile([0.7, 0.3], (30, 1)), np.tile([0.4, 0.6], (30, 1))]
    metrics = by_name(compare_paired(TWO, true, each))
    assert (metrics["roc_auc"].best, metrics["roc_auc"].differences) == (None, [])
    assert metrics["accuracy"].best == 0


def test_quantities_of_any_size_have_the_same_relative_intervals() -> None:
    rng = np.random.default_rng(8)
    true = rng.normal(size=(40, 1))
    predicted = [true + error for error in errors_of(rng, 40)]
    plain = by_name(compare_paired(QUANTITY, true, predicted))
    size = 2.0**600
    huge = by_name(compare_paired(QUANTITY, true * size, [one * size for one in predicted]))
    for name, factor in (("rmse", size), ("r2", 1.0)):
        (one,), (other,) = plain[name].differences, huge[name].differences
        assert other.low == pytest.approx(one.low * factor)  # type: ignore[operator]
