"""Schedules: the curves from closed forms, their ends, and the warm-up before each of them."""

import math
from typing import get_args

import numpy as np
import pytest
from engine_cases import linear, named, network_of, some_rows, train

from bpnet.engine.losses import SquaredError
from bpnet.engine.schedules import (
    AnySchedule,
    ConstantRate,
    Cosine,
    ExponentialDecay,
    FlatCosine,
    LogCosine,
    OneCycle,
    ReduceOnPlateau,
    StepDecay,
)

SCHEDULES = [kind() for kind in get_args(AnySchedule)]
STEPS, EPOCHS = 4, 10


def curve(schedule, steps=STEPS, epochs=EPOCHS):
    return np.array([schedule.factor(step, steps, epochs) for step in range(steps * epochs)])


T = np.arange(STEPS * EPOCHS) / STEPS
ONE_CYCLE = OneCycle(rise=0.25, initial=0.1, final=0.001)
# The factor at each of 40 steps, 4 an epoch: t epochs after the start, s = t / 10 of the way.
# a half cosine from u to v is u + (v - u) sin²(π share / 2)
CURVES = {
    ConstantRate: (ConstantRate(), np.ones(40)),
    StepDecay: (
        StepDecay(every_epochs=3, decay=0.5),
        np.repeat([1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125], 4),
    ),
    ExponentialDecay: (ExponentialDecay(decay=0.9), np.exp(T * math.log(0.9))),
    Cosine: (Cosine(final=0.1), 1 - 0.9 * np.sin(math.pi * T / 20) ** 2),
    FlatCosine: (
        FlatCosine(flat=0.6),
        np.where(T <= 6, 1, np.cos(math.pi * (T - 6) / 8) ** 2),
    ),
    # sin² of half the angle, and log2(1 + 7 s) by the change of base
    LogCosine: (
        LogCosine(cycles=3),
        np.sin(math.pi * np.log1p(0.7 * T) / math.log(2)) ** 2,
    ),
    OneCycle: (
        ONE_CYCLE,
        np.where(
            T < 2.5,
            0.1 + 0.9 * np.sin(math.pi * T / 5) ** 2,
            1 - 0.999 * np.sin(math.pi * (T - 2.5) / 15) ** 2,
        ),
    ),
    ReduceOnPlateau: (ReduceOnPlateau(), np.ones(40)),
}


@pytest.mark.parametrize("kind", get_args(AnySchedule))
def test_the_curve(kind):
    schedule, expected = CURVES[kind]
    np.testing.assert_allclose(curve(schedule), expected, rtol=1e-12, atol=1e-15)


# the factor at the first step and at the very end, when all 10 epochs are over
ENDS = {
    ConstantRate: (1, 1),
    StepDecay: (1, 0.125),
    ExponentialDecay: (1, 0.9**10),
    Cosine: (1, 0.1),
    FlatCosine: (1, 0),
    LogCosine: (0, 0),
    OneCycle: (0.1, 0.001),
    ReduceOnPlateau: (1, 1),
}


@pytest.mark.parametrize("kind", get_args(AnySchedule))
def test_the_ends(kind):
    schedule, _ = CURVES[kind]
    first, last = ENDS[kind]
    assert schedule.factor(0, STEPS, EPOCHS) == pytest.approx(first, rel=1e-12)
    end = schedule.factor(STEPS * EPOCHS, STEPS, EPOCHS)
    assert end == pytest.approx(last, rel=1e-12, abs=1e-15)


def test_the_top_of_one_cycle():
    assert ONE_CYCLE.factor(10, STEPS, EPOCHS) == pytest.approx(1, rel=1e-12)
    assert curve(ONE_CYCLE).argmax() == 10


def test_a_logarithmic_cosine_begins_again_at_shares_of_one_less_than_a_power_of_two():
    schedule = LogCosine()
    # 1/15, 3/15, 7/15 and 15/15 of 30 epochs
    assert [schedule.factor(t, 1, 30) for t in (0, 2, 6, 14, 30)] == pytest.approx([0] * 5)
    # half a cycle where 1 + 15 s = 2^(cycle + ½)
    tops = [round(1e6 * (2 ** (cycle + 0.5) - 1) / 15) for cycle in range(4)]
    assert [schedule.factor(t, 10**6, 1) for t in tops] == pytest.approx([1] * 4)


