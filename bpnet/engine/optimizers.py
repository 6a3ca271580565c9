"""Optimizers: update rules over the flat parameter vector; they never see a layer.

theta and g are (R, P): parameters and gradient of every replica. A rule is frozen hyperparameters; its arrays live in
a `State`, so that a checkpoint is the state and nothing else. The learning rate is a number, or (R, 1) for one each.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.component import Array, Component, FieldError, constant, number
from bpnet.engine.optimizer_state import Rate, State


@dataclass(frozen=True, kw_only=True)
class Optimizer(Component):
    """The base of all optimizers."""

    slots: ClassVar[tuple[str, ...]] = ()
    work_arrays: ClassVar[int] = 1
    searches: ClassVar[bool] = False
    """Whether it tries parameters out by their loss, with `search`, rather than follow the gradient."""

    def bind(self, theta: Array, gradient: Array, weights: int) -> State:
        """Fresh state over these arrays, whose first `weights` columns are weights and the rest biases and the like."""
        if theta.shape != gradient.shape:
            raise ValueError(
                f"the parameters are {theta.shape} but the gradient is {gradient.shape}"
            )
        return State.fresh(theta, gradient, weights, self.slots, self.work_arrays)

    def step(self, state: State, learning_rate: Rate) -> None:
        """Move theta one step by the gradient, in place."""
        state.count += 1
        for part in state.parts:
            part.count, part.momentum_product = state.count, state.momentum_product
            self._move(part, learning_rate)

    def _move(self, state: State, learning_rate: Rate) -> None:
        """Move the part of theta that the state holds; the step is counted already."""
        raise TypeError(f"{type(self).__name__} takes no steps")

    def search(
        self, state: State, learning_rate: Rate, loss: Array, evaluate: Callable[[], Array]
    ) -> None:
        """Change theta in place, given its loss (R,) and what measures the loss of theta as it then is."""
        raise TypeError(f"{type(self).__name__} does not search")


@dataclass(frozen=True, kw_only=True)
class GradientDescent(Optimizer):
    """theta -= η g."""

    kind: Literal["gradient_descent"] = "gradient_descent"

    def _move(self, state: State, learning_rate: Rate) -> None:
        (work,) = state.work
        np.multiply(state.gradient, state.as_array(learning_rate), work)
        np.subtract(state.theta, work, out=state.theta)


@dataclass(frozen=True, kw_only=True)
class Momentum(Optimizer):
    """v = μ v + g;  theta -= η v (Polyak 1964)."""

    kind: Literal["momentum"] = "momentum"
    momentum: float = number(0.9, ge=0, lt=1)
    """Share μ of the velocity that stays at each step. With 0 it is plain gradient descent."""
    slots: ClassVar[tuple[str, ...]] = ("velocity",)

    def _move(self, state: State, learning_rate: Rate) -> None:
        velocity, (work,) = state.slots["velocity"], state.work
        np.multiply(velocity, constant(self.momentum, velocity.dtype), out=velocity)
        np.add(velocity, state.gradient, out=velocity)
        np.multiply(velocity, state.as_array(learning_rate), work)
        np.subtract(state.theta, work, out=state.theta)


@dataclass(frozen=True, kw_only=True)
class Nesterov(Optimizer):
    """v = μ v + g;  theta -= η (g + μ v) (Nesterov 1983, in the form of Sutskever et al. 2013)."""

    kind: Literal["nesterov"] = "nesterov"
    momentum: float = number(0.9, ge=0, lt=1)
    """Share μ of the velocity that stays at each step. With 0 it is plain gradient descent."""
    slots: ClassVar[tuple[str, ...]] = ("velocity",)

    def _move(self, state: State, learning_rate: Rate) -> None:
        velocity, (work,) = state.slots["velocity"], state.work
        np.multiply(velocity, constant(self.momentum, velocity.dtype), out=velocity)
        np.add(velocity, state.gradient, out=velocity)
        np.multiply(velocity, constant(self.momentum, velocity.dtype), out=work)
        np.add(work, state.gradient, out=work)
        np.multiply(work, state.as_array(learning_rate), work)
        np.subtract(state.theta, work, out=state.theta)


@dataclass(frozen=True, kw_only=True)
class RmsProp(Optimizer):
    """v = ρ v + (1 - ρ) g²;  theta -= η g / (√v + ε) (Tieleman and Hinton 2012)."""

    kind: Literal["rmsprop"] = "rmsprop"
    decay: float = number(0.9, ge=0, lt=1)
    """Share ρ of the mean square v that stays at each step; near 1 it averages over many steps."""
    epsilon: float = number(1e-8, gt=0)
    """Number ε that keeps the divisor above 0; a large one shortens the steps."""
    slots: ClassVar[tuple[str, ...]] = ("square",)

    def _move(self, state: State, learning_rate: Rate) -> None:
        square, (work,) = state.slots["square"], state.work
        _average_square(square, state.gradient, self.decay, work)
        _scaled_step(state, state.gradient, square, learning_rate, self.epsilon, work)


@dataclass(frozen=True, kw_only=True)
class Adagrad(Optimizer):
    """v = v + g²;  theta -= η g / (√v + ε) (Duchi, Hazan and Singer 2011)."""

    kind: Literal["adagrad"] = "adagrad"
    epsilon: float = number(1e-10, gt=0)
    """Number ε that keeps the divisor above 0; a large one shortens the steps."""
    slots: ClassVar[tuple[str, ...]] = ("square",)

    def _move(self, state: State, learning_rate: Rate) -> None:
        square, (work,) = state.slots["square"], state.work
        np.multiply(state.gradient, state.gradient, out=work)
        np.add(square, work, out=square)
        _scaled_step(state, state.gradient, square, learning_rate, self.epsilon, work)


@dataclass(frozen=True, kw_only=True)
class _Moments(Optimizer):
    """What Adam and its kin share: m = β1 m + (1 - β1) g;  v = β2 v + (1 - β2) g².

    The slots hold m / (1 - β1) and v / (1 - β2), which saves two passes; `_rate_and_epsilon` makes up for it.
    """

    beta_1: float = number(0.9, ge=0, lt=1)
    """Share β1 of the mean gradient m that stays at each step. With 0 there is no momentum."""
    beta_2: float = number(0.999, ge=0, lt=1)
    """Share β2 of the mean square v that stays at each step; near 1 it averages over many steps."""
    epsilon: float = number(1e-8, gt=0)
    """Number ε that keeps the divisor above 0; a large one shortens the steps."""
    slots: ClassVar[tuple[str, ...]] = ("mean", "square")

    def _update_moments(self, state: State) -> None:
        """Move m and v."""
        mean, square, work = state.slots["mean"], state.slots["square"], state.work[0]
        np.multiply(mean, constant(self.beta_1, mean.dtype), mean)
        np.add(mean, state.gradient, mean)
        np.multiply(square, constant(self.beta_2, mean.dtype), square)
        np.multiply(state.gradient, state.gradient, work)
        np.add(square, work, square)

    def _rate_and_epsilon(self, state: State, learning_rate: Rate) -> tuple[Rate, float]:
        """What η and ε become by v's correction 1 - β2ᵗ and the scale of its slot."""
        correction = math.sqrt((1 - self.beta_2**state.count) / (1 - self.beta_2))
        return learning_rate * correction, self.epsilon * correction

    def _adam_step(self, state: State, learning_rate: Rate) -> None:
        """Theta -= η m̂ / (√v̂ + ε), with both corrections by 1 - βᵗ drawn into η and ε."""
        rate, epsilon = self._rate_and_epsilon(state, learning_rate)
        rate = rate * ((1 - self.beta_1) / (1 - self.beta_1**state.count))
        _scaled_step(
            state, state.slots["mean"], state.slots["square"], rate, epsilon, state.work[0]
        )


