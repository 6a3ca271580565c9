"""Layers: forward worked by hand, and what they do in training and outside it."""

import re
from typing import get_args

import numpy as np
import pytest
from engine_cases import CODED, LAYERS, linear, network_of, some_rows, stack, suited

from bpnet.engine.activations import AnyActivation, Identity, Relu, Sigmoid, Tanh
from bpnet.engine.initializers import Explicit
from bpnet.engine.layers import (
    AnyStoredLayer,
    BatchNormalization,
    Dense,
    Dropout,
    Embedding,
    Equilibrium,
    Layer,
    LayerNormalization,
    Parametric,
    Periodic,
    Scale,
)
from bpnet.engine.losses import SquaredError

ONE_OF_EACH: dict[type, Layer] = {
    Dense: Dense(units=5, activation=Relu()),
    Dropout: Dropout(rate=0.5),
    BatchNormalization: BatchNormalization(),
    LayerNormalization: LayerNormalization(),
    Embedding: CODED,
    Equilibrium: Equilibrium(units=5, output_units=3, activation=Tanh()),
    Parametric: Parametric(),
    Periodic: Periodic(inputs=[2, 0]),
    Scale: Scale(),
}


def forward(network, x, *, training, epoch=0, passes=1):
    """The output (R, O, B) of rows x (N, I), after so many passes."""
    bound = network.bind(np.asarray(x, network.dtype).T[None], training=training)
    network.begin_epoch(epoch)
    for _ in range(passes):
        bound.forward()
    return bound.output.copy()


def test_the_tables_hold_every_layer():
    assert set(ONE_OF_EACH) == set(get_args(AnyStoredLayer)) == set(LAYERS)
    for kind in LAYERS:
        assert any(isinstance(layer, kind) for layer in stack(kind, Tanh(), 2))


# Dense.


def test_dense_by_hand():
    # z = (1·2 + 2·3 + 0.5, -1·2 + 0·3 + 1) = (8.5, -1); relu (8.5, 0)
    layer = Dense(
        units=2,
        activation=Relu(),
        initializer=Explicit(values=[[1.0, 2.0], [-1.0, 0.0]]),
        bias_initializer=Explicit(values=[0.5, 1.0]),
    )
    assert forward(network_of([layer], inputs=2), [[2.0, 3.0]], training=False)[
        0, :, 0
    ].tolist() == [8.5, 0.0]


def test_backpropagation_by_hand():
    """The 2-2-1 network of sigmoids in textbooks, with half the squared error, digit for digit."""
    network = network_of(
        [
            Dense(
                units=2, activation=Sigmoid(), initializer=Explicit(values=[[0.1, 0.2], [0.3, 0.4]])
            ),
            Dense(units=1, activation=Sigmoid(), initializer=Explicit(values=[[0.5, -0.6]])),
        ],
        inputs=2,
    )
    bound = network.bind(np.array([[[1.0], [2.0]]]), training=True)
    loss = SquaredError(half=True).bind(bound.output, np.array([[[1.0]]]), None)
    bound.forward()
    loss.evaluate()
    bound.backward(loss.gradient)

    def s(z):
        return 1 / (1 + np.exp(-z))

    h1, h2 = s(0.1 * 1 + 0.2 * 2), s(0.3 * 1 + 0.4 * 2)
    y = s(0.5 * h1 - 0.6 * h2)
    d = (y - 1) * y * (1 - y)
    d1, d2 = d * 0.5 * h1 * (1 - h1), d * -0.6 * h2 * (1 - h2)
    gradients = network.gradients.views
    np.testing.assert_allclose(loss.value(), [(y - 1) ** 2 / 2], rtol=1e-14)
    np.testing.assert_allclose(gradients["layers.1.weight"], [[[d * h1, d * h2]]], rtol=1e-13)
    np.testing.assert_allclose(gradients["layers.1.bias"], [[d]], rtol=1e-13)
    np.testing.assert_allclose(
        gradients["layers.0.weight"], [[[d1, 2 * d1], [d2, 2 * d2]]], rtol=1e-13
    )
    np.testing.assert_allclose(gradients["layers.0.bias"], [[d1, d2]], rtol=1e-13)


