"""A network: its predictions, its first parameters and their names."""

import numpy as np
import pytest
from engine_cases import LAYERS, in_precision, linear, network_of, some_rows, stack, suited

from bpnet.engine import pieces
from bpnet.engine.activations import Softmax, Tanh
from bpnet.engine.initializers import Constant
from bpnet.engine.layers import Dense, Equilibrium
from bpnet.engine.losses import SquaredError


def forward(network, x, *, training, epoch=0, passes=1):
    """The output (R, O, B) of rows x (N, I), after so many passes."""
    bound = network.bind(np.asarray(x, network.dtype).T[None], training=training)
    network.begin_epoch(epoch)
    for _ in range(passes):
        bound.forward()
    return bound.output.copy()


@pytest.mark.parametrize("kind", LAYERS)
def test_predictions_do_not_depend_on_the_chunks(kind, monkeypatch):
    network = network_of(stack(kind, Tanh(), outputs=2), seeds=(1, 2))
    x = suited(kind, some_rows(SquaredError(), rows=23)).x
    whole = network.predict(x)
    assert whole.shape == (2, 23, 2)
    # units of an equilibrium relax until those of every row have settled: other rows bring them
    # nearer or less near
    tolerance = {"rtol": 1e-13, "atol": 1e-12 if kind is Equilibrium else 0}
    for values in (1, 50, 100):
        monkeypatch.setattr(pieces, "PIECE_VALUES", values)
        np.testing.assert_allclose(network.predict(x), whole, **tolerance)
    assert network.predict(x[:0]).shape == (2, 0, 2)


def test_predictions_are_the_output_activation_of_the_scores():
    network = network_of(linear(3), seeds=(1, 2))
    x = some_rows(SquaredError(), rows=5).x
    scores = network.predict(x)
    network.output_activation = Softmax()
    expected = np.exp(scores) / np.exp(scores).sum(axis=2, keepdims=True)
    np.testing.assert_allclose(network.predict(x), expected, rtol=1e-13)
    assert np.array_equal(forward(network, x, training=False).transpose(0, 2, 1), scores)


def test_predictions_take_rows_of_any_number_type():
    network = network_of(linear(2), precision="float32")
    x = np.arange(12).reshape(4, 3)
    for same in (x.astype(np.float64), np.asfortranarray(x.astype(np.float32))):
        assert np.array_equal(network.predict(x), network.predict(same))


def test_a_wrong_number_of_columns_is_named():
    network = network_of(linear(2))
    with pytest.raises(ValueError, match=r"3 inputs.*4 columns"):
        network.bind(np.zeros((1, 4, 5)), training=False)


def test_begin_again_from_the_seeds():
    network = network_of(stack(Dense, Tanh(), 2), seeds=(1, 2))
    start = network.theta.copy()
    network.theta[:] = 0
    network.initialize()
    assert np.array_equal(network.theta, start)


def test_float32_starts_from_the_same_numbers():
    double, single = (
        network_of(linear(2), precision=precision) for precision in ("float64", "float32")
    )
    assert np.array_equal(double.theta.astype(np.float32), single.theta)
    rows = in_precision(some_rows(SquaredError()), "float32")
    np.testing.assert_allclose(single.predict(rows.x), double.predict(rows.x), rtol=1e-5, atol=1e-6)


def test_parameters_of_layer_1_are_not_those_of_layer_10():
    layers = [Dense(units=2, initializer=Constant(value=float(k))) for k in range(12)]
    network = network_of(layers, inputs=2)
    for k in range(12):
        part = network.parameters.part(f"layers.{k}")
        assert sorted(part) == ["bias", "weight"]
        assert (part["weight"] == k).all()
