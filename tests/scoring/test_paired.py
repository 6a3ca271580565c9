"""The paired bootstrap: intervals that hold the true difference, of pairs that share their rows."""

import numpy as np
import pytest
from scipy import stats

from bpnet.data.encoding.scalers import LinearScaler
from bpnet.data.reading.column import Floats
from bpnet.data.targets import AnyTarget, Classes, Labels, Quantities
from bpnet.scoring.paired import FEWEST_GROUPS, FEWEST_ROWS, PairedMetric, compare_paired

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


def coverage_of_copies(samples: int, groups: int, resamples: int, *, whole: bool) -> float:
    """That of the MAE where each row is there five times: copies, as extreme groups have them."""
    truth, held = (1.12 - 0.8) * np.sqrt(2 / np.pi), 0
    rng, numbers = np.random.default_rng(3), np.repeat(np.arange(groups), 5)
    for seed in range(samples):
        true = rng.normal(size=(groups, 1))
        predicted = [(true + error)[numbers] for error in errors_of(rng, groups)]
        drawn = numbers if whole else None
        found = compare_paired(QUANTITY, true[numbers], predicted, seed, resamples, groups=drawn)
        low, high = signed_interval(by_name(found)["mae"])
        held += low <= truth <= high
    return held / samples


def test_groups_of_copies_are_drawn_whole() -> None:
    """Rows of a group tell as much as one row: drawn one by one, they make intervals too narrow."""
    assert 0.88 <= coverage_of_copies(80, 20, 200, whole=True) <= 1
    assert coverage_of_copies(40, 20, 200, whole=False) <= 0.8


@pytest.mark.slow
@pytest.mark.parametrize("groups", [FEWEST_GROUPS, 20, 40])
def test_the_interval_of_groups_holds_a_known_difference_in_95_of_100(groups: int) -> None:
    assert coverage_of_copies(800, groups, 400, whole=True) == pytest.approx(0.95, abs=0.025)
    assert coverage_of_copies(200, groups, 400, whole=False) <= 0.75


def test_groups_of_one_row_each_are_rows() -> None:
    rng = np.random.default_rng(4)
    true = rng.integers(0, 2, 40)
    predicted = [np.column_stack([1 - p, p]) for p in rng.uniform(size=(2, 40))]
    alone = compare_paired(TWO, true, predicted)
    assert compare_paired(TWO, true, predicted, groups=np.arange(40)) == alone


def test_few_groups_have_no_interval() -> None:
    true = np.arange(60) % 2
    each = [np.where(true[:, None] == [0, 1], 0.9, 0.1), np.tile([0.8, 0.2], (60, 1))]
    for groups, judged in ((FEWEST_GROUPS - 1, False), (FEWEST_GROUPS, True)):
        found = by_name(compare_paired(TWO, true, each, groups=np.arange(60) % groups))
        assert (found["accuracy"].differences[0].low is not None) is judged


def test_weighted_metrics_are_those_worked_by_hand() -> None:
    """Three rows that weigh 1, 1 and 2, of which models are right in (1, 3) and in (2)."""
    true, weights = np.array([0, 1, 1]), np.array([1.0, 1.0, 2.0])
    first = np.array([[0.5, 0.5], [0.75, 0.25], [0.25, 0.75]])
    second = np.array([[0.25, 0.75], [0.5, 0.5], [0.75, 0.25]])
    thresholds = [[0.6], [0.4]]
    found = by_name(
        compare_paired(TWO, true, [first, second], thresholds=thresholds, weights=weights)
    )
    # (1 + 2) / 4 and 1 / 4; (ln 2 + ln 4 + 2 ln 4/3) / 4 and (ln 4 + ln 2 + 2 ln 4) / 4
    assert found["weighted_accuracy"].values == pytest.approx([0.75, 0.25])
    losses = [(3 * np.log(2) + 2 * np.log(4 / 3)) / 4, 7 * np.log(2) / 4]
    assert found["weighted_log_loss"].values == pytest.approx(losses)
    assert found["weighted_log_loss"].best == 0
    assert found["weighted_log_loss"].differences[0].value == pytest.approx(losses[1] - losses[0])
    # values 1, 2 and 5 that weigh 1, 1 and 2: their mean is 13/4, their variance 51/16
    values = np.array([[1.0], [2.0], [5.0]])
    guesses = [values + np.array([[error] for error in each]) for each in ((1, 0, 1), (0, 2, 0))]
    r2 = by_name(compare_paired(QUANTITY, values, guesses, weights=weights))["weighted_r2"]
    assert r2.values == pytest.approx([1 - (3 / 4) / (51 / 16), 1 - (4 / 4) / (51 / 16)])
    assert r2.best == 0
    labels = Labels(names=["p", "q"])
    true = np.array([[1, 0], [1, 1], [0, 0]])
    shares = [np.array([[0.9, 0.9], [0.9, 0.9], [0.1, 0.1]]), np.full((3, 2), 0.6)]
    accuracy = by_name(compare_paired(labels, true, shares, weights=weights))
    # (1/2 + 1 + 2) / 4 and (1/2 + 1 + 0) / 4
    assert accuracy["weighted_label_accuracy"].values == pytest.approx([3.5 / 4, 1.5 / 4])


def test_equal_weights_have_the_intervals_of_none() -> None:
    rng = np.random.default_rng(5)
    true = rng.normal(size=(40, 1))
    predicted = [true + error for error in errors_of(rng, 40)]
    found = by_name(compare_paired(QUANTITY, true, predicted, weights=np.full(40, 3.0)))
    assert found["weighted_r2"].values == pytest.approx(found["r2"].values)
    assert "weighted_r2" not in by_name(compare_paired(QUANTITY, true, predicted))
    twice = by_name(compare_paired(QUANTITY, true, predicted, weights=np.arange(40.0)))
    assert twice["weighted_r2"].values != pytest.approx(found["r2"].values)


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
