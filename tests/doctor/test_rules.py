"""The rules: each on both sides of its threshold, its advice, and silence where all is well."""

import dataclasses
import math

import pytest
from evidence_cases import START, evidence, findings, history, layer, look, setup, stuck

from bpnet.config.dataset_schema import Preprocessing
from bpnet.config.overrides import apply_overrides
from bpnet.config.source import parse_source, yaml_text
from bpnet.data.encoding.settings import NoScaling
from bpnet.doctor.constant import Constant as ConstantPrediction
from bpnet.doctor.history import History
from bpnet.doctor.probe import Probe
from bpnet.doctor.rules import RULES, advise
from bpnet.engine.activations import Relu, Sigmoid, Tanh
from bpnet.engine.initializers import Constant, Normal, Zeros
from bpnet.engine.layers import Dense, Dropout
from bpnet.engine.loop.settings import EarlyStopping, Training
from bpnet.engine.losses import CrossEntropy, SquaredError
from bpnet.engine.optimizers import Adam, AdamW, GradientDescent, Momentum, Perturbation, Rprop
from bpnet.engine.penalties import GradientClipping
from bpnet.engine.schedules import ConstantRate, ExponentialDecay

LEARNABLE = Probe(0.9, 0.9, (0.0,), 300)
UNKNOWN = {"train": 2.3, "validation": 2.3}


def training(**settings):
    usual = {"learning_rate": 0.005, "loss": CrossEntropy(), "epochs": 20}
    return Training(**{**usual, **settings})


def alarms(**parts):
    found = findings(**parts)
    return [finding for finding in found.values() if finding.kind == "alarm"]


def first(**parts):
    """The likeliest cause."""
    return alarms(**parts)[0]


def failed(**parts):
    """Parts of a training that learned nothing, though the table could be learned."""
    return {"history": stuck(), "kept": UNKNOWN, "probe": LEARNABLE, **parts}


def test_nothing_is_found_where_all_is_well():
    assert findings() == {}
    ended = history(stop="epochs")
    assert findings(history=ended, kept={"train": 0.1, "validation": 0.15}) == {}


def test_nothing_is_found_before_the_first_epoch():
    assert findings(now=START, history=History()) == {}


@pytest.mark.parametrize(
    ("figure", "value"),
    [
        ("mean", math.nan),
        ("spread", math.nan),
        ("gradient_norm", math.nan),
        ("gradient_norm", math.inf),
    ],
)
def test_measurements_that_are_not_finite_are_no_finding(figure, value):
    assert findings(now=look(layer(1, **{figure: value}))) == {}


def test_a_symptom_is_a_remark_where_the_training_is_well_and_an_alarm_where_not():
    dead = look(layer(2, dead=0.8))
    (remark,) = findings(now=dead).values()
    assert (remark.kind, remark.cause, remark.layer) == ("remark", "dead units", 2)
    assert "80% of the units of layer 2 are 0 on every row" in remark.text
    (alarm,) = findings(now=dead, history=history(loss=[2.3, 2.2] * 10)).values()
    assert (alarm.kind, alarm.about) == ("alarm", "dead units, layer 2")
    assert findings(now=look(layer(2, dead=0.49))) == {}


# The order.


def test_the_first_cause_tells_the_outcome_and_the_likelier_one_comes_first():
    low = setup(training(learning_rate=1e-7))
    found = alarms(**failed(setup=low, now=look(layer(1, moved=1e-6))))
    assert found[0].cause == "learning rate too low"
    assert found[0].text.startswith(
        "little was learned (the loss ended at 2.3, where a constant prediction has 2.3). "
        "Most likely: learning rate too low: it is 1e-07, where 0.005 is usual for adam"
    )
    assert found[0].text.endswith("try --set training.learning_rate=0.005")
    assert [one.likelihood for one in found] == sorted(
        (one.likelihood for one in found), reverse=True
    )
    assert all("little was learned" not in finding.text for finding in found[1:])


@pytest.mark.parametrize(("loss", "little"), [(2.08, True), (2.06, False)])
def test_little_is_learned_above_nine_tenths_of_chance(loss, little):
    ended = history(loss=[2.3, loss] * 10, stop="epochs")
    found = evidence(history=ended, kept={"train": loss}, probe=Probe(0.0, 0.0, (0.1,), 300))
    assert (found.outcome == "little") == little


