"""A trace of all rows as one batch is the training itself, number by number."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from bpnet.engine import (
    Adam,
    BatchNormalization,
    Cosine,
    Dense,
    Dropout,
    GradientClipping,
    GradientDescent,
    LayerNormalization,
    Momentum,
    Network,
    OneCycle,
    Position,
    Relu,
    Rows,
    SquaredError,
    Tanh,
    Training,
    fit,
    trace,
)

LAYERS = {
    "batch normalization": [
        Dense(units=5),
        BatchNormalization(activation=Tanh(), momentum=0.8),
        Dense(units=2),
    ],
    "dropout": [Dense(units=8, activation=Relu()), Dropout(rate=0.4), Dense(units=2)],
    "both": [
        Dense(units=6),
        BatchNormalization(),
        Dropout(rate=0.3),
        Dense(units=4),
        LayerNormalization(activation=Tanh()),
        Dropout(rate=0.2),
        Dense(units=2),
    ],
}
SETTINGS = {
    "adam, cosine": Training(optimizer=Adam(), schedule=Cosine(), learning_rate=0.05, epochs=6),
    "momentum, one cycle, penalties, clipping": Training(
        optimizer=Momentum(),
        schedule=OneCycle(warmup_epochs=2),
        learning_rate=0.1,
        epochs=6,
        l1=0.01,
        l2=0.1,
        gradient_clipping=GradientClipping(norm=0.5),
    ),
}


def rows(count: int = 7) -> Rows:
    """Return rows with three inputs, two targets and weights."""
    random = np.random.default_rng(5)
    return Rows(
        random.normal(size=(count, 3)).astype(np.float32),
        random.normal(size=(count, 2)).astype(np.float32),
        np.linspace(0.5, 1.5, count, dtype=np.float32),
    )


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("settings", SETTINGS)
def test_steps_with_all_rows_are_those_of_training(layers, settings):
    """Parameters, running statistics, rates and losses are equal bit for bit."""
    training = replace(SETTINGS[settings], batch_size="full", keep="last")
    trained, traced = (Network(LAYERS[layers], inputs=3, seeds=[4]) for _ in range(2))
    steps = trace(training, traced, SquaredError(), rows(), 6)
    for step, record in zip(steps, fit(training, trained, rows()), strict=True):
        assert (step.epoch, step.number) == (record.epoch, 1)
        assert step.learning_rate == pytest.approx(float(record.learning_rate[0]), rel=1e-7)
        assert step.loss == pytest.approx(float(record.metrics["loss"][0]), rel=1e-6)
        assert step.gradient_norm == pytest.approx(float(record.gradient_norm[0]), rel=1e-5)
        for k, layer in enumerate(step.layers):
            for name, view in trained.parameters.part(f"layers.{k}").items():
                np.testing.assert_array_equal(layer.after[name], view[0], strict=True)
            for name, view in trained.statistics.part(f"layers.{k}").items():
                np.testing.assert_array_equal(layer.statistics_after[name], view[0], strict=True)
                assert (layer.statistics_before[name] != layer.statistics_after[name]).any()


def test_a_later_position_is_the_later_epoch_of_a_training():
    """Rates and draws follow the epoch: a step from the weights after it is the training's."""
    training = Training(
        batch_size="full", learning_rate=0.1, epochs=9, schedule=Cosine(), keep="last"
    )
    training = replace(training, optimizer=GradientDescent())
    trained = Network(LAYERS["both"], inputs=3, seeds=[4])
    records = fit(training, trained, rows())
    for _ in range(5):
        record = next(records)
    traced = Network(LAYERS["both"], inputs=3, seeds=[4])
    traced.theta[:], traced.statistics.flat[:] = trained.theta, trained.statistics.flat
    (step,) = trace(training, traced, SquaredError(), rows(), 1, Position(epochs_done=5))
    record = next(records)
    assert step.epoch == record.epoch == 6
    np.testing.assert_array_equal(traced.theta, trained.theta, strict=True)
    np.testing.assert_array_equal(traced.statistics.flat, trained.statistics.flat, strict=True)


def test_steps_within_an_epoch_draw_on():
    """With three steps an epoch, the fourth step begins the next one, with its own draws."""
    training = Training(epochs=3, learning_rate=1e-30, schedule=Cosine())
    steps = trace(
        training,
        Network(LAYERS["dropout"], inputs=3, seeds=[4]),
        SquaredError(),
        rows(),
        4,
        Position(epochs_done=1, steps_per_epoch=3),
    )
    assert [(step.epoch, step.number) for step in steps] == [(2, 1), (2, 2), (2, 3), (3, 1)]
    masks = [step.layers[1].left_out for step in steps]
    assert all((one != other).any() for one, other in pairwise(masks))
    rates = [step.learning_rate / 1e-30 for step in steps]
    expected = [(1 + np.cos(np.pi * step / 9)) / 2 for step in (3, 4, 5, 6)]
    np.testing.assert_allclose(rates, expected)


def test_the_pass_after_a_step_leaves_out_what_the_step_did():
    """So the loss changes by the weights only; with a step of nearly 0 it is the same."""
    training = Training(epochs=1, learning_rate=1e-30)
    network = Network(LAYERS["both"], inputs=3, seeds=[4])
    (step,) = trace(training, network, SquaredError(), rows(), 1)
    assert step.loss_after == step.loss
    np.testing.assert_array_equal(step.outputs_after[2], step.layers[2].outputs)


def test_a_single_row_is_its_own_mean():
    """Batch normalization of one row gives beta, whatever the row, and keeps its statistics."""
    layers = LAYERS["batch normalization"]
    (step,) = trace(Training(), Network(layers, inputs=3, seeds=[4]), SquaredError(), rows(1), 1)
    normalized = step.layers[1]
    np.testing.assert_array_equal(normalized.outputs, np.tanh(normalized.before["beta"])[None])
    assert not normalized.gradients["gamma"].any()
    assert not step.layers[0].gradients["weight"].any()
    for name, before in normalized.statistics_before.items():
        np.testing.assert_array_equal(before, normalized.statistics_after[name])
