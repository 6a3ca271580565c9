"""A training that goes on from a state: the same bits as if it had never stopped."""

import copy
import json
from contextlib import closing

import numpy as np
import pytest
from engine_cases import STEPPING

from bpnet.engine.activations import Tanh
from bpnet.engine.layers import BatchNormalization, Dense, Dropout
from bpnet.engine.loop.averaging import Averaging
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.out_of_core import StoredRows
from bpnet.engine.loop.replica_rows import ReplicaRows
from bpnet.engine.loop.running import Running
from bpnet.engine.loop.settings import EarlyStopping, Training
from bpnet.engine.network import Network
from bpnet.engine.optimizers import (
    Adam,
    BayesianRegularization,
    GradientDescent,
    Lbfgs,
    LevenbergMarquardt,
)
from bpnet.engine.schedules import Cosine, FlatCosine, ReduceOnPlateau

ROWS = 22
SEEDS = (3, 4, 9, 1)
EPOCHS = 9


def some_rows(count, outputs=2, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 3))
    return Rows(
        x, np.tanh(x @ rng.normal(size=(3, outputs))) + 0.3 * rng.normal(size=(count, outputs))
    )


class StoppedError(Exception):
    """Ends a training after a step."""


def layers():
    """Every layer that draws or keeps statistics."""
    return [
        Dense(units=5, activation=Tanh()),
        Dropout(rate=0.3),
        BatchNormalization(),
        Dropout(rate=0.4, schedule=FlatCosine()),
        Dense(units=2),
    ]


def ended(training, how, rows, held, *, seeds=SEEDS, stop=None, state=None, make=layers):
    """Train to the end, or until so many steps are taken.

    Return the records, the network, and a copy of the state where it ended.
    """
    network = Network(make(), rows.x.shape[1], seeds=seeds, precision="float64")
    steps, left = 0, None

    def after_step():
        nonlocal steps, left
        steps += 1
        if steps == stop:
            left = copy.deepcopy(fitting.state())
            raise StoppedError

    fitting = fit(training, network, rows, held, after_step=after_step, state=state, **how)
    records = []
    with closing(fitting):
        try:
            for record in fitting:
                records.append(copy.deepcopy(record))
                after_step()
        except StoppedError:
            pass
    return records, network, left


def same(records, others):
    """Assert that records are equal bit for bit, in all that means something."""
    assert [record.epoch for record in records] == [record.epoch for record in others]
    for one, other in zip(records, others, strict=True):
        assert one.stops == other.stops
        assert (one.step, one.warnings) == (other.step, other.warnings)
        assert one.metrics.keys() == other.metrics.keys()
        for name in one.metrics:
            mask = one.running
            np.testing.assert_array_equal(one.metrics[name][mask], other.metrics[name][mask])
        for name in ("learning_rate", "gradient_norm", "kept_epoch", "running", "diverged"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def check(training, how=None, *, rows=None, held=None, stops=None, **more):
    """Stop after every number of steps, go on from the state, and compare with no stop at all."""
    rows = some_rows(ROWS) if rows is None else rows
    held = some_rows(8, seed=5) if held is None else held
    whole, network, _ = ended(training, how or {}, rows, held, **more)
    for stop in stops or range(1, whole[-1].step):
        before, _, state = ended(training, how or {}, rows, held, stop=stop, **more)
        assert state is not None
        after, resumed, _ = ended(training, how or {}, rows, held, state=state, **more)
        if after and before and after[0].epoch == before[-1].epoch:
            before = before[:-1]  # it had ended: the last record comes again
        same(before + after, whole)
        np.testing.assert_array_equal(resumed.theta, network.theta)
        np.testing.assert_array_equal(resumed.statistics.flat, network.statistics.flat)


def training(**settings):
    return Training(
        **{"epochs": EPOCHS, "batch_size": 6, "learning_rate": 0.1, "precision": "float64"}
        | settings
    )


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"batch_size": "full"},
        {"last_batch": "spread", "check_every": 2},
        {"averaging": Averaging(decay=0.9)},
        {"schedule": Cosine()},
        {"schedule": ReduceOnPlateau(patience=1, decay=0.5)},
        {"early_stopping": EarlyStopping(patience=2)},
        {"early_stopping": EarlyStopping(monitor="loss", patience=1), "keep": "best"},
        {"l2": 0.01, "keep": "last"},
    ],
    ids=lambda settings: ", ".join(settings) or "plain",
)
def test_a_training_goes_on_from_any_step(settings):
    check(training(**settings))


@pytest.mark.parametrize("optimizer", STEPPING, ids=lambda optimizer: optimizer.kind)
def test_every_optimizer_goes_on(optimizer):
    check(training(optimizer=optimizer, epochs=4, learning_rate=0.01))


@pytest.mark.parametrize(
    "optimizer", [Lbfgs(memory=3), LevenbergMarquardt(), BayesianRegularization()]
)
def test_solvers_go_on(optimizer):
    make = lambda: [Dense(units=3, activation=Tanh()), Dense(units=1)]  # noqa: E731
    check(
        training(optimizer=optimizer, batch_size="full", epochs=8),
        rows=some_rows(ROWS, 1),
        held=some_rows(8, 1, seed=5),
        make=make,
        seeds=SEEDS[:2],
    )


def test_replicas_with_settings_of_their_own_go_on():
    one = training()
    each = [training(learning_rate=0.03 * (k + 1), optimizer=Adam()) for k in range(4)]
    check(one, {"each": each})


