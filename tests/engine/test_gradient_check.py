"""The gradient check: it passes for every component, names a culprit, and leaves no trace."""

import numpy as np
import pytest
from engine_cases import (
    ACTIVATIONS,
    LAYERS,
    LOSSES,
    fits,
    named,
    network_of,
    some_rows,
    stack,
    suited,
)

from bpnet.engine.activations import Activation, Identity, Relu, Sigmoid, Tanh
from bpnet.engine.bound_network import BoundNetwork
from bpnet.engine.gradient_check import check_gradient
from bpnet.engine.layers import BatchNormalization, Dense, Dropout, LayerNormalization
from bpnet.engine.layers.dense import BoundDense
from bpnet.engine.loop.batches import Rows
from bpnet.engine.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from bpnet.engine.network import Network
from bpnet.engine.penalties import BoundPenalty, Penalty

PENALTY = Penalty(l1=0.02, l2=0.1)
SEEDS = ((5,), (5, 6, 7))
STACKS = pytest.mark.parametrize(
    ("kind", "activation"),
    [
        pytest.param(kind, *activation.values, id=f"{kind.__name__}-{activation.id}")
        for kind in LAYERS
        for activation in named(ACTIVATIONS)
        if fits(kind, *activation.values)
    ],
)


def largest_error(checks):
    assert all(
        np.isfinite([check.relative_error, check.analytic, check.numeric]).all() for check in checks
    )
    return max(check.relative_error for check in checks)


def check_component(kind, activation, loss, seeds):
    network = network_of(stack(kind, activation, outputs=3), seeds=seeds)
    # biases and shifts start at 0, where relu and its kin have their kink for a row of zeros: move
    # off it
    network.theta[:, network.weights :] += np.random.default_rng(3).normal(
        0, 0.1, network.theta[:, network.weights :].shape
    )
    checks = check_gradient(network, loss, suited(kind, some_rows(loss, weighted=True)), PENALTY)
    assert [check.name for check in checks] == list(network.parameters.views)
    assert largest_error(checks) < 1e-6, (kind, activation, loss, seeds)


