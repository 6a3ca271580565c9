"""Gradient descent, plain and with momentum."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.component import constant, number
from bpnet.engine.optimizers.base import Optimizer
from bpnet.engine.optimizers.state import Rate, State


@dataclass(frozen=True, kw_only=True)
class GradientDescent(Optimizer):
    """A step against the gradient: theta -= η g."""

    kind: Literal["gradient_descent"] = "gradient_descent"

    def _move(self, state: State, learning_rate: Rate) -> None:
        (work,) = state.work
        np.multiply(state.gradient, state.as_rate(learning_rate), work)  # η g
        np.subtract(state.theta, work, out=state.theta)


@dataclass(frozen=True, kw_only=True)
class Momentum(Optimizer):
    """Steps that carry on in the direction of earlier ones (Polyak 1964).

    v = μ v + g;  theta -= η v.
    """

    kind: Literal["momentum"] = "momentum"
    momentum: float = number(0.9, ge=0, lt=1)
    """Share μ of the velocity that stays at each step. With 0 it is plain gradient descent."""
    slots: ClassVar[tuple[str, ...]] = ("velocity",)

    def _move(self, state: State, learning_rate: Rate) -> None:
        velocity, (work,) = state.slots["velocity"], state.work
        np.multiply(velocity, constant(self.momentum, velocity.dtype), out=velocity)
        np.add(velocity, state.gradient, out=velocity)  # v = μ v + g
        np.multiply(velocity, state.as_rate(learning_rate), work)  # η v
        np.subtract(state.theta, work, out=state.theta)


@dataclass(frozen=True, kw_only=True)
class Nesterov(Optimizer):
    """Momentum that looks a step ahead (Nesterov 1983).

    v = μ v + g;  theta -= η (g + μ v), in the form of Sutskever et al. (2013).
    """

    kind: Literal["nesterov"] = "nesterov"
    momentum: float = number(0.9, ge=0, lt=1)
    """Share μ of the velocity that stays at each step. With 0 it is plain gradient descent."""
    slots: ClassVar[tuple[str, ...]] = ("velocity",)

    def _move(self, state: State, learning_rate: Rate) -> None:
        velocity, (work,) = state.slots["velocity"], state.work
        np.multiply(velocity, constant(self.momentum, velocity.dtype), out=velocity)
        np.add(velocity, state.gradient, out=velocity)
        np.multiply(velocity, constant(self.momentum, velocity.dtype), out=work)
        np.add(work, state.gradient, out=work)  # g + μ v, with the new v
        np.multiply(work, state.as_rate(learning_rate), work)
        np.subtract(state.theta, work, out=state.theta)
