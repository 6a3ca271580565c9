"""Initializers: moments, bounds and shapes of what they draw, from the generator only."""

import dataclasses
import math
from typing import get_args

import numpy as np
import pytest
from engine_cases import named, network_of, train

from bpnet.engine.activations import (
    AnyActivation,
    Elu,
    Gelu,
    LeakyRelu,
    Mish,
    Relu,
    Selu,
    Silu,
    Tanh,
)
from bpnet.engine.component import FieldError
from bpnet.engine.initializers import (
    AnyInitializer,
    Constant,
    Data,
    Explicit,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Normal,
    Orthogonal,
    Uniform,
    Zeros,
)
from bpnet.engine.layers import Dense, Equilibrium
from bpnet.engine.loop.batches import Rows, stacked
from bpnet.engine.loop.initialization import initialize_by_rows
from bpnet.engine.loop.replica_rows import ReplicaRows
from bpnet.engine.network import Network
from bpnet.engine.optimizers import Adam

OUT, IN = 300, 500
# mean, variance and bound of each entry of a 300 x 500 matrix; a uniform in ±c has variance c² / 3
EXPECTED = {
    Zeros: (Zeros(), 0.0, 0.0, 0.0),
    Constant: (Constant(value=2.5), 2.5, 0.0, 2.5),
    Normal: (Normal(mean=0.5, deviation=2.0), 0.5, 4.0, math.inf),
    Uniform: (Uniform(low=-1.0, high=3.0), 1.0, 16 / 12, 3.0),
    GlorotNormal: (GlorotNormal(), 0.0, 2 / 800, math.inf),
    GlorotUniform: (GlorotUniform(), 0.0, 2 / 800, math.sqrt(6 / 800)),
    HeNormal: (HeNormal(), 0.0, 2 / 500, math.inf),
    HeUniform: (HeUniform(), 0.0, 2 / 500, math.sqrt(6 / 500)),
    LecunNormal: (LecunNormal(), 0.0, 1 / 500, math.inf),
    LecunUniform: (LecunUniform(), 0.0, 1 / 500, math.sqrt(3 / 500)),
    Orthogonal: (Orthogonal(), 0.0, 1 / 500, 1.0),
    Data: (Data(), 0.0, 1 / 500, math.inf),
    Explicit: (Explicit(values=[[0.25] * IN] * OUT), 0.25, 0.0, 0.25),
}
UNIFORM = (Uniform, GlorotUniform, HeUniform, LecunUniform)
KINDS = get_args(AnyInitializer)
DRAWS = named([EXPECTED[kind][0] for kind in KINDS if kind is not Explicit])


def draw(initializer, shape=(OUT, IN), fan_in=IN, fan_out=OUT, seed=0):
    return initializer.draw(np.random.default_rng(seed), shape, fan_in, fan_out)


@pytest.mark.parametrize("kind", KINDS)
def test_moments_and_bounds(kind):
    initializer, mean, variance, bound = EXPECTED[kind]
    values = draw(initializer)
    assert values.shape == (OUT, IN)
    assert values.dtype == np.float64
    deviation = math.sqrt(variance)
    assert values.mean() == pytest.approx(mean, abs=5 * deviation / math.sqrt(OUT * IN) + 1e-12)
    assert values.var() == pytest.approx(variance, rel=0.02, abs=1e-12)
    assert np.abs(values).max() <= bound
    if kind in UNIFORM:
        assert np.abs(values).max() > 0.999 * bound
        # the mean of |x - mean| is half the bound for a uniform, 0.8 deviations for a normal
        assert np.abs(values - mean).mean() == pytest.approx(math.sqrt(3 * variance) / 2, rel=0.02)
    elif math.isinf(bound):
        assert np.abs(values - mean).mean() == pytest.approx(
            math.sqrt(2 / math.pi) * deviation, rel=0.02
        )


