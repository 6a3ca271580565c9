"""The equilibrium layer against a reference of recurrent backpropagation (Almeida, Pineda 1987)."""

import numpy as np
import pytest

from bpnet.engine.activations import Sigmoid, Softmax, Tanh
from bpnet.engine.component import FieldError
from bpnet.engine.gradient_check import check_gradient
from bpnet.engine.initializers import Explicit, Uniform
from bpnet.engine.layers import Dense, Equilibrium
from bpnet.engine.loop.batches import Rows, WholeBatch
from bpnet.engine.losses import SquaredError
from bpnet.engine.network import Network

X = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
T = np.array([[0.0], [1], [1], [0]])
LOSS = SquaredError(half=True)


def gradients(network, rows, loss=LOSS):
    batch = WholeBatch(rows, len(network.seeds))
    layers = network.bind(batch.x, training=True)
    bound = loss.bind(layers.output, batch.y, None)
    layers.forward()
    bound.evaluate()
    layers.backward(bound.gradient)
    return bound.value(), layers


def reference_network(reference, tolerance):
    point = reference["002"]["recurrent_backpropagation"]["point"]
    layer = Equilibrium(
        units=4,
        output_units=1,
        initializer=Explicit(values=point["U"]),
        recurrent_initializer=Explicit(values=point["W"]),
        bias_initializer=Explicit(values=point["b"]),
        tolerance=tolerance,
    )
    return point, Network([layer], 2, seeds=[0], precision="float64")


def test_the_fixed_point_loss_and_gradient_of_the_reference(reference):
    point, network = reference_network(reference, 1e-15)
    loss, layers = gradients(network, Rows(X, T))
    np.testing.assert_allclose(layers.layers[0].y[0].T, point["fixed_point"], rtol=0, atol=1e-12)
    assert loss[0] == pytest.approx(point["loss"], abs=1e-12)
    views = network.gradients.views
    np.testing.assert_allclose(views["layers.0.recurrent"][0], point["gW"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(views["layers.0.weight"][0], point["gU"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(views["layers.0.bias"][0], point["gb"], rtol=0, atol=1e-12)


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4, 1e-6, 1e-8, 1e-10])
def test_the_tolerance_bounds_the_error_of_the_gradient(reference, tolerance):
    # a relaxation that shrinks changes by the spectral radius, 0.31, in each step stops within
    # 0.31 / 0.69 tolerances of its end; the forward one's error enters through the slopes too, so
    # that 3 tolerances leave room for both
    point, network = reference_network(reference, tolerance)
    gradients(network, Rows(X, T))
    exact = np.concatenate([np.ravel(point[name]) for name in ("gW", "gU", "gb")])
    found = np.concatenate(
        [network.gradients.views[f"layers.0.{n}"].ravel() for n in ("recurrent", "weight", "bias")]
    )
    assert np.linalg.norm(found - exact) / np.linalg.norm(exact) < 3 * tolerance


def test_the_adjoint_agrees_with_solving_its_linear_system(reference):
    point, network = reference_network(reference, 1e-15)
    gradients(network, Rows(X, T))
    w, u, b = (np.array(point[name]) for name in ("W", "U", "b"))
    y = np.array(point["fixed_point"])
    found = np.zeros_like(w)
    for row, target in enumerate(T[:, 0]):
        a = w @ y[row] + u @ X[row] + b
        s = np.exp(-a) / (1 + np.exp(-a)) ** 2
        error = np.array([0, 0, 0, (y[row, 3] - target) / 4])
        v = np.linalg.solve(np.eye(4) - w.T * s, error)
        found += np.outer(s * v, y[row])
    np.testing.assert_allclose(
        network.gradients.views["layers.0.recurrent"][0], found, rtol=0, atol=1e-13
    )


@pytest.mark.parametrize("activation", [Sigmoid(), Tanh()])
@pytest.mark.parametrize("units", [4, 8])
@pytest.mark.parametrize("seeds", [[0], [1, 2, 3]])
def test_gradient_by_central_differences_also_between_dense_layers(activation, units, seeds):
    wide = Uniform(low=-0.4, high=0.4)
    layers = [
        Dense(units=3, activation=Tanh()),
        Equilibrium(
            units=units, activation=activation, recurrent_initializer=wide, tolerance=1e-14
        ),
        Dense(units=1),
    ]
    network = Network(layers, 2, seeds=seeds, precision="float64")
    checks = check_gradient(network, LOSS, Rows(X, T))
    assert max(check.relative_error for check in checks) < 1e-8
    assert network.warnings == {}


def test_a_relaxation_that_does_not_settle_warns_once_and_names_the_layer():
    swinging = Equilibrium(
        units=2,
        activation=Tanh(),
        recurrent_initializer=Explicit(values=[[0.0, -5.0], [5.0, 0.0]]),
        bias_initializer=Explicit(values=[0.5, -0.5]),
        max_steps=50,
    )
    network = Network([Dense(units=2), swinging], 2, seeds=[0], precision="float64")
    gradients(network, Rows(X, np.hstack([T, T])))
    (warning,) = network.warnings.values()
    assert warning.startswith("layer 2 (equilibrium): the units did not settle in 50 steps")
    assert "max_steps" in warning


def test_replicas_settle_on_their_own():
    layer = Equilibrium(units=5, recurrent_initializer=Uniform(low=-2, high=2), tolerance=1e-3)
    rows = Rows(X, T)
    together = Network([layer, Dense(units=1)], 2, seeds=[3, 4], precision="float64")
    gradients(together, rows)
    for replica, seed in enumerate([3, 4]):
        alone = Network([layer, Dense(units=1)], 2, seeds=[seed], precision="float64")
        gradients(alone, rows)
        np.testing.assert_allclose(
            together.gradient[replica], alone.gradient[0], rtol=1e-12, atol=1e-15
        )


def test_bad_settings():
    with pytest.raises(FieldError, match="is 3, but the layer has 2 units"):
        Equilibrium(units=2, output_units=3)
    with pytest.raises(FieldError, match="softmax"):
        Equilibrium(units=2, activation=Softmax())
