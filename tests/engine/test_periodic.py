"""The periodic layer against numpy, by hand, and the columns that a config gives waves."""

import math

import numpy as np
import pytest
from engine_cases import linear, network_of

from bpnet.engine.layers import BatchNormalization, Periodic


def drawn(layer, x, delta, *, training=True):
    """A network of the layer behind one with parameters, after forward and backward of x."""
    network = network_of([BatchNormalization(), layer], x.shape[1], seeds=(1, 2))
    bound = network.bind(x, training=training)
    np.copyto(bound.layers[0].output, x)
    bound.layers[1].forward()
    output = bound.output.copy()
    if training:
        bound.layers[1].backward(delta.copy())
    return network, output, bound.layers[1].input_gradient


def test_by_hand():
    # w = ½, b = 0: h = cos π x, which is 1, -1 for x = 0, 1; e = 3 h + 1 = 4, -2
    network = network_of([Periodic(frequencies=1, size=1)], inputs=1)
    for name, value in {"frequency": 0.5, "phase": 0.0, "weight": 3.0, "bias": 1.0}.items():
        network.parameters.views[f"layers.0.{name}"][:] = value
    bound = network.bind(np.array([[[0.0, 1.0, 0.5]]]), training=True)
    bound.forward()
    np.testing.assert_allclose(bound.output[0], [[0, 1, 0.5], [4, -2, 1]], atol=1e-15)
    bound.backward(np.array([[[7.0, 7.0, 7.0], [1.0, 10.0, 100.0]]]))
    gradients = {name: view.item() for name, view in network.gradients.part("layers.0").items()}
    # dL/dV = 1 - 10 + 0, dL/dc = 111; sin is 1 at x = ½ only, where g = -3 · 100
    expected = {"weight": -9, "bias": 111, "phase": -300, "frequency": 2 * math.pi * 0.5 * -300}
    assert gradients == pytest.approx(expected)


@pytest.mark.parametrize("rows", [5, 40])
@pytest.mark.parametrize("inputs", [None, [0, 1, 3], [3, 0], [2]])
def test_against_numpy(inputs, rows):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 4, rows))
    layer = Periodic(inputs=inputs, frequencies=5, size=3, deviation=0.7)
    positions = [0, 1, 2, 3] if inputs is None else inputs
    n = len(positions)
    delta = rng.normal(size=(2, 4 + 3 * n, rows))
    network, output, flow = drawn(layer, x, delta)
    own, gradients = network.parameters.part("layers.1"), network.gradients.part("layers.1")
    mixed, expected_flow = [], delta[:, :4].copy()
    for k, position in enumerate(positions):
        w, b, v, c = (own[name][:, k] for name in ("frequency", "phase", "weight", "bias"))
        column, error = x[:, position], delta[:, 4 + 3 * k : 7 + 3 * k]
        u = 2 * np.pi * np.einsum("rk,rb->rkb", w, column) + b[:, :, None]
        mixed.append(np.einsum("rsk,rkb->rsb", v, np.cos(u)) + c[:, :, None])
        g = -np.sin(u) * np.einsum("rsk,rsb->rkb", v, error)
        for name, expected in {
            "frequency": 2 * np.pi * np.einsum("rkb,rb->rk", g, column),
            "phase": g.sum(axis=2),
            "weight": np.einsum("rsb,rkb->rsk", error, np.cos(u)),
            "bias": error.sum(axis=2),
        }.items():
            np.testing.assert_allclose(gradients[name][:, k], expected, rtol=1e-11, atol=1e-12)
        expected_flow[:, position] += 2 * np.pi * np.einsum("rk,rkb->rb", w, g)
    np.testing.assert_allclose(output, np.concatenate([x, *mixed], axis=1), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(flow, expected_flow, rtol=1e-11, atol=1e-12)
    assert np.array_equal(drawn(layer, x, delta, training=False)[1], output)


def test_first_values():
    layer = Periodic(frequencies=16, size=3, deviation=0.1)
    own = network_of([layer], inputs=2000).parameters.part("layers.0")
    shapes = {name: view.shape[1:] for name, view in own.items()}
    assert shapes == {
        "frequency": (2000, 16), "phase": (2000, 16), "weight": (2000, 3, 16), "bias": (2000, 3)
    }  # fmt: skip
    assert own["frequency"].std() == pytest.approx(0.1, rel=0.02)
    for name, bound in (("phase", math.pi), ("weight", 0.25), ("bias", 0.25)):
        assert 0.99 * bound < np.abs(own[name]).max() <= bound


def test_waves_are_spared_by_weight_decay_and_have_a_rate_of_their_own():
    network = network_of([Periodic(), *linear()])
    assert network.weights == network.parameters.views["layers.1.weight"].size
    groups = {network.declared[f"layers.0.{name}"].group for name in ("frequency", "weight")}
    assert groups == {"encoding"}


@pytest.mark.parametrize(
    ("inputs", "text"),
    [([0, 0], "different positions"), ([3], "from 0 to 2"), ([-1], "0 to 2"), (["a"], "different")],
)
def test_inputs_that_do_not_fit_are_refused(inputs, text):
    with pytest.raises(ValueError, match=text):
        network_of([Periodic(inputs=inputs)])