def test_a_network_is_behind_if_a_kernel_regression_does_far_better_on_rows_left_out():
    parts = {"history": stuck(), "kept": {"train": 1.5}}
    behind = evidence(**parts, probe=Probe(0.2, 0.9, (0.4,), 300))
    assert behind.outcome == "behind"
    assert "R² 0.40 on the training rows" in behind.outcome_text
    assert evidence(**parts, probe=Probe(0.2, 0.5, (0.4,), 300)).outcome == "fine"
    well = {"history": stuck(), "kept": {"train": 0.5}}
    assert evidence(**well, probe=Probe(0.2, 0.9, (0.4,), 300)).outcome == "fine"


# The table.


def test_a_target_that_no_probe_predicts_is_named_rather_than_the_rate():
    found = first(**failed(probe=Probe(0.01, -0.02, (0.02,), 300)))
    assert found.cause == "nothing to learn"
    assert "the inputs may not tell the target" in found.text
    assert found.settings == ()
    learnable = failed(probe=Probe(0.01, 0.3, (0.02,), 300))
    assert "nothing to learn" not in findings(**learnable)


@pytest.mark.parametrize(("held_out_rows", "named"), [(300, True), (3000, False)])
def test_a_target_is_told_by_the_inputs_if_many_rows_held_out_are_predicted_a_little_better(
    held_out_rows, named
):
    # of a rare class the R² of a good model is near 0
    chance = {"train": 0.2, "validation": 0.2, "test": 0.2}
    part = held_out_rows // 2
    rows = {"train": 7 * part, "validation": part, "test": part}
    found = findings(
        constant=ConstantPrediction(chance, 0.0, 1.0, rows),
        kept={"train": 0.17, "validation": 0.185, "test": 0.187},
        history=stuck(),
        probe=Probe(0.01, 0.005, (0.1,), 400),
    )
    assert ("nothing to learn" in {finding.cause for finding in found.values()}) == named


def test_a_linear_network_on_a_task_that_bends_gets_a_hidden_layer():
    linear = setup(hidden=[], linear=True)
    linear = dataclasses.replace(
        linear,
        resolved=dataclasses.replace(
            linear.resolved,
            architecture=dataclasses.replace(linear.resolved.architecture, layers=[]),
        ),
    )
    bends = Probe(0.02, 0.8, (0.02,), 300)
    found = first(**failed(setup=linear, probe=bends))
    assert (found.cause, found.settings) == ("no hidden layer", ["architecture.hidden=[32]"])
    straight = Probe(0.78, 0.8, (0.02,), 300)
    assert "no hidden layer" not in findings(**failed(setup=linear, probe=straight))
    four_rows = Probe(0.0, None, (0.0,), 4)
    assert first(**failed(setup=linear, probe=four_rows)).cause == "no hidden layer"


def test_inputs_of_an_unusual_size_name_the_preprocessing():
    raw = setup(preprocessing=Preprocessing(numeric=NoScaling()))
    found = first(**failed(setup=raw, start=dataclasses.replace(START, input_size=700.0)))
    assert found.cause == "input scale"
    assert found.settings == ["dataset.preprocessing.numeric=standardize"]
    assert "the inputs are as large as 700" in found.text
    usual = failed(start=dataclasses.replace(START, input_size=9.0))
    assert "input scale" not in findings(**usual)


def test_a_target_of_an_unusual_size_names_the_preprocessing():
    raw = setup(
        training(loss=SquaredError()), preprocessing=Preprocessing(target="none"), task="regression"
    )
    constant = dataclasses.replace(evidence().constant, center=5000.0)
    found = first(**failed(setup=raw, constant=constant))
    assert found.cause == "target scale"
    assert found.settings == ["dataset.preprocessing.target=standardize"]
    assert "target scale" not in findings(**failed(setup=raw))


def test_a_loss_that_begins_far_above_chance_is_remarked():
    (found,) = findings(start=dataclasses.replace(START, loss=24.0)).values()
    assert (found.kind, found.cause) == ("remark", "loss at the start")
    assert "it began at 24, 10 times what chance gives (2.3)" in found.text
    assert findings(start=dataclasses.replace(START, loss=22.0)) == {}


def test_a_first_epoch_far_above_chance_names_the_rate():
    rest = history().loss[1:]
    (found,) = findings(history=history(loss=[24, *rest])).values()
    assert found.settings == ["training.learning_rate=0.0005"]
    assert findings(history=history(loss=[22, *rest])) == {}
    heavy = dataclasses.replace(START, penalty=20.0)
    assert findings(start=heavy, history=history(loss=[24, *rest])) == {}