@pytest.mark.parametrize("activation", get_args(AnyActivation))
def test_dense_against_numpy(activation):
    network = network_of([Dense(units=4, activation=activation())], seeds=(1, 2))
    x = some_rows(SquaredError(), rows=7).x
    plain = network_of([Dense(units=4)], seeds=(1, 2))
    plain.theta[:] = network.theta
    views = network.parameters.views
    z = np.einsum("roi,bi->rob", views["layers.0.weight"], x) + views["layers.0.bias"][:, :, None]
    np.testing.assert_allclose(forward(plain, x, training=True), z, rtol=1e-12, atol=1e-14)
    a = np.empty_like(z)
    activation().forward(z, a, activation().scratch(z))
    for training in (False, True):
        np.testing.assert_allclose(
            forward(network, x, training=training), a, rtol=1e-12, atol=1e-14
        )


def test_dense_without_a_bias():
    network = network_of([Dense(units=4, bias=False)])
    assert list(network.parameters.views) == ["layers.0.weight"]
    assert (
        forward(network, np.zeros((2, 3)), training=False).tolist() == np.zeros((1, 4, 2)).tolist()
    )


# Dropout.


def dropped(rate=0.25, shape=(400, 50), epoch=0, passes=1, seeds=(1, 2), precision="float64"):
    return forward(
        network_of([Dropout(rate=rate)], inputs=shape[1], seeds=seeds, precision=precision),
        np.ones(shape), training=True, epoch=epoch, passes=passes,
    )  # fmt: skip


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("rate", [0.1, 0.25, 0.9])
def test_dropout_leaves_out_its_rate_and_keeps_the_mean(rate, precision):
    out = dropped(rate, precision=precision)
    assert out.dtype == precision
    np.testing.assert_allclose(np.unique(out), [0, 1 / (1 - rate)], rtol=1e-6)
    for replica in out:
        assert (replica == 0).mean() == pytest.approx(rate, abs=0.015)
        assert replica.mean() == pytest.approx(1, abs=0.07)


def test_dropout_draws_anew_for_each_replica_step_and_epoch_and_place():
    first = dropped()
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first, dropped(passes=2))
    assert not np.array_equal(first, dropped(epoch=1))
    assert np.array_equal(first, dropped())
    assert np.array_equal(first[1:], dropped(seeds=(2,)))
    twice = forward(
        network_of([Dropout(rate=0.25)] * 2, inputs=50), np.ones((400, 50)), training=True
    )
    assert (twice == 0).mean() == pytest.approx(1 - 0.75**2, abs=0.02)


def test_dropout_is_nothing_outside_training_nor_at_rate_0():
    x = some_rows(SquaredError()).x
    assert np.array_equal(forward(network_of([Dropout(rate=0.9)]), x, training=False)[0], x.T)
    assert np.array_equal(forward(network_of([Dropout(rate=0.0)]), x, training=True)[0], x.T)


# Scale and the parametric activation.


def passed(layers, x, delta, seeds=(1, 2), **how):
    """The output, gradient and dL/dx of the layers after one with parameters, with drawn theta."""
    network = network_of([BatchNormalization(), *layers], x.shape[1], seeds)
    network.theta[:] = np.random.default_rng(3).normal(size=network.theta.shape)
    bound = network.bind(x, training=True, **how)
    np.copyto(bound.layers[0].output, x)
    for layer in bound.layers[1:]:
        layer.forward()
    output = bound.output.copy()
    bound.layers[0].backward = lambda flow: flows.append(flow.copy())  # what reaches it is dL/dx
    flows: list[np.ndarray] = []
    bound.backward(delta.copy())
    return network, output, flows[0]


