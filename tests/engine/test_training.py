"""Training: fit() reports what it did, a replica is its solo run, a seed gives the same bits."""

import numpy as np
import pytest
from engine_cases import (
    LAYERS,
    OPTIMIZERS,
    SOME_METRICS,
    in_precision,
    linear,
    named,
    network_of,
    some_rows,
    stack,
    suited,
    train,
)

from bpnet.engine.activations import Relu, Tanh
from bpnet.engine.component import FieldError
from bpnet.engine.layers import Dense, Dropout
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.settings import EarlyStopping, Training
from bpnet.engine.losses import AbsoluteError, SquaredError
from bpnet.engine.metrics import RegressionError
from bpnet.engine.network import Network
from bpnet.engine.optimizers import Adam, GradientDescent, NAdam
from bpnet.engine.penalties import GradientClipping
from bpnet.engine.schedules import Cosine, ReduceOnPlateau, StepDecay

STILL = 1e-200
"""A learning rate so small that no parameter moves."""


def data(rows=22, outputs=2, seed=0, *, weighted=False):
    return some_rows(SquaredError(), rows=rows, outputs=outputs, seed=seed, weighted=weighted)


def small(seeds=(1,), precision="float64", kind=Dense, outputs=2):
    tolerance = 1e-6 if precision == "float32" else 1e-13
    return network_of(
        stack(kind, Tanh(), outputs, tolerance=tolerance), seeds=seeds, precision=precision
    )


def figures_of(records, replica=0):
    names = records[0].metrics
    return np.array([[record.metrics[name][replica] for name in names] for record in records])


# Repeatability.


@pytest.mark.parametrize("kind", LAYERS)
def test_the_same_seed_gives_the_same_bits_and_another_does_not(kind):
    def run(seed):
        network = small((seed,), "float32", kind)
        rows = in_precision(suited(kind, data()), "float32")
        records = train(
            network, rows, rows, optimizer=Adam(), batch_size=8, epochs=5, precision="float32"
        )
        return network.theta, network.statistics.flat, figures_of(records)

    first, again, other = run(3), run(3), run(4)
    for one, two in zip(first, again, strict=True):
        assert np.array_equal(one, two)
    assert not np.array_equal(first[0], other[0])


def test_the_order_of_rows_depends_on_the_seed_alone_and_only_with_shuffle():
    def run(seed, **how):
        network = small((seed,))
        network.theta[:] = small((1,)).theta
        train(network, data(), batch_size=8, epochs=3, **how)
        return network.theta

    assert not np.array_equal(run(1), run(2))
    assert np.array_equal(run(1, shuffle=False), run(2, shuffle=False))
    assert not np.array_equal(run(1), run(1, shuffle=False))


def test_global_random_state_is_neither_read_nor_moved():
    def run():
        network = small((3,), kind=Dropout)
        train(network, data(), batch_size=8, epochs=2)
        return network.theta

    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = run()
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    np.random.random(5)  # noqa: NPY002
    assert np.array_equal(first, run())


# Replicas.


PRECISIONS = [
    pytest.param("float64", 1e-12, id="float64"),
    pytest.param("float32", 1e-6, id="float32"),
]
SEEDS = (4, 5, 6)


def compare_replicas_with_solo_runs(make, rows, validation, precision, tolerance, **how):
    rows = in_precision(rows, precision)
    validation = None if validation is None else in_precision(validation, precision)
    together = make(SEEDS, precision)
    records = train(together, rows, validation, precision=precision, **how)
    for replica, seed in enumerate(SEEDS):
        alone = make((seed,), precision)
        solo = train(alone, rows, validation, precision=precision, **how)
        np.testing.assert_allclose(
            together.theta[replica], alone.theta[0], rtol=tolerance, atol=tolerance
        )
        np.testing.assert_allclose(
            together.statistics.flat[replica],
            alone.statistics.flat[0],
            rtol=tolerance,
            atol=tolerance,
        )
        theirs, ours = figures_of(records[: len(solo)], replica), figures_of(solo)
        np.testing.assert_allclose(theirs, ours, rtol=10 * tolerance, atol=10 * tolerance)
        for one, two in zip(records, solo, strict=False):
            assert one.learning_rate[replica] == pytest.approx(
                two.learning_rate[0], rel=tolerance, nan_ok=True
            )
            assert one.gradient_norm[replica] == pytest.approx(
                two.gradient_norm[0], rel=100 * tolerance, nan_ok=True
            )
        assert records[-1].stops[replica] == solo[-1].stops[0]
        assert records[-1].kept_epoch[replica] == solo[-1].kept_epoch[0]
    return records


