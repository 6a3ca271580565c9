"""The end of a training: the epoch whose parameters are kept, when each replica stops, and why."""

import itertools
from contextlib import closing

import numpy as np
import pytest
from engine_cases import SOME_METRICS, linear, network_of, some_rows, stack, train

from bpnet.engine.activations import Tanh
from bpnet.engine.layers import BatchNormalization, Dense
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.monitoring import Keeper, Monitor
from bpnet.engine.loop.settings import EarlyStopping, Training
from bpnet.engine.losses import SquaredError
from bpnet.engine.metrics import RegressionError
from bpnet.engine.network import Network
from bpnet.engine.optimizers import GradientDescent

SEEDS = (1, 2, 3)
ROWS = some_rows(SquaredError(), rows=14, outputs=2)
VALIDATION = some_rows(SquaredError(), rows=9, outputs=2, seed=1)


def noisy(seeds=SEEDS, kind=BatchNormalization):
    """A network that overfits random targets: its validation loss goes up and down."""
    return network_of(stack(kind, Tanh(), outputs=2, units=8), seeds=seeds)


NOISY = {"batch_size": 4, "learning_rate": 0.1, "epochs": 25}


class Diary:
    """Notes the parameters and statistics that every epoch left."""

    def __init__(self, network):
        self.network, self.theta, self.statistics = (
            network,
            [network.theta.copy()],
            [network.statistics.flat.copy()],
        )

    def __call__(self, record):
        self.theta.append(self.network.theta.copy())
        self.statistics.append(self.network.statistics.flat.copy())

    def left_at(self, replica):
        """The epoch whose parameters the replica now holds; 0 is before training."""
        epochs = [
            epoch
            for epoch, theta in enumerate(self.theta)
            if np.array_equal(theta[replica], self.network.theta[replica])
        ]
        assert len(epochs) == 1, f"replica {replica} holds those of epochs {epochs}"
        kept = self.statistics[epochs[0]][replica]
        assert np.array_equal(kept, self.network.statistics.flat[replica])
        return epochs[0]


def run(network=None, rows=ROWS, validation=VALIDATION, **how):
    network = network or noisy()
    diary = Diary(network)
    records = train(network, rows, validation, diary, **{**NOISY, **how})
    return diary, records


def column(records, name, replica):
    return [record.metrics[name][replica] for record in records]


# Which parameters are kept.


def test_the_best_weights_are_kept_by_default_where_there_is_validation():
    diary, records = run()
    assert records[-1].stops == ("epochs",) * 3
    best = [1 + int(np.argmin(column(records, "val_loss", replica))) for replica in range(3)]
    assert min(best) < 25, "the test wants an epoch that is not the last"
    assert [diary.left_at(replica) for replica in range(3)] == best == list(records[-1].kept_epoch)


def test_the_kept_epoch_of_each_record_is_the_best_so_far():
    _, records = run()
    for replica in range(3):
        losses = column(records, "val_loss", replica)
        expected = [1 + int(np.argmin(losses[:epoch])) for epoch in range(1, 26)]
        assert [record.kept_epoch[replica] for record in records] == expected


def test_the_last_weights_are_kept_where_asked_or_without_validation():
    for how in ({"keep": "last"}, {"validation": None}):
        diary, records = run(**how)
        assert (
            [diary.left_at(replica) for replica in range(3)]
            == [25] * 3
            == list(records[-1].kept_epoch)
        )


def test_the_best_by_a_metric_of_which_more_is_better():
    diary, records = run(early_stopping=EarlyStopping(monitor="val_r2", patience=100))
    best = [1 + int(np.argmax(column(records, "val_r2", replica))) for replica in range(3)]
    assert [diary.left_at(replica) for replica in range(3)] == best


