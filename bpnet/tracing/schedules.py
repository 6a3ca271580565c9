"""The equation of a step's learning rate: the rate of the config, times its schedule's factor."""

from bpnet.engine.loop.settings import Training
from bpnet.engine.schedules import (
    ConstantRate,
    Cosine,
    ExponentialDecay,
    FlatCosine,
    LogCosine,
    OneCycle,
    ReduceOnPlateau,
    Schedule,
    StepDecay,
)
from bpnet.engine.step_trace import StepTrace
from bpnet.tracing.expressions import (
    ONE,
    PI,
    TWO,
    Constant,
    Expression,
    Power,
    call,
    minus,
    over,
    plus,
    times,
)


def learning_rate(training: Training, step: StepTrace) -> Expression | None:
    """Return the rate of a step as an equation; None where it is the config's own."""
    schedule = training.schedule
    if type(schedule) is ConstantRate and not schedule.warmup_epochs:
        return None
    factors = [Constant(training.learning_rate), factor(schedule, *step.place)]
    if step.reduction != 1:  # of a schedule that waits for a plateau
        factors.append(Constant(step.reduction))
    return times(*factors)


def factor(schedule: Schedule, step: int, steps_per_epoch: int, epochs: int) -> Expression:
    """Return the factor of a schedule at a step, counted from 0."""
    warmup = schedule.warmup_epochs * steps_per_epoch
    rest = epochs - schedule.warmup_epochs if epochs > schedule.warmup_epochs else 1.0
    if step < warmup:
        rising = call("min", ONE, over(Constant(float(step + 1)), Constant(float(warmup))))
        return times(rising, _after_warmup(schedule, Constant(0.0), rest))
    t = over(Constant(step - warmup), Constant(float(steps_per_epoch)))
    return _after_warmup(schedule, t, rest)


def _after_warmup(schedule: Schedule, t: Expression, epochs: float) -> Expression:
    """Return the factor t epochs after the warm-up, which `epochs` follow."""
    share = over(t, Constant(float(epochs)))
    if isinstance(schedule, StepDecay):
        # as the engine rounds: t is a sum of fractions, which may end just below a whole number
        done = call("floor", plus(over(t, Constant(float(schedule.every_epochs))), Constant(1e-9)))
        return Power(Constant(schedule.decay), done)
    if isinstance(schedule, ExponentialDecay):
        return Power(Constant(schedule.decay), t)
    if isinstance(schedule, Cosine):
        return _half_cosine(1.0, schedule.final, share)
    if isinstance(schedule, FlatCosine):
        late = call("max", minus(share, Constant(schedule.flat)), Constant(0.0))
        return _half_cosine(1.0, 0.0, over(late, Constant(1 - schedule.flat)))
    if isinstance(schedule, LogCosine):
        bounded = call("min", share, ONE)
        cycles = call("log2", plus(ONE, times(Constant(2.0**schedule.cycles - 1), bounded)))
        return over(minus(ONE, call("cos", times(TWO, PI, cycles))), TWO)
    if isinstance(schedule, OneCycle):
        if share.value < schedule.rise:
            return _half_cosine(schedule.initial, 1.0, over(share, Constant(schedule.rise)))
        down = over(minus(share, Constant(schedule.rise)), Constant(1 - schedule.rise))
        return _half_cosine(1.0, schedule.final, down)
    assert isinstance(schedule, ConstantRate | ReduceOnPlateau)
    return ONE


def _half_cosine(start: float, end: float, share: Expression) -> Expression:
    """Return end + (start - end) (1 + cos(π share)) / 2."""
    bounded = share if share.value <= 1 else ONE
    wave = over(plus(ONE, call("cos", times(PI, bounded))), TWO)
    fall = times(minus(Constant(start), Constant(end)), wave)
    return plus(Constant(end), fall) if end else fall
