"""Muon: its steps by hand and from singular values, and what it does to each part of theta."""

import math

import numpy as np
import pytest
from engine_cases import network_of, some_rows

from bpnet.engine.activations import Tanh
from bpnet.engine.component import Array
from bpnet.engine.layers import CategoryTable, Dense, Embedding
from bpnet.engine.learning_rate_factors import LearningRateFactors
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import SquaredError
from bpnet.engine.network import Network
from bpnet.engine.optimizers import AdamW, Muon


def quintic(s: Array, iterations: int = 5) -> Array:
    """Jordan's polynomial, again and again."""
    for _ in range(iterations):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return s


def direction(gradients: list[Array], momentum: float) -> Array:
    """What is made orthogonal, from the history of one matrix's gradients."""
    t = len(gradients)
    mean = (1 - momentum) * sum(momentum ** (t - 1 - i) * g for i, g in enumerate(gradients))
    return momentum * mean + (1 - momentum) * gradients[-1]


def step_from_singular_values(u: Array) -> Array:
    """0.2 √max(O, I) U, where each singular value of u / |u| has gone through the polynomial."""
    left, values, right = np.linalg.svd(u, full_matrices=False)
    normed = values / np.sqrt((values**2).sum())
    return 0.2 * math.sqrt(max(u.shape)) * (left * quintic(normed)) @ right


def two_layers(units: int, inputs: int, precision: str = "float64") -> Network:
    return network_of(
        [Dense(units=units), Dense(units=2)], inputs, seeds=(1, 2), precision=precision
    )


def test_a_step_worked_by_hand():
    # a matrix of one number is ±1 when normed, and 0.701 after an iteration; 0.2 √1 0.701 = 0.1402
    network = two_layers(1, 1)
    network.theta[:], network.gradient[:] = 1, [[5.0], [-0.3]]
    optimizer = Muon(iterations=1, weight_decay=0.5)
    state = optimizer.bind(network.theta, network.gradient, network.weights, network.blocks)
    optimizer.step(state, 0.1)
    weight = network.parameters.views["layers.0.weight"].ravel()
    np.testing.assert_allclose(weight, [0.95 - 0.01402, 0.95 + 0.01402], rtol=1e-6)


@pytest.mark.parametrize(("precision", "tolerance"), [("float64", 1e-6), ("float32", 1e-4)])
@pytest.mark.parametrize(("units", "inputs"), [(4, 4), (6, 3), (3, 6)])
@pytest.mark.parametrize("momentum", [0.0, 0.95])
def test_steps_agree_with_singular_values(units, inputs, momentum, precision, tolerance):
    network = two_layers(units, inputs, precision)
    optimizer = Muon(momentum=momentum, weight_decay=0.2)
    state = optimizer.bind(network.theta, network.gradient, network.weights, network.blocks)
    weight = network.parameters.views["layers.0.weight"]
    expected, history = weight.copy(), []
    rng = np.random.default_rng(1)
    for _ in range(6):
        network.gradient[:] = rng.normal(size=network.gradient.shape)
        history.append(network.gradients.views["layers.0.weight"].astype(float))
        optimizer.step(state, 0.1)
        for k in range(2):
            u = direction([one[k] for one in history], momentum)
            expected[k] = expected[k] * (1 - 0.1 * 0.2) - 0.1 * step_from_singular_values(u)
        np.testing.assert_allclose(weight, expected, rtol=tolerance, atol=tolerance)


def test_all_but_hidden_matrices_move_as_with_adamw():
    layers = [
        Embedding(tables=[CategoryTable(position=1, levels=3, size=2)]),
        Dense(units=5, activation=Tanh()),
        Dense(units=4, activation=Tanh()),
        Dense(units=2),
    ]
    ends = []
    for optimizer in (Muon(beta_2=0.9), AdamW(beta_2=0.9)):
        network = network_of(layers, seeds=(1, 2))
        state = optimizer.bind(network.theta, network.gradient, network.weights, network.blocks)
        rng = np.random.default_rng(1)
        for _ in range(3):
            network.gradient[:] = rng.normal(size=network.gradient.shape)
            optimizer.step(state, 0.1)
        ends.append(network.parameters.views)
    muon, adamw = ends
    different = {name for name in muon if not np.array_equal(muon[name], adamw[name])}
    assert different == {"layers.1.weight", "layers.2.weight"}


def test_it_converges_on_a_quadratic_of_a_matrix():
    # f = |A (W - C)|² / 2, whose curvatures are 1, 4 and 9; the rate falls to 0
    network = two_layers(3, 3)
    curvature, centre = np.diag([1.0, 4.0, 9.0]), np.arange(9.0).reshape(3, 3) / 4
    optimizer = Muon(weight_decay=0.0)
    state = optimizer.bind(network.theta, network.gradient, network.weights, network.blocks)
    weight = network.parameters.views["layers.0.weight"]
    for step in range(2000):
        network.gradient.fill(0)
        network.gradients.views["layers.0.weight"][:] = curvature @ (weight - centre)
        optimizer.step(state, 0.1 * (1 - step / 2000))
    np.testing.assert_allclose(weight, np.array([centre, centre]), atol=1e-3)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_replicas_with_factors_equal_their_solo_runs(precision):
    layers = [Dense(units=6, activation=Tanh()), Dense(units=5, activation=Tanh()), Dense(units=3)]
    training = Training(
        optimizer=Muon(),
        epochs=3,
        batch_size=5,
        learning_rate=0.05,
        learning_rate_factors=LearningRateFactors(weight="fan_in", bias=0.1),
    )
    rows = some_rows(SquaredError(), rows=23)
    together = network_of(layers, seeds=(3, 8), precision=precision)
    list(fit(training, together, rows))
    for k, seed in enumerate((3, 8)):
        alone = network_of(layers, seeds=(seed,), precision=precision)
        list(fit(training, alone, rows))
        tolerance = 1e-10 if precision == "float64" else 1e-4
        np.testing.assert_allclose(together.theta[k], alone.theta[0], tolerance, tolerance)


def test_a_gradient_of_0_moves_no_matrix():
    network = two_layers(4, 3)
    before = network.theta.copy()
    network.gradient.fill(0)
    optimizer = Muon(weight_decay=0.0)
    state = optimizer.bind(network.theta, network.gradient, network.weights, network.blocks)
    optimizer.step(state, 0.1)
    assert np.array_equal(network.theta, before)
