"""Permutation importance on networks that were never trained: what must hold whatever they are."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inspected_models import NAMES, model, predictor
from untrained_models import LABELS, PLAIN, QUANTITIES, THREE, TWO

from bpnet.data.targets import AnyTarget
from bpnet.errors import RunError
from bpnet.inspection.budget import FEWEST_ROWS, MOST_ROWS, MOST_SHUFFLES, draw_rows, plan_budget
from bpnet.inspection.importance import draw_permutations, measure_importance, most_moving
from bpnet.inspection.predictor import Predictor
from bpnet.models.ensemble import Ensemble
from bpnet.scoring.row_losses import RowLosses

TARGETS = [THREE, TWO, LABELS, QUANTITIES]
targets = st.sampled_from(TARGETS)


@settings(max_examples=25)
@given(targets, st.integers(1, 30), st.integers(0, 99))
def test_ignored_and_constant_columns_have_exactly_none(
    target: AnyTarget, rows: int, seed: int
) -> None:
    asked = predictor(target, rows, seed, ignored=(1,), constant=(2,))
    rng = np.random.default_rng(seed)
    groups = [("b", "c"), ("a", "b", "c")]
    found = measure_importance(asked, NAMES, groups, draw_permutations(rows, 4, rng), rng)
    for name in ("b", "c"):
        one = found.of(name)
        assert (one.value, one.by_shuffle, one.shuffle_error) == (0.0, (0.0,) * 4, 0.0)
        assert (one.low, one.high) == ((0.0, 0.0) if rows > 1 else (None, None))
    by_group = {group.columns: group for group in found.groups}
    assert by_group["b", "c"].value == 0
    assert by_group["a", "b", "c"].by_shuffle == found.of("a").by_shuffle


@settings(max_examples=25)
@given(targets, st.integers(1, 40), st.integers(0, 99))
def test_all_columns_shuffled_together_shuffle_the_predictions(
    target: AnyTarget, rows: int, seed: int
) -> None:
    asked = predictor(target, rows, seed)
    every, source = np.arange(rows), np.random.default_rng(seed).permutation(rows)
    assert sorted(source.tolist()) == every.tolist()
    exchanged = asked.exchanged(NAMES, every, source)
    np.testing.assert_array_equal(exchanged, asked.predicted[source])
    np.testing.assert_array_equal(asked.exchanged((), every, source), asked.predicted)


@settings(max_examples=20)
@given(st.integers(2, 40), st.integers(0, 99))
def test_the_importance_is_the_mean_rise_of_the_losses(rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.random(rows) + 0.1
    asked = predictor(THREE, rows, seed, weights=weights)
    true, drawn = asked.rows.losses._true, draw_permutations(rows, 3, rng)
    found = measure_importance(asked, NAMES, [], drawn, np.random.default_rng(0))

    def loss(x: np.ndarray) -> float:
        p = asked.model.combine(asked.model.predict_each([x]))
        return float(-np.average(np.log(p[np.arange(rows), true]), weights=weights))

    (x,) = asked.rows.inputs
    for k, name in enumerate(NAMES):
        expected = []
        for source in drawn:
            shuffled = x.copy()
            shuffled[:, k] = x[source, k]
            expected.append(loss(shuffled) - loss(x))
        one = found.of(name)
        np.testing.assert_allclose(one.by_shuffle, expected, atol=1e-9)
        assert one.low is not None
        assert one.high is not None
        assert one.low <= one.value + 1e-12
        assert one.value <= one.high + 1e-12
        error = np.std(expected, ddof=1) / np.sqrt(3)
        assert one.shuffle_error == pytest.approx(error, abs=1e-9)
    assert found.score_value == pytest.approx(loss(x), abs=1e-9)
    assert found.weighted


def asked_of_sums(rows: int, seed: int, noise: float = 0.0) -> Predictor:
    """A network that predicts (a + b) / 2 of rows where a = b, for the target a and noise."""
    rng = np.random.default_rng(seed)
    target = replace(QUANTITIES, names=["p"], scales=[PLAIN])
    linear = model(target, 0)
    views = linear.network.parameters.views
    for view in views.values():
        view[:] = 0
    views["layers.0.weight"][0, 0, :2] = 0.5e-4  # tanh is linear there
    views["layers.1.weight"][0, 0, 0] = 1e4
    asked = predictor(target, rows, seed).rows
    (x,) = asked.inputs
    x[:, 1] = x[:, 0]
    losses = RowLosses(target, x[:, :1] + noise * rng.normal(size=(rows, 1)))
    return Predictor(Ensemble([linear]), replace(asked, losses=losses))


def test_shared_information_shows_when_columns_are_shuffled_together() -> None:
    asked, rng = asked_of_sums(2000, 3), np.random.default_rng(3)
    drawn = draw_permutations(2000, 5, rng)
    found = measure_importance(asked, NAMES, [("a", "b")], drawn, rng)
    # E (½ (x' - x))² = ½ var x alone, E (x' - x)² = 2 var x together; importance is in var x
    assert found.of("a").value == pytest.approx(0.5, abs=0.05)
    assert found.groups[0].value == pytest.approx(2, abs=0.1)
    assert found.ranked[0] is found.groups[0]
    assert (found.score, found.score_value) == ("r2", pytest.approx(1, abs=1e-6))
    assert found.of("c").value == 0


def test_the_interval_covers_what_all_possible_rows_would_give() -> None:
    inside = []
    for seed in range(200):
        asked, rng = asked_of_sums(100, seed, noise=0.5), np.random.default_rng(seed)
        drawn = draw_permutations(100, 10, rng)
        group = measure_importance(asked, [], [("a", "b")], drawn, rng).groups[0]
        assert group.low is not None
        assert group.high is not None
        variance = float(np.var(asked.rows.losses._true))
        inside.append(group.low * variance <= 2 <= group.high * variance)  # E (x' - x)² = 2
    # of 200 intervals 190 ± 3, of a percentile bootstrap of 100 rows a little less
    assert 181 <= sum(inside) <= 199


def test_rows_of_a_group_are_drawn_together() -> None:
    """Five copies of each of 60 rows tell as much as 60 rows: the interval is as wide."""
    asked, rng = asked_of_sums(60, 0, noise=0.5), np.random.default_rng(0)
    copies = np.tile(np.arange(60), 5)
    rows = asked.rows
    (x,) = rows.inputs
    losses = RowLosses(asked.model.description.target, rows.losses._true[copies])
    cells = {name: one.take(copies) for name, one in rows.cells.items()}
    copied = replace(rows, numbers=np.arange(300), inputs=[x[copies]], cells=cells, losses=losses)
    widths = []
    for whole, one in ((None, asked), (copies, Predictor(asked.model, copied)), (None, None)):
        predictor = one or Predictor(asked.model, copied)
        drawn = draw_permutations(len(predictor.rows), 10, np.random.default_rng(1))
        group = measure_importance(predictor, [], [("a", "b")], drawn, rng, row_groups=whole)
        each = group.groups[0]
        assert each.low is not None
        assert each.high is not None
        widths.append(each.high - each.low)
    alone, together, one_by_one = widths
    assert together == pytest.approx(alone, rel=0.35)
    assert one_by_one < 0.7 * together


def test_predictions_that_are_not_finite_are_an_error() -> None:
    asked = predictor(QUANTITIES, 5, 0)
    asked.model.members[0].network.theta[:] = np.nan
    with pytest.raises(RunError, match="not finite"):
        asked.predicted  # noqa: B018


def test_the_columns_that_are_left_out_move_predictions_least() -> None:
    asked = predictor(THREE, 40, 1, ignored=(0, 3))
    source = np.random.default_rng(0).permutation(40)
    assert most_moving(asked, NAMES, 2, 20, source) == ["b", "c"]
    assert most_moving(asked, NAMES, 4, 20, source) == NAMES


@given(
    st.integers(1, 10**7), st.integers(1, 5000), st.integers(1, 10**7), st.sampled_from([1e8, 2e11])
)
def test_the_work_is_bounded(rows: int, columns: int, cost: int, work: float) -> None:
    budget = plan_budget(rows, columns, cost, work)
    assert min(rows, FEWEST_ROWS) <= budget.rows <= min(rows, MOST_ROWS)
    assert 1 <= budget.shuffles <= MOST_SHUFFLES
    assert 1 <= budget.columns <= columns
    needed = budget.rows * budget.shuffles * budget.columns * cost
    assert needed <= work or (budget.columns, budget.shuffles) == (1, 1)
    if budget.columns < columns:
        assert (budget.shuffles, budget.rows) == (1, min(rows, FEWEST_ROWS))


def test_rows_are_drawn_without_preference() -> None:
    rows = np.arange(100, 1100)
    drawn = draw_rows(rows, 300, np.random.default_rng(0))
    assert len(set(drawn.tolist())) == 300
    assert (np.diff(drawn) > 0).all()
    assert set(drawn.tolist()) <= set(rows.tolist())
    assert draw_rows(rows, 1000, np.random.default_rng(0)) is rows
