"""The smallest value of a convex function on the simplex, against scipy and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize, nnls

from bpnet.models.simplex import minimize_on_simplex, minimize_quadratic


def by_scipy(function, size):
    """The best of scipy's answers from every corner and the middle."""
    starts = [*np.eye(size), np.full(size, 1 / size)]
    found = [
        minimize(
            lambda w: function(w)[:2],
            start,
            jac=True,
            method="SLSQP",
            bounds=[(0, 1)] * size,
            constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
            options={"ftol": 1e-13, "maxiter": 500},
        )
        for start in starts
    ]
    return min(one.fun for one in found if abs(one.x.sum() - 1) < 1e-9)


def test_two_members_by_hand():
    # (w - 3/4)² on w + v = 1: the derivative is 0 at w = 3/4
    assert minimize_quadratic(np.diag([2.0, 0.0]), np.array([1.5, 0.0])) == pytest.approx(
        [0.75, 0.25]
    )
    # (w - 2)² has its minimum beyond the corner
    assert minimize_quadratic(np.diag([2.0, 0.0]), np.array([4.0, 0.0])).tolist() == [1, 0]


@given(
    size=st.integers(1, 12),
    rank=st.integers(1, 14),
    seed=st.integers(0, 10_000),
    twins=st.booleans(),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
)
def test_a_quadratic_as_scipys_nnls_has_it(size, rank, seed, twins, scale):
    rng = np.random.default_rng(seed)
    columns, goal = rng.normal(size=(rank, size)) * scale, rng.normal(size=rank) * scale
    if twins:
        columns[:, size // 2 :] = columns[:, :1]
    # |Σ v (a_m - t)|² on the simplex: NNLS of [a - t; 1] v = [0; 1] has it as its direction
    moved = columns - goal[:, None]
    solved, _ = nnls(np.vstack([moved, np.full(size, scale)]), np.append(np.zeros(rank), scale))
    expected = np.square(moved @ (solved / solved.sum())).sum()
    found = minimize_quadratic(columns.T @ columns, columns.T @ goal)
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1, abs=1e-12)
    allowed = 1e-6 * np.square(moved).sum() * 1e-3
    assert np.square(moved @ found).sum() == pytest.approx(expected, rel=1e-6, abs=allowed)


@given(seed=st.integers(0, 10_000), size=st.integers(1, 8), terms=st.integers(1, 30))
def test_a_smooth_convex_function_as_scipy_has_it(seed, size, terms):
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(terms, size)) * 3

    def function(w):  # log Σ e^(d·w)
        z = directions @ w
        p = np.exp(z - z.max())
        value = np.log(p.sum()) + z.max()
        p /= p.sum()
        mean = p @ directions
        return float(value), mean, (directions.T * p) @ directions - np.outer(mean, mean)

    found = minimize_on_simplex(function, size)
    value, gradient, _ = function(found)
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1, abs=1e-12)
    assert value <= by_scipy(function, size) + 1e-6
    # f(w) - min f is at most this, whatever scipy found
    assert gradient @ found - gradient.min() <= 1e-6


def test_a_function_without_a_slope_keeps_equal_weights():
    found = minimize_on_simplex(lambda w: (0.0, np.zeros(4), np.zeros((4, 4))), 4)
    assert found.tolist() == [0.25] * 4