@pytest.mark.parametrize("kind", [k for k in KINDS if "gain" in k.__dataclass_fields__])
def test_gain_multiplies(kind):
    np.testing.assert_allclose(draw(kind(gain=3.0)), 3 * draw(kind()), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("initializer", DRAWS)
def test_the_generator_decides(initializer):
    assert np.array_equal(draw(initializer, seed=4), draw(initializer, seed=4))
    chance = not isinstance(initializer, Zeros | Constant)
    assert np.array_equal(draw(initializer, seed=4), draw(initializer, seed=5)) != chance


@pytest.mark.parametrize("initializer", DRAWS)
def test_vectors(initializer):
    if isinstance(initializer, Orthogonal):
        with pytest.raises(ValueError, match="orthogonal needs a weight matrix, not a vector of 7"):
            draw(initializer, shape=(7,))
    else:
        assert draw(initializer, shape=(7,)).shape == (7,)


@pytest.mark.parametrize("shape", [(40, 40), (20, 50), (50, 20), (1, 5), (5, 1), (1, 1)])
def test_orthogonal_rows_or_columns(shape):
    q = draw(Orthogonal(gain=2.0), shape=shape)
    assert q.shape == shape
    product = q @ q.T if shape[0] <= shape[1] else q.T @ q
    np.testing.assert_allclose(product, 4 * np.eye(min(shape)), atol=1e-13)


def test_orthogonal_is_uniform_over_rotations_and_reflections():
    # the first entry of a 2 x 2 one is cos of a uniform angle, and half of them are reflections
    rng = np.random.default_rng(0)
    drawn = np.array([Orthogonal().draw(rng, (2, 2), 2, 2) for _ in range(2000)])
    assert (np.linalg.det(drawn) > 0).mean() == pytest.approx(0.5, abs=0.05)
    for at in np.ndindex(2, 2):
        assert drawn[:, *at].mean() == pytest.approx(0, abs=0.06)
        assert (drawn[:, *at] ** 2).mean() == pytest.approx(0.5, abs=0.04)


def test_explicit_values():
    values = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    assert draw(Explicit(values=values), shape=(2, 3)).tolist() == values
    assert draw(Explicit(values=[1.0, 2.0]), shape=(2,)).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("values", "shape", "text"),
    [
        ([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], (2, 3), r"\(3, 2\).*\(2, 3\) \(units, inputs\)"),
        ([1.0, 2.0, 3.0], (2,), r"\(3,\).*\(2,\) \(units,\)"),
        ([1.0, 2.0], (1, 2), r"\(2,\).*\(1, 2\)"),
        ([[1.0, 2.0]], (2,), r"\(1, 2\).*\(2,\)"),
        ([[1.0, 2.0], [3.0]], (2, 2), r"different lengths: \[1, 2\]"),
        ([[1.0, 2.0], 3.0], (2, 2), r"different lengths: \[1, 2\]"),
        ([math.nan, 1.0], (2,), "nan or inf"),
        ([math.inf, 1.0], (2,), "nan or inf"),
    ],
)
def test_explicit_values_that_do_not_fit(values, shape, text):
    with pytest.raises(ValueError, match=text):
        draw(Explicit(values=values), shape=shape)


def test_a_network_says_which_layer_the_values_do_not_fit():
    layers = [Dense(units=2), Dense(units=2, bias_initializer=Explicit(values=[1.0]))]
    with pytest.raises(ValueError, match=r"^layer 2, bias: .*\(1,\).*\(2,\)"):
        network_of(layers)


def test_the_range_of_a_uniform_is_checked():
    with pytest.raises(
        FieldError, match=r"is 2\.0 and high is 2\.0; low must be less than high"
    ) as caught:
        Uniform(low=2.0, high=2.0)
    assert caught.value.field == "low"
    with pytest.raises(ValueError, match="deviation is 0"):
        Normal(deviation=0)


# From training rows.

ADAPTED = [
    Dense(units=6, activation=Tanh(), initializer=Data(), bias_initializer=Data()),
    Dense(units=4, activation=Silu(), initializer=Data()),
    Dense(units=2, initializer=Zeros()),
]


def sums_by_numpy(network, x, k, replica=0):
    """z (N, O) of dense layer k for rows x (N, I), without and with the biases."""
    functions = [np.tanh, lambda z: z / (1 + np.exp(-z)), lambda z: z]
    for j in range(k + 1):
        own = network.parameters.part(f"layers.{j}")
        z = x @ own["weight"][replica].T
        x = functions[j](z + own["bias"][replica])
    return z, z + own["bias"][replica]


@pytest.mark.parametrize("rows", [40, 700])
def test_weights_from_rows_give_every_unit_the_variance_1(rows):
    x = np.random.default_rng(0).normal(3, [1, 20, 0.1], (rows, 3))
    network = network_of(ADAPTED, seeds=(1, 2))
    drawn = network.parameters.views["layers.0.weight"].copy()
    assert network.awaits_rows
    initialize_by_rows(network, Rows(x, x))
    assert not network.awaits_rows
    for replica, k in np.ndindex(2, 2):
        # of more than 512 rows these are drawn
        spread = sums_by_numpy(network, x, k, replica)[0].std(axis=0)
        np.testing.assert_allclose(spread, 1, rtol=1e-10 if rows < 512 else 0.1)
    ratio = network.parameters.views["layers.0.weight"] / drawn
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :, :1], ratio.shape), rtol=1e-12)
    assert not network.parameters.views["layers.1.bias"].any()
    assert not network.parameters.views["layers.2.weight"].any()


def test_biases_from_rows_center_a_unit_near_some_of_them():
    layers = [Dense(units=3000, initializer=Data(), bias_initializer=Data())]
    x = np.random.default_rng(0).normal(5, 1, (200, 3))
    network = network_of(layers)
    initialize_by_rows(network, Rows(x, x))
    own = network.parameters.part("layers.0")
    z = x @ own["weight"][0].T
    apart = -own["bias"][0] - z.mean(axis=0)
    assert (np.abs(apart) < np.abs(z - z.mean(axis=0)).max(axis=0)).all()
    # 5 weights E / Σ E are Dirichlet(1): the mean of 5 independent z has the variance
    # 5 E[w²] = 5 · 2 / (5 · 6) = ⅓ of a single one's
    assert apart.var() == pytest.approx(1 / 3, rel=0.08)


