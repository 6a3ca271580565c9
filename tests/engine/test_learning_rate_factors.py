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
from bpnet.engine.optimizers import AdamW, Muon, Perturbation, Rprop
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
    if isinstance(optimizer, AdamW | Muon):  # without matrices, which cannot be cut
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
    ends = np.hstack([column for column, _ in alone])
    np.testing.assert_allclose(theta, ends, rtol=1e-13)
    if not isinstance(optimizer, Rprop):  # which has a smallest step
        assert np.array_equal(theta[:, 23], start[:, 23])  # a factor of 0


def test_decoupled_decay_goes_by_the_learning_rate_itself():
    theta = np.ones((1, 26))
    optimizer = AdamW(weight_decay=0.5)
    state = optimizer.bind(theta, np.zeros((1, 26)), WEIGHTS, blocks_of(DECLARED), FACTORS)
    optimizer.step(state, 0.1)
    np.testing.assert_allclose(theta[0], [0.95] * 18 + [1.0] * 8, rtol=1e-15)


@pytest.mark.parametrize("optimizer", named(DESCENDING))
@pytest.mark.parametrize(
    ("replicas", "columns", "parts"),
    [(1, 2 * PART + 25, 3), (2, 2 * PART + 25, 6), (3, PART // 2, 2), (5, 25, 1)],
)
def test_parts_change_nothing(optimizer, replicas, columns, parts):
    """Parts are a stretch of a row, or whole rows; each moves as it would in a small state."""
    rng = np.random.default_rng(2)
    start = rng.normal(size=(replicas, columns))
    gradients = rng.normal(size=(2, replicas, columns))
    shapes = {"weight": parameter((columns - 9, 1), "weight"), "bias": parameter((9,), "bias")}
    factors = LearningRateFactors(bias=0.5)
    rates = rng.uniform(0.01, 0.1, (replicas, 1))
    theta, gradient = start.copy(), np.empty_like(start)
    state = optimizer.bind(theta, gradient, columns - 9, blocks_of(shapes), factors)
    assert sum(part.theta.size for part in state.parts) == theta.size
    assert max(part.theta.size for part in state.parts) <= PART
    assert len(state.parts) == parts
    for each in gradients:
        gradient[:] = each
        optimizer.step(state, rates)
    chosen = rng.integers(0, columns, 20)
    for row in rng.integers(0, replicas, 3):
        for column in [*chosen, columns - 1]:
            bias = column >= columns - 9
            alone, slope = start[[row], [column]][None].copy(), np.empty((1, 1))
            small = optimizer.bind(alone, slope, 0 if bias else 1)
            for each in gradients:
                slope[:] = each[row, column]
                optimizer.step(small, rates[row, 0] * (0.5 if bias else 1))
            np.testing.assert_allclose(theta[row, column], alone[0, 0], rtol=1e-13)


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


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        (-1.0, "at least 0"),
        (math.inf, "a finite number, at least 0"),
        (math.nan, "a finite number, at least 0"),
        (True, "a finite number, at least 0"),
        ("fan_out", "a finite number, at least 0"),
    ],
)
def test_a_factor_of_weights_is_a_number_or_fan_in(value, allowed):
    with pytest.raises(FieldError, match=f"is {value}; it must be {allowed}, or fan_in"):
        LearningRateFactors(weight=value)


def test_a_search_has_no_use_for_factors():
    with pytest.raises(FieldError, match="optimizer perturbation, which takes no steps"):
        Training(optimizer=Perturbation(), learning_rate_factors=LearningRateFactors())
