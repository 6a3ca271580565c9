"""Pools: replicas that keep one epoch and stop together, by all their held-out rows."""

from dataclasses import replace

import numpy as np
import pytest
from engine_cases import some_rows, targets_for
from scipy.optimize import minimize_scalar
from scipy.special import log_expit, log_softmax

from bpnet.engine.activations import Tanh
from bpnet.engine.layers import BatchNormalization, Dense
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.evaluation import out_of_fold_scores
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.out_of_core import StoredRows
from bpnet.engine.loop.replica_rows import ReplicaRows
from bpnet.engine.loop.settings import EarlyStopping, Training
from bpnet.engine.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from bpnet.engine.metrics import RegressionError
from bpnet.engine.network import Network

ROWS, OUTPUTS = 40, 3
SIZES = (12, 5, 16, 7)


def folds(sizes=SIZES, seed=0):
    drawn = np.random.default_rng(seed).permutation(sum(sizes))
    held = np.split(drawn, np.cumsum(sizes)[:-1])
    return [np.setdiff1d(np.arange(sum(sizes)), part) for part in held], held


TRAIN, HELD = folds()


def network_of(replicas=4, precision="float64", seed=0):
    layers = [Dense(units=8, activation=Tanh()), BatchNormalization(), Dense(units=OUTPUTS)]
    seeds = range(seed, seed + replicas)
    return Network(layers, 3, seeds=seeds, precision=precision)


def settings(loss, **how):
    chosen = {"epochs": 12, "batch_size": 6, "learning_rate": 0.05, "precision": "float64", **how}
    return Training(loss=loss, **chosen)


def noisy(loss, weighted=True):
    """Rows whose targets have little to do with their inputs: training overfits."""
    rows = some_rows(loss, ROWS, outputs=OUTPUTS, weighted=weighted, seed=3)
    return replace(rows, y=targets_for(loss, np.random.default_rng(5), ROWS, OUTPUTS))


def train(rows, pools, loss, *, change=None, network=None, **how):
    """The records of a training, each with the parameters after its epoch."""
    network = network or network_of()
    records = []
    training, held = ReplicaRows(rows, TRAIN), ReplicaRows(rows, HELD)
    iterator = fit(settings(loss, **how), network, training, held, [RegressionError()], pools=pools)
    for record in iterator:
        records.append((record, network.theta.copy(), network.statistics.flat.copy()))
        if change:
            change(record, network)
    return network, records


def scores_of(theta, statistics, rows):
    """The scores (N_r, O) of each fold's held-out rows, by the network's own prediction."""
    network = network_of()
    network.theta[:], network.statistics.flat[:] = theta, statistics
    return [network.predict(rows.x[held])[k] for k, held in enumerate(HELD)]


def tempered(loss, z, t, w):
    """The least mean loss of b z over all b, found by scipy."""

    def at(u):
        scaled = np.exp(u) * z
        if isinstance(loss, CrossEntropy):
            each = -(t * log_softmax(scaled, axis=1)).sum(axis=1)
        else:
            each = -(t * log_expit(scaled) + (1 - t) * log_expit(-scaled)).sum(axis=1)
        return np.average(each, weights=w)

    return minimize_scalar(at, bounds=(-13, 13), method="bounded", options={"xatol": 1e-9}).fun


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "loss", [CrossEntropy(label_smoothing=0.2), BinaryCrossEntropy(label_smoothing=0.2)]
)
@pytest.mark.parametrize("stored", [False, True])
def test_the_pooled_cross_entropy_is_that_at_the_best_temperature(loss, weighted, stored):
    rows = given = noisy(loss, weighted)
    if stored:
        given = StoredRows(rows.x, rows.y, rows.weights, dtype=np.float64, window=48, block=4)
    pools = [[0, 2], [1, 3]]
    _, records = train(given, pools, loss, epochs=5)
    for record, theta, statistics in records:
        scores = scores_of(theta, statistics, rows)
        for pool in pools:
            picks = np.concatenate([HELD[k] for k in pool])
            z = np.concatenate([scores[k] for k in pool])
            w = None if rows.weights is None else rows.weights[picks]
            expected = tempered(loss, z, rows.y[picks], w)
            np.testing.assert_allclose(record.metrics["oof_loss"][pool], expected, rtol=1e-7)


@pytest.mark.parametrize("weighted", [False, True])
def test_other_losses_are_the_weighted_mean_over_all_rows(weighted):
    rows = noisy(SquaredError(), weighted)
    # neither the penalty nor `rows: sum` is part of it
    _, records = train(rows, [[0, 1, 2, 3]], SquaredError(rows="sum"), l2=0.1, learning_rate=0.01)
    picks = np.concatenate(HELD)
    w = None if rows.weights is None else rows.weights[picks]
    for record, theta, statistics in records:
        z = np.concatenate(scores_of(theta, statistics, rows))
        expected = np.average(((z - rows.y[picks]) ** 2).mean(axis=1), weights=w)
        np.testing.assert_allclose(record.metrics["oof_loss"], expected, rtol=1e-12)


