"""Advice: each finding on both sides of its threshold, its key, and silence where all is well."""

import dataclasses
import math

import pytest

from bpnet.doctor.advice import History, advise
from bpnet.doctor.diagnosis import Diagnosis, LayerReport

# A healthy training of three layers: gradients alike, steps of 1e-3, loss that falls from 2.3,
# which is chance, to 0.1


def layer(number, **figures):
    figures = {
        "activation": "relu",
        "dead": 0.05,
        "saturated": None,
        "gradient_norm": 0.1,
        **figures,
    }
    return LayerReport(
        **{
            "layer": number,
            "kind": "dense",
            "mean": 0.3,
            "spread": 0.6,
            "weights": 100,
            "weight_norm": 5.0,
            "update_ratio": 1e-3,
            **figures,
        }
    )


LAYERS = (layer(1), layer(2), layer(3, activation="identity", dead=None))


def look(*layers, **figures):
    figures = {
        "rows": 100,
        "loss": 0.1,
        "penalty": 0.0,
        "chance": 2.3,
        "input_size": 1.0,
        **figures,
    }
    changed = {report.layer: report for report in layers}
    return Diagnosis(
        layers=tuple(changed.get(report.layer, report) for report in LAYERS), **figures
    )


START = look(loss=2.5)


def history(**figures):
    falling = [2.3 * 0.85**epoch for epoch in range(20)]
    figures = {
        "loss": falling,
        "validation_loss": [1.1 * loss + 0.05 for loss in falling],
        **figures,
    }
    return History(**{"gradient_norm": [1.0] * 20, "learning_rate": [0.01] * 20, **figures})


SLOW = history(loss=[2.3 * 0.9**epoch for epoch in range(20)])
"""Figures that come down to 0.14 of chance: not yet learnt well."""


def found(start=START, now=None, past=None):
    """The findings by what they are about."""
    return {
        finding.about: finding.text for finding in advise(start, now or look(), past or history())
    }


def only(about, **how):
    findings = found(**how)
    assert list(findings) == [about]
    return findings[about]


def test_nothing_is_said_where_all_is_well():
    assert found() == {}


def test_nothing_is_said_before_the_first_epoch():
    assert found(now=START, past=History()) == {}


@pytest.mark.parametrize(
    ("figures", "value"),
    [
        ("mean", math.nan),
        ("spread", math.nan),
        ("gradient_norm", math.nan),
        ("gradient_norm", math.inf),
    ],
)
def test_figures_that_are_not_finite_are_no_finding(figures, value):
    assert found(now=look(layer(1, **{figures: value}))) == {}


# Gradients.


def test_vanishing_gradients_name_a_relu_and_its_initializer():
    weak = look(layer(1, activation="sigmoid", saturated=0.0, dead=None, gradient_norm=1e-8))
    assert only("gradients", past=SLOW, now=weak) == (
        "layer 1: gradients 1e-07 of layer 3's: vanishing; "
        "try activation: relu with initializer: he_normal"
    )
    assert found(past=SLOW, now=look(layer(1, gradient_norm=1.01e-4))) == {}


def test_small_gradients_of_a_network_that_has_learnt_well_are_no_finding():
    weak = look(layer(1, activation="sigmoid", saturated=0.0, dead=None, gradient_norm=1e-8))
    assert found(now=weak, past=history(loss=[2.3 * 0.85**epoch for epoch in range(20)])) == {}


def test_steps_that_follow_no_gradient_are_no_finding():
    large = look(*(layer(k, update_ratio=0.5) for k in (1, 2, 3)))
    stalled = {"loss": [2.0] * 20, "validation_loss": [2.0] * 20}
    assert "large steps" in found(now=large, past=history(**stalled))
    assert found(now=large, past=history(**stalled, gradient_norm=[math.nan] * 20)) == {}


def test_gradients_are_compared_a_weight():
    assert found(past=SLOW, now=look(layer(1, gradient_norm=2e-4, weights=400))) == {}
    assert "vanishing" in only(
        "gradients", past=SLOW, now=look(layer(1, gradient_norm=1.9e-4, weights=40_000))
    )


def test_vanishing_gradients_of_relu_layers_name_a_normalization():
    assert "batch_normalization" in only(
        "gradients", past=SLOW, now=look(layer(1, gradient_norm=1e-6))
    )


def test_gradients_that_grow_backward_name_the_clipping():
    strong = look(layer(1, gradient_norm=101))
    assert "training.gradient_clipping: {norm: 1}" in only("gradients", past=SLOW, now=strong)
    assert found(past=SLOW, now=look(layer(1, gradient_norm=99))) == {}