def paired_losses(kind, activation):
    """Return two of the losses for a layer and an activation, one for each number of replicas.

    So each layer and each activation meets each loss, with one replica or with three.
    """
    first = LAYERS.index(kind) + ACTIVATIONS.index(activation)
    return [LOSSES[(first + shift) % len(LOSSES)] for shift in (0, len(LOSSES) // 2)]


@pytest.mark.parametrize("replicas", [0, 1], ids=["1-replica", "3-replicas"])
@STACKS
def test_backpropagation_agrees_with_central_differences(kind, activation, replicas):
    loss = paired_losses(kind, activation)[replicas]
    check_component(kind, activation, loss, SEEDS[replicas])


@pytest.mark.slow
@STACKS
def test_it_agrees_with_every_loss(kind, activation):
    for loss in LOSSES:
        for seeds in SEEDS:
            check_component(kind, activation, loss, seeds)


def test_every_layer_and_every_activation_meets_every_loss():
    elementwise = [one for one in ACTIVATIONS if one.elementwise]  # the others not in every layer
    for kind in LAYERS:
        met = [loss for one in elementwise for loss in paired_losses(kind, one)]
        assert all(loss in met for loss in LOSSES), kind
    for activation in elementwise:
        met = [loss for kind in LAYERS for loss in paired_losses(kind, activation)]
        assert all(loss in met for loss in LOSSES), activation


@pytest.mark.parametrize("activation", named(ACTIVATIONS))
def test_output_layer_with_an_activation(activation):
    layers = [Dense(units=4, activation=Tanh()), Dense(units=3, activation=activation)]
    loss = SquaredError()
    assert (
        largest_error(
            check_gradient(network_of(layers, seeds=(5, 6)), loss, some_rows(loss), PENALTY)
        )
        < 1e-6
    )


@pytest.mark.parametrize("rows", ["mean", "sum"])
@pytest.mark.parametrize("loss", named(LOSSES))
def test_both_reductions_over_rows(loss, rows):
    loss = type(loss)(**{**vars(loss), "rows": rows})
    network = network_of([Dense(units=4, activation=Tanh()), Dense(units=3)], seeds=(5, 6))
    assert largest_error(check_gradient(network, loss, some_rows(loss, weighted=True))) < 1e-6


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    ("loss", "activation"),
    [
        (BinaryCrossEntropy(), Identity()),
        (SquaredError(), Sigmoid()),
        (SquaredError(outputs="sum"), Sigmoid()),
    ],
)
def test_several_labels_a_row(loss, activation, weighted):
    layers = [Dense(units=4, activation=Tanh()), Dense(units=3, activation=activation)]
    plain = some_rows(loss, weighted=weighted)
    labels = np.array([[int(bit) for bit in f"{k % 8:03b}"] for k in range(len(plain))], float)
    rows = Rows(plain.x, labels, plain.weights)
    assert set(labels.sum(axis=1)) == {0, 1, 2, 3}
    assert largest_error(check_gradient(network_of(layers, seeds=(5, 6)), loss, rows)) < 1e-6


def test_deep_mixture_of_layers():
    layers = [
        Dropout(rate=0.2),
        BatchNormalization(),
        Dense(units=5, activation=Tanh()),
        LayerNormalization(activation=Tanh()),
        Dropout(rate=0.3),
        Dense(units=4, bias=False),
        BatchNormalization(activation=Tanh(), epsilon=1e-3),
        Dropout(rate=0.0),
        Dense(units=3),
        Dropout(rate=0.1),
    ]
    loss = CrossEntropy(label_smoothing=0.1)
    assert (
        largest_error(
            check_gradient(network_of(layers, seeds=(1, 2)), loss, some_rows(loss, weighted=True))
        )
        < 1e-6
    )


def test_a_bias_without_effect_passes_too():
    """Batch normalization takes a bias away: its gradient is 0, and rounding is not an error."""
    for seed in range(20):
        network = network_of(
            [Dense(units=4), BatchNormalization(activation=Tanh()), Dense(units=3)], seeds=(seed,)
        )
        checks = check_gradient(network, SquaredError(), some_rows(SquaredError(), seed=seed))
        assert largest_error(checks) < 1e-6, f"seed {seed}"


# The check can fail: each of these breaks one derivative, and the parameters that depend on it, no
# others, are named.


def broken(checks):
    return {check.name for check in checks if check.relative_error > 1e-4}


def check_two_layers(activation=None, loss=None, penalty=PENALTY):
    layers = [Dense(units=4, activation=activation or Tanh()), Dense(units=3)]
    loss = loss or SquaredError()
    return check_gradient(
        network_of(layers, seeds=(5, 6, 7)), loss, some_rows(loss, weighted=True), penalty
    )


FIRST = {"layers.0.weight", "layers.0.bias"}
WEIGHTS = {"layers.0.weight", "layers.1.weight"}
ALL = {*FIRST, *WEIGHTS, "layers.1.bias"}


@pytest.mark.parametrize("activation", named([one for one in ACTIVATIONS if one != Identity()]))
def test_a_wrong_derivative_of_the_activation_is_caught(activation, monkeypatch):
    right = type(activation).backward

    def wrong(self, z, a, delta, scratch):
        right(self, z, a, delta, scratch)
        np.multiply(delta, 1.001, out=delta)

    monkeypatch.setattr(type(activation), "backward", wrong)
    assert broken(check_two_layers(activation, penalty=None)) == FIRST


def test_a_forgotten_derivative_is_caught(monkeypatch):
    monkeypatch.setattr(Tanh, "backward", Activation.backward)
    assert broken(check_two_layers()) == FIRST


@pytest.mark.parametrize("loss", named(LOSSES))
def test_a_loss_whose_gradient_is_of_another_function_is_caught(loss, monkeypatch):
    right = type(loss).evaluate

    def wrong(self, to):
        right(self, to)
        np.multiply(to.gradient, 1.01, out=to.gradient)

    monkeypatch.setattr(type(loss), "evaluate", wrong)
    assert broken(check_two_layers(loss=loss, penalty=None)) == ALL


def test_a_penalty_without_its_gradient_is_caught(monkeypatch):
    monkeypatch.setattr(BoundPenalty, "add_gradient", lambda self: None)
    assert broken(check_two_layers()) == WEIGHTS


@pytest.mark.parametrize("kind", LAYERS)
def test_one_wrong_entry_is_named_with_both_numbers(kind, monkeypatch):
    network = network_of(stack(kind, Tanh(), outputs=3), seeds=(5, 6, 7))
    right = BoundNetwork.backward
    for name, view in network.gradients.views.items():
        index = (1, *(size - 1 for size in view.shape[1:]))

        def wrong(self, delta, view=view, index=index):
            right(self, delta)
            view[index] += 0.25

        monkeypatch.setattr(BoundNetwork, "backward", wrong)
        rows = suited(kind, some_rows(SquaredError()))
        checks = {check.name: check for check in check_gradient(network, SquaredError(), rows)}
        assert broken(checks.values()) == {name}
        assert checks[name].index == index
        assert checks[name].analytic - checks[name].numeric == pytest.approx(0.25, abs=1e-7)


# Kinks of the loss.


@pytest.mark.parametrize("scale", [1.0, 10.0, 100.0])
def test_a_gradient_that_is_always_0_is_no_kink(monkeypatch, scale):
    backward = BoundDense.backward

    def wrong(self, delta):
        backward(self, delta)
        self._weight_gradient[...] = 0

    monkeypatch.setattr(BoundDense, "backward", wrong)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        network = Network([Dense(units=1)], 1, seeds=[seed], precision="float64")
        rows = Rows(scale * rng.normal(size=(3, 1)), rng.normal(size=(3, 1)))
        checks = {check.name: check for check in check_gradient(network, SquaredError(), rows)}
        assert checks["layers.0.weight"].relative_error > 0.5
        assert checks["layers.0.weight"].kinks == 0


def test_a_relu_that_stands_on_0_is_a_kink():
    network = Network(
        [Dense(units=1, activation=Relu(), bias=False)], 1, seeds=[0], precision="float64"
    )
    network.theta[:] = 0
    (check,) = check_gradient(
        network, SquaredError(), Rows(np.array([[1.0], [2.0]]), np.array([[1.0], [1.0]]))
    )
    assert (check.kinks, check.relative_error) == (1, 0.0)


# The check leaves no trace.


@pytest.mark.parametrize("kind", LAYERS)
def test_the_network_is_left_as_it_was(kind):
    network = network_of(stack(kind, Tanh(), outputs=3), seeds=(5, 6))
    rng = np.random.default_rng(0)
    for array in (network.theta, network.gradient, network.statistics.flat):
        array[:] = rng.uniform(0.05, 0.15, array.shape)
    before = [array.copy() for array in (network.theta, network.gradient, network.statistics.flat)]
    check_gradient(network, SquaredError(), suited(kind, some_rows(SquaredError())), PENALTY)
    after = [network.theta, network.gradient, network.statistics.flat]
    for name, old, new in zip(("theta", "gradient", "statistics"), before, after, strict=True):
        assert np.array_equal(old, new), f"{name} changed"


@pytest.mark.parametrize("kind", LAYERS)
def test_the_check_repeats_itself(kind):
    network = network_of(stack(kind, Tanh(), outputs=3), seeds=(5, 6))
    rows = suited(kind, some_rows(SquaredError()))
    assert check_gradient(network, SquaredError(), rows) == check_gradient(
        network, SquaredError(), rows
    )
