"""Prediction intervals: conformal quantiles by hand, coverage, and what is refused."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from untrained_models import QUANTITIES, THREE, untrained

from bpnet.errors import RunError, UsageError
from bpnet.models.combination import Combination
from bpnet.models.curve import Curve
from bpnet.models.ensemble import Ensemble
from bpnet.models.intervals import Interval, conformal_rank, fit_interval, fit_intervals
from bpnet.models.saved_ensemble import load_ensemble, save_ensemble

X = np.linspace(-2, 2, 9)[:, None]


@pytest.mark.parametrize(
    ("rows", "level", "rank"),
    [(9, 0.9, 9), (9, 0.5, 5), (10, 0.9, 10), (19, 0.95, 19), (99, 0.9, 90), (8, 0.9, 9)],
)
def test_the_rank_by_hand(rows, level, rank):
    assert conformal_rank(rows, level) == rank


def test_nine_errors_by_hand():
    errors = np.array([5, 1, 4, 2, 8, 3, 9, 7, 6.0])
    interval = fit_interval(np.zeros(9), errors)
    predicted = np.array([-1.0, 0.0, 7.0])
    # (9 + 1) · 0.9 = 9: the largest; (9 + 1) · 0.5 = 5: the middle one
    held_out = _scales_of_five_folds(errors)
    ratios = np.sort(errors / held_out) * errors.mean()
    for level, rank in [(0.9, 9), (0.5, 5)]:
        np.testing.assert_allclose(interval.half_widths(predicted, level), ratios[rank - 1])
    assert interval.half_widths(predicted, 0.91).tolist() == [np.inf] * 3
    assert interval.highest_level == 0.9


def _scales_of_five_folds(errors):
    """Each error's constant scale: the mean of the other folds' errors."""
    fold = np.arange(len(errors)) % 5
    return np.array([errors[fold != fold[k]].mean() for k in range(len(errors))])


@given(
    rows=st.integers(1, 3000),
    seed=st.integers(0, 1000),
    levels=st.lists(st.floats(0.01, 0.99), min_size=2, max_size=6),
    size=st.sampled_from([1e-310, 1e-9, 1.0, 1e300]),
)
def test_intervals_are_nested_in_the_level(rows, seed, levels, size):
    rng = np.random.default_rng(seed)
    predicted = rng.integers(0, 5, rows) * size  # with ties
    interval = fit_interval(predicted, predicted + rng.normal(size=rows) * size)
    widths = [interval.half_widths(predicted, level) for level in sorted(levels)]
    for narrow, wide in pairwise(widths):
        assert (narrow <= wide).all()


@pytest.mark.parametrize("rows", [50, 400, 5000])
def test_rows_that_were_held_out_are_covered(rows):
    rng = np.random.default_rng(rows)
    predicted = rng.normal(size=rows)
    interval = fit_interval(predicted, predicted + rng.exponential(size=rows))
    # the ratios of ranks from r on are above the others: the share of new rows is r / (n + 1)
    assert interval.rows == rows
    for level in (0.5, 0.9):
        rank = conformal_rank(rows, level)
        kept = np.array(interval.ranks)
        found = interval.half_widths(predicted, level) / interval.scale(predicted)
        assert found == pytest.approx(interval.ratios[int(np.searchsorted(kept, rank))])
        assert 0 <= kept[np.searchsorted(kept, rank)] - rank <= rows / 900


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
def test_the_coverage_of_errors_that_grow_with_the_value_is_the_level(level):
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(40):
        predicted = rng.uniform(1, 5, 3000)
        values = predicted + predicted * rng.normal(size=3000)
        interval = fit_interval(predicted[:1000], values[:1000])
        inside = np.abs(values - predicted) <= interval.half_widths(predicted, level)
        covered.append(
            [inside[1000:][low].mean() for low in (predicted[1000:] < 3, predicted[1000:] > 3)]
        )
    below, above = np.mean(covered, axis=0)
    assert (below + above) / 2 == pytest.approx(level, abs=0.02)
    # in either half: a constant width covers .98 of the lower one and .82 of the upper at 0.9
    assert below == pytest.approx(level, abs=0.04)
    assert above == pytest.approx(level, abs=0.04)


def test_a_scale_that_does_not_help_is_left_constant():
    rng = np.random.default_rng(2)
    constant = sum(
        len(fit_interval(y, y + rng.normal(size=800)).scale.x) == 1
        for y in rng.normal(size=(20, 800))
    )
    assert constant >= 14
    y = rng.uniform(0.1, 5, 800)
    assert len(fit_interval(y, y + y * rng.normal(size=800)).scale.x) > 1


@pytest.mark.parametrize("rows", [1, 2, 5, 100])
def test_predictions_without_an_error_have_intervals_without_a_width(rows):
    y = np.arange(float(rows))
    assert fit_interval(y, y).half_widths(y, 0.4).tolist() == [0.0] * rows


def test_errors_that_are_not_finite_have_no_intervals():
    assert fit_interval(np.array([0.0, np.nan]), np.zeros(2)) is None
    assert fit_interval(np.array([0.0, -1.5e308]), np.array([0.0, 1.5e308])) is None
    assert fit_interval(np.zeros(0), np.zeros(0)) is None


def quantities(rows=50):
    ensemble = Ensemble([untrained(QUANTITIES, [1, 2])])
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 1))
    return ensemble.with_intervals([x], QUANTITIES.decode(rng.normal(size=(rows, 2))))


def test_saved_intervals_are_the_same_for_any_level(tmp_path):
    ensemble = quantities()
    save_ensemble(ensemble, tmp_path / "model")
    again = load_ensemble(tmp_path / "model")
    predictions = again.combine(again.predict_each([X]))
    # intervals change no prediction
    plain = Ensemble(ensemble.members)
    np.testing.assert_array_equal(predictions, plain.combine(plain.predict_each([X])))
    for level in (0.5, 0.9):
        again.check_level(level)
        lower, upper = again.interval(predictions, level)
        np.testing.assert_array_equal((lower, upper), ensemble.interval(predictions, level))
        np.testing.assert_allclose(predictions, (lower + upper) / 2)
        assert lower.shape == (9, 2)


@pytest.mark.parametrize("level", [0.0, 1.0, -0.5, 90.0, float("nan"), float("inf")])
def test_a_level_that_is_no_share_is_refused(level):
    with pytest.raises(UsageError, match=r"must be above 0 and below 1, such as 0\.9"):
        quantities().check_level(level)


def test_what_has_no_intervals_is_refused():
    with pytest.raises(UsageError, match="intervals are for numbers; this run predicts classes"):
        Ensemble([untrained(THREE)]).check_level(0.9)
    with pytest.raises(
        UsageError, match="has no intervals; they come from rows that were held out"
    ):
        Ensemble([untrained(QUANTITIES)]).check_level(0.9)
    with pytest.raises(UsageError, match="predict without --replica"):
        quantities().select("1").check_level(0.9)
    with pytest.raises(UsageError, match=r"only 9 rows were held out; give at most 0\.9,"):
        quantities(9).check_level(0.91)
    quantities(9).check_level(0.9)


GOOD = Interval(rows=3, scale=Curve(x=[0.0], y=[1.0]), ranks=[1, 2, 3], ratios=[0.0, 1.0, 2.0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": 4}, "ranks"),
        ({"ranks": [1, 2, 2]}, "ranks"),
        ({"ranks": [0, 2, 3]}, "ranks"),
        ({"ranks": []}, "ranks"),
        ({"ratios": [0.0, 1.0]}, "ratios"),
        ({"ratios": [0.0, 2.0, 1.0]}, "ratios"),
        ({"ratios": [-1.0, 0.0, 1.0]}, "ratios"),
        ({"ratios": [0.0, 1.0, float("nan")]}, "ratios"),
        ({"scale": {"x": [0.0], "y": [0.0]}}, "scale"),
        ({"scale": {"x": [0.0], "y": [1.0, 2.0]}}, "knots"),
    ],
)
def test_edited_intervals_are_refused(change, message, tmp_path):
    combination = Combination(weights=[1.0], intervals=[GOOD, GOOD])
    save_ensemble(Ensemble([untrained(QUANTITIES)], combination), tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    content = json.loads(path.read_text())
    content["combination"]["intervals"][1] |= change
    path.write_text(json.dumps(content))
    with pytest.raises(RunError, match="intervals") as caught:
        load_ensemble(tmp_path / "model")
    assert message in str(caught.value)


def test_there_is_an_interval_for_each_target():
    with pytest.raises(ValueError, match="has 1 entries; it must have one for each of 2"):
        Combination(weights=[1.0], intervals=[GOOD]).check(1, QUANTITIES)
    with pytest.raises(ValueError, match="must be null, since the target is classes"):
        Combination(weights=[1.0], intervals=[GOOD] * 3).check(1, THREE)


def test_with_weights_the_level_is_a_share_of_the_weights():
    rng = np.random.default_rng(12)
    size = np.where(rng.random(4000) < 0.5, 1.0, 5.0)
    errors, weights = size * rng.normal(size=4000), np.where(size > 1, 3.0, 1.0)
    predicted = np.zeros(4000)
    interval = fit_interval(predicted, errors, weights=weights)
    for level in (0.5, 0.8, 0.9):
        inside = np.abs(errors) <= interval.half_widths(predicted, level)
        assert np.average(inside, weights=weights) == pytest.approx(level, abs=0.005)
        assert inside.mean() > level + 0.03
    # equal weights change nothing, and a row of weight n is n rows
    assert fit_interval(predicted, errors, weights=np.full(4000, 0.3)) == (
        fit_interval(predicted, errors)
    )
    of_weights = fit_interval(predicted[:4], errors[:4], weights=np.array([2, 1, 1, 0.0]))
    assert of_weights.rows == 4
    left = fit_intervals(predicted[:4, None], errors[:4, None], weights=np.array([2, 1, 1, 0.0]))
    assert left[0].rows == 3  # a row of no weight is none