# The network.


def given(*layers, **settings):
    return setup(training(**settings), layers=list(layers))


def test_units_that_stay_the_same_name_the_initializer_of_each_layer():
    same = given(
        Dense(units=8, activation=Tanh(), initializer=Zeros()),
        Dense(units=8, activation=Relu(), bias_initializer=Constant(value=-5)),
    )
    start, now = (
        dataclasses.replace(diagnosis, layers=(layer(1, alike=True), *diagnosis.layers[1:]))
        for diagnosis in (START, look())
    )
    found = first(**failed(setup=same, start=start, now=now))
    assert found.cause == "initializer"
    assert "all units of layer 1 begin with the same weights, and stay the same" in found.text
    assert found.settings == [
        "architecture.layers.0.initializer=null",
        "architecture.layers.1.bias_initializer=zeros",
    ]
    assert "initializer" not in findings(**failed(setup=same, start=start))


@pytest.mark.parametrize(("gain", "named"), [(0.01, True), (0.1, False), (5.0, False), (50, True)])
def test_first_weights_of_an_unusual_size_name_the_initializer(gain, named):
    large = given(Dense(units=8, activation=Tanh(), initializer=Normal(deviation=9)))
    start = dataclasses.replace(START, layers=(layer(1, gain=gain), *START.layers[1:]))
    assert ("initializer" in findings(**failed(setup=large, start=start))) == named


def test_saturated_units_are_found_in_hidden_layers_only():
    saturated = look(layer(1, activation="tanh", saturated=0.85, dead=None))
    (found,) = findings(now=saturated).values()
    assert "85% of the tanh outputs of layer 1 are at their limits" in found.text
    assert findings(now=look(layer(1, activation="tanh", saturated=0.79, dead=None))) == {}
    assert findings(now=look(layer(3, activation="sigmoid", saturated=0.97, dead=None))) == {}


def test_inputs_of_an_unusual_size_explain_the_units_of_the_first_layer():
    dead = look(layer(1, dead=0.9), layer(2, dead=0.9))
    large = dataclasses.replace(START, input_size=700.0)
    found = findings(start=large, now=dead)
    assert "dead units, layer 1" not in found
    assert {"dead units, layer 2", "input scale"} <= set(found)


def test_a_few_rows_say_nothing_of_units():
    assert findings(now=look(layer(1, dead=0.9), rows=9)) == {}


SLOW = history(loss=[2.3 * 0.9**epoch for epoch in range(20)])
"""A loss that comes down to 0.14 of chance: not yet learned well."""


def test_vanishing_gradients_name_relu():
    weak = look(layer(1, activation="sigmoid", saturated=0.0, dead=None, gradient_norm=1e-8))
    deep = setup(hidden=[16, 16])
    (found,) = findings(setup=deep, history=SLOW, now=weak).values()
    assert found.cause == "vanishing gradients"
    assert "those of layer 1 are 1e-07 of layer 3's" in found.text
    assert found.settings == ["architecture.activation=relu"]
    assert findings(history=SLOW, now=look(layer(1, gradient_norm=1.01e-4))) == {}
    assert findings(now=weak) == {}, "a network that has learned well has small gradients"
    by_weight = look(layer(1, gradient_norm=2e-4, weights=400))
    assert findings(history=SLOW, now=by_weight) == {}


def test_layers_are_given_relu_one_by_one_where_the_config_lists_them():
    weak = look(layer(1, activation="sigmoid", saturated=0.0, dead=None, gradient_norm=1e-8))
    listed = given(Dense(units=8, activation=Sigmoid()), Dropout(rate=0.1))
    (found,) = findings(setup=listed, history=SLOW, now=weak).values()
    assert found.settings == [
        "architecture.layers.0.activation=relu",
        "architecture.layers.0.initializer=null",
    ]


def test_vanishing_gradients_of_relu_layers_name_a_normalization():
    (found,) = findings(history=SLOW, now=look(layer(1, gradient_norm=1e-6))).values()
    assert "batch_normalization" in found.text


def test_gradients_that_grow_backward_name_the_clipping():
    (found,) = findings(history=SLOW, now=look(layer(1, gradient_norm=101))).values()
    assert found.settings == ["training.gradient_clipping={norm: 1}"]
    assert findings(history=SLOW, now=look(layer(1, gradient_norm=99))) == {}