def test_scale_by_hand():
    # y = (2·1, -1·3), (2·4, -1·5); dL/ds = (1·10 + 4·30, 3·20 + 5·40); dL/dx = s dL/dy
    network = network_of([Scale(), Scale()], inputs=2)
    network.parameters.views["layers.0.factor"][:] = [2.0, -1.0]
    bound = network.bind(np.array([[[1.0, 4.0], [3.0, 5.0]]]), training=True)
    bound.forward()
    assert bound.output.tolist() == [[[2.0, 8.0], [-3.0, -5.0]]]
    bound.backward(np.array([[[10.0, 30.0], [20.0, 40.0]]]))
    assert network.gradients.views["layers.0.factor"].tolist() == [[130.0, 260.0]]


@pytest.mark.parametrize("rows", [5, 40])
@pytest.mark.parametrize("after", ["dense", "scale"])
def test_factors_that_weights_take_are_those_of_the_rows(after, rows):
    """With and without passes over the rows, and against numpy."""
    rng = np.random.default_rng(0)
    x, delta = rng.normal(size=(2, 3, rows)), rng.normal(size=(2, 4, rows))
    layers = [Scale(), *([Scale()] if after == "scale" else []), Dense(units=4, bias=False)]
    ours = passed(layers, x, delta)
    apart = passed(layers, x, delta, keeps_sums=True)
    for one, other in zip(
        (ours[0].gradient, *ours[1:]), (apart[0].gradient, *apart[1:]), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)
    views, gradients = ours[0].parameters.views, ours[0].gradients.views
    w = views[f"layers.{len(layers)}.weight"]
    factors = [views[f"layers.{k}.factor"][:, :, None] for k in range(1, len(layers))]
    s = np.prod(factors, axis=0)
    np.testing.assert_allclose(ours[1], w @ (s * x), rtol=1e-12, atol=1e-13)
    flow = w.transpose(0, 2, 1) @ delta  # dL/d(s x)
    np.testing.assert_allclose(ours[2], s * flow, rtol=1e-12, atol=1e-13)
    for k, factor in enumerate(factors):
        expected = (flow * s * x / factor).sum(axis=2)
        np.testing.assert_allclose(gradients[f"layers.{k + 1}.factor"], expected, rtol=1e-11)


def test_a_first_scale_asks_for_no_gradient_of_the_inputs():
    bound = network_of([Scale(), Dense(units=4)]).bind(np.ones((1, 3, 5)), training=True)
    bound.forward()
    bound.backward(np.ones((1, 4, 5)))
    assert bound.layers[1].input_gradient is None


def test_parametric_by_hand():
    # f = relu: with p = ½, y = x for x > 0 and x / 2 below; with p = 2, y = x and -x
    network = network_of([Parametric(activation=Relu())], inputs=2)
    network.parameters.views["layers.0.share"][:] = [0.5, 2.0]
    bound = network.bind(np.array([[[4.0, -4.0], [3.0, -3.0]]]), training=True)
    bound.forward()
    assert bound.output.tolist() == [[[4.0, -2.0], [3.0, 3.0]]]
    # f(x) - x is 0 where x > 0, and 4 and 3 at the others
    bound.backward(np.array([[[1.0, 10.0], [1.0, 100.0]]]))
    assert network.gradients.views["layers.0.share"].tolist() == [[40.0, 300.0]]


def test_parametric_starts_as_its_activation_and_may_become_the_identity():
    x = some_rows(SquaredError()).x
    network = network_of([Parametric(activation=Tanh())])
    np.testing.assert_allclose(
        forward(network, x, training=True)[0], np.tanh(x.T), rtol=1e-14, atol=1e-15
    )
    network.parameters.views["layers.0.share"][:] = 0
    assert np.array_equal(forward(network, x, training=True)[0], x.T)


# Normalization.

X = np.array([[1.0, 10.0, 0.0], [3.0, 30.0, 0.0], [5.0, 20.0, 3.0], [7.0, 0.0, 1.0]])