def test_the_best_training_loss_is_measured_after_the_epoch():
    """An epoch's reported loss is of weights since replaced: the choice measures it anew."""
    diary, records = run(validation=None, keep="best", learning_rate=0.3)
    for replica in range(3):
        after = []
        for theta, statistics in zip(diary.theta[1:], diary.statistics[1:], strict=True):
            judge = noisy()
            judge.theta[:], judge.statistics.flat[:] = theta, statistics
            after.append(((judge.predict(ROWS.x)[replica] - ROWS.y) ** 2).mean())
        assert diary.left_at(replica) == 1 + int(np.argmin(after))
    chosen = [diary.left_at(replica) for replica in range(3)]
    assert chosen != [1 + int(np.argmin(column(records, "loss", replica))) for replica in range(3)]


def test_of_equal_epochs_the_first_is_the_best():
    _, records = run(network_of(linear(2)), learning_rate=1e-200, epochs=4)
    assert records[-1].kept_epoch[0] == 1


def test_a_figure_that_is_never_a_number_does_not_leave_the_first_weights():
    rng = np.random.default_rng(0)
    rows, one = (Rows(rng.normal(size=(n, 2)), rng.normal(size=(n, 1))) for n in (10, 1))
    network = Network([Dense(units=1)], 2, seeds=[0], precision="float64")
    start = network.theta.copy()
    training = Training(
        epochs=5, early_stopping=EarlyStopping(monitor="val_r2", patience=10), precision="float64"
    )
    for record in fit(training, network, rows, one, [RegressionError()]):
        assert np.isnan(record.metrics["val_r2"])
    assert record.kept_epoch == 5
    assert (network.theta != start).all()


# Early stopping.


def stops_at(values, patience, least):
    """The rule by hand: the epoch that comes `patience` after the last sufficient improvement."""
    reference, since = np.inf, 0
    for epoch, value in enumerate(values, start=1):
        if value < reference - least:
            reference, since = value, 0
        else:
            since += 1
        if since == patience:
            return epoch
    return None


@pytest.mark.parametrize("least", [0.0, 0.02, 0.2])
@pytest.mark.parametrize("patience", [1, 2, 3, 5, 8])
def test_the_exact_epoch_of_early_stopping(patience, least):
    _, free = run()
    diary, records = run(early_stopping=EarlyStopping(patience=patience, minimum_improvement=least))
    for replica in range(3):
        losses = column(free, "val_loss", replica)
        end = stops_at(losses, patience, least) or 25
        assert diary.left_at(replica) == 1 + int(np.argmin(losses[:end]))
        assert records[-1].stops[replica] == (
            "early_stopping" if stops_at(losses, patience, least) else "epochs"
        )
    assert len(records) == max(
        stops_at(column(free, "val_loss", r), patience, least) or 25 for r in range(3)
    )


@pytest.mark.parametrize("patience", [1, 4])
def test_where_nothing_moves_it_stops_patience_epochs_after_the_first(patience):
    _, records = run(
        network_of(linear(2)),
        learning_rate=1e-200,
        early_stopping=EarlyStopping(patience=patience),
        epochs=20,
    )
    assert len(records) == 1 + patience
    assert records[-1].stops == ("early_stopping",)
    assert all(record.stops is None for record in records[:-1])


def test_early_stopping_watches_the_training_loss_where_there_is_no_validation():
    _, records = run(
        network_of(linear(2)),
        validation=None,
        learning_rate=1e-200,
        early_stopping=EarlyStopping(patience=3),
    )
    assert len(records) == 4


def test_early_stopping_with_keep_last_keeps_the_epoch_at_which_each_stopped():
    _, free = run()
    diary, records = run(keep="last", early_stopping=EarlyStopping(patience=2))
    ends = [stops_at(column(free, "val_loss", replica), 2, 0.0) for replica in range(3)]
    assert None not in ends
    assert len(set(ends)) > 1
    assert [diary.left_at(replica) for replica in range(3)] == ends == list(records[-1].kept_epoch)