def test_a_layer_that_is_dead_all_over_explains_the_gradients_below():
    dead = look(layer(1, gradient_norm=0.0), layer(2, dead=1.0, gradient_norm=0.0))
    assert list(findings(now=dead)) == ["dead units, layer 2"]


def test_gradients_that_grew_in_training_name_the_rate():
    norms = [1.0, 20.0, 101.0, *[math.inf] * 17]
    (found,) = findings(history=history(gradient_norm=norms)).values()
    assert "the gradient's norm grew from 1 to 1e+02" in found.text
    assert findings(history=history(gradient_norm=[1.0, 20.0, 99.0, *[0.1] * 17])) == {}
    assert findings(history=history(gradient_norm=[0.0] + [1.0] * 19)) == {}
    assert findings(history=history(gradient_norm=[math.nan] * 20)) == {}


# The steps.


@pytest.mark.parametrize(
    ("optimizer", "rate", "alternative"),
    [
        (GradientDescent(), 0.5, ["training.gradient_clipping={norm: 1}"]),
        (GradientDescent(), 1e3, []),
        (Adam(), 0.05, []),
    ],
)
def test_a_divergence_names_the_rate_and_clipping_only_where_it_helps(optimizer, rate, alternative):
    past = History([2.4, math.nan], [], [12.0, math.inf], [rate] * 2, "diverged", 2)
    high = setup(training(optimizer=optimizer, learning_rate=rate))
    found = first(setup=high, history=past)
    assert found.cause == "learning rate too high"
    assert found.text.startswith("the loss is no longer a finite number. Most likely: ")
    assert found.alternative == alternative
    assert ("gradient_clipping" in found.text) == bool(alternative)


def test_a_divergence_in_the_first_epoch_is_found_without_any_finite_number():
    past = History([math.nan], [math.nan], [math.inf], [0.01], "diverged", 1)
    assert first(history=past).cause == "learning rate too high"


def test_a_rate_that_moves_the_weights_far_is_not_too_low():
    low = setup(training(learning_rate=1e-6))
    near, far = (look(layer(1, moved=moved)) for moved in (1e-4, 3.0))
    assert first(**failed(setup=low, now=near)).cause == "learning rate too low"
    assert findings(**failed(setup=low, now=far))["learning rate too low"].likelihood < 0.5


def test_a_loss_that_jumps_at_a_rate_far_below_the_usual_is_not_blamed_on_the_rate():
    jumps = stuck(loss=[2.3, 30.0] * 10)
    low, usual = (setup(training(learning_rate=rate)) for rate in (1e-6, 0.004))
    assert "learning rate too high" not in findings(**failed(setup=low, history=jumps))
    assert "learning rate too high" in findings(**failed(setup=usual, history=jumps))


LEVEL = history(loss=[0.1] * 20)


def test_large_steps_are_remarked_where_the_loss_no_longer_falls():
    (found,) = findings(now=look(layer(2, update_ratio=0.11)), history=LEVEL).values()
    assert "the last step changed the weights of layer 2 by 0.11 of their size" in found.text
    assert found.settings == ["training.learning_rate=0.0005"]
    assert findings(now=look(layer(2, update_ratio=0.09)), history=LEVEL) == {}
    assert findings(now=look(layer(2, update_ratio=0.11))) == {}, "they help"
    searching = dataclasses.replace(LEVEL, gradient_norm=[math.nan] * 20)
    assert findings(now=look(layer(2, update_ratio=0.5)), history=searching) == {}


def test_a_schedule_that_leaves_nothing_of_the_rate():
    rates = [0.005 * 0.01**epoch for epoch in range(20)]
    decaying = setup(training(schedule=ExponentialDecay(decay=0.01)))
    found = first(**failed(setup=decaying, history=stuck(learning_rate=rates)))
    assert (found.cause, found.settings) == ("schedule", ["training.schedule=constant"])
    rising = [1e-6 * epoch for epoch in range(1, 21)]
    warming = setup(training(schedule=ConstantRate(warmup_epochs=5000)))
    found = first(**failed(setup=warming, history=stuck(learning_rate=rising)))
    assert found.settings == ["training.schedule.warmup_epochs=0"]
    assert "schedule" not in findings(**failed())


