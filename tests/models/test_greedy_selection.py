"""Greedy selection, against a search that tries everything and losses by hand."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax
from sklearn.metrics import log_loss, mean_pinball_loss, mean_squared_error
from untrained_models import LABELS, QUANTITIES, THREE, TWO, describe

from bpnet.engine.losses import Quantile
from bpnet.models.combination import LEAST_PROBABILITY
from bpnet.models.combination_fit import fit_combination
from bpnet.models.greedy_selection import (
    LEAST_GAIN,
    SHORT_LIST,
    LogLoss,
    PinballLoss,
    Selection,
    SquaredLoss,
)


def greedy(goal, candidates, most):
    """Return the counts of a selection that tries every candidate at each addition."""
    counts, best = [0] * len(candidates), np.inf
    while sum(counts) < most:
        losses = []
        for k in range(len(candidates)):
            more = np.array(counts) + np.eye(len(candidates))[k]
            losses.append(goal(np.tensordot(more / more.sum(), candidates, 1)))
        if sum(counts) and min(losses) >= best * (1 - LEAST_GAIN):
            break
        best = min(losses)
        counts[int(np.argmin(losses))] += 1
    return counts, best


def encoded(values):
    """Return quantities as networks compute them."""
    return (values - np.array([100.0, -2.0])) / np.array([5.0, 0.1])


def class_scores(seed, members=5, rows=120):
    rng = np.random.default_rng(seed)
    codes = rng.integers(3, size=rows)
    truth = np.eye(3)[codes]
    each = [3 * truth + rng.normal(size=truth.shape) * rng.uniform(1, 4) for _ in range(members)]
    return codes, each


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, SHORT_LIST))
def test_it_picks_what_a_search_through_all_candidates_picks(seed, members):
    rng = np.random.default_rng(seed)
    true = rng.normal(size=(80, 2))
    each = np.stack([true + rng.normal(size=true.shape) * (1 + k / 4) for k in range(members)])
    selection = Selection(describe(QUANTITIES), true, None, "none")
    for values in each:
        selection.add(describe(QUANTITIES), encoded(values))
    unit = true.std(axis=0)
    counts, loss = greedy(
        lambda blend: float((((blend - true) / unit) ** 2).sum(axis=1).mean()), each, 25
    )
    assert selection.pick() == pytest.approx([count / sum(counts) for count in counts])
    assert selection.loss == pytest.approx(loss, rel=1e-5)


def test_losses_of_classes_are_those_of_scikit_learn():
    codes, each = class_scores(1)
    fitted = fit_combination([describe(THREE)] * 5, each, codes)
    selection = Selection(describe(THREE), codes, None, "temperature")
    for scores in each:
        selection.add(describe(THREE), scores)
    plain = LogLoss(codes, np.full(len(codes), 1 / len(codes)), 0.0, 3)
    for p in fitted.members:
        assert plain.loss(np.log(p)) == pytest.approx(log_loss(codes, p))
    shares = selection.pick()
    assert sum(shares) == pytest.approx(1)
    # no worse than the best, and what the blend of these weights gives
    assert selection.loss <= min(selection.losses)
    logs = [np.log(np.clip(p, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)) for p in fitted.members]
    blend = sum(w * p for w, p in zip(shares, logs, strict=True))
    soft = LogLoss(codes, np.full(len(codes), 1 / len(codes)), 1.5 * 0.5 / (len(codes) + 1), 3)
    assert selection.loss == pytest.approx(soft.loss(log_softmax(blend, axis=1)), rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_the_short_list_loses_little(seed):
    codes, each = class_scores(seed, members=40)
    selection = Selection(describe(THREE), codes, None, "none")
    for scores in each:
        selection.add(describe(THREE), scores)
    logs = np.stack([np.clip(log_softmax(z, axis=1), np.log(1e-7), None) for z in each])
    goal = LogLoss(codes, np.full(len(codes), 1 / len(codes)), 1.5 * 0.5 / (len(codes) + 1), 3)
    _, loss = greedy(goal.loss, logs, 25)
    selection.pick()
    assert selection.loss == pytest.approx(loss, rel=5e-3)


def numeric_slope(goal, blend, h=1e-6):
    slope = np.empty_like(blend)
    for place in itertools.product(*map(range, blend.shape)):
        moved = blend.copy()
        moved[place] += h
        above = goal.loss(moved)
        moved[place] -= 2 * h
        slope[place] = (above - goal.loss(moved)) / (2 * h)
    return slope


def test_slopes_are_finite_differences_and_losses_scikit_learns():
    rng = np.random.default_rng(4)
    weights = rng.random(9)
    weights /= weights.sum()
    values, blend = rng.normal(size=(9, 2)), rng.normal(size=(9, 2))
    codes = rng.integers(2, size=9)
    goals = [
        LogLoss(codes, weights, 0.1, 2),
        SquaredLoss(values, weights),
        PinballLoss(values, weights, 0.8),
    ]
    for goal in goals:
        assert goal.slope(blend) == pytest.approx(numeric_slope(goal, blend), abs=1e-7)
    kinds = {"sample_weight": weights, "multioutput": "raw_values"}
    squares = mean_squared_error(values, blend, **kinds).sum()
    assert goals[1].loss(blend) == pytest.approx(squares)
    assert goals[2].loss(blend) == pytest.approx(
        mean_pinball_loss(values, blend, alpha=0.8, **kinds).sum()
    )


def test_rows_of_weight_zero_count_for_nothing():
    codes, each = class_scores(5)
    weights = np.ones(len(codes))
    weights[60:] = 0

    def picked(codes, each, weights):
        selection = Selection(describe(THREE), codes, weights, "none")
        for scores in each:
            selection.add(describe(THREE), scores)
        return selection.pick()

    changed = codes.copy()
    changed[60:] = 0
    assert picked(codes, each, weights) == picked(changed, each, weights)


@pytest.mark.parametrize("target", [TWO, LABELS])
def test_every_task_is_picked(target):
    rng = np.random.default_rng(6)
    width = 1 if target is TWO else len(describe(LABELS).target.names)
    values = rng.integers(2, size=(50, width))
    true = values[:, 0] if target is TWO else values
    selection = Selection(describe(target, outputs=width), true, None, "temperature")
    selection.add(describe(target, outputs=width), rng.normal(size=(50, width)))
    selection.add(describe(target, outputs=width), 4.0 * values - 2 + rng.normal(size=(50, width)))
    shares = selection.pick()
    assert shares[1] > 0.9


def test_a_quantile_is_picked_by_its_own_loss():
    rng = np.random.default_rng(7)
    true = rng.normal(size=(400, 2))
    description = dataclasses.replace(describe(QUANTITIES), loss=Quantile(quantile=0.9))
    selection = Selection(description, true, None, "temperature")
    for level in (0.0, 1.28):
        selection.add(description, encoded(np.full((400, 2), level)))
    assert selection.pick() == [0.0, 1.0]


def test_growing_adds_to_what_there_is():
    codes, each = class_scores(8)
    selection = Selection(describe(THREE), codes, None, "none")
    losses = []
    for scores in each:
        selection.add(describe(THREE), scores)
        before = selection.shares
        selection.grow(2)
        losses.append(selection.loss)
        assert sum(selection.shares) == pytest.approx(1)
        assert len(before) == len(selection.shares)
    assert losses == sorted(losses, reverse=True)
