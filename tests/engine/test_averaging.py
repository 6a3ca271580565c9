"""Averaging: the average from its definition, and what is validated, kept and trained with it."""

import numpy as np
import pytest
from engine_cases import in_precision, network_of, some_rows

from bpnet.engine.activations import Tanh
from bpnet.engine.component import Array
from bpnet.engine.layers import BatchNormalization, Dense
from bpnet.engine.loop.averaging import Averaging
from bpnet.engine.loop.evaluation import Evaluator
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import SquaredError
from bpnet.engine.optimizers import Adam, Momentum, Perturbation

ROWS, HELD = some_rows(SquaredError(), 24), some_rows(SquaredError(), 9, seed=1)
LAYERS = [
    Dense(units=4, bias=False),
    BatchNormalization(activation=Tanh(), momentum=0.7),
    Dense(units=3),
]


def run(seeds=(1, 2), rows=ROWS, held=HELD, precision="float64", **how):
    """Train by whole batches, so that an epoch is a step; return all that there is after each."""
    network = network_of(LAYERS, seeds=seeds, precision=precision)
    states = [(network.theta.copy(), network.statistics.flat.copy())]
    records = []
    settings = {"batch_size": "full", "epochs": 15, "learning_rate": 0.1, "optimizer": Momentum()}
    training = Training(**{**settings, **how})
    for record in fit(training, network, rows, held):
        records.append(record)
        states.append((network.theta.copy(), network.statistics.flat.copy()))
    return network, records, states


def averages(states: list[Array], decay: float) -> list[Array]:
    """The averages from their definition as a sum: each state with the product of later shares."""
    result = []
    for t in range(1, len(states)):
        shares = [min(decay, k / (k + 9)) for k in range(1, t + 1)]
        total = states[0] * np.prod(shares)
        for k in range(1, t + 1):
            total = total + states[k] * (1 - shares[k - 1]) * np.prod(shares[k:])
        result.append(total)
    return result


@pytest.mark.parametrize("decay", [0.0, 0.4, 0.98])
@pytest.mark.parametrize("optimizer", [Momentum(), Adam(), Perturbation()])
def test_the_last_average_is_kept_and_training_goes_on_without(decay, optimizer):
    how = {"keep": "last", "optimizer": optimizer}
    network, records, states = run(averaging=Averaging(decay=decay), **how)
    _, plain, plain_states = run(**how)
    for (theta, statistics), (other, others) in zip(states, plain_states, strict=True):
        assert np.array_equal(theta, other)
        assert np.array_equal(statistics, others)
    for ours, theirs in zip(records, plain, strict=True):
        assert np.array_equal(ours.metrics["loss"], theirs.metrics["loss"])
    kept = averages([theta for theta, _ in states], decay)[-1]
    np.testing.assert_allclose(network.theta, kept, rtol=1e-12, atol=1e-15)
    kept = averages([statistics for _, statistics in states], decay)[-1]
    np.testing.assert_allclose(network.statistics.flat, kept, rtol=1e-12, atol=1e-15)


def test_validation_and_the_best_epoch_are_those_of_the_average():
    network, records, states = run(averaging=Averaging(decay=0.8), learning_rate=0.3)
    other = network_of(LAYERS, seeds=(1, 2))
    evaluator = Evaluator(other, SquaredError(), (), HELD)
    losses = []
    for theta, statistics in zip(
        averages([theta for theta, _ in states], 0.8),
        averages([statistics for _, statistics in states], 0.8),
        strict=True,
    ):
        other.theta[:], other.statistics.flat[:] = theta, statistics
        losses.append(evaluator.evaluate()["loss"])
    ours = [record.metrics["val_loss"] for record in records]
    np.testing.assert_allclose(ours, losses, rtol=1e-10)
    best = np.argmin(losses, axis=0)
    assert best.min() < 14  # else the last would pass for the best
    assert np.array_equal(records[-1].kept_epoch, best + 1)
    for replica, epoch in enumerate(best):
        kept = averages([theta[replica] for theta, _ in states], 0.8)[epoch]
        np.testing.assert_allclose(network.theta[replica], kept, rtol=1e-10)


def test_an_interrupted_training_leaves_what_is_kept():
    network = network_of(LAYERS)
    start = network.theta.copy()
    training = Training(
        averaging=Averaging(decay=0.9), keep="last", epochs=9, batch_size="full", learning_rate=0.1
    )
    records = fit(training, network, ROWS)
    next(records)
    first = network.theta.copy()
    records.close()
    np.testing.assert_allclose(network.theta, 0.1 * start + 0.9 * first, rtol=1e-12)


def test_the_parameters_before_the_last_step_are_those_that_move():
    network = network_of(LAYERS)
    training = Training(averaging=Averaging(), epochs=3, batch_size="full")
    before = network.theta.copy()
    for record in fit(training, network, ROWS, keep_before=True):
        assert np.array_equal(record.before, before)
        before = network.theta.copy()


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_replicas_equal_their_solo_runs(precision):
    rows, held = in_precision(ROWS, precision), in_precision(HELD, precision)
    how = {"averaging": Averaging(decay=0.9), "batch_size": 7, "epochs": 4}
    together, _, _ = run((1, 2, 3), rows, held, precision, **how)
    for k, seed in enumerate((1, 2, 3)):
        alone, _, _ = run((seed,), rows, held, precision, **how)
        tolerance = 1e-12 if precision == "float64" else 2e-6
        np.testing.assert_allclose(together.theta[k], alone.theta[0], tolerance, tolerance)


def test_a_diverged_replica_keeps_its_last_finite_average():
    network, records, _ = run(averaging=Averaging(), learning_rate=1e200, keep="last")
    assert records[-1].diverged.all()
    assert np.isfinite(network.theta).all()


def test_an_average_of_the_whole_past_is_refused():
    with pytest.raises(ValueError, match=r"decay is 1\.0; it must be less than 1"):
        Averaging(decay=1.0)