def test_batch_normalization_by_hand():
    # the first column has mean 4 and variance (9 + 1 + 1 + 9) / 4 = 5; with epsilon 4 the root is 3
    network = network_of([BatchNormalization(epsilon=4.0)])
    network.parameters.views["layers.0.gamma"][:] = [3.0, 1.0, 1.0]
    network.parameters.views["layers.0.beta"][:] = [10.0, 0.0, 0.0]
    np.testing.assert_allclose(
        forward(network, X, training=True)[0, 0], [7.0, 9.0, 11.0, 13.0], rtol=1e-14
    )


def test_batch_normalization_moves_its_running_statistics():
    network = network_of([BatchNormalization(momentum=0.75)])
    statistics = network.statistics.views
    assert statistics["layers.0.running_mean"].tolist() == [[0, 0, 0]]
    assert statistics["layers.0.running_variance"].tolist() == [[1, 1, 1]]
    forward(network, X, training=True)
    # a quarter of the way to mean 4 and to the unbiased variance 20 / 3
    assert statistics["layers.0.running_mean"][0, 0] == pytest.approx(1.0)
    assert statistics["layers.0.running_variance"][0, 0] == pytest.approx(0.75 + 0.25 * 20 / 3)
    forward(network, X, training=True)
    assert statistics["layers.0.running_mean"][0, 0] == pytest.approx(1.75)
    expected = 0.75**2 + 0.25 * 20 / 3 * 1.75
    assert statistics["layers.0.running_variance"][0, 0] == pytest.approx(expected)


def test_batch_normalization_outside_training_uses_and_keeps_its_running_statistics():
    network = network_of([BatchNormalization(epsilon=1.0)])
    network.statistics.views["layers.0.running_mean"][:] = [1.0, 10.0, 0.0]
    network.statistics.views["layers.0.running_variance"][:] = [3.0, 99.0, 0.0]
    network.parameters.views["layers.0.gamma"][:] = 2.0
    network.parameters.views["layers.0.beta"][:] = 0.5
    before = network.statistics.flat.copy()
    out = forward(network, X, training=False)[0]
    np.testing.assert_allclose(out[0], (X[:, 0] - 1) / 2 * 2 + 0.5, rtol=1e-14)
    np.testing.assert_allclose(out[1], (X[:, 1] - 10) / 10 * 2 + 0.5, rtol=1e-14)
    assert np.array_equal(network.statistics.flat, before)


def test_batch_normalization_of_one_row_gives_the_shift_and_moves_nothing():
    network = network_of([BatchNormalization()])
    network.parameters.views["layers.0.beta"][:] = [1.0, 2.0, 3.0]
    before = network.statistics.flat.copy()
    assert forward(network, X[:1], training=True)[0, :, 0].tolist() == [1.0, 2.0, 3.0]
    assert np.array_equal(network.statistics.flat, before)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_normalized_values_have_mean_0_and_variance_1(precision):
    x = np.random.default_rng(0).normal(1000, 5, (64, 40))
    tolerance = 1e-10 if precision == "float64" else 2e-4
    for layer, axis in (
        (BatchNormalization(epsilon=1e-12), 2),
        (LayerNormalization(epsilon=1e-12), 1),
    ):
        out = forward(
            network_of([layer], inputs=40, seeds=(1, 2), precision=precision), x, training=True
        )
        np.testing.assert_allclose(out.mean(axis=axis), 0, atol=tolerance)
        np.testing.assert_allclose(out.var(axis=axis), 1, rtol=10 * tolerance)


def test_layer_normalization_by_hand_is_the_same_outside_training():
    # the row 1, 10, 1 has mean 4 and variance (9 + 36 + 9) / 3 = 18; with epsilon 7 the root is 5
    network = network_of([LayerNormalization(epsilon=7.0, activation=Relu())])
    network.parameters.views["layers.0.gamma"][:] = [5.0, 5.0, 10.0]
    network.parameters.views["layers.0.beta"][:] = [0.0, 0.0, 8.0]
    for training in (True, False):
        out = forward(network, [[1.0, 10.0, 1.0]], training=training)
        np.testing.assert_allclose(out[0, :, 0], [0.0, 6.0, 2.0], rtol=1e-14)
    assert network.statistics.flat.shape == (1, 0)