@pytest.mark.parametrize("loss", [SquaredError(), CrossEntropy()])
@pytest.mark.parametrize("pools", [[[0, 1, 2, 3]], [[0, 2], [1, 3]], [[3, 1]]])
def test_a_pool_keeps_the_epoch_of_its_best_loss(pools, loss):
    network, records = train(noisy(loss), pools, loss)
    named = {replica for pool in pools for replica in pool}
    every = [*pools, *([k] for k in range(4) if k not in named)]
    chosen = set()
    for pool in every:
        losses = np.array([record.metrics["oof_loss"][pool] for record, *_ in records])
        assert (losses == losses[:, :1]).all()
        best = int(np.argmin(losses[:, 0]))
        chosen.add(best)
        assert records[-1][0].kept_epoch[pool].tolist() == [best + 1] * len(pool)
        assert np.array_equal(network.theta[pool], records[best][1][pool])
        assert np.array_equal(network.statistics.flat[pool], records[best][2][pool])
    assert len(every) == 1 or len(chosen) > 1, "the test wants pools that differ"


def test_another_metric_is_the_mean_over_the_pool():
    stopping = EarlyStopping(monitor="val_r2", patience=100)
    _, records = train(
        noisy(SquaredError()), [[0, 2], [1, 3]], SquaredError(), early_stopping=stopping
    )
    for pool in ([0, 2], [1, 3]):
        means = [record.metrics["val_r2"][pool].mean() for record, *_ in records]
        assert (records[-1][0].kept_epoch[pool] == 1 + int(np.argmax(means))).all()


def test_a_pool_stops_at_the_mean_of_its_training_losses():
    loss = SquaredError()
    _, free = train(noisy(loss), [[0, 2], [1, 3]], loss)
    means = np.array([record.metrics["loss"] for record, *_ in free])
    target = float(means[6, [0, 2]].mean())
    _, records = train(noisy(loss), [[0, 2], [1, 3]], loss, target_loss=target)
    for pool in ([0, 2], [1, 3]):
        reached = np.flatnonzero(means[:, pool].mean(axis=1) <= target)
        ran = [k for k, (record, *_) in enumerate(records) if record.running[pool].all()]
        assert max(ran) == (reached[0] if reached.size else 11)


def test_the_network_has_the_scores_by_which_its_epoch_was_kept():
    loss = CrossEntropy()
    rows = noisy(loss)
    network, records = train(rows, [[0, 1, 2, 3]], loss)
    scores = out_of_fold_scores(network, ReplicaRows(rows, HELD))
    assert [z.shape for z in scores] == [(size, OUTPUTS) for size in SIZES]
    picks = np.concatenate(HELD)
    pooled = tempered(loss, np.concatenate(scores), rows.y[picks], rows.weights[picks])
    best = min(record.metrics["oof_loss"][0] for record, *_ in records)
    assert pooled == pytest.approx(best, rel=1e-7)


# Patience.


def stops_at(losses, epochs, factor, share, every=1):
    """The rule by hand: the first check t with t > factor t_best + share of all epochs."""
    best, best_epoch = np.inf, 0
    for epoch, loss in enumerate(losses, start=1):
        if epoch % every and epoch < epochs:
            continue
        if loss < best:
            best, best_epoch = loss, epoch
        if epoch / epochs > factor * best_epoch / epochs + share:
            return epoch
    return None


@pytest.mark.parametrize("every", [1, 3, 5])
@pytest.mark.parametrize(("factor", "share"), [(1.0, 0.0), (1.5, 0.04), (2.35, 0.04), (1.2, 0.2)])
def test_the_epoch_at_which_a_patience_factor_ends(factor, share, every):
    loss, pools, how = SquaredError(), [[0, 2], [1, 3]], {"epochs": 30, "check_every": every}
    _, free = train(noisy(loss), pools, loss, **{**how, "check_every": 1})
    stopping = EarlyStopping(patience_factor=factor, patience_share=share)
    _, records = train(noisy(loss), pools, loss, early_stopping=stopping, **how)
    for pool in pools:
        losses = [record.metrics["oof_loss"][pool[0]] for record, *_ in free]
        expected = stops_at(losses, 30, factor, share, every)
        ran = [record.epoch for record, *_ in records if record.running[pool].all()]
        assert max(ran) == (expected or 30)
        stops = {records[-1][0].stops[k] for k in pool}
        assert stops == ({"early_stopping"} if expected else {"epochs"})


def test_patience_counts_epochs_between_checks():
    network = network_of()
    how = {"learning_rate": 1e-200, "epochs": 30, "check_every": 4}
    stopping = EarlyStopping(patience=6)
    _, records = train(
        noisy(SquaredError()), [[0, 1, 2, 3]], SquaredError(), network=network,
        early_stopping=stopping, **how,
    )  # fmt: skip
    # best at 4; 8 is 4 epochs later, 12 is 8
    assert records[-1][0].epoch == 12
    assert records[-1][0].kept_epoch.tolist() == [4] * 4


