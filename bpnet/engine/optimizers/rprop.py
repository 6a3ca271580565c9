"""Rprop: steps that follow from the gradient's signs, not from its size."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.component import FieldError, number
from bpnet.engine.optimizers.base import Optimizer
from bpnet.engine.optimizers.state import Rate, State


@dataclass(frozen=True, kw_only=True)
class Rprop(Optimizer):
    """A step size for each parameter, by the signs of its gradient (Igel and Hüsken 2000).

    theta -= Δ sign(g), with a step size Δ for each parameter: iRprop⁻, which descends from
    Riedmiller and Braun (1993). Δ starts at the learning rate, grows while the gradient keeps its
    sign, and shrinks where the sign turns; that parameter then rests for one step. It is made for
    `batch_size: full`, and no schedule changes its steps.
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
                "smallest_step",
                f"is {self.smallest_step}, above largest_step, {self.largest_step}; "
                "lower it, or raise largest_step",
            )

    def _move(self, state: State, learning_rate: Rate) -> None:
        previous, size = state.slots["previous"], state.slots["size"]
        turned, factor = state.work
        if state.count == 1:
            np.copyto(size, state.as_rate(learning_rate))
        np.multiply(state.gradient, previous, out=turned)  # below 0 where the sign turned
        np.sign(turned, out=turned)
        np.maximum(turned, 0, out=factor)  # 1 where the sign stayed
        np.minimum(turned, 0, out=turned)  # -1 where it turned
        np.multiply(factor, self.increase - 1, out=factor)
        np.add(factor, 1, out=factor)  # `increase` where the sign stayed, else 1
        np.multiply(size, factor, out=size)
        np.multiply(turned, 1 - self.decrease, out=factor)
        np.add(factor, 1, out=factor)  # `decrease` where the sign turned, else 1
        np.multiply(size, factor, out=size)
        np.maximum(size, self.smallest_step, out=size)
        np.minimum(size, self.largest_step, out=size)
        np.add(turned, 1, out=turned)  # 0 where it turned, else 1
        np.multiply(state.gradient, turned, out=previous)  # 0 where it turned: no step there
        np.sign(previous, out=turned)
        np.multiply(turned, size, out=turned)  # Δ sign(g)
        np.subtract(state.theta, turned, out=state.theta)