# Every layer.


@pytest.mark.parametrize("kind", LAYERS)
def test_widths_and_parameters_agree_with_what_is_bound(kind):
    layer = ONE_OF_EACH[kind]
    network = network_of([layer, *linear(2)], inputs=4, seeds=(1, 2, 3))
    assert network.widths == [4, layer.outputs(4), 2]
    assert forward(network, np.zeros((7, 4)), training=True).shape == (3, 2, 7)
    for name, parameter in layer.parameters(4).items():
        assert network.parameters.views[f"layers.0.{name}"].shape == (3, *parameter.shape)
        assert network.gradients.views[f"layers.0.{name}"].shape == (3, *parameter.shape)
        assert np.shares_memory(network.parameters.views[f"layers.0.{name}"], network.theta)
    assert (
        network.theta.shape
        == network.gradient.shape
        == (3, sum(v[0].size for v in network.parameters.views.values()))
    )


@pytest.mark.parametrize("kind", LAYERS)
def test_only_matrices_and_scales_are_weights_and_they_come_first(kind):
    network = network_of(stack(kind, Tanh(), outputs=2), seeds=(1, 2))
    sizes = {name: view[0].size for name, view in network.parameters.views.items()}
    weights = [
        name
        for name, view in network.parameters.views.items()
        if re.search(r"\.(weight|recurrent|table_\d|factor)$", name)
        and not isinstance(network.layers[int(name.split(".")[1])], Periodic)
    ]
    assert list(sizes)[: len(weights)] == weights
    assert network.weights == sum(sizes[name] for name in weights)
    for name, view in network.parameters.views.items():
        assert np.shares_memory(view, network.theta[:, : network.weights]) == (name in weights)


@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_reads_its_input_and_leaves_it(kind):
    """The first layer's input is the table itself."""
    x = suited(kind, some_rows(SquaredError())).x
    kept = x.copy()
    network = network_of([ONE_OF_EACH[kind], *linear(2)])
    bound = network.bind(x.T[None], training=True)
    network.begin_epoch(1)
    bound.forward()
    bound.backward(np.ones_like(bound.output))
    assert np.array_equal(x, kept)


@pytest.mark.parametrize("kind", LAYERS)
def test_the_gradient_is_overwritten_not_added_to(kind):
    network = network_of(stack(kind, Tanh(), outputs=2), seeds=(1, 2))
    bound = network.bind(suited(kind, some_rows(SquaredError())).x.T[None], training=True)
    results = []
    for _ in range(2):
        network.begin_epoch(1)
        bound.forward()
        bound.backward(np.ones_like(bound.output))
        results.append(network.gradient.copy())
        network.gradient[:] = np.nan
    assert np.array_equal(results[0], results[1])


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (Dense, {"units": 0}),
        (Dropout, {"rate": 1.0}),
        (Dropout, {"rate": -0.1}),
        (BatchNormalization, {"momentum": 1.0}),
        (LayerNormalization, {"epsilon": 0.0}),
    ],
)
def test_impossible_settings_are_refused(kind, settings):
    ((name, bad),) = settings.items()
    with pytest.raises(ValueError, match=f"{kind.__name__}.{name} is {bad}; it must be"):
        kind(**settings)


def test_layers_are_frozen_and_compare_by_their_settings():
    assert Dense(units=3, activation=Tanh()) == Dense(units=3, activation=Tanh())
    assert Dense(units=3) != Dense(units=3, activation=Tanh())
    assert Identity() != Tanh()
    with pytest.raises(AttributeError):
        Dense(units=3).units = 4