@pytest.mark.parametrize("pools", [(), [[0, 1, 2, 3]]])
def test_epochs_without_a_check(pools):
    _, records = train(noisy(SquaredError()), pools, SquaredError(), epochs=7, check_every=3)
    checked = [record.epoch for record, *_ in records if record.checked]
    assert checked == [3, 6, 7]
    names = list(records[2][0].metrics)
    assert ("oof_loss" in names) == bool(pools)
    for record, *_ in records:
        assert list(record.metrics) == names
        for name, values in record.metrics.items():
            assert np.isnan(values).all() == (
                name not in ("loss", "rmse", "r2") and not record.checked
            )
        assert np.isin(record.kept_epoch, [0, *checked]).all()


# Replicas that leave.


def test_a_replica_that_diverges_leaves_its_pool():
    """The best epoch before it left counts by the rows of those that stay."""
    loss = SquaredError()
    rows, left_at = noisy(loss, weighted=False), 6

    def change(record, network):
        if record.epoch == left_at - 1:
            network.theta[2] = np.nan

    _, free = train(rows, (), loss)
    network, records = train(rows, [[0, 1, 2, 3]], loss, change=change)
    val = np.array([record.metrics["val_loss"] for record, *_ in free])
    sizes, stay = np.array(SIZES), [0, 1, 3]
    whole = (val * sizes).sum(axis=1) / sizes.sum()
    rest = (val * sizes)[:, stay].sum(axis=1) / sizes[stay].sum()
    pooled = np.array([record.metrics["oof_loss"] for record, *_ in records])
    np.testing.assert_allclose(pooled[: left_at - 1, 0], whole[: left_at - 1], rtol=1e-12)
    np.testing.assert_allclose(pooled[left_at - 1 :, 0], rest[left_at - 1 :], rtol=1e-12)
    assert np.isnan(pooled[left_at - 1 :, 2]).all()
    before = int(np.argmin(whole[: left_at - 1]))
    best, reference = before, rest[before]
    for epoch in range(left_at - 1, 12):
        if rest[epoch] < reference:
            best, reference = epoch, rest[epoch]
    kept = records[-1][0].kept_epoch
    assert kept.tolist() == [best + 1, best + 1, before + 1, best + 1]
    assert records[-1][0].stops == ("epochs", "epochs", "diverged", "epochs")
    for k in stay:
        assert np.array_equal(records[-1][1][k], free[-1][1][k])
    assert np.isfinite(network.theta).all()


def test_a_pool_of_which_all_diverge_ends():
    def change(record, network):
        network.theta[[0, 2]] = np.nan

    _, records = train(noisy(SquaredError()), [[0, 2], [1, 3]], SquaredError(), change=change)
    assert records[-1][0].stops == ("diverged", "epochs", "diverged", "epochs")


# Leaks.


@pytest.mark.parametrize("loss", [SquaredError(), CrossEntropy(label_smoothing=0.1)])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_nothing_of_a_held_out_row_reaches_its_replica(loss, precision):
    rows = noisy(loss)

    def theta(rows):
        network, _ = train(
            rows, [[0, 1, 2, 3]], loss, keep="last", network=network_of(precision=precision),
            precision=precision, last_batch="spread",
        )  # fmt: skip
        return network.theta

    rows = Rows(*(values.astype(precision) for values in (rows.x, rows.y, rows.weights)))
    clean = theta(rows)
    for fold, held in enumerate(HELD):
        x, y, w = rows.x.copy(), rows.y.copy(), rows.weights.copy()
        x[held], y[held] = 7.0, y[held][:, ::-1] * 0.5 + 0.25
        changed = theta(Rows(x, y, w))
        same = [np.array_equal(changed[k], clean[k]) for k in range(4)]
        # the others train on those rows
        assert same == [k == fold for k in range(4)]


def test_pools_that_do_not_fit():
    loss = SquaredError()
    with pytest.raises(ValueError, match="a pool names replica 4; there are 0 to 3"):
        train(noisy(loss), [[0, 4]], loss)
    with pytest.raises(ValueError, match="the pools name replica 1 twice"):
        train(noisy(loss), [[0, 1], [1]], loss)
    with pytest.raises(ValueError, match="there are pools, but no validation rows"):
        next(fit(settings(loss), network_of(), noisy(loss), pools=[[0, 1]]))


def test_replicas_have_what_they_keep_as_soon_as_they_stop():
    loss, pools = CrossEntropy(), [[0, 1], [2, 3]]
    rows = noisy(loss)
    how = settings(loss, early_stopping=EarlyStopping(patience=3), epochs=60)
    training, held = ReplicaRows(rows, TRAIN), ReplicaRows(rows, HELD)
    ends, whole = {}, {}
    for restores in (True, False):
        network = network_of()
        for record in fit(how, network, training, held, pools=pools, restores=restores):
            for replica in np.flatnonzero(record.stopped):
                ends[restores, replica] = network.theta[replica].copy()
        whole[restores] = network.theta.copy()
    assert np.array_equal(whole[True], whole[False])
    assert len(ends) == 8
    for replica in range(4):
        assert np.array_equal(ends[True, replica], whole[True][replica])
        assert not np.array_equal(ends[False, replica], whole[True][replica])
