"""Rows picked for each replica: folds that train side by side are the folds trained one by one."""

import numpy as np
import pytest
from engine_cases import DESCENDING, LAYERS, LOSSES, in_precision, some_rows, stack, suited
from hypothesis import given, settings
from hypothesis import strategies as st

from bpnet.engine.activations import Tanh
from bpnet.engine.layers import Dense, Equilibrium
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.out_of_core import StoredRows
from bpnet.engine.loop.replica_rows import ReplicaRows
from bpnet.engine.loop.settings import Training
from bpnet.engine.metrics import RegressionError
from bpnet.engine.network import Network

SEEDS = (4, 9, 2)
OUTPUTS = 3


def folds(rows, sizes, seed=0):
    """Training and held-out picks: parts of these sizes, drawn at random, are held out in turn."""
    drawn = np.random.default_rng(seed).permutation(rows)
    parts = np.split(drawn, np.cumsum(sizes)[:-1])
    return [np.setdiff1d(np.arange(rows), part) for part in parts], parts


def run(kind, seeds, precision, rows, validation, **how):
    network = Network(stack(kind, Tanh(), OUTPUTS), 3, seeds=seeds, precision=precision)
    training = Training(epochs=4, learning_rate=0.02, precision=precision, **how)
    return network, list(fit(training, network, rows, validation, [RegressionError()]))


def the_same(together, records, each, tolerance):
    """Compare replicas with the networks and records of trainings of their own."""
    for k, (alone, solo) in enumerate(each):
        np.testing.assert_allclose(
            together.theta[k], alone.theta[0], rtol=10 * tolerance, atol=tolerance
        )
        for ours, theirs in zip(records, solo, strict=True):
            for name, value in theirs.metrics.items():
                np.testing.assert_allclose(
                    ours.metrics[name][k],
                    value[0],
                    rtol=100 * tolerance,
                    atol=10 * tolerance,
                    err_msg=name,
                )


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(LAYERS),
    loss=st.sampled_from(LOSSES),
    optimizer=st.sampled_from(DESCENDING),
    batch=st.sampled_from([4, 5, "full"]),
    last_batch=st.sampled_from(["short", "spread"]),
    weighted=st.booleans(),
    l2=st.sampled_from([0.0, 0.1]),
    precision=st.sampled_from(["float64", "float32"]),
)
def test_folds_of_equal_size_are_trainings_on_only_their_rows(
    kind, loss, optimizer, batch, last_batch, weighted, l2, precision
):
    rows = suited(kind, some_rows(loss, 18, outputs=OUTPUTS, seed=1, weighted=weighted))
    rows = in_precision(rows, precision)
    train, held = folds(18, (6, 6, 6))
    how = {
        "loss": loss,
        "optimizer": optimizer,
        "batch_size": batch,
        "last_batch": last_batch,
        "l2": l2,
    }
    together = run(kind, SEEDS, precision, ReplicaRows(rows, train), ReplicaRows(rows, held), **how)
    tolerance = 1e-12 if precision == "float64" else 1e-6
    if kind is Equilibrium and precision == "float32":
        tolerance = 1e-5  # it settles to within float32's own precision, from where it stood
    each = [
        run(kind, (seed,), precision, rows.picked(train[k]), rows.picked(held[k]), **how)
        for k, seed in enumerate(SEEDS)
    ]
    the_same(*together, each, tolerance)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(LAYERS),
    loss=st.sampled_from(LOSSES),
    batch=st.sampled_from([4, 5, "full"]),
    last_batch=st.sampled_from(["short", "spread"]),
    weighted=st.booleans(),
    precision=st.sampled_from(["float64", "float32"]),
    stored=st.sampled_from([None, 100, 8]),
    sizes=st.sampled_from([(7, 6, 6), (3, 6, 10), (1, 2, 16)]),
)
def test_folds_of_any_sizes(kind, loss, batch, last_batch, weighted, precision, stored, sizes):
    """A fold by itself takes epochs of the same length: those of the longest."""
    rows = suited(kind, some_rows(loss, 19, outputs=OUTPUTS, seed=1, weighted=weighted))
    rows = in_precision(rows, precision)
    train, held = folds(19, sizes)
    how = {"loss": loss, "batch_size": batch, "last_batch": last_batch}
    shared = rows
    if stored:
        if batch == "full":
            how["batch_size"] = 6
        shared = StoredRows(
            rows.x, rows.y, rows.weights, dtype=rows.x.dtype, window=stored, block=4
        )
    together = run(
        kind, SEEDS, precision, ReplicaRows(shared, train), ReplicaRows(shared, held), **how
    )
    tolerance = 1e-12 if precision == "float64" else 1e-6
    if kind is Equilibrium and precision == "float32":
        tolerance = 1e-5
    # a window is divided among the replicas
    if stored:
        shared = StoredRows(
            rows.x, rows.y, rows.weights, dtype=rows.x.dtype, window=stored // 3, block=4
        )
    longest = max(map(len, train))
    each = [
        run(
            kind,
            (seed,),
            precision,
            ReplicaRows(shared, [train[k]], longest),
            rows.picked(held[k]),
            **how,
        )
        for k, seed in enumerate(SEEDS)
    ]
    the_same(*together, each, tolerance)


@pytest.mark.parametrize("last_batch", ["short", "spread"])
def test_a_file_whose_epoch_fits_the_window_is_read_as_rows_in_memory(last_batch):
    rows = some_rows(LOSSES[0], 19, outputs=OUTPUTS, weighted=True)
    train, held = folds(19, (4, 5, 10))
    stored = StoredRows(rows.x, rows.y, rows.weights, dtype=np.float64, window=54, block=4)
    kind, how = Dense, {"batch_size": 4, "last_batch": last_batch}
    results = [
        run(kind, SEEDS, "float64", ReplicaRows(some, train), ReplicaRows(some, held), **how)
        for some in (rows, stored)
    ]
    assert np.array_equal(results[0][0].theta, results[1][0].theta)
