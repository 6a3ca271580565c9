"""Settings that change during training: dropout, label smoothing and weight decay by schedules."""

import numpy as np
import pytest
from engine_cases import SOME_METRICS, network_of, some_rows

from bpnet.engine.activations import Tanh
from bpnet.engine.layers import Dense, Dropout
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from bpnet.engine.network import Network
from bpnet.engine.optimizers import AdamW, GradientDescent
from bpnet.engine.progress import Progress
from bpnet.engine.schedules import Cosine, FlatCosine, StepDecay

SCHEDULE = Cosine(final=0.2)  # 1, 0.88, 0.6, 0.32 at the steps of two epochs of two


def test_the_factor_is_1_outside_training():
    progress = Progress()
    assert progress.factor(SCHEDULE) == 1
    progress.move(2, 2, 2)
    assert progress.factor(SCHEDULE) == pytest.approx(0.6)
    assert progress.factor(None) == 1
    progress.leave()
    assert progress.factor(SCHEDULE) == 1


def test_training_moves_it_step_by_step_and_leaves_it_after_each_epoch():
    places = []

    class Watched(Progress):
        def move(self, *place):
            super().move(*place)
            places.append(place)

    network = network_of([Dense(units=3)])
    network.progress = Watched()
    training = Training(loss=SquaredError(), epochs=2, batch_size=5)
    for _ in fit(training, network, some_rows(SquaredError(), rows=12), metrics=SOME_METRICS):
        assert network.progress.factor(SCHEDULE) == 1
    assert places == [(step, 3, 2) for step in range(6)]


def drawn(rate, factor, *, seeds=(1, 2), passes=1, precision="float32", each=()):
    """What scheduled dropout makes of ones, where its schedule has the factor; (R, O, B)."""
    schedule = StepDecay(decay=factor, every_epochs=1)
    layer = Dropout(rate=rate, schedule=schedule)
    own = [[Dropout(rate=one, schedule=schedule)] for one in each]
    network = Network([layer], 50, seeds=seeds, precision=precision, each=own)
    bound = network.bind(np.ones((1, 50, 300), precision), training=True)
    network.begin_epoch(1)
    network.progress.move(1, 1, 2)  # after one epoch
    for _ in range(passes):
        bound.forward()
    return bound.output.copy()


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(("rate", "factor"), [(0.1, 0.5), (0.5, 0.9), (0.99, 0.7)])
def test_dropout_has_the_rate_of_the_step(rate, factor, precision):
    out = drawn(rate, factor, precision=precision)
    now = round(rate * factor * 256) / 256
    np.testing.assert_allclose(np.unique(out), [0, 1 / (1 - now)], rtol=1e-6)
    for replica in out:
        # within 4 standard deviations of the share of 15,000 values
        assert (replica == 0).mean() == pytest.approx(now, abs=4 * (now / 15000) ** 0.5)


def test_dropout_with_a_schedule_draws_anew_for_each_replica_and_step():
    first = drawn(0.3, 0.9)
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first, drawn(0.3, 0.9, passes=2))
    assert np.array_equal(first, drawn(0.3, 0.9))
    # no bits are drawn twice: neighboring units and rows are left out independently
    zero = (first == 0).astype(float) - 69 / 256
    for a, b in [(zero[:, 1:], zero[:, :-1]), (zero[..., 1:], zero[..., :-1])]:
        assert abs((a * b).mean()) < 0.01


def test_dropout_with_a_schedule_is_that_of_a_solo_run():
    together = drawn(0.5, 0.9, seeds=(4, 5, 6), passes=2, each=[0.0, 0.2, 0.7])
    for k, (seed, rate) in enumerate([(4, 0.0), (5, 0.2), (6, 0.7)]):
        assert np.array_equal(together[k], drawn(rate, 0.9, seeds=(seed,), passes=2)[0])


def test_a_rate_that_has_come_to_0_leaves_all():
    assert np.array_equal(drawn(0.3, 1e-9), np.ones((2, 50, 300), np.float32))