def test_first_weights_are_those_of_a_solo_run_on_its_own_rows():
    x = np.random.default_rng(0).normal(size=(2 * 600, 3))
    own = [Rows(part, part) for part in (x[:600], x[600:])]
    together = network_of(ADAPTED, seeds=(1, 2))
    initialize_by_rows(together, stacked(own))
    for replica, seed in enumerate((1, 2)):
        solo = network_of(ADAPTED, seeds=(seed,))
        initialize_by_rows(solo, own[replica])
        assert np.array_equal(together.theta[replica], solo.theta[0])
        other = network_of(ADAPTED, seeds=(seed,))
        initialize_by_rows(other, own[1 - replica])
        assert not np.array_equal(together.theta[replica], other.theta[0])


@pytest.mark.parametrize("rows", [60, 1500])
def test_replicas_that_pick_rows_meet_only_their_own(rows):
    x = np.random.default_rng(0).normal(size=(rows, 3))
    third = rows // 3
    picks = [np.arange(third, rows), np.concatenate([np.arange(third), np.arange(rows - 9, rows)])]
    x[third : rows - 9] = np.nan  # rows of the first replica only
    network = network_of(ADAPTED, seeds=(1, 2))
    initialize_by_rows(network, ReplicaRows(Rows(x, x), picks))
    finite = np.isfinite(network.theta).all(axis=1)
    assert finite.tolist() == [False, True]


def test_a_unit_with_the_same_sum_for_all_rows_keeps_its_weights():
    network = network_of(ADAPTED, precision="float32")
    before = network.theta.copy()
    constant = np.full((9, 3), [0.1, 7.0, 0.3], np.float32)
    initialize_by_rows(network, Rows(constant, constant))
    views = network.parameters.views
    size = views["layers.0.weight"].size
    assert np.array_equal(views["layers.0.weight"].ravel(), before[0, :size])
    assert np.isfinite(network.theta).all()


def test_training_begins_with_weights_from_rows_unless_told_otherwise():
    x = np.random.default_rng(0).normal(size=(40, 3))
    rows, expected = Rows(x, x[:, :2]), network_of(ADAPTED)
    initialize_by_rows(expected, rows)
    for awaits in (True, False):
        network = network_of(ADAPTED)
        drawn = network.theta.copy()
        network.awaits_rows = awaits
        train(network, rows, epochs=1, learning_rate=1e-30)
        first = expected.theta if awaits else drawn
        np.testing.assert_allclose(network.theta, first, rtol=0, atol=1e-25)


def test_each_replica_may_have_its_own_initializer():
    plain = [dataclasses.replace(ADAPTED[0], initializer=HeNormal()), *ADAPTED[1:]]
    network = Network(ADAPTED, 3, seeds=(1, 1), precision="float64", each=[ADAPTED, plain])
    drawn = network.parameters.views["layers.0.weight"].copy()
    x = np.random.default_rng(0).normal(size=(40, 3))
    initialize_by_rows(network, Rows(x, x))
    changed = network.parameters.views["layers.0.weight"] != drawn
    assert changed[0].all()
    assert not changed[1].any()


def test_zero_weights_in_the_output_layer_train():
    x = np.random.default_rng(0).normal(size=(60, 3))
    rows = Rows(x, np.stack([x[:, 0] * x[:, 1], x[:, 2]], axis=1))
    *_, last = train(network_of(ADAPTED), rows, epochs=400, optimizer=Adam(), learning_rate=0.02)
    assert last.metrics["loss"][0] < 0.02 * rows.y.var()


@pytest.mark.parametrize("name", ["initializer", "recurrent_initializer", "bias_initializer"])
def test_an_equilibrium_does_not_wait_for_rows(name):
    with pytest.raises(FieldError, match="is data, which needs a dense layer") as caught:
        Equilibrium(units=2, **{name: Data()})
    assert caught.value.field == name


@pytest.mark.parametrize("activation", get_args(AnyActivation))
def test_a_dense_layer_starts_as_suits_its_activation(activation):
    relu_like = (Relu, LeakyRelu, Elu, Gelu, Silu, Mish)
    expected = (
        LecunNormal()
        if activation is Selu
        else HeNormal()
        if activation in relu_like
        else GlorotUniform()
    )
    assert Dense(units=3, activation=activation()).initializer == expected
    assert Dense(units=3, activation=activation(), initializer=Zeros()).initializer == Zeros()


def test_parameters_depend_on_seed_and_place_alone():
    layers = [Dense(units=4), Dense(units=4), Dense(units=4)]
    three = network_of(layers, inputs=4, seeds=(8, 9))
    two = network_of(layers[:2], inputs=4, seeds=(9,))
    for k in range(2):
        name = f"layers.{k}.weight"
        assert np.array_equal(three.parameters.views[name][1], two.parameters.views[name][0])
    first, second = (three.parameters.views[f"layers.{k}.weight"] for k in (0, 1))
    assert not np.array_equal(first, second), "two layers of one shape must not start the same"
    assert not np.array_equal(first[0], first[1])
