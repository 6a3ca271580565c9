"""Mistakes that once gave a wrong result without a word: each must stay found."""

import numpy as np
import pytest

from bpnet.engine.activations import Relu
from bpnet.engine.gradient_check import check_gradient
from bpnet.engine.layers import Dense
from bpnet.engine.layers.dense import _BoundDense
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.settings import EarlyStopping, Training
from bpnet.engine.losses import SquaredError
from bpnet.engine.metrics import RegressionError
from bpnet.engine.network import Network
from bpnet.engine.optimizers import NAdam
from bpnet.engine.schedules import Cosine, OneCycle, ReduceOnPlateau


@pytest.mark.parametrize("scale", [1.0, 10.0, 100.0])
def test_a_gradient_that_is_always_0_is_no_kink(monkeypatch, scale):
    backward = _BoundDense.backward

    def wrong(self, delta):
        backward(self, delta)
        self._weight_gradient[...] = 0

    monkeypatch.setattr(_BoundDense, "backward", wrong)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        network = Network([Dense(units=1)], 1, seeds=[seed], precision="float64")
        rows = Rows(scale * rng.normal(size=(3, 1)), rng.normal(size=(3, 1)))
        checks = {check.name: check for check in check_gradient(network, SquaredError(), rows)}
        assert checks["layers.0.weight"].relative_error > 0.5
        assert checks["layers.0.weight"].kinks == 0


def test_a_relu_that_stands_on_0_is_a_kink():
    network = Network(
        [Dense(units=1, activation=Relu(), bias=False)], 1, seeds=[0], precision="float64"
    )
    network.theta[:] = 0
    (check,) = check_gradient(
        network, SquaredError(), Rows(np.array([[1.0], [2.0]]), np.array([[1.0], [1.0]]))
    )
    assert (check.kinks, check.relative_error) == (1, 0.0)


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


@pytest.mark.parametrize(
    ("schedule", "epochs", "end"),
    [(Cosine(warmup_epochs=0.5), 1, 0), (OneCycle(warmup_epochs=1.5), 2, 0.0004)],
)
def test_a_schedule_ends_also_where_less_than_an_epoch_is_left_after_the_warm_up(
    schedule, epochs, end
):
    last = schedule.factor(1000 * epochs - 1, 1000, epochs)
    assert last == pytest.approx(end, abs=1e-4)
