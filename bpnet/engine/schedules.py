"""Schedules: the factor of the learning rate at each step.

`t` counts epochs from the end of the warm-up, with fractions for steps; `epochs` is the number of
epochs after it.
"""

import math
from dataclasses import dataclass
from typing import Literal

from bpnet.engine.component import Component, number


@dataclass(frozen=True, kw_only=True)
class Schedule(Component):
    """Base of all schedules."""

    warmup_epochs: float = number(0.0, ge=0)
    """Epochs at the start in which the rate rises in equal steps from nearly 0. With 0 it starts in
    full. Example: `warmup_epochs: 5`.
    """

    def factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:
        """Return the factor at a step, counted from 0 over all epochs."""
        warmup = self.warmup_epochs * steps_per_epoch
        # never 0, since schedules divide by it
        rest = epochs - self.warmup_epochs if epochs > self.warmup_epochs else 1.0
        if step < warmup:
            # at most 1 where the warm-up ends within a step
            return min(1.0, (step + 1) / warmup) * self.after_warmup(0.0, rest)
        return self.after_warmup((step - warmup) / steps_per_epoch, rest)

    def after_warmup(self, t: float, epochs: float) -> float:
        """Return the factor t epochs after the warm-up, which `epochs` follow."""
        return 1.0


@dataclass(frozen=True, kw_only=True)
class ConstantRate(Schedule):
    """The learning rate as it is."""

    kind: Literal["constant"] = "constant"

    def factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:
        """Return 1, or the factor of the warm-up."""
        return super().factor(step, steps_per_epoch, epochs) if self.warmup_epochs else 1.0


@dataclass(frozen=True, kw_only=True)
class StepDecay(Schedule):
    """Multiplied by `decay` after every `every_epochs` epochs."""

    kind: Literal["step"] = "step"
    every_epochs: int = number(30, ge=1)
    """Epochs between two reductions."""
    decay: float = number(0.1, gt=0, lt=1)
    """Factor of each reduction."""

    def after_warmup(self, t: float, epochs: float) -> float:
        """Return decay^⌊t / every_epochs⌋."""
        # t is a sum of fractions, which may end just below a whole number
        return math.pow(self.decay, math.floor(t / self.every_epochs + 1e-9))


@dataclass(frozen=True, kw_only=True)
class ExponentialDecay(Schedule):
    """Multiplied by `decay` in each epoch, evenly over its steps."""

    kind: Literal["exponential"] = "exponential"
    decay: float = number(0.98, gt=0, lt=1)
    """Factor of each epoch."""

    def after_warmup(self, t: float, epochs: float) -> float:
        """Return decay^t."""
        return math.pow(self.decay, t)


@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """Half a cosine from 1 down to `final` over all epochs (Loshchilov and Hutter 2017)."""

    kind: Literal["cosine"] = "cosine"
    final: float = number(0.0, ge=0, lt=1)
    """Factor at the end. With 0 the last steps hardly move."""

    def after_warmup(self, t: float, epochs: float) -> float:
        """Return final + (1 - final) (1 + cos(π t / epochs)) / 2."""
        return _half_cosine(1.0, self.final, t / epochs)


@dataclass(frozen=True, kw_only=True)
class FlatCosine(Schedule):
    """1 for a share `flat` of all epochs, then half a cosine down to 0."""

    kind: Literal["flat_cosine"] = "flat_cosine"
    flat: float = number(0.5, ge=0, lt=1)
    """Share of all epochs before the descent. With 0 it is cosine."""

    def after_warmup(self, t: float, epochs: float) -> float:
        """Return 1 up to the share s = flat, then (1 + cos(π (s - flat) / (1 - flat))) / 2."""
        return _half_cosine(1.0, 0.0, max(t / epochs - self.flat, 0.0) / (1 - self.flat))


@dataclass(frozen=True, kw_only=True)
class LogCosine(Schedule):
    """Whole cosines from 0 up to 1 and back, each about twice as long as the one before.

    The rate is 0 after 1/15, 1/5, 7/15 and all of the epochs with 4 cycles: a training that is
    stopped soon after one of these ends with small steps, too (Holzmüller, Grinsztajn and Steinwart
    2024).
    """

    kind: Literal["log_cosine"] = "log_cosine"
    cycles: int = number(4, ge=1, le=30)
    """Number of cosines. With 1 there is a single one over all epochs."""

    def after_warmup(self, t: float, epochs: float) -> float:
        """Return (1 - cos(2π log2(1 + (2^cycles - 1) s))) / 2 at the share s of the epochs."""
        cycles = math.log2(1 + (2**self.cycles - 1) * min(t / epochs, 1.0))
        return (1 - math.cos(2 * math.pi * cycles)) / 2


@dataclass(frozen=True, kw_only=True)
class OneCycle(Schedule):
    """Half a cosine from `initial` up to 1, then half of one down to `final` (Smith 2018)."""

    kind: Literal["one_cycle"] = "one_cycle"
    rise: float = number(0.3, gt=0, lt=1)
    """Share of all epochs in which the rate rises."""
    initial: float = number(0.04, gt=0, le=1)
    """Factor at the start."""
    final: float = number(0.0004, ge=0, lt=1)
    """Factor at the end."""

    def after_warmup(self, t: float, epochs: float) -> float:
        """Return the factor on the way up, for a share `rise` of the epochs, or on the way down."""
        share = t / epochs
        if share < self.rise:
            return _half_cosine(self.initial, 1.0, share / self.rise)
        return _half_cosine(1.0, self.final, (share - self.rise) / (1 - self.rise))


@dataclass(frozen=True, kw_only=True)
class ReduceOnPlateau(Schedule):
    """Multiplied by `decay` whenever the monitored metric stalls for over `patience` epochs.

    The metric is that of `training.early_stopping.monitor`. The factor never falls below
    `smallest`.
    """

    kind: Literal["reduce_on_plateau"] = "reduce_on_plateau"
    patience: int = number(10, ge=0)
    """Epochs in a row without an improvement that are put up with; the next one reduces the
    rate.
    """
    decay: float = number(0.5, gt=0, lt=1)
    """Factor of each reduction."""
    minimum_improvement: float = number(0.0, ge=0)
    """Amount, in the unit of the metric, that an improvement must exceed. With 0 every improvement
    counts.
    """
    smallest: float = number(0.001, ge=0, lt=1)
    """Lower limit of the factor."""


def _half_cosine(start: float, end: float, share: float) -> float:
    """Go from start to end as share goes from 0 to 1, level at both ends."""
    return end + (start - end) * (1 + math.cos(math.pi * min(share, 1.0))) / 2


PlannedSchedule = (
    ConstantRate | StepDecay | ExponentialDecay | Cosine | FlatCosine | LogCosine | OneCycle
)
"""The schedules that follow from the place in the training alone."""
AnySchedule = PlannedSchedule | ReduceOnPlateau
"""The schedules of the learning rate."""