def test_early_stopping_on_a_figure_of_which_more_is_better():
    _, free = run()
    _, records = run(early_stopping=EarlyStopping(monitor="val_r2", patience=3))
    ends = [
        stops_at([-value for value in column(free, "val_r2", replica)], 3, 0.0)
        for replica in range(3)
    ]
    assert len(records) == max(ends)


# A loss to reach.


def test_training_stops_at_the_first_epoch_whose_loss_is_the_target():
    _, free = run(validation=None)
    target = float(np.median(column(free, "loss", 0)))
    diary, records = run(validation=None, target_loss=target)
    for replica in range(3):
        losses = column(free, "loss", replica)
        reached = next(
            (epoch for epoch, loss in enumerate(losses, start=1) if loss <= target), None
        )
        assert records[-1].stops[replica] == ("target_loss" if reached else "epochs")
        assert diary.left_at(replica) == (reached or 25)


def test_a_target_met_exactly_counts():
    how = {"validation": None, "batch_size": "full"}  # so that the loss falls with every epoch
    _, free = run(network_of(linear(2)), **how)
    target = float(free[6].metrics["loss"][0])
    assert len(run(network_of(linear(2)), **how, target_loss=target)[1]) == 7
    assert (
        len(run(network_of(linear(2)), **how, target_loss=float(np.nextafter(target, 0)))[1]) == 8
    )


# Divergence.


