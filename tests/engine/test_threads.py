"""Training on several threads: the same bits for any number, and those of whole batches nearly."""

import copy
import threading

import numpy as np
import pytest
from engine_cases import (
    ACTIVATIONS,
    LAYERS,
    LOSSES,
    STEPPING,
    fits,
    in_precision,
    some_rows,
    stack,
    suited,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from bpnet.engine import matmul, pieces
from bpnet.engine.activations import Tanh
from bpnet.engine.layers import Dense, Dropout
from bpnet.engine.loop import chunks, evaluation, slices
from bpnet.engine.loop.evaluation import Evaluator
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.replica_rows import ReplicaRows
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import CrossEntropy
from bpnet.engine.metrics import Accuracy, RegressionError
from bpnet.engine.network import Network
from bpnet.engine.optimizers import Adam, state
from bpnet.engine.penalties import GradientClipping
from bpnet.engine.workers import workers


@pytest.fixture(scope="module", autouse=True)
def _small_tasks():
    """Cut small batches, gradients and parameters, as large ones would take long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slices, "SMALLEST_STEP", 1)
        patch.setattr(slices, "LEAST_VALUES", 1)
        patch.setattr(slices, "LEAST_SHORT_VALUES", 1)
        patch.setattr(slices, "SMALLEST_GROUP", 1)
        patch.setattr(slices, "SLICES", ((128, 8), (64, 4), (32, 2)))
        patch.setattr(matmul, "SHARED_OPERATIONS", 1000)
        patch.setattr(matmul, "SHARED_SIDE", 4)
        patch.setattr(chunks, "SHARED_VALUES", 1)
        patch.setattr(pieces, "CHUNK_VALUES", 1024)
        patch.setattr(state, "PART", 64)
        patch.setattr(state, "SHARED", 32)
        yield


def trained(threads, layers, rows, training, *, replicas=1, precision="float32"):
    """Return everything that a training leaves behind."""
    shared = rows.rows if isinstance(rows, ReplicaRows) else rows
    network = Network(layers, shared.x.shape[1], seeds=range(replicas), precision=precision)
    with workers(threads):
        records = list(fit(training, network, rows, rows, [RegressionError()]))
    measured = [values for record in records for values in record.metrics.values()]
    return [network.theta, *measured]


@given(
    batch=st.integers(16, 150),
    rows=st.integers(16, 200),
    inputs=st.integers(3, 40),
    units=st.integers(3, 200),
    outputs=st.integers(2, 80),
    replicas=st.integers(1, 5),
    kind=st.sampled_from([*[Dense] * 5, *LAYERS]),
    activation=st.sampled_from(ACTIVATIONS),
    optimizer=st.sampled_from(STEPPING),
    loss=st.sampled_from(LOSSES),
    precision=st.sampled_from(["float32", "float64"]),
    clipping=st.sampled_from([None, GradientClipping(norm=0.1)]),
    l2=st.sampled_from([0.0, 0.01]),
)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_any_number_of_threads_gives_the_same_bits(
     batch, rows, inputs, units, outputs, replicas, kind, activation, optimizer,
    loss, precision, clipping, l2,
):  # fmt: skip
    if not fits(kind, activation):
        return
    layers = stack(kind, activation, outputs, units, tolerance=1e-3)
    table = some_rows(loss, rows=rows, inputs=inputs, outputs=outputs)
    table = in_precision(suited(type(layers[0]), table), precision)
    if optimizer.searches:
        clipping = None
    training = Training(
        loss=loss, optimizer=optimizer, epochs=2, batch_size=batch, precision=precision,
        gradient_clipping=clipping, l2=l2, learning_rate=1e-3,
    )  # fmt: skip
    how = {"replicas": replicas, "precision": precision}
    alone = trained(1, layers, table, training, **how)
    for threads in (2, 4):
        for one, other in zip(alone, trained(threads, layers, table, training, **how), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda one: one.kind)
def test_slices_learn_what_whole_batches_learn(activation, monkeypatch):
    layers = [Dense(units=70, activation=activation), Dense(units=9, activation=activation)]
    layers += [Dense(units=65, bias=False)]
    loss = CrossEntropy()
    table = some_rows(loss, rows=150, inputs=7, outputs=65, weighted=True)
    training = Training(
        loss=loss, optimizer=Adam(), epochs=2, batch_size=130, precision="float64",
        gradient_clipping=GradientClipping(norm=0.1), l1=0.001,
    )  # fmt: skip
    cut = trained(2, layers, table, training, precision="float64")
    monkeypatch.setattr(slices, "SMALLEST_STEP", 1e18)
    whole = trained(1, layers, table, training, precision="float64")
    for one, other in zip(cut, whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_correct_rows_of_slices_are_counted(monkeypatch):
    layers, loss = [Dense(units=12, activation=Tanh()), Dense(units=10)], CrossEntropy()
    table = some_rows(loss, rows=300, inputs=7, outputs=10)
    training = Training(loss=loss, optimizer=Adam(), epochs=3, batch_size=64, precision="float64")

    def accuracies():
        network = Network(layers, 7, seeds=[0], precision="float64")
        records = fit(training, network, table, table, [Accuracy()])
        return [(record.metrics["accuracy"], record.metrics["val_accuracy"]) for record in records]

    cut = accuracies()
    monkeypatch.setattr(slices, "SMALLEST_STEP", 1e18)
    monkeypatch.setattr(chunks, "SHARED_VALUES", 1e18)
    assert cut == accuracies()


@pytest.mark.parametrize("picked", [False, True])
@pytest.mark.parametrize("kind", LAYERS)
def test_replicas_learn_in_groups_what_they_learn_together(kind, picked, monkeypatch):
    layers = stack(kind, Tanh(), 3, 20, tolerance=1e-3)
    table = suited(type(layers[0]), some_rows(CrossEntropy(), rows=90, inputs=7, weighted=True))
    rows = in_precision(table, "float32")
    if picked:
        rows = ReplicaRows(rows, [np.arange(k, 60 + 5 * k) for k in range(5)])
    training = Training(loss=CrossEntropy(), epochs=2, batch_size=32, l2=0.01)
    grouped = trained(2, layers, rows, training, replicas=5)
    monkeypatch.setattr(slices, "SMALLEST_GROUP", 10**18)
    together = trained(1, layers, rows, training, replicas=5)
    for one, other in zip(grouped, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_large_steps_are_cut():
    many = Network([Dense(units=256), Dense(units=10)], 100, seeds=range(5))
    assert slices.group_count(many, 1) == 2
    one = Network([Dense(units=256), Dense(units=10)], 100, seeds=[0])
    assert slices.slice_count(one, 200) == 8
    mixed = Network([Dense(units=256), Dropout(rate=0.1), Dense(units=10)], 100, seeds=[0])
    assert slices.slice_count(mixed, 200) == 1


def test_slices_of_few_values_are_not_cut(monkeypatch):
    monkeypatch.setattr(slices, "LEAST_VALUES", 1000)
    network = Network([Dense(units=64), Dense(units=36)], 20, seeds=[0])  # 50 in the mean
    assert [slices.slice_count(network, rows) for rows in (39, 40, 160)] == [1, 2, 8]


def test_layers_of_few_units_are_cut_into_fewer_slices(monkeypatch):
    monkeypatch.setattr(slices, "LEAST_SHORT_VALUES", 1000)
    layers = [Dense(units=32), Dense(units=16), Dense(units=12)]  # 20 in the mean
    network = Network(layers, 4, seeds=[0])
    assert [slices.slice_count(network, rows) for rows in (99, 100, 200, 400)] == [1, 2, 4, 8]


def test_networks_of_many_parameters_are_not_cut(monkeypatch):
    network = Network([Dense(units=64), Dense(units=36)], 20, seeds=[0])
    monkeypatch.setattr(slices, "MOST_PARAMETERS", network.theta.size - 1)
    assert slices.slice_count(network, 1000) == 1


@pytest.mark.parametrize("loss", LOSSES, ids=lambda one: one.kind)
@pytest.mark.parametrize("threads", [1, 3])
def test_chunks_measure_what_batches_measure(loss, threads, monkeypatch):
    layers = [Dense(units=40, activation=Tanh()), Dense(units=3)]
    table = in_precision(some_rows(loss, rows=330, inputs=7, outputs=3, weighted=True), "float32")
    network = Network(layers, 7, seeds=[0])
    measured = []
    for shares in (True, False):
        if not shares:
            monkeypatch.setattr(evaluation, "shares_chunks", lambda *_: False)
        with workers(threads):
            evaluator = Evaluator(network, loss, [RegressionError()], table, chunk=50)
            scores = evaluator.keep_scores()
            for _ in range(2):
                values = evaluator.evaluate()
        measured.append([scores, *values.values()])
    for one, other in zip(*measured, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_training_goes_on_with_another_number_of_threads():
    layers = [Dense(units=40, activation=Tanh()), Dense(units=3)]
    table = some_rows(CrossEntropy(), rows=150, inputs=7)
    training = Training(loss=CrossEntropy(), epochs=4, batch_size=64)
    theta, *_ = trained(1, layers, table, training)
    network = Network(layers, 7, seeds=[0])
    with workers(2):
        fitting = fit(training, network, table, table, [RegressionError()])
        next(fitting)
        next(fitting)
        kept = copy.deepcopy(fitting.state())
    again = Network(layers, 7, seeds=[0])
    with workers(4):
        list(fit(training, again, table, table, [RegressionError()], state=kept))
    np.testing.assert_array_equal(again.theta, theta)


def test_an_interrupted_step_leaves_no_thread(monkeypatch):
    def interrupted(bound, gather):
        raise KeyboardInterrupt

    layers = [Dense(units=40, activation=Tanh()), Dense(units=3)]
    table = some_rows(CrossEntropy(), rows=150, inputs=7)
    training = Training(loss=CrossEntropy(), epochs=4, batch_size=64)
    monkeypatch.setattr(slices, "_forward_and_backward", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trained(2, layers, table, training)
    assert all(one.name != "bpnet worker" for one in threading.enumerate())