@pytest.mark.parametrize(("size", "norm"), [(1e-4, 1e-5), (1e4, 1e3)])
def test_gradients_that_the_inputs_scale_spoils_name_the_preprocessing(size, norm):
    text = only("gradients", past=SLOW, now=look(layer(1, gradient_norm=norm), input_size=size))
    assert "dataset.preprocessing.numeric: standardize" in text


def test_a_layer_that_is_dead_all_over_explains_the_gradients_below():
    dead = look(layer(1, gradient_norm=0.0), layer(2, dead=1.0, gradient_norm=0.0))
    assert list(found(now=dead)) == ["dead layer 2"]


@pytest.mark.parametrize("stop", [None, "epochs", "diverged"])
def test_exploding_gradients_name_the_clipping_and_the_rate(stop):
    norms = [1.0, 20.0, 101.0, *[math.inf] * 17]
    text = only("exploding", past=history(gradient_norm=norms, stop=stop))
    assert "the gradient's norm grew from 1 to 1e+02: exploding gradients" in text
    assert text.endswith(
        "set training.gradient_clipping: {norm: 1} or lower training.learning_rate"
    )
    assert text.startswith("the loss is no longer finite in epoch 20") == (stop == "diverged")
    assert found(past=history(gradient_norm=[1.0, 20.0, 99.0, *[0.1] * 17])) == {}


def test_divergence_in_the_first_epoch_is_found_without_any_finite_figure():
    past = History([math.nan], [math.nan], [math.inf], [0.01], stop="diverged")
    assert "no longer finite in epoch 1" in only("exploding", past=past)


def test_gradients_that_begin_at_zero_have_not_exploded():
    assert found(past=history(gradient_norm=[0.0] + [1.0] * 19)) == {}


def test_an_optimizer_without_a_gradient_has_no_gradients_to_explode():
    assert found(past=history(gradient_norm=[math.nan] * 20)) == {}


# The beginning.


def test_a_loss_that_begins_far_above_chance_names_the_initializer_or_the_target():
    text = only("start", start=look(loss=24))
    assert text.startswith("the loss began at 24, 10 times what chance gives (2.3)")
    assert "initializer" in text
    assert "dataset.preprocessing.target" in text
    assert found(start=look(loss=22)) == {}


def test_a_loss_that_begins_far_above_chance_for_large_inputs_names_the_preprocessing():
    text = only("start", start=look(loss=24, input_size=700))
    assert "the inputs are as large as 700: set dataset.preprocessing.numeric: standardize" in text


def test_a_first_epoch_far_above_chance_names_the_learning_rate():
    rest = history().loss[1:]
    text = only("first epoch", past=history(loss=[24, *rest]))
    assert "lower training.learning_rate" in text
    assert found(past=history(loss=[22, *rest])) == {}


def test_a_penalty_is_no_loss():
    rest = history().loss[1:]
    assert (
        found(start=dataclasses.replace(START, penalty=20.0), past=history(loss=[24, *rest])) == {}
    )


def test_targets_that_do_not_vary_have_no_chance_to_compare_with():
    assert found(start=look(loss=24, chance=0.0)) == {}


# Units.


def test_dead_units_name_the_rate_and_another_activation():
    assert only("dead layer 2", now=look(layer(2, dead=0.8))) == (
        "layer 2: 80% of its units are dead; "
        "lower training.learning_rate or use activation: leaky_relu"
    )
    assert found(now=look(layer(2, dead=0.49))) == {}


def test_dead_units_of_the_output_are_found_too():
    assert list(found(now=look(layer(3, activation="relu", dead=1.0)))) == ["dead layer 3"]


def test_saturated_units_name_rate_initializer_and_activation():
    text = only(
        "saturated layer 1", now=look(layer(1, activation="tanh", saturated=0.85, dead=None))
    )
    assert text == (
        "layer 1: 85% of its tanh outputs are at their limits; "
        "lower training.learning_rate, choose a smaller initializer or activation: relu"
    )
    assert found(now=look(layer(1, activation="tanh", saturated=0.79, dead=None))) == {}


def test_an_output_that_is_sure_is_no_finding():
    assert found(now=look(layer(3, activation="sigmoid", saturated=0.97, dead=None))) == {}


@pytest.mark.parametrize(
    "figures", [{"dead": 0.9}, {"activation": "tanh", "saturated": 0.9, "dead": None}]
)
def test_inputs_that_are_too_large_name_the_preprocessing_of_the_first_layer_alone(figures):
    texts = found(now=look(layer(1, **figures), layer(2, **figures), input_size=700)).values()
    named = ["dataset.preprocessing.numeric: standardize" in text for text in texts]
    assert named == [True, False]