@pytest.mark.parametrize(("precision", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("batch_size", [8, "full"])
@pytest.mark.parametrize("kind", LAYERS)
def test_a_replica_is_its_solo_run_with_every_layer(kind, batch_size, precision, tolerance):
    def make(seeds, precision):
        return small(seeds, precision, kind)

    compare_replicas_with_solo_runs(
        make, suited(kind, data(weighted=True)), suited(kind, data(9, seed=1)), precision,
        tolerance, batch_size=batch_size, epochs=6, l1=0.001, l2=0.01,
        gradient_clipping=GradientClipping(norm=0.5),
    )  # fmt: skip


@pytest.mark.parametrize(("precision", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("optimizer", named(OPTIMIZERS))
def test_a_replica_is_its_solo_run_with_every_optimizer(optimizer, precision, tolerance):
    compare_replicas_with_solo_runs(
        small, data(), data(9, seed=1), precision, tolerance,
        optimizer=optimizer, learning_rate=0.01, batch_size="full" if optimizer.full_batch else 8,
        epochs=6, schedule=Cosine(warmup_epochs=1.5),
    )  # fmt: skip


@pytest.mark.parametrize(("precision", "tolerance"), PRECISIONS)
def test_a_replica_is_its_solo_run_where_each_stops_at_an_epoch_of_its_own(precision, tolerance):
    records = compare_replicas_with_solo_runs(
        lambda seeds, precision: small(seeds, precision, Dropout), data(), data(9, seed=1),
        precision, tolerance, learning_rate=0.3, batch_size=8, epochs=60,
        early_stopping=EarlyStopping(patience=2),
    )  # fmt: skip
    assert records[-1].stops == ("early_stopping",) * 3
    assert len(set(records[-1].kept_epoch)) > 1


@pytest.mark.parametrize(("precision", "tolerance"), PRECISIONS)
def test_a_replica_is_its_solo_run_where_rates_are_reduced_one_by_one(precision, tolerance):
    records = compare_replicas_with_solo_runs(
        lambda seeds, precision: small(seeds, precision, Dropout), data(), data(9, seed=1),
        precision, tolerance, learning_rate=0.3, batch_size=8, epochs=30,
        schedule=ReduceOnPlateau(patience=1),
    )  # fmt: skip
    assert (
        len({tuple(record.learning_rate[replica] for record in records) for replica in range(3)})
        > 1
    )


def test_replicas_with_the_same_seed_are_equal():
    network = small((7, 7), kind=Dropout)
    train(network, data(), batch_size=8, epochs=3)
    assert np.array_equal(network.theta[0], network.theta[1])


# What is reported.


def model(network, x, replica=0):
    """The linear model by hand."""
    views = network.parameters.views
    return x @ views["layers.0.weight"][replica].T + views["layers.0.bias"][replica]


def squares(network, rows, replica=0):
    """Each row's mean squared error."""
    return ((model(network, rows.x, replica) - rows.y) ** 2).mean(axis=1)


@pytest.mark.parametrize("batch_size", [1, 4, 8, 21, 22, 1000, "full"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_the_loss_is_the_mean_over_rows_whatever_the_batches(batch_size, weighted):
    rows, validation = data(weighted=weighted), data(9, seed=1, weighted=weighted)
    network = network_of(linear(2), seeds=(1, 2))
    (record,) = train(
        network, rows, validation, batch_size=batch_size, epochs=1, learning_rate=STILL
    )
    for replica in range(2):
        for name, measured in (("loss", rows), ("val_loss", validation)):
            expected = np.average(squares(network, measured, replica), weights=measured.weights)
            assert record.metrics[name][replica] == pytest.approx(expected, rel=1e-12)
    assert record.step == (1 if batch_size == "full" else -(-22 // min(batch_size, 22)))


@pytest.mark.parametrize("batch_size", [8, "full"])
def test_the_sum_over_rows_is_reported_as_a_sum(batch_size):
    rows, validation = data(), data(9, seed=1)
    network = network_of(linear(2))
    (record,) = train(
        network,
        rows,
        validation,
        batch_size=batch_size,
        epochs=1,
        learning_rate=STILL,
        loss=SquaredError(rows="sum"),
    )
    assert record.metrics["loss"][0] == pytest.approx(squares(network, rows).sum(), rel=1e-12)
    assert record.metrics["val_loss"][0] == pytest.approx(
        squares(network, validation).sum(), rel=1e-12
    )


@pytest.mark.parametrize("batch_size", [8, "full"])
def test_penalties_are_part_of_the_reported_losses_and_spare_biases(batch_size):
    rows, validation = data(), data(9, seed=1)
    network = network_of(linear(2), seeds=(1, 2))
    network.parameters.views["layers.0.bias"][:] = 100.0
    (record,) = train(
        network,
        rows,
        validation,
        batch_size=batch_size,
        epochs=1,
        learning_rate=STILL,
        l1=0.5,
        l2=3.0,
    )
    for replica in range(2):
        w = network.parameters.views["layers.0.weight"][replica]
        penalty = 0.5 * np.abs(w).sum() + 3.0 / 2 * (w * w).sum()
        for name, measured in (("loss", rows), ("val_loss", validation)):
            expected = squares(network, measured, replica).mean() + penalty
            assert record.metrics[name][replica] == pytest.approx(expected, rel=1e-12)


def test_the_loss_of_an_epoch_is_that_of_each_batch_before_its_step():
    # one weight at 1, no bias, targets 0, half squared error: a row x costs x² w² / 2 and its step
    # is w (1 - η x²)
    network = network_of(linear(1, bias=False), inputs=1)
    network.theta[:] = 1.0
    rows = Rows(np.array([[1.0], [2.0], [3.0]]), np.zeros((3, 1)))
    (record,) = train(
        network,
        rows,
        batch_size=1,
        shuffle=False,
        epochs=1,
        learning_rate=0.1,
        loss=SquaredError(half=True),
    )
    # w = 1: 1/2, then 0.9: 4 · 0.81 / 2 = 1.62, then 0.9 · 0.6 = 0.54: 9 · 0.2916 / 2 = 1.3122,
    # then 0.54 · 0.1
    assert record.metrics["loss"][0] == pytest.approx((0.5 + 1.62 + 1.3122) / 3, rel=1e-14)
    assert network.theta[0, 0] == pytest.approx(0.054, rel=1e-14)
    # gradients x² w: 1, 3.6, 4.86
    assert record.gradient_norm[0] == pytest.approx(np.sqrt((1 + 3.6**2 + 4.86**2) / 3), rel=1e-14)


def test_gradient_norm_is_the_step_over_the_learning_rate():
    network = small((1, 2))
    before = network.theta.copy()
    (record,) = train(network, data(), batch_size="full", epochs=1, learning_rate=0.01, l2=0.5)
    np.testing.assert_allclose(
        record.gradient_norm, np.linalg.norm(network.theta - before, axis=1) / 0.01, rtol=1e-12
    )


def test_learning_rate_and_step_of_each_record():
    schedule = StepDecay(every_epochs=2, decay=0.1, warmup_epochs=1)
    records = train(
        small((1, 2)), data(), batch_size=8, epochs=5, learning_rate=0.5, schedule=schedule
    )
    assert [record.epoch for record in records] == [1, 2, 3, 4, 5]
    assert [record.step for record in records] == [3, 6, 9, 12, 15]
    # the last step of the warm-up is at the full rate; then two epochs at 1 and two at 0.1
    for record, rate in zip(records, [0.5, 0.5, 0.5, 0.05, 0.05], strict=True):
        np.testing.assert_allclose(record.learning_rate, [rate, rate], rtol=1e-14)
    assert [record.stops for record in records] == [None] * 4 + [("epochs", "epochs")]


def test_metrics_are_reported_for_both_tables():
    rows, validation = data(), data(9, seed=1)
    network = network_of(linear(2))
    (record,) = train(network, rows, validation, batch_size=8, epochs=1, learning_rate=STILL)
    assert list(record.metrics) == ["loss", "rmse", "r2", "val_loss", "val_rmse", "val_r2"]
    for prefix, measured in (("", rows), ("val_", validation)):
        errors = model(network, measured.x) - measured.y
        assert record.metrics[f"{prefix}rmse"][0] == pytest.approx(
            np.sqrt((errors**2).mean(axis=0)).mean(), rel=1e-12
        )


# Steps.


def test_batches_of_one_row_are_stochastic_gradient_descent():
    rows = data(outputs=1)
    network = network_of(linear(1))
    views = network.parameters.views
    w, b = views["layers.0.weight"][0, 0].copy(), views["layers.0.bias"][0, 0].copy()
    train(network, rows, batch_size=1, shuffle=False, epochs=3, learning_rate=0.05)
    for _ in range(3):
        for x, y in zip(rows.x, rows.y[:, 0], strict=True):
            slope = 2 * (w @ x + b - y)
            w, b = w - 0.05 * slope * x, b - 0.05 * slope
    np.testing.assert_allclose(views["layers.0.weight"][0, 0], w, rtol=1e-12)
    np.testing.assert_allclose(views["layers.0.bias"][0, 0], b, rtol=1e-12)


def test_a_batch_larger_than_the_table_is_the_whole_table():
    paths = []
    for batch_size in ("full", 22, 23, 10**6):
        network = small()
        train(network, data(), batch_size=batch_size, epochs=4)
        paths.append(network.theta)
    assert all(np.array_equal(paths[0], other) for other in paths)


def test_the_gradient_of_a_short_last_batch_is_its_own_mean():
    # rows 1, 1 and 4: the weight 1 goes to 1 - 0.1 · 1 = 0.9, and then by the mean over one row,
    # not two
    network = network_of(linear(1, bias=False), inputs=1)
    network.theta[:] = 1.0
    rows = Rows(np.array([[1.0], [1.0], [4.0]]), np.zeros((3, 1)))
    train(
        network,
        rows,
        batch_size=2,
        shuffle=False,
        epochs=1,
        learning_rate=0.1,
        loss=SquaredError(half=True),
    )
    assert network.theta[0, 0] == pytest.approx(0.9 - 0.1 * 16 * 0.9, rel=1e-13)


@pytest.mark.parametrize("loss", [SquaredError(), AbsoluteError()], ids=["squared", "absolute"])
def test_whole_weights_are_repeated_rows(loss):
    rows = data()
    counts = np.random.default_rng(2).integers(0, 4, len(rows))
    repeated = Rows(np.repeat(rows.x, counts, axis=0), np.repeat(rows.y, counts, axis=0))
    weighted = Rows(rows.x, rows.y, counts.astype(float))
    ones, twos = small((1, 2)), small((1, 2))
    how = {"batch_size": "full", "epochs": 10, "loss": loss, "l2": 0.1, "optimizer": Adam()}
    first, second = train(ones, weighted, **how), train(twos, repeated, **how)
    np.testing.assert_allclose(ones.theta, twos.theta, rtol=1e-10, atol=1e-12)
    for one, two in zip(first, second, strict=True):
        np.testing.assert_allclose(one.metrics["loss"], two.metrics["loss"], rtol=1e-11)
        np.testing.assert_allclose(one.gradient_norm, two.gradient_norm, rtol=1e-10)


def test_the_scale_of_weights_does_not_matter():
    rows = data(weighted=True)
    ones, twos = small(), small()
    first = train(ones, rows, batch_size=8, epochs=3)
    second = train(twos, Rows(rows.x, rows.y, rows.weights * 1000), batch_size=8, epochs=3)
    np.testing.assert_allclose(ones.theta, twos.theta, rtol=1e-12)
    assert first[-1].metrics["loss"] == pytest.approx(second[-1].metrics["loss"], rel=1e-12)


# Rates that wait for a plateau.


def test_the_rate_is_reduced_after_more_than_patience_epochs_without_improvement():
    # nothing moves: epoch 1 is an improvement on nothing, 2, 3 and 4 are not; the rate of epoch 5
    # is the first reduced
    schedule = ReduceOnPlateau(patience=2, decay=0.5, smallest=0.2, warmup_epochs=1)
    for rows, validation in ((data(), data(9, seed=1)), (data(), None)):
        records = train(
            small((1, 2, 3)),
            rows,
            validation,
            batch_size="full",
            epochs=14,
            learning_rate=STILL,
            schedule=schedule,
        )
        rates = np.array([record.learning_rate for record in records]) / STILL
        expected = [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2, 0.2, 0.2, 0.2]
        np.testing.assert_allclose(
            rates, np.repeat(np.array(expected)[:, None], 3, axis=1), rtol=1e-12
        )


def test_each_replica_has_a_rate_of_its_own():
    # replica 0 is at the optimum of y = 2x, where it stays; the others come nearer in every epoch
    network = network_of(linear(1, bias=False), inputs=1, seeds=(1, 2, 3))
    network.theta[:] = [[2.0], [0.0], [5.0]]
    x = np.array([[1.0], [-1.0]])
    records = train(
        network,
        Rows(x, 2 * x),
        batch_size="full",
        epochs=6,
        learning_rate=0.1,
        schedule=ReduceOnPlateau(patience=0),
    )
    rates = np.array([record.learning_rate for record in records])
    np.testing.assert_allclose(
        rates[:, 0], 0.1 * np.array([1, 1, 0.5, 0.25, 0.125, 0.0625]), rtol=1e-12
    )
    np.testing.assert_allclose(rates[:, 1:], 0.1, rtol=1e-12)
    np.testing.assert_allclose(network.theta[:, 0], [2, 2 - 2 * 0.8**6, 2 + 3 * 0.8**6], rtol=1e-12)


def test_replicas_whose_rates_fall_at_different_times_equal_their_solo_runs():
    rng = np.random.default_rng(0)
    rows = Rows(rng.normal(size=(20, 3)).astype("f4"), rng.normal(size=(20, 1)).astype("f4"))
    training = Training(
        optimizer=NAdam(), learning_rate=0.3, epochs=12, batch_size=5, keep="last",
        schedule=ReduceOnPlateau(patience=0, decay=0.5),
    )  # fmt: skip

    def weights(seeds):
        network = Network([Dense(units=6, activation=Relu()), Dense(units=1)], 3, seeds=seeds)
        rates = [
            record.learning_rate
            for record in fit(training, network, rows, rows, [RegressionError()])
        ]
        return network.theta, np.array(rates)

    together, rates = weights([1, 2])
    assert (rates[:, 0] != rates[:, 1]).any()
    for replica, seed in enumerate([1, 2]):
        np.testing.assert_array_equal(together[replica], weights([seed])[0][0])


def test_the_plateau_needs_more_than_the_least_improvement():
    # w goes down by the factor 0.8 in each epoch, w² by 0.64
    network = network_of(linear(1, bias=False), inputs=1)
    network.theta[:] = 1.0
    rows = Rows(np.array([[1.0]]), np.zeros((1, 1)))
    schedule = ReduceOnPlateau(patience=1, minimum_improvement=0.25)
    records = train(
        network, rows, rows, batch_size="full", epochs=6, learning_rate=0.1, schedule=schedule
    )
    # val_loss after each epoch: 0.64, 0.4096 (no), 0.2621 (0.64 - 0.2621 > 0.25: yes), 0.1678
    # (no), 0.1074 (no)
    assert [record.metrics["val_loss"][0] for record in records[:3]] == pytest.approx(
        [0.64, 0.4096, 0.262144]
    )
    assert [record.learning_rate[0] for record in records] == pytest.approx([0.1] * 5 + [0.05])


# What does not fit.


@pytest.mark.parametrize(
    ("rows", "validation", "text"),
    [
        (Rows(np.zeros((5, 4)), np.zeros((5, 2))), None, "3 inputs.*4 columns"),
        (Rows(np.zeros((5, 3)), np.zeros((5, 1))), None, r"\(1, 2, 5\).*\(1, 1, 5\)"),
        (data(), Rows(np.zeros((5, 4)), np.zeros((5, 2))), "3 inputs.*4 columns"),
        (data(), Rows(np.zeros((5, 3)), np.zeros((5, 3))), r"\(1, 2, 5\).*\(1, 3, 5\)"),
    ],
)
def test_rows_that_do_not_fit_the_network_are_refused(rows, validation, text):
    with pytest.raises(ValueError, match=text):
        train(small(), rows, validation, batch_size="full")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"learning_rate": float("inf")}, "learning_rate is inf"),
        ({"l2": -1.0}, "l2 is -1.0"),
        ({"target_loss": float("nan")}, "target_loss is nan"),
    ],
)
def test_impossible_settings_are_refused(settings, text):
    with pytest.raises(ValueError, match=text):
        Training(loss=SquaredError(), **settings)


def test_a_batch_of_no_rows_is_refused():
    with pytest.raises(FieldError, match="is 0; it must be at least 1, or full") as caught:
        Training(batch_size=0)
    assert caught.value.field == "batch_size"


def test_nothing_happens_before_the_first_record_is_asked_for():
    network = small()
    before = network.theta.copy()
    records = fit(
        Training(loss=SquaredError(), optimizer=GradientDescent(), precision="float64"),
        network,
        data(),
        None,
        SOME_METRICS,
    )
    assert np.array_equal(network.theta, before)
    next(records)
    assert not np.array_equal(network.theta, before)
    records.close()


def test_float32_stays_float32():
    network = small(precision="float32")
    rows = in_precision(data(weighted=True), "float32")
    train(
        network, rows, rows, optimizer=Adam(), batch_size=8, epochs=2, l1=0.01,
        precision="float32", gradient_clipping=GradientClipping(norm=1.0),
        schedule=ReduceOnPlateau(patience=0),
    )  # fmt: skip
    assert network.theta.dtype == network.gradient.dtype == np.float32
    assert network.predict(rows.x).dtype == np.float32
