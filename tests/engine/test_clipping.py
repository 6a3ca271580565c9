"""Gradient clipping: by norm and by value, for each replica by itself."""

import numpy as np
from engine_cases import network_of, some_rows, stack, train
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bpnet.engine.activations import Tanh
from bpnet.engine.layers import Dense
from bpnet.engine.loop.batches import Rows
from bpnet.engine.losses import SquaredError
from bpnet.engine.penalties import GradientClipping


def one_step(clipping, scale):
    """The gradients that one step of three replicas used, without clipping and with it."""
    used = []
    for how in ({}, {"gradient_clipping": clipping}):
        network = network_of(stack(Dense, Tanh(), 2), seeds=(1, 2, 3))
        before = network.theta.copy()
        rows = some_rows(SquaredError(), rows=22, outputs=2)
        (record,) = train(
            network,
            Rows(rows.x, rows.y * scale),
            batch_size="full",
            epochs=1,
            learning_rate=1.0,
            **how,
        )
        used.append(before - network.theta)
        np.testing.assert_allclose(
            record.gradient_norm, np.linalg.norm(used[0], axis=1), rtol=1e-10
        )
    return used


def test_clipping_by_norm_keeps_the_direction():
    free, clipped = one_step(GradientClipping(norm=0.01), 5.0)
    norms = np.linalg.norm(free, axis=1, keepdims=True)
    assert (norms > 0.01).all()
    np.testing.assert_allclose(clipped, free * (0.01 / norms), rtol=1e-10, atol=1e-14)


def test_clipping_looks_at_each_replica_by_itself():
    free, _ = one_step(GradientClipping(norm=1.0), 5.0)
    norms = np.linalg.norm(free, axis=1)
    bound = float(np.sort(norms)[1])
    _, clipped = one_step(GradientClipping(norm=bound), 5.0)
    np.testing.assert_allclose(
        np.linalg.norm(clipped, axis=1), np.minimum(norms, bound), rtol=1e-10
    )


def test_clipping_by_value_bounds_each_entry():
    free, clipped = one_step(GradientClipping(value=0.2), 5.0)
    assert (np.abs(free) > 0.2).any()
    np.testing.assert_allclose(clipped, np.clip(free, -0.2, 0.2), rtol=1e-10, atol=1e-14)


def test_clipping_by_value_comes_before_that_by_norm():
    free, clipped = one_step(GradientClipping(value=0.2, norm=0.3), 5.0)
    cut = np.clip(free, -0.2, 0.2)
    norms = np.linalg.norm(cut, axis=1, keepdims=True)
    np.testing.assert_allclose(clipped, cut * np.minimum(1, 0.3 / norms), rtol=1e-10, atol=1e-14)


def test_clipping_leaves_a_small_gradient_alone():
    free, clipped = one_step(GradientClipping(value=1e6, norm=1e6), 1.0)
    assert np.array_equal(free, clipped)


def test_a_norm_beyond_the_precision_bounds_nothing():
    gradient = np.array([[3.0, -4.0], [1e30, 0.0]], np.float32)
    expected = gradient.copy()
    with np.errstate(over="ignore"):  # the second norm
        GradientClipping(norm=1e39).clip(gradient)
    np.testing.assert_array_equal(gradient[0], expected[0])


@given(
    arrays(np.float32, (3, 5), elements=st.floats(-(2.0**127), 2.0**127, width=32)),
    st.floats(1e-3, 1e38),
    st.integers(1, 4),
)
def test_a_gradient_whose_squares_overflow_keeps_its_direction(values, most, cut):
    exact = values.astype(np.float64)
    norms = np.linalg.norm(exact, axis=1, keepdims=True)
    gradient = values.copy()
    with np.errstate(over="ignore", under="ignore"):  # the squares
        GradientClipping(norm=most).clip(gradient[:, :cut], gradient[:, cut:])
    expected = exact * (most / np.maximum(norms, most))
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-5 * min(most, norms.max()))


def test_a_gradient_of_1e30_is_scaled_down_and_its_neighbors_are_as_without_it():
    rows = np.array([[1e30, -1e30], [3.0, 4.0], [np.inf, 1.0]], np.float32)
    alone = rows[1:2].copy()
    GradientClipping(norm=2.0).clip(alone)
    with np.errstate(over="ignore", invalid="ignore"):
        GradientClipping(norm=2.0).clip(rows)
    np.testing.assert_allclose(rows[0], [2**0.5, -(2**0.5)], rtol=1e-6)
    np.testing.assert_array_equal(rows[1:2], alone)
    assert not np.isfinite(rows[2]).all()
