"""Rows in sets: a replica with rows of its own is the network trained on only those rows."""

import numpy as np
import pytest
from engine_cases import DESCENDING, LAYERS, LOSSES, in_precision, some_rows, stack, suited
from hypothesis import given, settings
from hypothesis import strategies as st

from bpnet.engine.activations import Tanh
from bpnet.engine.layers import Equilibrium
from bpnet.engine.loop.batches import Rows, stacked
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.out_of_core import StoredRows
from bpnet.engine.loop.settings import Training
from bpnet.engine.metrics import RegressionError
from bpnet.engine.network import Network

SEEDS = (4, 9, 2)
OUTPUTS = 3


def run(kind, seeds, precision, rows, validation, scale, **how):
    network = Network(stack(kind, Tanh(), OUTPUTS), 3, seeds=seeds, precision=precision)
    training = Training(epochs=4, learning_rate=0.02, precision=precision, **how)

    metrics = [RegressionError(scale=np.array(scale))]
    return network, list(fit(training, network, rows, validation, metrics))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(LAYERS),
    loss=st.sampled_from(LOSSES),
    optimizer=st.sampled_from(DESCENDING),
    batch=st.sampled_from([4, 5, "full"]),
    weighted=st.booleans(),
    l2=st.sampled_from([0.0, 0.1]),
    precision=st.sampled_from(["float64", "float32"]),
)
def test_a_replica_with_rows_of_its_own_is_its_solo_run(
    kind, loss, optimizer, batch, weighted, l2, precision
):
    def rows(count, seed):
        made = suited(kind, some_rows(loss, count, outputs=OUTPUTS, seed=seed, weighted=weighted))
        return in_precision(made, precision)

    train, held = [rows(12, seed) for seed in SEEDS], [rows(7, seed + 100) for seed in SEEDS]
    scale = [[1.0, 2.0, 3.0 + k] for k in range(len(SEEDS))]
    how = {"loss": loss, "optimizer": optimizer, "batch_size": batch, "l2": l2}
    together, records = run(kind, SEEDS, precision, stacked(train), stacked(held), scale, **how)
    tolerance = 1e-12 if precision == "float64" else 1e-6
    if kind is Equilibrium and precision == "float32":
        tolerance = 1e-5  # it settles to within float32's own precision, from where it stood
    for k, seed in enumerate(SEEDS):
        alone, solo = run(kind, (seed,), precision, train[k], held[k], scale[k : k + 1], **how)
        np.testing.assert_allclose(
            together.theta[k], alone.theta[0], rtol=10 * tolerance, atol=tolerance
        )
        for ours, theirs in zip(records, solo, strict=True):
            for name, value in theirs.metrics.items():
                np.testing.assert_allclose(
                    ours.metrics[name][k], value[0], rtol=100 * tolerance, atol=10 * tolerance
                )


def test_each_sets_weights_have_a_mean_of_1():
    sets = [some_rows(LOSSES[0], 6, seed=seed, weighted=True) for seed in (1, 2)]
    normalized = stacked(sets).normalized()
    for own, apart in zip(sets, normalized.by_set(normalized.weights), strict=True):
        np.testing.assert_allclose(apart, own.weights / own.weights.mean(), rtol=1e-15)


def test_rows_are_picked_from_each_set():
    sets = [some_rows(LOSSES[0], 6, seed=seed, weighted=True) for seed in (1, 2)]
    picked = stacked(sets).picked(np.array([4, 1]))
    assert (len(picked), picked.sets) == (2, 2)
    for own, x, weights in zip(
        sets, picked.by_set(picked.x), picked.by_set(picked.weights), strict=True
    ):
        np.testing.assert_array_equal(x, own.x[[4, 1]])
        np.testing.assert_array_equal(weights, own.weights[[4, 1]])


def test_sets_that_do_not_fit():
    three, four = some_rows(LOSSES[0], 3), some_rows(LOSSES[0], 4)
    with pytest.raises(
        ValueError, match="replicas cannot have 3, 4 rows; the numbers must be equal"
    ):
        stacked([three, four])
    with pytest.raises(ValueError, match="4 rows cannot be 3 sets"):
        Rows(four.x, four.y, None, 3)
    with pytest.raises(ValueError, match="there are 2 sets of rows for 3 replicas; each needs one"):
        stacked([four, four]).batches(2, SEEDS, shuffle=True)
    with pytest.raises(ValueError, match="stored rows cannot be 2 sets"):
        StoredRows(four.x, four.y, None, 2)
