"""Replicas that have stopped: they are computed no more, and the others do not notice."""

import numpy as np
import pytest
from engine_cases import DESCENDING, LAYERS, LOSSES, in_precision, some_rows, stack, suited
from hypothesis import given, settings
from hypothesis import strategies as st

from bpnet.engine.activations import Tanh
from bpnet.engine.layers import Dense
from bpnet.engine.loop.averaging import Averaging
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.out_of_core import StoredRows
from bpnet.engine.loop.replica_rows import ReplicaRows
from bpnet.engine.loop.running import Running
from bpnet.engine.loop.settings import EarlyStopping, Training
from bpnet.engine.losses import SquaredError
from bpnet.engine.metrics import RegressionError
from bpnet.engine.network import Network
from bpnet.engine.optimizers import Adam, Momentum
from bpnet.engine.penalties import GradientClipping
from bpnet.engine.schedules import ReduceOnPlateau

ROWS, OUTPUTS, SEEDS = 30, 3, (5, 1, 5, 8, 2, 3)
POOLS = [[0, 3], [1, 4, 5]]  # and 2 by itself


def folds(rows=ROWS, seed=0):
    """Training and held-out picks of six replicas: two partitions into three unequal parts."""
    held = []
    for repeat in range(2):
        drawn = np.random.default_rng([seed, repeat]).permutation(rows)
        held += np.split(drawn, [9, 16])
    return [np.setdiff1d(np.arange(rows), part) for part in held], held


def run(monkeypatch, kind, rows, precision, *, compact, **how):
    """Train; return the network, its records and how many replicas each epoch computed."""
    network = Network(stack(kind, Tanh(), OUTPUTS), 3, seeds=SEEDS, precision=precision)
    train, held = folds()
    computed = []
    with monkeypatch.context() as patch:
        if not compact:
            patch.setattr(Running, "go_on_with", lambda self, running: None)
        right = Running.run

        def counted(self, epoch):
            computed.append(len(self._now.network.seeds))
            return right(self, epoch)

        patch.setattr(Running, "run", counted)
        each = how.pop("each", None)
        training = Training(epochs=25, batch_size=6, learning_rate=0.05, precision=precision, **how)
        records = []
        for record in fit(
            training, network, ReplicaRows(rows, train), ReplicaRows(rows, held),
            [RegressionError(scale=np.arange(18.0).reshape(6, 3) + 1)], pools=POOLS,
            each=each and [each(training, k) for k in range(6)], keep_before=True,
        ):  # fmt: skip
            state = network.theta.copy(), network.statistics.flat.copy(), record.before.copy()
            records.append((record, *state))
    return network, records, computed


def the_same(one, two):
    """Compare bit for bit, but for what replicas do after they have stopped."""
    assert len(one[1]) == len(two[1])
    assert np.array_equal(one[0].theta, two[0].theta)
    assert np.array_equal(one[0].statistics.flat, two[0].statistics.flat)
    for (ours, *state), (theirs, *other) in zip(one[1], two[1], strict=True):
        assert ours.stops == theirs.stops
        assert ours.step == theirs.step
        for name in ("kept_epoch", "running", "diverged"):
            assert np.array_equal(getattr(ours, name), getattr(theirs, name))
        which = ours.running
        for name, values in ours.metrics.items():
            assert np.array_equal(values[which], theirs.metrics[name][which], equal_nan=True), name
        assert np.array_equal(ours.learning_rate[which], theirs.learning_rate[which])
        assert np.array_equal(
            ours.gradient_norm[which], theirs.gradient_norm[which], equal_nan=True
        )
        for array, same in zip(state, other, strict=True):
            assert np.array_equal(array[which], same[which], equal_nan=True)


PATIENT = EarlyStopping(patience=2)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(LAYERS),
    loss=st.sampled_from(LOSSES),
    optimizer=st.sampled_from(DESCENDING),
    averaging=st.sampled_from([None, Averaging(decay=0.8)]),
    weighted=st.booleans(),
    last_batch=st.sampled_from(["short", "spread"]),
    precision=st.sampled_from(["float64", "float32"]),
    stored=st.booleans(),
)
def test_the_others_train_on_bit_for_bit(
    kind, loss, optimizer, averaging, weighted, last_batch, precision, stored
):
    rows = some_rows(loss, ROWS, outputs=OUTPUTS, seed=1, weighted=weighted)
    rows = in_precision(suited(kind, rows), precision)
    if stored:
        rows = StoredRows(rows.x, rows.y, rows.weights, dtype=rows.x.dtype, window=200, block=4)
    how = {
        "loss": loss, "optimizer": optimizer, "averaging": averaging, "last_batch": last_batch,
        "early_stopping": PATIENT,
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        whole = run(patch, kind, rows, precision, compact=False, **how)
        small = run(patch, kind, rows, precision, compact=True, **how)
    the_same(small, whole)
    assert set(whole[2]) == {6}
    # all that train, or two: a single one adds up in another order
    expected = [6, *(max(2, int(r[0].running.sum())) for r in small[1][1:])]
    assert small[2] == expected


def test_settings_per_replica_go_with_them(monkeypatch):
    rows = some_rows(SquaredError(), ROWS, outputs=OUTPUTS, seed=1)

    def each(training, k):
        own = {
            "optimizer": [Adam(), Adam(), Momentum(), Adam(beta_1=0.5), Adam(), Adam()][k],
            "learning_rate": 0.01 * (1 + k // 2),
            "l2": 0.1 * (k == 4),
            "gradient_clipping": GradientClipping(norm=0.5) if k > 2 else None,
        }
        return Training(**{**vars(training), **own})

    how = {"early_stopping": PATIENT, "schedule": ReduceOnPlateau(patience=1), "each": each}
    whole = run(monkeypatch, Dense, rows, "float64", compact=False, **how)
    small = run(monkeypatch, Dense, rows, "float64", compact=True, **how)
    the_same(small, whole)
    assert min(small[2]) < 6


def test_replicas_that_diverge_are_left_out(monkeypatch):
    """A pool of which all diverge does not change what the others do."""
    rows = some_rows(SquaredError(), ROWS, outputs=OUTPUTS, seed=1)

    def each(training, k):
        return Training(**{**vars(training), "learning_rate": 1e200 if k in (1, 2) else 0.01})

    whole = run(monkeypatch, Dense, rows, "float64", compact=False, each=each)
    small = run(monkeypatch, Dense, rows, "float64", compact=True, each=each)
    the_same(small, whole)
    assert small[1][-1][0].diverged.tolist() == [False, True, True, False, False, False]
    assert small[2][-1] == 4