@pytest.mark.parametrize(
    ("optimizer", "cause", "setting"),
    [
        (Momentum(momentum=0.999), "momentum", "training.optimizer.momentum=0.9"),
        (Adam(beta_1=0.999), "momentum", "training.optimizer.beta_1=0.9"),
        (Adam(epsilon=10), "optimizer", "training.optimizer.epsilon=1e-08"),
        (Rprop(largest_step=1e-6), "optimizer", "training.optimizer.largest_step=50"),
        (Rprop(), "optimizer", "training.batch_size=full"),
        (Perturbation(), "optimizer", "training.optimizer=adam"),
    ],
)
def test_settings_of_the_optimizer(optimizer, cause, setting):
    found = first(**failed(setup=setup(training(optimizer=optimizer))))
    assert (found.cause, found.settings[0]) == (cause, setting)


def test_clipping_matters_where_the_step_follows_the_size_of_the_gradient():
    clip = {"gradient_clipping": GradientClipping(norm=1e-6)}
    descent = setup(training(optimizer=GradientDescent(), learning_rate=0.05, **clip))
    assert first(**failed(setup=descent)).settings == ["training.gradient_clipping=null"]
    assert "gradient clipping" not in findings(**failed(setup=setup(training(**clip))))


def test_penalties_that_brought_the_weights_toward_zero():
    small = look(*(layer(k, weight_norm=0.1) for k in (1, 2, 3)))
    heavy = dataclasses.replace(START, penalty=50.0)
    penalized = setup(training(l2=100))
    found = first(**failed(setup=penalized, start=heavy, now=small))
    assert (found.cause, found.settings) == ("penalty", ["training.l2=0"])
    assert "penalty" not in findings(**failed(setup=penalized, start=heavy))
    decaying = setup(training(optimizer=AdamW(weight_decay=100)))
    found = first(**failed(setup=decaying, now=small))
    assert found.settings == ["training.optimizer.weight_decay=0.01"]


def test_a_dropout_that_leaves_nothing():
    dropping = given(Dense(units=8, activation=Relu()), Dropout(rate=0.95))
    found = first(**failed(setup=dropping))
    assert (found.cause, found.settings) == ("dropout", ["architecture.layers.1.rate=0.2"])


# The end.


def test_too_few_steps_and_a_loss_that_still_falls():
    few = stuck(loss=[2.31, 2.3], steps=4, learning_rate=[0.005] * 2)
    found = first(**failed(history=few, setup=setup(training(epochs=2))))
    assert found.cause == "too few epochs"
    assert "4 steps in 2 epochs" in found.text
    falling = history(loss=[2.3 - 0.04 * epoch for epoch in range(20)], stop="epochs")
    found = first(history=falling, kept={"train": 1.5})
    assert (found.cause, found.settings) == ("too few epochs", ["training.epochs=100"])
    assert "the loss still fell in the last of them" in found.text
    assert alarms(history=history(stop="epochs"), kept={"train": 0.1}) == []
    flat = history(loss=[2.3] * 10 + [1.5] * 10, stop="epochs")
    assert alarms(history=flat, kept={"train": 1.5}) == []


@pytest.mark.parametrize(
    ("stopping", "setting"),
    [
        (EarlyStopping(patience=1), "training.early_stopping.patience=20"),
        (
            EarlyStopping(patience=20, minimum_improvement=1),
            "training.early_stopping.minimum_improvement=0",
        ),
        (EarlyStopping(patience=20), None),
    ],
)
def test_a_stop_before_anything_was_learned(stopping, setting):
    stopped = setup(training(early_stopping=stopping))
    found = findings(**failed(setup=stopped, history=stuck(stop="early_stopping")))
    if setting:
        assert next(iter(found)) == "stopped too soon"
        assert found["stopped too soon"].settings == [setting]
    else:
        assert next(iter(found), None) != "stopped too soon"


# Overfitting.


def rising(end, least=0.5, epochs=20):
    """A validation loss that falls until epoch 5, stays there until epoch 10, and ends higher."""
    return [2.0, 1.5, 1.0, 0.7, *[least] * 6, *[end] * (epochs - 10)]


def test_a_validation_loss_that_rose_is_an_alarm_where_the_last_weights_are_kept():
    last = setup(training(keep="last"))
    rose = history(validation_loss=rising(0.75), stop="epochs")
    found = first(setup=last, history=rose, kept={"train": 0.1, "validation": 0.75})
    assert found.cause == "overfitting"
    assert (
        "the validation loss rose from 0.5 in epoch 5 to 0.75, while the training loss came down "
        "to 0.1049;" in found.text
    )
    assert found.settings == [
        "training.l2=0.3",
        "training.early_stopping={patience: 20}",
        "training.keep=best",
    ]


