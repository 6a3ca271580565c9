"""Nothing is allocated in a step: after the first epoch the peak stays far below one buffer."""

import tracemalloc

import numpy as np
import pytest
from engine_cases import (
    ACTIVATIONS,
    LAYERS,
    LOSSES,
    STEPPING,
    in_precision,
    named,
    network_of,
    some_rows,
    stack,
    suited,
)

from bpnet.engine.activations import Identity, Tanh
from bpnet.engine.layers import CategoryTable, Dense, Embedding
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.out_of_core import StoredRows
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from bpnet.engine.metrics import (
    TRAINING_METRICS,
    Accuracy,
    Closeness,
    LabelAccuracy,
    RegressionError,
)
from bpnet.engine.network import Network
from bpnet.engine.optimizers import GradientDescent
from bpnet.engine.penalties import GradientClipping

UNITS, BATCH, INPUTS, OUTPUTS = 512, 256, 512, 512
ACTIVATION = UNITS * BATCH * 4
"""The bytes of one activation (1, O, B) in float32: half of a weight matrix's megabyte."""


def peak_of_an_epoch(
    layers,
    loss,
    *,
    metrics=None,
    validation=False,
    weighted=False,
    batches=2,
    rows_of=lambda rows: rows,
    **how,
):
    """The most that the second epoch has at any time beyond what the first left allocated."""
    rows = in_precision(
        some_rows(loss, rows=BATCH * batches, inputs=INPUTS, outputs=OUTPUTS, weighted=weighted),
        "float32",
    )
    rows = rows_of(suited(type(layers[0]), rows))
    network = Network(layers, INPUTS, seeds=[1])
    training = Training(**{
        "loss": loss, "optimizer": GradientDescent(), "batch_size": BATCH, "epochs": 3,
        "learning_rate": 1e-6, **how
    })  # fmt: skip
    records = fit(
        training,
        network,
        rows,
        rows if validation else None,
        [RegressionError()] if metrics is None else metrics,
    )
    tracemalloc.start()
    try:
        next(records)
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        next(records)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak - before


def few(layers, loss=None, **how):
    assert peak_of_an_epoch(layers, loss or SquaredError(), **how) < ACTIVATION / 4


HIDDEN = [Dense(units=UNITS, activation=Tanh()), Dense(units=OUTPUTS)]


@pytest.mark.parametrize("activation", named([Identity(), Tanh()]))
@pytest.mark.parametrize("kind", LAYERS)
def test_layers(kind, activation):
    few(stack(kind, activation, outputs=OUTPUTS, units=UNITS, tolerance=1e-4))


@pytest.mark.parametrize("activation", named(ACTIVATIONS))
def test_activations(activation):
    few([Dense(units=UNITS, activation=activation), Dense(units=OUTPUTS)])


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("loss", named(LOSSES))
def test_losses(loss, weighted):
    few([Dense(units=OUTPUTS)], loss, weighted=weighted)


@pytest.mark.parametrize("optimizer", named(STEPPING))
def test_optimizers(optimizer):
    few(HIDDEN, optimizer=optimizer)


def test_penalties_clipping_validation_and_the_copy_of_the_best():
    few(
        HIDDEN,
        l1=1e-6,
        l2=1e-6,
        gradient_clipping=GradientClipping(norm=1.0, value=0.5),
        validation=True,
    )


@pytest.mark.parametrize("kind", TRAINING_METRICS)
def test_metrics(kind):
    few([Dense(units=OUTPUTS)], metrics=[kind()])


def test_several_metrics():
    few([Dense(units=OUTPUTS)], metrics=[RegressionError(), Closeness()])


@pytest.mark.parametrize("batch_size", ["full", BATCH])
def test_accuracy(batch_size):
    few(
        [Dense(units=OUTPUTS)],
        CrossEntropy(),
        metrics=[Accuracy()],
        batch_size=batch_size,
    )


@pytest.mark.parametrize("batch_size", ["full", 200])
def test_the_whole_table_and_a_short_last_batch(batch_size):
    few(HIDDEN, batch_size=batch_size)


def test_wide_embeddings():
    tables = [
        CategoryTable(position=1, levels=3, size=UNITS),
        CategoryTable(position=0, levels=1, size=UNITS),
    ]

    def coded(rows):
        rows.x[:, 0] = 0
        return rows

    few([Embedding(tables=tables), Dense(units=OUTPUTS)], rows_of=coded)


def test_stored_rows():
    # a window holds one batch: what is new in each is its order and a block of targets
    def stored(rows):
        return StoredRows(rows.x, rows.y, rows.weights, window=BATCH, block=16)

    few(
        [Dense(units=UNITS), Dense(units=OUTPUTS)],
        rows_of=stored,
        batches=4,
        weighted=True,
        validation=True,
    )


def test_the_metric_of_labels():
    few([Dense(units=OUTPUTS)], BinaryCrossEntropy(), metrics=[LabelAccuracy()])


def test_the_measure_sees_a_single_buffer(monkeypatch):
    right = Tanh.forward

    def wasteful(self, z, a, scratch):
        right(self, z, a, scratch)
        np.copyto(a, a.copy())

    monkeypatch.setattr(Tanh, "forward", wasteful)
    # the batch is cut into two slices
    assert peak_of_an_epoch(HIDDEN, SquaredError()) >= ACTIVATION / 2


def test_predictions_hold_one_chunk_at_a_time():
    network = network_of(
        [Dense(units=64, activation=Tanh()), Dense(units=2)], inputs=8, precision="float32"
    )
    x = np.zeros((200_000, 8), np.float32)
    tracemalloc.start()
    try:
        for _ in network.scores(x):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # 2^20 values of the widest layer are 4 MB; all rows of it at once would be 51 MB
    assert peak < 16e6
