"""A row's prediction does not depend on the rows around it, bit for bit, where rows stay apart."""

import numpy as np
import pytest
from engine_cases import ACTIVATIONS, LAYERS, fits, named, stack, suited
from threadpoolctl import threadpool_limits

from bpnet.engine.activations import Identity, Softmax, Tanh
from bpnet.engine.layers import Dense
from bpnet.engine.loop.batches import Rows
from bpnet.engine.network import Network
from bpnet.engine.pieces import APART_MARGIN, APART_ROWS, apart_rows

N = 2 * APART_ROWS + 37
"""Two whole pieces and a part of one."""


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1, "blas"):
        yield


def assert_apart(network: Network, x: np.ndarray) -> None:
    """Compare the rows of a table with themselves: in another order, in slices, and one by one."""
    network.rows_apart = True
    together = network.predict(x, temperature=1.7)
    order = np.random.default_rng(5).permutation(len(x))
    np.testing.assert_array_equal(network.predict(x[order], 1.7), together[:, order])
    np.testing.assert_array_equal(network.predict(np.asfortranarray(x), 1.7), together)
    for start, stop in ((0, 1), (7, 8), (len(x) - 1, len(x)), (3, 300), (APART_ROWS, len(x))):
        apart = network.predict(x[start:stop], 1.7)
        np.testing.assert_array_equal(apart, together[:, start:stop])
    scores = np.concatenate([piece.copy() for _, piece in network.scores(x)], axis=2)
    ((_, one),) = network.scores(x[40:41])
    np.testing.assert_array_equal(one, scores[:, :, 40:41])


def rows_of(kind: type, rng: np.random.Generator, inputs: int = 3) -> np.ndarray:
    """Draw rows of which some have large numbers, beside which others take other branches."""
    x = rng.normal(size=(N, inputs)) * rng.choice([1, 1, 1, 40], (N, 1))
    return suited(kind, Rows(x, x)).x


@pytest.mark.parametrize(("precision", "replicas"), [("float32", 1), ("float64", 3)])
@pytest.mark.parametrize("activation", named(ACTIVATIONS))
@pytest.mark.parametrize("kind", LAYERS)
def test_a_row_has_the_same_prediction_beside_any_rows(kind, activation, replicas, precision):
    if not fits(kind, activation):
        pytest.skip("an equilibrium needs an elementwise activation")
    rng = np.random.default_rng(1)
    network = Network(
        stack(kind, activation, 3, units=24, tolerance=1e-5),
        3,
        seeds=range(replicas),
        precision=precision,
        output_activation=Softmax(),
    )
    with np.errstate(all="ignore"):
        assert_apart(network, rows_of(kind, rng).astype(precision))


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("units", [1, 2, 12, 17, 64, 200])
@pytest.mark.parametrize("inputs", [1, 20, 301])
def test_products_of_any_shape_keep_rows_apart(inputs, units, precision):
    layers = [Dense(units=units, activation=Tanh()), Dense(units=1)]
    network = Network(layers, inputs, seeds=[2], precision=precision)
    assert_apart(network, np.random.default_rng(2).normal(size=(N, inputs)).astype(precision))
    # of one layer, and one output
    network = Network([Dense(units=1, activation=Identity())], inputs, seeds=[2])
    assert_apart(network, np.random.default_rng(3).normal(size=(N, inputs)).astype(np.float32))


def test_wide_networks_and_many_replicas_take_fewer_rows_at_once():
    for units, replicas, rows in ((64, 1, 288), (1024, 1, 288), (64, 50, 160), (64, 1000, 16)):
        network = Network([Dense(units=units)], 2, seeds=range(replicas))
        assert apart_rows(network) == rows
    assert APART_ROWS + 2 * APART_MARGIN == 320  # a block of OpenBLAS