def test_a_loss_that_sums_the_rows_is_written_as_the_log_has_it():
    last = setup(training(keep="last"))
    rose = history(validation_loss=rising(0.75), stop="epochs")
    sizes = {"train": 100, "validation": 50}
    found = first(setup=last, history=rose, kept={"train": 0.1, "validation": 0.75}, sizes=sizes)
    assert (
        "rose from 25 in epoch 5 to 37.5, while the training loss came down to 10.49;" in found.text
    )
    little = evidence(history=stuck(), kept={"train": 2.29}, sizes={"train": 100})
    assert "the loss ended at 229, where a constant prediction has 230" in little.outcome_text


def test_weights_that_predate_the_rise_are_a_remark():
    rose = history(validation_loss=rising(0.75), stop="epochs", kept_epoch=5)
    (found,) = findings(history=rose, kept={"train": 0.3, "validation": 0.5}).values()
    assert found.kind == "remark"
    assert found.text.endswith("the kept weights, of epoch 5, predate the rise")


@pytest.mark.parametrize(
    "past",
    [
        pytest.param(history(validation_loss=rising(0.59)), id="rose little"),
        pytest.param(
            history(validation_loss=rising(0.2, least=0.1), loss=[2.3] * 10 + [0.01] * 10),
            id="rose by less than matters",
        ),
        pytest.param(
            history(validation_loss=rising(0.75), loss=[2.3] * 10 + [0.4] * 10), id="no gap"
        ),
        pytest.param(
            history(validation_loss=[*rising(0.75)[:-3], 0.55, 0.75, 0.75]),
            id="an epoch was low again",
        ),
        pytest.param(
            history(validation_loss=rising(0.75), stop="early_stopping"), id="stopped early"
        ),
        pytest.param(history(validation_loss=[]), id="no validation rows"),
    ],
)
def test_no_overfitting(past):
    assert findings(history=past) == {}


def test_a_penalty_that_both_losses_hold_hides_no_overfitting():
    heavy = history(
        validation_loss=[loss + 5 for loss in rising(9.0)],
        loss=[loss + 5 for loss in history().loss],
    )
    found = findings(
        start=dataclasses.replace(START, penalty=5.0), now=look(penalty=5.0), history=heavy
    )
    assert "overfitting" in found


@pytest.mark.parametrize(("test", "named"), [(0.7, False), (1.0, True), (3.0, True)])
def test_last_weights_without_validation_rows_are_judged_by_the_test_rows(test, named):
    ended = history(validation_loss=[], stop="epochs")
    found = findings(history=ended, kept={"train": 0.1, "test": test}, probe=LEARNABLE)
    assert ("overfitting" in found) == named
    if named:
        assert found["overfitting"].settings[0] == "dataset.split.validation=0.15"


# All of it.

SICK = [
    failed(setup=setup(training(learning_rate=1e-7), hidden=[4, 4])),
    failed(setup=setup(training(learning_rate=1e3), hidden=[4, 4])),
    failed(setup=setup(training(optimizer=Momentum(momentum=0.999)), hidden=[4])),
    failed(start=dataclasses.replace(START, input_size=700.0, penalty=99.0)),
    failed(setup=setup(hidden=[2], linear=True), probe=Probe(0.0, 0.9, (0.0,), 300)),
    failed(now=look(layer(1, dead=1.0), layer(2, activation="tanh", saturated=1.0))),
    {"history": history(validation_loss=[], stop="epochs"), "kept": {"train": 0.1, "test": 3.0}},
]


@pytest.mark.parametrize("parts", SICK)
def test_every_finding_is_one_line_and_its_settings_can_be_made(parts):
    made = evidence(**parts)
    config = {
        "dataset": {"path": "t.csv", "target": "y"},
        "architecture": {"hidden": [16, 16]},
        "training": {"optimizer": made.training.optimizer.kind},
    }
    found = advise(made)
    assert found
    for finding in found:
        assert "\n" not in finding.text
        for setting in finding.settings:
            assert setting in finding.text
            assert apply_overrides(parse_source(yaml_text(config)), [setting]).data != config


def test_the_rules_are_named_once_each():
    assert len(set(RULES)) == len(RULES)
