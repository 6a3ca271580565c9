"""RMSprop and Adagrad: each parameter's step is divided by the size of its past gradients."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.component import Array, constant, number
from bpnet.engine.optimizers.base import Optimizer
from bpnet.engine.optimizers.state import Rate, State


@dataclass(frozen=True, kw_only=True)
class RmsProp(Optimizer):
    """Steps in units of each gradient's recent size (Tieleman and Hinton 2012).

    v = ρ v + (1 - ρ) g²;  theta -= η g / (√v + ε).
    """

    kind: Literal["rmsprop"] = "rmsprop"
    decay: float = number(0.9, ge=0, lt=1)
    """Share ρ of the mean square v that stays at each step; near 1 it averages over many steps."""
    epsilon: float = number(1e-8, gt=0)
    """Number ε that keeps the divisor above 0; a large one shortens the steps."""
    slots: ClassVar[tuple[str, ...]] = ("square",)

    def _move(self, state: State, learning_rate: Rate) -> None:
        square, (work,) = state.slots["square"], state.work
        _average_square(square, state.gradient, self.decay, work)
        scaled_step(state, state.gradient, square, learning_rate, self.epsilon, work)


@dataclass(frozen=True, kw_only=True)
class Adagrad(Optimizer):
    """Steps that shrink as gradients add up (Duchi, Hazan and Singer 2011).

    v = v + g²;  theta -= η g / (√v + ε).
    """

    kind: Literal["adagrad"] = "adagrad"
    epsilon: float = number(1e-10, gt=0)
    """Number ε that keeps the divisor above 0; a large one shortens the steps."""
    slots: ClassVar[tuple[str, ...]] = ("square",)

    def _move(self, state: State, learning_rate: Rate) -> None:
        square, (work,) = state.slots["square"], state.work
        np.multiply(state.gradient, state.gradient, out=work)
        np.add(square, work, out=square)  # v + g²
        scaled_step(state, state.gradient, square, learning_rate, self.epsilon, work)


def _average_square(square: Array, gradient: Array, decay: float, work: Array) -> None:
    """Update v = decay v + (1 - decay) g², in place."""
    np.multiply(square, constant(decay, square.dtype), square)
    np.multiply(gradient, gradient, work)  # g²
    np.multiply(work, constant(1 - decay, square.dtype), work)
    np.add(square, work, square)


def scaled_step(
    state: State, direction: Array, square: Array, rate: Rate, epsilon: float, work: Array
) -> None:
    """Move theta -= rate direction / (√v + epsilon), in place."""
    np.sqrt(square, work)  # √v
    np.add(work, state.as_array(epsilon), work)
    np.divide(direction, work, work)  # direction / (√v + ε)
    np.multiply(work, state.as_rate(rate), work)
    np.subtract(state.theta, work, state.theta)