def test_a_few_rows_say_nothing_of_units():
    assert found(now=look(layer(1, dead=0.9), rows=9)) == {}


# Steps.

LEVEL = history(loss=[0.1] * 20)


def test_large_steps_name_the_learning_rate():
    text = only("large steps", now=look(layer(2, update_ratio=0.11)), past=LEVEL)
    assert text.startswith("layer 2: the last step changed its weights by 0.11 of their size")
    assert text.endswith("lower training.learning_rate")
    assert found(now=look(layer(2, update_ratio=0.09)), past=LEVEL) == {}


def test_large_steps_are_no_finding_while_they_help():
    assert found(now=look(layer(2, update_ratio=0.11))) == {}


def test_the_first_steps_may_be_large():
    past = History([2.3] * 5, [], [1.0] * 5, [0.01] * 5)
    assert found(now=look(layer(2, update_ratio=0.5)), past=past) == {}


def with_steps(ratio):
    return look(*(dataclasses.replace(report, update_ratio=ratio) for report in LAYERS), loss=2.3)


def test_small_steps_name_the_learning_rate_where_nothing_is_learnt():
    stuck = history(loss=[2.3] * 20, validation_loss=[])
    text = only("small steps", now=with_steps(9e-6), past=stuck)
    assert text.endswith("raise training.learning_rate")
    assert found(now=with_steps(1.1e-5), past=stuck) == {}
    assert found(now=with_steps(9e-6)) == {}, "learnt: the loss is 0.1"


def test_one_layer_with_small_steps_is_no_finding():
    small = look(layer(1, update_ratio=1e-9), loss=2.3)
    assert found(now=small, past=history(loss=[2.3] * 20, validation_loss=[])) == {}


def test_steps_that_a_schedule_made_small_are_no_finding():
    rates = [0.01] * 19 + [1e-5]
    assert (
        found(
            now=with_steps(9e-6),
            past=history(loss=[2.3] * 20, validation_loss=[], learning_rate=rates),
        )
        == {}
    )
    rates[-1] = 0.0
    assert (
        found(
            now=with_steps(0.0),
            past=history(loss=[2.3] * 20, validation_loss=[], learning_rate=rates),
        )
        == {}
    )


def test_an_optimizer_that_searches_may_take_no_step():
    assert found(now=with_steps(0.0), past=history(loss=[2.3] * 20, validation_loss=[])) == {}


# Overfitting.


def rising(end, least=0.5, epochs=20):
    """A validation loss that falls until epoch 5, stays there until epoch 10, and ends higher."""
    return [2.0, 1.5, 1.0, 0.7, *[least] * 6, *[end] * (epochs - 10)]


def test_overfitting_names_early_stopping_l2_and_dropout():
    assert only("overfitting", past=history(validation_loss=rising(0.75))) == (
        "overfitting: the validation loss rose from 0.5 in epoch 5 to 0.75, "
        "while the training loss came down to 0.15; "
        "set training.early_stopping, raise training.l2 or add a dropout layer"
    )


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
        pytest.param(history(validation_loss=rising(9.0), loss=[2.5] * 20), id="nothing learnt"),
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
    assert found(past=past) == {}


def test_a_penalty_that_both_losses_hold_hides_no_overfitting():
    heavy = history(
        validation_loss=[loss + 5 for loss in rising(9.0)],
        loss=[loss + 5 for loss in history().loss],
    )
    assert "overfitting" in found(
        start=look(loss=2.5, penalty=5.0), now=look(penalty=5.0), past=heavy
    )


# All of it.


def test_every_finding_is_one_line_that_names_a_key_of_the_config():
    bad = look(
        layer(1, gradient_norm=1e-8, dead=0.9),
        layer(2, activation="tanh", saturated=0.9, dead=None, update_ratio=0.5),
    )
    sick = history(
        loss=[24.0, *[0.1] * 19], validation_loss=rising(0.75), gradient_norm=[1.0] * 19 + [1e4]
    )
    findings = advise(START, bad, sick) + advise(
        look(loss=99), with_steps(1e-6), history(loss=[2.3] * 20)
    )
    findings += advise(START, bad, SLOW)
    kinds = {finding.about.split(" layer")[0] for finding in findings}
    units, steps = {"dead", "saturated"}, {"large steps", "small steps"}
    assert (
        kinds == {"start", "first epoch", "exploding", "gradients", "overfitting"} | units | steps
    )
    for finding in findings:
        assert "\n" not in finding.text
        assert any(
            key in finding.text for key in ("training.", "dataset.", "activation:", "initializer")
        )