@pytest.mark.parametrize("monitor", [None, "val_loss"])
def test_pools_go_on_with_the_replicas_that_are_left(monitor):
    rows = some_rows(ROWS)
    parts = np.split(np.random.default_rng(0).permutation(ROWS), [7, 14])
    held = [*parts, parts[0]]
    train = [np.setdiff1d(np.arange(ROWS), part) for part in held]
    check(
        training(
            epochs=14,
            early_stopping=EarlyStopping(patience=1, monitor=monitor),
            learning_rate=0.5,
        ),
        {"pools": [[0, 1, 2]], "restores": True},
        rows=ReplicaRowsWithX(rows, train),
        held=ReplicaRowsWithX(rows, held),
    )


class ReplicaRowsWithX(ReplicaRows):
    """Rows of replicas, whose inputs `ended` asks for."""

    @property
    def x(self):
        return self.rows.x


def test_rows_on_disk_go_on(tmp_path):
    rows = some_rows(ROWS)
    stored = StoredRows(rows.x, rows.y, dtype=np.dtype("float64"), window=12, block=4)
    check(training(epochs=4), rows=stored)


def test_a_state_is_arrays_and_what_json_holds():
    _, _, state = ended(training(), {}, some_rows(ROWS), some_rows(8, seed=5), stop=6)
    json.dumps(state, default=lambda array: array.tolist())


def test_more_epochs_go_on_from_the_end():
    rows, held = some_rows(ROWS), some_rows(8, seed=5)
    make = lambda: [Dense(units=5, activation=Tanh()), Dropout(rate=0.3), Dense(units=2)]  # noqa: E731
    whole, network, _ = ended(training(epochs=12), {}, rows, held, make=make)
    end = whole[4].step
    short, _, state = ended(training(epochs=5), {}, rows, held, make=make, stop=end)
    assert short[-1].stops == ("epochs",) * 4
    more, longer, _ = ended(training(epochs=12), {}, rows, held, make=make, state=state)
    # the last record comes again, and tells no longer that training has ended
    assert (more[0].epoch, more[0].stops, short[-1].stops) == (5, None, ("epochs",) * 4)
    same(more, whole[4:])
    np.testing.assert_array_equal(longer.theta, network.theta)


def test_a_state_of_another_training_is_refused():
    _, _, state = ended(training(), {}, some_rows(ROWS), some_rows(8, seed=5), stop=6)
    with pytest.raises(ValueError, match="values are"):
        ended(
            training(), {}, some_rows(ROWS), some_rows(8, seed=5), state=state,
            make=lambda: [Dense(units=2)],
        )  # fmt: skip


def blown_up(monkeypatch, at):
    """Let the loss of replica 1 be infinite in its `at`-th epochs, as run one after another."""
    run, count = Running.run, iter(range(10**6))

    def infinite(self, epoch):
        measured = run(self, epoch)
        if next(count) in at:
            self._now.steps.finite[0] = False
        return measured

    monkeypatch.setattr(Running, "run", infinite)


@pytest.mark.parametrize("at", [{0}, {3}, {3, 4, 5}])
def test_a_replica_that_diverges_goes_back_and_the_others_do_not_notice(at, monkeypatch):
    rows, held = some_rows(ROWS), some_rows(8, seed=5)
    plain, _, _ = ended(training(), {}, rows, held)
    blown_up(monkeypatch, at)
    records, _, _ = ended(training(on_divergence="backtrack"), {}, rows, held)
    assert [record.epoch for record in records] == list(range(1, EPOCHS + 1))
    assert records[-1].stops == ("epochs",) * 4
    first = min(at)
    assert len(records[first].warnings) == len(at)
    assert "replica 1; went back to the weights of epoch" in records[first].warnings[0]
    for record, whole in zip(records, plain, strict=True):
        for name in record.metrics:
            np.testing.assert_array_equal(record.metrics[name][1:], whole.metrics[name][1:])
        halved = len(at) if record.epoch > first else 0
        np.testing.assert_array_equal(
            record.learning_rate, whole.learning_rate * [0.5**halved, 1, 1, 1]
        )


def test_the_sixth_divergence_ends_the_training(monkeypatch):
    rows, held = some_rows(ROWS), some_rows(8, seed=5)
    blown_up(monkeypatch, set(range(2, 8)))
    records, _, _ = ended(training(on_divergence="backtrack"), {}, rows, held, seeds=(3,))
    assert records[-1].stops == ("diverged",)
    assert records[-1].epoch == 3
    assert len(records[-1].warnings) == 5


def test_a_rate_that_is_far_too_high_comes_down():
    rows, held = some_rows(ROWS), some_rows(8, seed=5)
    make = lambda: [Dense(units=2)]  # noqa: E731
    high = {"learning_rate": 12.0, "optimizer": GradientDescent(), "epochs": 300}
    records, _, _ = ended(training(**high), {}, rows, held, make=make, seeds=(3,))
    assert records[-1].stops == ("diverged",)
    records, _, _ = ended(
        training(**high, on_divergence="backtrack"), {}, rows, held, make=make, seeds=(3,)
    )
    assert records[-1].stops == ("epochs",)
    # from 12, after three times: just what such rows allow
    assert records[-1].learning_rate.tolist() == [1.5]
    assert records[-1].metrics["val_loss"][0] < 2
    check(
        training(**high | {"epochs": 60}, on_divergence="backtrack"), make=make, seeds=(3,),
        stops=range(1, 240, 17),
    )  # fmt: skip
