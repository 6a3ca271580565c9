"""Adam, AdamW and NAdam: moving averages of the gradient and of its square."""

import math
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.component import Passes, choice, constant, number
from bpnet.engine.optimizers.adaptive import scaled_step
from bpnet.engine.optimizers.base import Before, Optimizer
from bpnet.engine.optimizers.state import Rate, State
from bpnet.engine.schedules import PlannedSchedule


@dataclass(frozen=True, kw_only=True)
class _Moments(Optimizer):
    """The moments of Adam and its variants: m = β1 m + (1 - β1) g;  v = β2 v + (1 - β2) g².

    The slots hold m / (1 - β1) and v / (1 - β2), which saves two passes over the parameters;
    `_rate_and_epsilon` makes up for it.
    """

    beta_1: float = number(0.9, ge=0, lt=1)
    """Share β1 of the mean gradient m that stays at each step. With 0 there is no momentum."""
    beta_2: float = number(0.999, ge=0, lt=1)
    """Share β2 of the mean square v that stays at each step; near 1 it averages over many steps."""
    epsilon: float = number(1e-8, gt=0)
    """Number ε that keeps the divisor above 0; a large one shortens the steps."""
    slots: ClassVar[tuple[str, ...]] = ("mean", "square")

    def _take_passes(self, state: State) -> None:
        """Take the operations that are the same in each step."""
        if not state.passes:
            state.passes = self._passes(state)
        for take in state.passes:
            take()

    def _passes(self, state: State) -> Passes:
        """Return the operations that update the slots."""
        mean, square = state.slots["mean"], state.slots["square"]
        gradient, work, dtype = state.gradient, state.work[0], state.theta.dtype
        return (
            partial(np.multiply, mean, constant(self.beta_1, dtype), mean),
            partial(np.add, mean, gradient, mean),  # m / (1 - β1)
            partial(np.multiply, square, constant(self.beta_2, dtype), square),
            partial(np.multiply, gradient, gradient, work),  # g²
            partial(np.add, square, work, square),  # v / (1 - β2)
        )

    def _rate_and_epsilon(self, state: State, learning_rate: Rate) -> tuple[Rate, float]:
        """Return η and ε times √((1 - β2ᵗ) / (1 - β2)), which turns the slot of v into v̂."""
        # √v̂ = √slot / correction: η m̂ / (√v̂ + ε) = η correction m̂ / (√slot + ε correction)
        correction = math.sqrt((1 - self.beta_2**state.count) / (1 - self.beta_2))
        return learning_rate * correction, self.epsilon * correction


@dataclass(frozen=True, kw_only=True)
class _AdamStep(_Moments):
    """The step of Adam: theta -= η m̂ / (√v̂ + ε)."""

    def _passes(self, state: State) -> Passes:
        """Return the operations that update the slots, and write m / (√v + ε) of the slots."""
        mean, square, work = state.slots["mean"], state.slots["square"], state.work[0]
        return (
            *super()._passes(state),
            partial(np.sqrt, square, work),
            partial(np.add, work, state.epsilon, work),
            partial(np.divide, mean, work, work),
        )

    def _move(self, state: State, learning_rate: Rate) -> None:
        # both corrections 1 - βᵗ are moved into η and ε
        rate, epsilon = self._rate_and_epsilon(state, learning_rate)
        rate = rate * ((1 - self.beta_1) / (1 - self.beta_1**state.count))  # m̂ over its slot
        state.epsilon.fill(epsilon)
        self._take_passes(state)
        work = state.work[0]
        np.multiply(work, state.as_rate(rate), work)
        np.subtract(state.theta, work, state.theta)


@dataclass(frozen=True, kw_only=True)
class Adam(_AdamStep):
    """Momentum, in units of each gradient's recent size (Kingma and Ba 2015).

    m = β1 m + (1 - β1) g and v = β2 v + (1 - β2) g²;  m̂ = m / (1 - β1ᵗ) and v̂ = v / (1 - β2ᵗ);
    theta -= η m̂ / (√v̂ + ε).
    """

    kind: Literal["adam"] = "adam"


@dataclass(frozen=True, kw_only=True)
class DecoupledDecay(_AdamStep):
    """Adam whose weights shrink apart from its step: theta -= η λ theta, biases exempt."""

    weight_decay: float = number(0.01, ge=0)
    """Share λ, times the learning rate, by which a step shrinks each weight. With 0 there is none.
    Example: `weight_decay: 0.05`.
    """
    decay_schedule: PlannedSchedule | None = choice(None)
    """Change of λ during training, beside that of the learning rate. By default λ is constant.
    Example: `decay_schedule: flat_cosine`.
    """

    def _weight_decay(self, state: State) -> float:
        return self.weight_decay * state.progress.factor(self.decay_schedule)


@dataclass(frozen=True, kw_only=True)
class AdamW(DecoupledDecay):
    """Adam that also shrinks the weights (Loshchilov and Hutter 2019).

    First theta -= η λ theta on the weights, biases exempt; then the step of adam. Factors of the
    learning rate are for that step only.
    """

    kind: Literal["adamw"] = "adamw"


@dataclass(frozen=True, kw_only=True)
class NAdam(_Moments):
    """Adam with Nesterov's momentum (Dozat 2016).

    With the momenta μ_t = β1 (1 - 0.5 · 0.96^(t ψ)) and their product Π_t = μ_1 … μ_t:
    theta -= η ((1 - μ_t) g / (1 - Π_t) + μ_t+1 m / (1 - Π_t+1)) / (√v̂ + ε).
    """

    kind: Literal["nadam"] = "nadam"
    momentum_decay: float = number(0.004, ge=0)
    """Rate ψ at which the momentum rises from about β1 / 2 toward β1. With 0 it stays at β1 / 2."""
    work_arrays: ClassVar[int] = 2

    def step(self, state: State, learning_rate: Rate, before: Before | None = None) -> None:
        """Move theta one step by the gradient, in place."""
        state.momentum_product *= self._momentum(state.count + 1)  # Π_t: count is still t - 1
        super().step(state, learning_rate, before)

    def _move(self, state: State, learning_rate: Rate) -> None:
        self._take_passes(state)
        work, look_ahead = state.work
        now, following = self._momentum(state.count), self._momentum(state.count + 1)  # μ_t, μ_t+1
        # (1 - μ_t) g / (1 - Π_t)
        np.multiply(state.gradient, (1 - now) / (1 - state.momentum_product), out=look_ahead)
        # the slot is m / (1 - β1)
        ahead = (1 - self.beta_1) * following / (1 - state.momentum_product * following)
        np.multiply(state.slots["mean"], ahead, out=work)  # μ_t+1 m / (1 - Π_t+1)
        np.add(look_ahead, work, out=look_ahead)
        scaled_step(
            state,
            look_ahead,
            state.slots["square"],
            *self._rate_and_epsilon(state, learning_rate),
            work,
        )

    def _momentum(self, step: int) -> float:
        """Return μ_t."""
        return self.beta_1 * (1 - 0.5 * math.pow(0.96, step * self.momentum_decay))