@pytest.mark.parametrize("steps", [1, 3, 7, 49])
@pytest.mark.parametrize("every", [1, 3])
def test_steps_fall_at_whole_epochs_whatever_fractions_add_up_to(steps, every):
    schedule = StepDecay(every_epochs=every, decay=0.5)
    expected = np.repeat(0.5 ** (np.arange(60) // every), steps)
    np.testing.assert_allclose(curve(schedule, steps, 60), expected, rtol=1e-12)


@pytest.mark.parametrize("kind", get_args(AnySchedule))
def test_warm_up_rises_in_equal_steps_and_the_curve_follows_over_the_epochs_left(kind):
    plain, _ = CURVES[kind]
    settings = {**vars(plain), "warmup_epochs": 2.5}
    warm = curve(kind(**settings))
    # 10 steps up: a tenth of the curve's first value, two tenths, …, all of it
    np.testing.assert_allclose(
        warm[:10], plain.factor(0, STEPS, EPOCHS) * np.arange(1, 11) / 10, rtol=1e-12
    )
    if kind in (
        Cosine,
        FlatCosine,
        LogCosine,
        OneCycle,
    ):  # these stretch over what is left: 7.5 epochs
        expected = [plain.after_warmup(step / STEPS, 7.5) for step in range(30)]
    else:
        expected = curve(plain)[:30]
    np.testing.assert_allclose(warm[10:], expected, rtol=1e-12)


@pytest.mark.parametrize("kind", get_args(AnySchedule))
def test_warm_up_longer_than_the_training(kind):
    warm = curve(kind(warmup_epochs=100))
    np.testing.assert_allclose(
        warm, kind().factor(0, STEPS, EPOCHS) * np.arange(1, 41) / 400, rtol=1e-12
    )


@pytest.mark.parametrize(
    ("schedule", "epochs", "end"),
    [(Cosine(warmup_epochs=0.5), 1, 0), (OneCycle(warmup_epochs=1.5), 2, 0.0004)],
)
def test_a_schedule_ends_also_where_less_than_an_epoch_is_left_after_the_warm_up(
    schedule, epochs, end
):
    last = schedule.factor(1000 * epochs - 1, 1000, epochs)
    assert last == pytest.approx(end, abs=1e-4)


@pytest.mark.parametrize("schedule", named(SCHEDULES))
@pytest.mark.parametrize(("steps", "epochs"), [(1, 1), (1, 50), (13, 7)])
@pytest.mark.parametrize("warmup", [0, 0.5, 3])
def test_factors_are_never_negative_nor_more_than_one(schedule, steps, epochs, warmup):
    factors = curve(type(schedule)(warmup_epochs=warmup), steps, epochs)
    assert np.isfinite(factors).all()
    assert (factors >= 0).all()
    assert (factors <= 1).all()


@pytest.mark.parametrize(
    "schedule", named([*SCHEDULES, *(kind(warmup_epochs=1.5) for kind in get_args(AnySchedule))])
)
def test_training_multiplies_its_learning_rate_by_the_factor(schedule):
    rows = some_rows(SquaredError(), rows=10, outputs=1)
    records = train(
        network_of(linear(1)), rows, schedule=schedule, batch_size=4, learning_rate=0.02, epochs=5
    )  # 3 steps an epoch, and a record holds the rate of the last
    expected = [0.02 * schedule.factor(3 * epoch + 2, 3, 5) for epoch in range(5)]
    np.testing.assert_allclose(
        [record.learning_rate[0] for record in records], expected, rtol=1e-12
    )


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (StepDecay, {"every_epochs": 0}),
        (StepDecay, {"decay": 1.0}),
        (ExponentialDecay, {"decay": 0.0}),
        (Cosine, {"final": 1.0}),
        (OneCycle, {"rise": 0.0}),
        (OneCycle, {"initial": 0.0}),
        (ReduceOnPlateau, {"patience": -1}),
        (ConstantRate, {"warmup_epochs": -1.0}),
    ],
)
def test_impossible_settings_are_refused(kind, settings):
    ((name, bad),) = settings.items()
    with pytest.raises(ValueError, match=f"{kind.__name__}.{name} is {bad}; it must be"):
        kind(**settings)