@dataclass(frozen=True, kw_only=True)
class Adam(_Moments):
    """m̂ = m / (1 - β1ᵗ), v̂ = v / (1 - β2ᵗ);  theta -= η m̂ / (√v̂ + ε) (Kingma and Ba 2015)."""

    kind: Literal["adam"] = "adam"

    def _move(self, state: State, learning_rate: Rate) -> None:
        self._update_moments(state)
        self._adam_step(state, learning_rate)


@dataclass(frozen=True, kw_only=True)
class AdamW(_Moments):
    """Adam's step after theta -= η λ theta on the weights, biases exempt (Loshchilov and Hutter 2019)."""

    kind: Literal["adamw"] = "adamw"
    weight_decay: float = number(0.01, ge=0)
    """Share λ, times the learning rate, by which a step shrinks each weight. With 0 it is adam."""

    def _move(self, state: State, learning_rate: Rate) -> None:
        weights = state.theta[:, : state.weights]
        np.multiply(weights, 1 - learning_rate * self.weight_decay, out=weights)
        self._update_moments(state)
        self._adam_step(state, learning_rate)


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

    def step(self, state: State, learning_rate: Rate) -> None:
        """One step."""
        state.momentum_product *= self._momentum(state.count + 1)
        super().step(state, learning_rate)

    def _move(self, state: State, learning_rate: Rate) -> None:
        self._update_moments(state)
        work, look_ahead = state.work
        now, following = self._momentum(state.count), self._momentum(state.count + 1)
        np.multiply(state.gradient, (1 - now) / (1 - state.momentum_product), out=look_ahead)
        ahead = (1 - self.beta_1) * following / (1 - state.momentum_product * following)
        np.multiply(state.slots["mean"], ahead, out=work)
        np.add(look_ahead, work, out=look_ahead)
        _scaled_step(
            state,
            look_ahead,
            state.slots["square"],
            *self._rate_and_epsilon(state, learning_rate),
            work,
        )

    def _momentum(self, step: int) -> float:
        return self.beta_1 * (1 - 0.5 * math.pow(0.96, step * self.momentum_decay))


