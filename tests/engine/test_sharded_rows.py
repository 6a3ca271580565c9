"""Data-parallel training: several ranks take the steps that one process takes, up to rounding."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpnet.engine.activations import Tanh
from bpnet.engine.layers import Dense, Dropout
from bpnet.engine.loop.averaging import Averaging
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.settings import EarlyStopping, Training
from bpnet.engine.loop.sharded_rows import LENT, Shard, ShardedRows
from bpnet.engine.losses import SquaredError
from bpnet.engine.metrics import MeanSquaredError, RegressionError
from bpnet.engine.optimizers import Adam, AdamW, GradientDescent
from bpnet.engine.penalties import GradientClipping
from bpnet.engine.ranks import VOTES, Ranks
from bpnet.engine.schedules import FlatCosine, ReduceOnPlateau
from tests.support.engine_cases import DESCENDING, LAYERS, named, network_of, some_rows, stack
from tests.support.ranks import with_ranks

SEPARABLE = [kind for kind in LAYERS if not kind.needs_whole_batch]


def curves(training, network, rows, validation, metrics, **how):
    """Train, and return every number of every record, and the parameters that are kept."""
    numbers = []
    for record in fit(training, network, rows, validation, metrics, **how):
        numbers.append(
            [
                *record.metrics.values(),
                record.gradient_norm,
                record.learning_rate,
                record.kept_epoch,
            ]
        )
    return np.array(numbers, float), network.theta.copy()


def sharded(rows, ranks):
    return None if rows is None else ShardedRows.of(rows, ranks)


def assert_alike(size, training, layers, rows, validation=None, metrics=(), seeds=(1,)):
    """Assert that ranks train as one process does, and that all of them end with the same bits."""
    alone, theta = curves(training, network_of(layers, seeds=seeds), rows, validation, metrics)

    def of_rank(ranks):
        network = network_of(layers, seeds=seeds)
        return curves(training, network, sharded(rows, ranks), sharded(validation, ranks), metrics)

    results = with_ranks(size, of_rank)
    for numbers, weights in results:
        np.testing.assert_allclose(numbers, alone, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(weights, theta, rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(weights, results[0][1])
        np.testing.assert_array_equal(numbers, results[0][0])


HIDDEN = [Dense(units=5, activation=Tanh()), Dense(units=3)]


@pytest.mark.parametrize("kind", SEPARABLE)
def test_ranks_train_as_one_process_does_with_any_layer(kind):
    rows = some_rows(SquaredError(), 23, weighted=True)
    if kind.__name__ == "Embedding":
        rows.x[:, 1] = np.arange(len(rows)) % 3
    training = Training(
        loss=SquaredError(), optimizer=Adam(), epochs=3, batch_size=7, precision="float64", l2=0.01
    )
    layers = stack(kind, Tanh(), 3)
    assert_alike(3, training, layers, rows, rows.picked(slice(0, 9)), [RegressionError()])


@pytest.mark.parametrize("optimizer", named([one for one in DESCENDING if not one.full_batch]))
def test_ranks_train_as_one_process_does_with_any_optimizer(optimizer):
    training = Training(optimizer=optimizer, epochs=2, batch_size="full", precision="float64")
    assert_alike(2, training, HIDDEN, some_rows(SquaredError(), 11))


SHARING = [one for one in DESCENDING if not one.full_batch]


@pytest.mark.parametrize("optimizer", named(SHARING))
@pytest.mark.parametrize("seeds", [(1,), (1, 2)], ids=["one", "two"])
def test_ranks_that_share_the_steps_move_to_the_same_bits(optimizer, seeds, monkeypatch):
    monkeypatch.setattr("bpnet.engine.optimizers.state.PART", 7)  # so that there are many parts
    training = Training(
        optimizer=optimizer,
        epochs=2,
        batch_size=5,
        precision="float64",
        l2=0.01,
        gradient_clipping=GradientClipping(norm=0.5),
        averaging=Averaging(),
    )
    rows = some_rows(SquaredError(), 11)

    def of_rank(ranks):
        return curves(training, network_of(HIDDEN, seeds=seeds), sharded(rows, ranks), None, [])

    whole = with_ranks(3, of_rank)
    for numbers, weights in with_ranks(3, of_rank, shares_steps=True):
        np.testing.assert_array_equal(numbers, whole[0][0])
        np.testing.assert_array_equal(weights, whole[0][1])


@pytest.mark.parametrize(
    "how",
    [
        {"last_batch": "spread"},
        {"shuffle": False},
        {"batch_size": "full"},
        {"batch_size": 2},  # often none of a rank's rows is in a batch
        {"loss": SquaredError(rows="sum"), "learning_rate": 1e-4},
        {"schedule": ReduceOnPlateau(patience=0), "check_every": 2},
        {"early_stopping": EarlyStopping(patience=1, monitor="loss"), "keep": "best"},
        {"gradient_clipping": GradientClipping(norm=0.1), "averaging": Averaging(), "l1": 0.01},
    ],
    ids=lambda how: "-".join(how),
)
def test_ranks_train_as_one_process_does_with_any_settings(how):
    rows = some_rows(SquaredError(), 29)
    given = {"optimizer": AdamW(), "epochs": 4, "batch_size": 8, "precision": "float64"} | how
    training = Training(**given)
    metrics = [RegressionError(), MeanSquaredError()]
    assert_alike(3, training, HIDDEN, rows, rows.picked(slice(5)), metrics, seeds=(1, 2))


@settings(max_examples=15, deadline=None)
@given(
    rows=st.integers(4, 40),
    batch=st.integers(1, 50),
    size=st.integers(1, 4),
    replicas=st.integers(1, 3),
)
def test_shares_of_a_batch_are_the_batch(rows, batch, size, replicas):
    numbered = Rows(np.arange(rows)[:, None] * 1.0, np.arange(rows)[:, None] * 1.0)
    seeds = range(replicas)
    whole = numbered.batches(batch, seeds, shuffle=True)
    expected = [whole.shapes[k].x[:, 0].copy() for k in whole.epoch(3)]  # (R, B), or (1, B)
    gathered = [np.full((replicas, one.shape[1]), -1.0) for one in expected]
    for rank in range(size):
        ranks = Ranks(rank, size, lambda array: None)
        shares = ShardedRows.of(numbered, ranks).batches(batch, seeds, shuffle=True)
        for step, k in enumerate(shares.epoch(3)):
            one, place = shares.shapes[k], shares.shapes[k].share
            assert place.rows == gathered[step].shape[1]
            for r in range(replicas):
                counted = slice(None) if one.counted is None else one.counted[r]
                x = np.broadcast_to(one.x[:, 0], (replicas, one.x.shape[2]))[r][counted]
                gathered[step][r, place.columns[r][counted]] = x
    for one, other in zip(expected, gathered, strict=True):
        np.testing.assert_array_equal(np.broadcast_to(one, other.shape), other)


@pytest.mark.parametrize("after", [2, 5])
@pytest.mark.parametrize("layer", [Dropout(rate=0.3), Dropout(rate=0.3, schedule=FlatCosine())])
@pytest.mark.parametrize("shares_steps", [False, True])
def test_a_training_goes_on_with_another_number_of_ranks(layer, after, shares_steps, monkeypatch):
    """After an epoch and within one, dropout included, without translation."""
    monkeypatch.setattr("bpnet.engine.optimizers.state.PART", 7)
    rows = some_rows(SquaredError(), 24)
    layers = [Dense(units=5, activation=Tanh()), layer, Dense(units=3)]
    training = Training(optimizer=Adam(), epochs=4, batch_size=9, precision="float64", l2=0.1)

    def begin(ranks):
        class EnoughError(Exception):
            pass

        steps = 0

        def after_step():
            nonlocal steps
            steps += 1
            if steps == after:
                states.append(copy.deepcopy(training_of.state()))
                raise EnoughError

        states = []
        shared = rows if ranks is None else ShardedRows.of(rows, ranks)
        training_of = fit(
            training, network_of(layers), shared, None, [RegressionError()], after_step=after_step
        )
        with pytest.raises(EnoughError):
            list(training_of)
        return states[0]

    def go_on(ranks, state):
        shared = rows if ranks is None else ShardedRows.of(rows, ranks)
        return curves(training, network_of(layers), shared, None, [RegressionError()], state=state)

    expected, theta = go_on(None, begin(None))
    of_two = with_ranks(2, begin, shares_steps=shares_steps)
    for state in [begin(None), *of_two]:
        for numbers, weights in [
            go_on(None, state),
            *with_ranks(
                3,
                lambda ranks, state=state: go_on(ranks, copy.deepcopy(state)),
                shares_steps=shares_steps,
            ),
        ]:
            np.testing.assert_allclose(numbers, expected, rtol=1e-9)
            np.testing.assert_allclose(weights, theta, rtol=1e-9)


@settings(max_examples=20, deadline=None)
@given(rows=st.integers(8, 400), batch=st.integers(4, 100), size=st.integers(2, 6))
def test_each_row_of_a_batch_is_taken_once_and_shares_are_even_where_lent_rows_allow(
    rows, batch, size
):
    order = np.random.default_rng(rows).permutation(rows)
    shards = [
        Shard(Ranks(rank, size, lambda array: None), rows, lends=True) for rank in range(size)
    ]
    taken = np.array([shard.taken(order, batch) for shard in shards])  # (n, L)
    assert (taken.sum(axis=0) == 1).all()
    for shard, mine in zip(shards, taken, strict=True):
        assert shard.mask()[order[mine]].all()  # of those that it holds
        places = shard.places(np.flatnonzero(shard.mask()))
        assert sorted(places) == list(range(shard.held))
    owner, lent = order % size, order // size % LENT == 0
    for start in range(0, rows, batch):
        of_batch = slice(start, start + batch)
        counts = taken[:, of_batch].sum(axis=1)
        owned = np.bincount(owner[of_batch], minlength=size)
        assert counts.max() <= owned.max()
        if size == 2:  # then what is too much can be lent, or all that may be lent is
            most = np.argmax(owned)
            left = counts[most] - -(-len(order[of_batch]) // 2)
            assert left <= 0 or not (lent & (owner == most) & taken[most])[of_batch].any()


def test_votes_ride_along_with_the_gradient():
    rows = some_rows(SquaredError(), 12)
    training = Training(optimizer=GradientDescent(), epochs=1, batch_size=4, precision="float64")

    def of_rank(ranks):
        ranks.vote = lambda: (1.0, ranks.rank, 0, 7.0)
        network = network_of(HIDDEN)
        list(fit(training, network, ShardedRows.of(rows, ranks)))
        return ranks.votes.copy()

    for votes in with_ranks(3, of_rank):
        assert votes.tolist() == [3, 3, 0, 21]
    assert VOTES == 4


def test_picked_rows_are_those_of_all():
    rows = some_rows(SquaredError(), 10, weighted=True)
    which = np.array([7, 0, 3])
    for picked in with_ranks(3, lambda ranks: ShardedRows.of(rows, ranks).picked(which)):
        np.testing.assert_array_equal(picked.x, rows.x[which])
        np.testing.assert_array_equal(picked.y, rows.y[which])
        np.testing.assert_array_equal(picked.weights, rows.weights[which])


def test_targets_that_do_not_vary_have_no_r2():
    rows = Rows(np.ones((7, 1)), np.full((7, 1), 0.1))

    def of_rank(ranks):
        return RegressionError().over(ShardedRows.of(rows, ranks).targets(), ranks).deviation

    assert [one.tolist() for one in with_ranks(3, of_rank)] == [[[0.0]]] * 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda ranks: ShardedRows.of(Rows(np.ones((2, 1)), np.ones((2, 1))), ranks), "2 rows"),
        (
            lambda ranks: ShardedRows(np.ones((3, 1)), np.ones((3, 1)), shard=Shard(ranks, 4)),
            "there are 3 rows; the shard has 2",
        ),
        (lambda ranks: Ranks(3, 3, print), "rank is 3; it must be from 0 to 2"),
    ],
)
def test_what_cannot_be_shared_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make(Ranks(0, 3, lambda array: None))
