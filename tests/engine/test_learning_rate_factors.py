"""Factors of the learning rate: each part of theta moves as it would with a rate of its own."""

import math

import numpy as np
import pytest
from engine_cases import DESCENDING, named, network_of, some_rows

from bpnet.engine.activations import Tanh
from bpnet.engine.component import FieldError
from bpnet.engine.initializers import Zeros
from bpnet.engine.layers import BatchNormalization, CategoryTable, Dense, Embedding
from bpnet.engine.learning_rate_factors import LearningRateFactors
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import SquaredError
from bpnet.engine.optimizers import AdamW, Perturbation, Rprop
from bpnet.engine.optimizers.state import PART
from bpnet.engine.parameters import Parameter, blocks_of


def parameter(shape, group, fan_in=1):
    weight = group in ("weight", "embedding")
    return Parameter(shape, Zeros(), fan_in, 1, is_weight=weight, group=group)


DECLARED = {
    "embedding": parameter((3, 2), "embedding"),
    "first": parameter((2, 4), "weight", fan_in=4),
    "second": parameter((2, 2), "weight", fan_in=16),
    "bias": parameter((2,), "bias"),
    "scale": parameter((3,), "scale"),
    "slope": parameter((1,), "activation"),
    "frequency": parameter((2,), "encoding"),
}
FACTORS = LearningRateFactors(
    weight="fan_in", bias=0.1, scale=6, activation=0.0, embedding=2.0, encoding=0.5
)
EXPECTED = np.repeat([2.0, 1 / 2, 1 / 4, 0.1, 6, 0, 0.5], [6, 8, 4, 2, 3, 1, 2])
WEIGHTS = 18


@pytest.mark.parametrize("optimizer", named(DESCENDING))
@pytest.mark.parametrize("rate", [0.01, np.array([[0.01], [0.003]])], ids=["one", "each"])
def test_each_column_moves_as_with_a_rate_of_its_own(optimizer, rate):
    if isinstance(optimizer, AdamW):
        optimizer = AdamW(weight_decay=0.0)
    rng = np.random.default_rng(1)
    start, gradients = rng.normal(size=(2, 26)), rng.normal(size=(20, 2, 26))
    theta, gradient = start.copy(), np.empty_like(start)
    state = optimizer.bind(theta, gradient, WEIGHTS, blocks_of(DECLARED), FACTORS)
    alone = [(start[:, [k]].copy(), np.empty((2, 1))) for k in range(26)]
    states = [optimizer.bind(*arrays, 1) for arrays in alone]
    for each in gradients:
        gradient[:] = each
        optimizer.step(state, rate)
        for k, (_, column) in enumerate(alone):
            column[:] = each[:, [k]]
            optimizer.step(states[k], rate * EXPECTED[k])
    np.testing.assert_array_equal(theta, np.hstack([column for column, _ in alone]))
    if not isinstance(optimizer, Rprop):  # which has a smallest step
        assert np.array_equal(theta[:, 23], start[:, 23])  # a factor of 0


def test_decoupled_decay_goes_by_the_learning_rate_itself():
    theta = np.ones((1, 26))
    optimizer = AdamW(weight_decay=0.5)
    state = optimizer.bind(theta, np.zeros((1, 26)), WEIGHTS, blocks_of(DECLARED), FACTORS)
    optimizer.step(state, 0.1)
    np.testing.assert_allclose(theta[0], [0.95] * 18 + [1.0] * 8, rtol=1e-15)


@pytest.mark.parametrize("optimizer", named(DESCENDING))
def test_factors_of_1_change_nothing_and_make_no_more_parts(optimizer):
    rng = np.random.default_rng(2)
    wide = {"weight": parameter((PART, 2), "weight"), "bias": parameter((99,), "bias")}
    size = 2 * PART + 99
    start, gradients = rng.normal(size=(1, size)), rng.normal(size=(2, 1, size))
    paths = []
    for blocks, factors in [((), None), (blocks_of(wide), LearningRateFactors())]:
        theta, gradient = start.copy(), np.empty_like(start)
        state = optimizer.bind(theta, gradient, 2 * PART, blocks, factors)
        assert len(state.parts) == 3
        for each in gradients:
            gradient[:] = each
            optimizer.step(state, 0.1)
        paths.append(theta)
    assert np.array_equal(*paths)


def test_parts_end_where_factors_change_and_neighbors_with_equal_ones_share_theirs():
    state = AdamW().bind(
        np.zeros((2, 26)), np.zeros((2, 26)), WEIGHTS, blocks_of(DECLARED), FACTORS
    )
    assert [(part.theta.shape[1], part.factor) for part in state.parts] == [
        (6, 2), (8, 1 / 2), (4, 1 / 4), (2, 0.1), (3, 6), (1, 0), (2, 0.5)
    ]  # fmt: skip
    even = LearningRateFactors(bias=0.1, encoding=0.1)
    state = AdamW().bind(np.zeros((2, 26)), np.zeros((2, 26)), WEIGHTS, blocks_of(DECLARED), even)
    assert [part.theta.shape[1] for part in state.parts] == [18, 2, 4, 2]


def test_layers_declare_their_groups():
    network = network_of(
        [
            Embedding(tables=[CategoryTable(position=1, levels=3, size=2)]),
            Dense(units=4, bias=False),
            BatchNormalization(activation=Tanh()),
            Dense(units=1),
        ]
    )
    factors = LearningRateFactors(weight="fan_in", bias=0.1, scale=6, embedding=2)
    assert [factors.of(block.parameter) for block in network.blocks] == [
        2, 1 / math.sqrt(4), 1 / math.sqrt(4), 6, 0.1, 0.1
    ]  # fmt: skip
    assert [block.columns for block in network.blocks] == [
        slice(0, 6), slice(6, 22), slice(22, 26), slice(26, 30), slice(30, 34), slice(34, 35)
    ]  # fmt: skip


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_factors_of_replicas_are_those_of_solo_runs(precision):
    rows = some_rows(SquaredError(), rows=23)
    layers = [Dense(units=5, activation=Tanh()), Dense(units=3)]
    each = [
        Training(optimizer=AdamW(), epochs=3, batch_size=5, learning_rate_factors=factors)
        for factors in (FACTORS, None, FACTORS, LearningRateFactors(bias=3.0))
    ]
    together = network_of(layers, seeds=(3, 3, 8, 1), precision=precision)
    list(fit(each[0], together, rows, each=each))
    ends = []
    for seed, training in zip((3, 3, 8, 1), each, strict=True):
        alone = network_of(layers, seeds=(seed,), precision=precision)
        list(fit(training, alone, rows))
        ends.append(alone.theta[0])
    tolerance = 1e-12 if precision == "float64" else 1e-6
    np.testing.assert_allclose(together.theta, ends, rtol=tolerance, atol=tolerance)
    assert not np.allclose(ends[0], ends[1])


@pytest.mark.parametrize("value", [-1.0, math.inf, math.nan])
def test_a_factor_of_weights_is_a_number_or_fan_in(value):
    with pytest.raises(FieldError, match="must be a number of at least 0, or fan_in"):
        LearningRateFactors(weight=value)


def test_a_search_has_no_use_for_factors():
    with pytest.raises(FieldError, match="optimizer perturbation, which takes no steps"):
        Training(optimizer=Perturbation(), learning_rate_factors=LearningRateFactors())