@pytest.mark.parametrize("validation", [None, VALIDATION], ids=["alone", "validated"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("keep", [None, "best", "last"])
def test_a_huge_learning_rate_ends_as_diverged_with_finite_parameters(keep, precision, validation):
    network = network_of([Dense(units=4), *linear(2)], seeds=(1, 2), precision=precision)
    rows = Rows(ROWS.x.astype(precision), ROWS.y.astype(precision))
    diary, records = run(
        network, rows, validation, learning_rate=1e4, epochs=200, keep=keep, precision=precision
    )
    assert records[-1].stops == ("diverged", "diverged")
    assert len(records) < 200
    assert np.isfinite(network.theta).all()
    for replica in range(2):
        sound = [
            np.isfinite(theta[replica]).all()
            and np.isfinite(record.gradient_norm[replica])
            and all(
                np.isfinite(column([record], name, replica)[0])
                for name in record.metrics
                if "loss" in name
            )
            for theta, record in zip(diary.theta[1:], records, strict=True)
        ]
        assert not sound[-1]
        left = diary.left_at(replica)
        assert left == records[-1].kept_epoch[replica]
        if keep == "last" or (keep is None and validation is None):
            assert left == sound.index(False)
        else:
            assert left <= sound.index(False)


def test_a_replica_that_diverges_at_once_is_left_with_its_first_parameters():
    network = network_of(linear(2))
    network.theta[:] = 1e200
    diary, records = run(network)
    assert len(records) == 1
    assert records[0].stops == ("diverged",)
    assert diary.left_at(0) == 0 == records[0].kept_epoch[0]


@pytest.mark.parametrize("kind", [Dense, BatchNormalization])
def test_a_replica_that_diverges_leaves_the_others_alone(kind):
    def start(seeds):
        network = noisy(seeds, kind)
        for replica, seed in enumerate(seeds):
            if seed == 2:
                network.theta[replica] = 1e200
        return network

    together = start(SEEDS)
    _, records = run(together)
    assert records[-1].stops == ("epochs", "diverged", "epochs")
    assert np.isfinite(together.theta).all()
    for replica in (0, 2):
        alone = start((SEEDS[replica],))
        _, solo = run(alone)
        np.testing.assert_allclose(together.theta[replica], alone.theta[0], rtol=1e-12)
        np.testing.assert_allclose(
            column(records, "val_loss", replica), column(solo, "val_loss", 0), rtol=1e-12
        )


# Interruption.


def begin(network, **how):
    settings = {
        "loss": SquaredError(),
        "optimizer": GradientDescent(),
        "precision": "float64",
        **NOISY,
        **how,
    }
    return fit(Training(**settings), network, ROWS, VALIDATION, SOME_METRICS)


@pytest.mark.parametrize("epochs", [1, 3, 10])
@pytest.mark.parametrize("keep", ["best", "last"])
@pytest.mark.parametrize("how", ["closed", "interrupted"])
def test_stopping_midway_restores_what_was_kept(how, keep, epochs):
    network = noisy()
    diary = Diary(network)
    iterator = begin(network, keep=keep)
    records = list(itertools.islice(iterator, epochs))
    whole, _ = run(keep=keep, epochs=epochs)
    if how == "closed":
        iterator.close()
    else:
        with pytest.raises(KeyboardInterrupt), closing(iterator):
            raise KeyboardInterrupt
    assert np.array_equal(network.theta, whole.network.theta)
    assert np.array_equal(network.statistics.flat, whole.network.statistics.flat)
    diary.theta[1:], diary.statistics[1:] = whole.theta[1:], whole.statistics[1:]
    assert [diary.left_at(replica) for replica in range(3)] == list(records[-1].kept_epoch)


@pytest.mark.parametrize("steps", [0, 2, 9])
def test_an_interrupt_in_the_middle_of_an_epoch_restores_what_was_kept(steps, monkeypatch):
    # 14 rows in batches of 4 are 4 steps an epoch: after 2 steps nothing has been kept yet, after
    # 9 two epochs have
    whole, _ = run(keep="last", epochs=max(steps // 4, 1))
    expected = whole.theta[steps // 4]
    right, taken = GradientDescent.step, itertools.count()

    def interrupted(self, state, learning_rate, before=None):
        if next(taken) == steps:
            raise KeyboardInterrupt
        right(self, state, learning_rate, before)

    monkeypatch.setattr(GradientDescent, "step", interrupted)
    network = noisy()
    with pytest.raises(KeyboardInterrupt):
        list(begin(network, keep="last"))
    assert np.array_equal(network.theta, expected)


def test_after_training_the_network_can_be_trained_again():
    network = noisy()
    train(network, ROWS, VALIDATION, **NOISY)
    kept = network.theta.copy()
    records = train(network, ROWS, VALIDATION, **{**NOISY, "epochs": 1, "learning_rate": 1e-200})
    assert np.array_equal(network.theta, kept)
    assert records[0].kept_epoch.tolist() == [1, 1, 1]


def test_a_replica_that_falls_apart_after_it_has_stopped_has_not_diverged():
    network = network_of([Dense(units=1)], seeds=(1, 2, 3))
    stopping = Training(epochs=9, early_stopping=EarlyStopping(monitor="loss", patience=1))
    monitor = Monitor(stopping, Keeper(network), 3, validated=False)
    first = np.array([1.0, 1.0, 1.0])
    monitor.observe(1, first, first, np.array([True, True, True]))
    second = np.array([2.0, 0.5, np.nan])
    monitor.observe(2, second, second, np.array([True, True, False]))
    assert monitor.stops == ["early_stopping", None, "diverged"]
    diverged, running = monitor.diverged, monitor.running
    third = np.array([np.nan, 0.4, np.nan])
    monitor.observe(3, third, third, np.array([False, True, False]))
    assert monitor.diverged.tolist() == diverged.tolist() == [False, False, True]
    assert monitor.running.tolist() == running.tolist() == [False, True, False]
    assert monitor.stops == ["early_stopping", None, "diverged"]


# Settings.


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"patience": 5, "patience_factor": 2.0}, "is 2.0, but patience is 5; leave out one"),
        ({"patience_share": 0.1}, "is 0.1, but there is no patience_factor; add one"),
        ({"patience_factor": 0.5}, "EarlyStopping.patience_factor is 0.5; it must be at least 1"),
    ],
)
def test_patience_that_contradicts_itself(how, message):
    with pytest.raises(ValueError, match=message):
        EarlyStopping(**how)


def test_patience_is_20_unless_it_is_a_factor():
    assert EarlyStopping().patience == 20
    assert EarlyStopping(patience_factor=2.0).patience is None
