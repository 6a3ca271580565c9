"""A diagnosis: its numbers by hand, the loss of chance, and a network left as it was."""

import math

import numpy as np
import pytest
from engine_cases import (
    ACTIVATIONS,
    LAYERS,
    LOSSES,
    SOME_METRICS,
    STEPPING,
    in_precision,
    linear,
    named,
    network_of,
    some_rows,
    stack,
    suited,
)

from bpnet.doctor.examiner import ROWS, Examiner
from bpnet.engine.activations import (
    Elu,
    Gelu,
    Identity,
    Mish,
    Relu,
    Selu,
    Sigmoid,
    Silu,
    Softplus,
    Tanh,
)
from bpnet.engine.initializers import Constant, Explicit, GlorotUniform
from bpnet.engine.layers import BatchNormalization, Dense, Dropout, Equilibrium
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from bpnet.engine.optimizers import Adam, GradientDescent

RELU_LIKE = (Relu, Elu, Selu, Gelu, Silu, Mish, Softplus)


def diagnose(how, network, rows, before=None):
    """One look at a network that is trained on these rows."""
    return Examiner(how, network, rows).examine(before)


def training(loss=None, **how):
    settings = {
        "loss": loss or SquaredError(),
        "optimizer": GradientDescent(),
        "precision": "float64",
        **how,
    }
    return Training(**{"learning_rate": 0.05, "epochs": 5, "batch_size": 4, **settings})


def state(network):
    """Everything that a look must leave alone."""
    draws = [[one.bit_generator.state for one in own] for own in network._generators]
    return (
        network.theta.copy(),
        network.gradient.copy(),
        network.statistics.flat.copy(),
        draws,
        dict(network.warnings),
    )


def same(before, after):
    return (
        all(np.array_equal(a, b) for a, b in zip(before[:3], after[:3], strict=True))
        and before[3:] == after[3:]
    )


# What a look leaves alone.