@pytest.mark.parametrize("kind", [BinaryCrossEntropy, CrossEntropy])
@pytest.mark.parametrize(("place", "factor"), [(None, 1.0), ((2, 2, 2), 0.6)])
def test_label_smoothing_has_the_share_of_the_step_in_loss_and_gradient(kind, place, factor):
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(2, 3, 7))
    targets = np.broadcast_to(np.eye(3)[:, rng.integers(0, 3, 7)], scores.shape)
    weights = np.broadcast_to(rng.uniform(0.5, 2, 7), (2, 1, 7))
    progress = Progress()
    if place:
        progress.move(*place)
    scheduled = kind(label_smoothing=0.3, label_smoothing_schedule=SCHEDULE)
    ours = scheduled.bind(scores, scheduled.prepare(targets), weights, progress)
    outcomes = 3 if kind is CrossEntropy else 2
    smoothed = targets * (1 - 0.3 * factor) + 0.3 * factor / outcomes
    theirs = kind().bind(scores, smoothed, weights)
    for _ in range(2):  # the targets are smoothed anew, not more each time
        ours.evaluate()
    theirs.evaluate()
    np.testing.assert_allclose(ours.value(), theirs.value(), rtol=1e-14)
    np.testing.assert_allclose(ours.gradient, theirs.gradient, rtol=1e-12, atol=1e-15)


def test_the_validation_loss_has_the_whole_smoothing_in_every_epoch():
    rows = some_rows(CrossEntropy(), rows=12)
    losses = []
    for schedule in (None, FlatCosine(flat=0.0)):
        loss = CrossEntropy(label_smoothing=0.3, label_smoothing_schedule=schedule)
        network = network_of([Dense(units=3)])
        training = Training(
            loss=loss, optimizer=GradientDescent(), learning_rate=1e-9, epochs=3, batch_size="full"
        )
        records = list(fit(training, network, rows, rows))
        losses.append([[r.metrics[name][0] for r in records] for name in ("loss", "val_loss")])
    (full, validation), (scheduled, scheduled_validation) = losses
    np.testing.assert_allclose(scheduled_validation, validation, rtol=1e-7)
    assert scheduled[0] == pytest.approx(full[0], rel=1e-7)
    assert abs(scheduled[2] - full[2]) > 0.01


def test_weight_decay_has_the_share_of_the_step():
    theta, gradient = np.array([[1.0, 2.0, 3.0]]), np.zeros((1, 3))
    optimizer, progress = AdamW(weight_decay=0.5, decay_schedule=SCHEDULE), Progress()
    state = optimizer.bind(theta, gradient, 2, progress=progress)
    expected = np.array([1.0, 2.0])
    for step, factor in enumerate([1, 0.6 + 0.4 * 0.5**0.5, 0.6, 0.6 - 0.4 * 0.5**0.5]):
        progress.move(step, 2, 2)
        optimizer.step(state, 0.1)
        expected = expected * (1 - 0.1 * 0.5 * factor)
        np.testing.assert_allclose(theta, [[*expected, 3.0]], rtol=1e-14)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_replicas_with_schedules_equal_their_solo_runs(precision):
    layers = [
        Dense(units=5, activation=Tanh()),
        Dropout(rate=0.4, schedule=FlatCosine(flat=0.0)),
        Dense(units=3),
    ]
    training = Training(
        loss=CrossEntropy(label_smoothing=0.2, label_smoothing_schedule=FlatCosine()),
        optimizer=AdamW(weight_decay=0.3, decay_schedule=FlatCosine()),
        epochs=3,
        batch_size=5,
        learning_rate=0.1,
    )
    rows = some_rows(CrossEntropy(), rows=23)
    together = network_of(layers, seeds=(3, 8), precision=precision)
    list(fit(training, together, rows))
    for k, seed in enumerate((3, 8)):
        alone = network_of(layers, seeds=(seed,), precision=precision)
        list(fit(training, alone, rows))
        tolerance = 1e-12 if precision == "float64" else 1e-5
        np.testing.assert_allclose(together.theta[k], alone.theta[0], tolerance, tolerance)