@dataclass(frozen=True, kw_only=True)
class Rprop(Optimizer):
    """theta -= Δ sign(g), with a step size Δ for each parameter: iRprop⁻ (Igel and Hüsken 2000).

    It descends from Riedmiller and Braun (1993). Δ starts at the learning rate, grows while the
    gradient keeps its sign, and shrinks where the sign turns; that parameter then rests for one
    step. It is made for `batch_size: full`, and no schedule changes its steps.
    """

    kind: Literal["rprop"] = "rprop"
    increase: float = number(1.2, gt=1)
    """Factor by which a step size grows while the gradient keeps its sign."""
    decrease: float = number(0.5, gt=0, lt=1)
    """Factor by which a step size shrinks where the gradient's sign turns."""
    smallest_step: float = number(1e-6, gt=0)
    """Lower limit of the step sizes."""
    largest_step: float = number(50.0, gt=0)
    """Upper limit of the step sizes."""
    slots: ClassVar[tuple[str, ...]] = ("previous", "size")
    work_arrays: ClassVar[int] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.smallest_step > self.largest_step:
            raise FieldError(
                "smallest_step", f"is {self.smallest_step}, above largest_step, {self.largest_step}"
            )

    def _move(self, state: State, learning_rate: Rate) -> None:
        previous, size = state.slots["previous"], state.slots["size"]
        turned, factor = state.work
        if state.count == 1:
            np.copyto(size, learning_rate)
        np.multiply(state.gradient, previous, out=turned)
        np.sign(turned, out=turned)
        np.maximum(turned, 0, out=factor)
        np.minimum(turned, 0, out=turned)
        np.multiply(factor, self.increase - 1, out=factor)
        np.add(factor, 1, out=factor)
        np.multiply(size, factor, out=size)
        np.multiply(turned, 1 - self.decrease, out=factor)
        np.add(factor, 1, out=factor)
        np.multiply(size, factor, out=size)
        np.maximum(size, self.smallest_step, out=size)
        np.minimum(size, self.largest_step, out=size)
        np.add(turned, 1, out=turned)
        np.multiply(state.gradient, turned, out=previous)
        np.sign(previous, out=turned)
        np.multiply(turned, size, out=turned)
        np.subtract(state.theta, turned, out=state.theta)


@dataclass(frozen=True, kw_only=True)
class Perturbation(Optimizer):
    """theta_i += η n for one parameter i at a time, n standard normal: kept if the loss falls.

    It needs no gradient: a step is two forward passes, one that measures the loss and one that
    tries.
    """

    kind: Literal["perturbation"] = "perturbation"
    order: Literal["random", "cyclic"] = "random"
    """Choice of the next parameter: at random, or cyclic, one after the other."""
    work_arrays: ClassVar[int] = 0
    searches: ClassVar[bool] = True

    def search(
        self, state: State, learning_rate: Rate, loss: Array, evaluate: Callable[[], Array]
    ) -> None:
        """Try one change in each replica."""
        theta = state.theta
        replicas, parameters = theta.shape
        rows = np.arange(replicas)
        if self.order == "random":
            chosen = np.array([rng.integers(parameters) for rng in state.generators])
        else:
            chosen = np.full(replicas, state.count % parameters)
        state.count += 1
        noise = np.array([rng.standard_normal() for rng in state.generators])
        before = theta[rows, chosen]
        theta[rows, chosen] = before + np.ravel(learning_rate) * noise
        worse = ~(evaluate() < loss)
        theta[rows[worse], chosen[worse]] = before[worse]


def _average_square(square: Array, gradient: Array, decay: float, work: Array) -> None:
    """V = decay v + (1 - decay) g²."""
    np.multiply(square, constant(decay, square.dtype), square)
    np.multiply(gradient, gradient, work)
    np.multiply(work, constant(1 - decay, square.dtype), work)
    np.add(square, work, square)


def _scaled_step(
    state: State, direction: Array, square: Array, rate: Rate, epsilon: float, work: Array
) -> None:
    """Theta -= rate direction / (√v + epsilon)."""
    np.sqrt(square, work)
    np.add(work, state.as_array(epsilon), work)
    np.divide(direction, work, work)
    np.multiply(work, state.as_array(rate), work)
    np.subtract(state.theta, work, state.theta)


AnyOptimizer = (
    GradientDescent
    | Momentum
    | Nesterov
    | RmsProp
    | Adagrad
    | Adam
    | AdamW
    | NAdam
    | Rprop
    | Perturbation
)