@pytest.mark.parametrize("kind", LAYERS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("epochs", [0, 2])
def test_a_look_leaves_the_network_as_it_was(kind, epochs):
    network = network_of(stack(kind, Tanh(), outputs=3), seeds=(1, 2))
    rows, how = suited(kind, some_rows(SquaredError())), training()
    for _, _record in zip(range(epochs), fit(how, network, rows, None, SOME_METRICS), strict=False):
        pass
    before = state(network)
    network.theta.setflags(write=False)
    diagnose(how, network, rows)
    assert same(before, state(network))


def test_a_look_keeps_to_itself_what_a_layer_has_to_say():
    network = network_of([Equilibrium(units=3, tolerance=1e-12, max_steps=1)])
    diagnose(training(), network, some_rows(SquaredError()))
    assert network.warnings == {}


@pytest.mark.parametrize("optimizer", named(STEPPING))
def test_looks_do_not_change_a_training(optimizer):
    def trained(*, looks):
        layers = [
            Dense(units=4),
            BatchNormalization(activation=Tanh()),
            Dropout(rate=0.3),
            Dense(units=3),
        ]
        network = network_of(layers, seeds=(1, 2))
        rows, how = some_rows(SquaredError()), training(optimizer=optimizer, learning_rate=1e-3)
        examiner = Examiner(how, network, rows)
        losses = []
        for record in fit(how, network, rows, None, SOME_METRICS, keep_before=looks):
            losses.append(record.metrics["loss"])
            if looks:
                examiner.examine(record.before)
        return network.theta, network.statistics.flat, np.array(losses)

    for one, other in zip(trained(looks=True), trained(looks=False), strict=True):
        assert np.array_equal(one, other)


def test_two_looks_at_the_same_parameters_are_the_same():
    network = network_of([Dense(units=4), Dropout(), Dense(units=3)])
    examiner = Examiner(training(), network, some_rows(SquaredError()))
    assert examiner.examine() == examiner.examine()


# The figures of a layer.

# Two units, one input: on the rows x = 1 … 4 unit 1 is relu(x - 2), unit 2 is relu(-x), dead; the
# score is their sum.
HIDDEN = Dense(
    units=2,
    activation=Relu(),
    initializer=Explicit(values=[[1.0], [-1.0]]),
    bias_initializer=Explicit(values=[-2.0, 0.0]),
)
LAST = Dense(units=1, initializer=Explicit(values=[[1.0, 1.0]]))
FOUR = Rows(np.array([[1.0], [2.0], [3.0], [4.0]]), np.zeros((4, 1)))


def test_the_figures_of_a_layer_by_hand():
    hidden, last = diagnose(training(), network_of([HIDDEN, LAST], inputs=1), FOUR).layers
    # unit 1 gives 0, 0, 1, 2 and unit 2 four times 0
    assert (hidden.layer, hidden.kind, hidden.activation, hidden.weights) == (1, "dense", "relu", 2)
    assert hidden.mean == pytest.approx(3 / 8)
    assert hidden.spread == pytest.approx(math.sqrt(5 / 8 - (3 / 8) ** 2))
    assert hidden.dead == 0.5
    assert hidden.saturated is None
    # the loss is Σ y² / 4 with y = 0, 0, 1, 2: dL/dy = y / 2, dL/dw of unit 1 = 1/2·3 + 1·4
    assert hidden.gradient_norm == pytest.approx(5.5)
    assert hidden.gradient_size == pytest.approx(5.5 / math.sqrt(2))
    assert hidden.weight_norm == pytest.approx(math.sqrt(2))
    # dL/dv = Σ y/2 a = 1/2·1 + 1·2 for unit 1, 0 for unit 2
    assert last.gradient_norm == pytest.approx(2.5)
    assert (last.activation, last.dead, last.saturated, last.update_ratio) == (
        "identity",
        None,
        None,
        None,
    )


def test_the_loss_of_a_look_by_hand():
    found = diagnose(training(l2=0.5), network_of([HIDDEN, LAST], inputs=1), FOUR)
    assert found.rows == 4
    assert found.loss == pytest.approx(5 / 4)
    assert found.penalty == pytest.approx(0.5 * 4 / 2)
    assert found.input_size == pytest.approx(math.sqrt(30 / 4))
    assert found.layers[0].gradient_norm == pytest.approx(5.5), (
        "the penalty is no part of the gradient"
    )


def test_replicas_are_taken_together():
    alone = [diagnose(training(), network_of([HIDDEN, LAST], inputs=1), FOUR) for _ in range(2)]
    both = diagnose(training(), network_of([HIDDEN, LAST], inputs=1, seeds=(1, 2)), FOUR)
    assert both.loss == pytest.approx(alone[0].loss)
    assert both.layers[0].dead == 0.5
    assert both.layers[0].gradient_norm == pytest.approx(
        alone[0].layers[0].gradient_norm * math.sqrt(2)
    )


def test_layers_without_weights_have_no_gradient_of_them():
    layers = [Dense(units=4), BatchNormalization(), Dropout(), Dense(units=3)]
    reports = diagnose(training(), network_of(layers), some_rows(SquaredError())).layers
    assert [report.gradient_norm is None for report in reports] == [False, True, True, False]
    assert [report.update_ratio for report in reports] == [None] * 4
    assert math.isnan(reports[1].gradient_size)


@pytest.mark.parametrize("activation", named(ACTIVATIONS))
@pytest.mark.parametrize("push", [-50.0, 0.0, 50.0])
def test_units_pushed_far_are_dead_or_saturated(activation, push):
    small = GlorotUniform(gain=0.3)
    layer = Dense(
        units=6, activation=activation, initializer=small, bias_initializer=Constant(value=push)
    )
    report = diagnose(
        training(), network_of([layer, *linear(3)]), some_rows(SquaredError(), rows=40)
    ).layers[0]
    assert report.saturated == (
        float(push != 0) if isinstance(activation, Sigmoid | Tanh) else None
    )
    assert report.dead == (float(push < 0) if isinstance(activation, RELU_LIKE) else None)


@pytest.mark.parametrize(
    ("activation", "z", "at_a_limit"),
    [(Sigmoid(), 4.59, 0), (Sigmoid(), 4.6, 1), (Tanh(), 2.29, 0), (Tanh(), 2.3, 1)],
)
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_limit_is_within_a_hundredth_of_the_range(activation, z, at_a_limit, sign):
    """A sigmoid is 0.99 at log 99 = 4.595; tanh, with twice the range, is 0.98 at half of it."""
    layer = Dense(units=1, activation=activation, initializer=Constant(value=sign * z))
    rows = Rows(np.ones((2, 1)), np.zeros((2, 1)))
    assert (
        diagnose(training(), network_of([layer, *linear()], inputs=1), rows).layers[0].saturated
        == at_a_limit
    )


@pytest.mark.parametrize("activation", named([Elu(), Selu(), Gelu(), Silu(), Mish()]))
def test_a_unit_that_is_negative_but_varies_is_not_dead(activation):
    layer = Dense(units=1, activation=activation, initializer=Constant(value=-1.0))
    rows = Rows(np.array([[0.2], [0.5]]), np.zeros((2, 1)))
    assert diagnose(training(), network_of([layer, *linear()], inputs=1), rows).layers[0].dead == 0


def test_a_unit_that_speaks_on_one_row_is_not_dead():
    rows = Rows(np.array([[-1.0]] * 99 + [[1.0]]), np.zeros((100, 1)))
    layer = Dense(units=1, activation=Relu(), initializer=Explicit(values=[[1.0]]))
    assert diagnose(training(), network_of([layer, *linear()], inputs=1), rows).layers[0].dead == 0


def test_gradients_too_small_to_square_in_float32_are_told_apart():
    rows = in_precision(Rows(np.ones((4, 1)), np.full((4, 1), 1e-25)), "float32")
    network = network_of(linear(initializer=Constant(value=0.0)), inputs=1, precision="float32")
    assert diagnose(training(precision="float32"), network, rows).layers[
        0
    ].gradient_norm == pytest.approx(2e-25, rel=1e-6, abs=0)


# The last step.


@pytest.mark.parametrize("batch_size", [4, "full"])
def test_the_update_ratio_is_that_of_the_last_step(batch_size):
    """Gradient descent's last step is the learning rate times the gradient that it left behind."""
    network, rows = (
        network_of([Dense(units=4, activation=Tanh()), Dense(units=3)]),
        some_rows(SquaredError(), rows=10),
    )
    how = training(batch_size=batch_size)
    examiner = Examiner(how, network, rows)
    for record in fit(how, network, rows, None, SOME_METRICS, keep_before=True):
        reports = examiner.examine(record.before).layers
        for k, report in enumerate(reports):
            step = 0.05 * network.gradients.views[f"layers.{k}.weight"]
            weight = network.parameters.views[f"layers.{k}.weight"]
            assert report.update_ratio == pytest.approx(
                np.linalg.norm(step) / np.linalg.norm(weight)
            )


def test_parameters_before_the_last_step_are_kept_only_where_asked():
    rows, network = some_rows(SquaredError()), network_of(linear(3))
    assert all(
        record.before is None for record in fit(training(), network, rows, None, SOME_METRICS)
    )


def test_the_step_is_the_optimizers_own_not_the_gradient():
    """Adam's steps do not depend on the gradient's size: larger targets change nothing."""
    ratios = []
    for scale in (1.0, 1e3):
        rows = some_rows(SquaredError())
        network = network_of(linear(3, initializer=Constant(value=0.1)))
        how = training(optimizer=Adam(epsilon=1e-300), batch_size="full", epochs=1)
        (record,) = fit(
            how, network, Rows(rows.x, rows.y * scale), None, SOME_METRICS, keep_before=True
        )
        ratios.append(np.linalg.norm(network.theta - record.before))
    assert ratios[0] == pytest.approx(ratios[1], rel=1e-6)


# What chance gives.


@pytest.mark.parametrize(
    ("loss", "chance"),
    [
        (CrossEntropy(), math.log(3)),
        (CrossEntropy(label_smoothing=0.2), math.log(3)),
        (CrossEntropy(rows="sum"), math.log(3)),
        (BinaryCrossEntropy(), 3 * math.log(2)),
        (BinaryCrossEntropy(label_smoothing=0.2), 3 * math.log(2)),
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_chance_of_a_classification(loss, chance, weighted):
    rows = some_rows(loss, rows=30, weighted=weighted)
    assert diagnose(training(loss), network_of(linear(3)), rows).chance == pytest.approx(chance)


@pytest.mark.parametrize(
    ("loss", "share"),
    [
        (SquaredError(), 1 / 3),
        (SquaredError(outputs="sum"), 1),
        (SquaredError(half=True, outputs="sum"), 1 / 2),
        (SquaredError(half=True, outputs="sum", rows="sum"), 1 / 2),
    ],
)
def test_chance_of_a_regression_is_the_variance_of_the_targets(loss, share):
    rows = some_rows(loss, rows=30)
    found = diagnose(training(loss), network_of(linear(3)), rows)
    assert found.chance == pytest.approx(share * rows.y.var(axis=0).sum())


@pytest.mark.parametrize("loss", named(LOSSES))
def test_chance_is_the_loss_of_scores_that_are_zero_where_the_targets_mean_is(loss):
    """Which is all that logits of 0 say, too: every class is as likely."""
    rows = some_rows(loss, rows=99)
    centred = (
        rows
        if isinstance(loss, CrossEntropy | BinaryCrossEntropy)
        else Rows(rows.x, rows.y - rows.y.mean(axis=0))
    )
    found = diagnose(
        training(loss), network_of(linear(3, initializer=Constant(value=0.0))), centred
    )
    assert found.chance == pytest.approx(found.loss)


def test_losses_summed_over_rows_are_told_a_row():
    rows = some_rows(SquaredError(), rows=20)
    network = network_of(linear(3))
    mean = diagnose(training(SquaredError(), l2=0.1), network, rows)
    total = diagnose(training(SquaredError(rows="sum"), l2=0.1), network, rows)
    assert total.loss == pytest.approx(mean.loss)
    assert total.chance == pytest.approx(mean.chance)
    assert total.penalty == pytest.approx(mean.penalty / 20)


# The rows.


@pytest.mark.parametrize(
    ("rows", "looked_at"), [(1, 1), (ROWS, ROWS), (ROWS + 1, (ROWS + 2) // 2), (1000, 125)]
)
def test_a_look_takes_rows_from_all_over_the_table(rows, looked_at):
    x = np.repeat(np.arange(rows, dtype=float)[:, None], 3, axis=1)
    found = diagnose(
        training(),
        network_of(linear(initializer=Constant(value=1 / 3))),
        Rows(x, np.zeros((rows, 1))),
    )
    assert found.rows == looked_at <= ROWS
    assert found.layers[0].mean == pytest.approx((rows - 1) / 2, rel=0.02)


def test_rows_whose_weights_are_all_zero_are_looked_at_without_a_word():
    rows = some_rows(SquaredError())
    found = diagnose(training(), network_of(linear(3)), Rows(rows.x, rows.y, np.zeros(12)))
    assert math.isnan(found.loss)


def test_parameters_that_are_not_finite_are_looked_at_without_a_word():
    network = network_of([Dense(units=3, activation=Identity()), *linear(3)])
    network.theta[:] = np.inf
    assert math.isnan(diagnose(training(), network, some_rows(SquaredError())).loss)
