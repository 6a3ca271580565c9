"""Weight perturbation: a search that tries changes out by their loss, and needs no gradient."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.optimizers.base import Optimizer
from bpnet.engine.optimizers.state import Rate, State


@dataclass(frozen=True, kw_only=True)
class Perturbation(Optimizer):
    """Random changes of one parameter at a time, each kept only if the loss falls.

    theta_i += η n for one parameter i, with n standard normal. It needs no gradient: a step is two
    forward passes, one that measures the loss and one that tries.
    """

    kind: Literal["perturbation"] = "perturbation"
    order: Literal["random", "cyclic"] = "random"
    """Choice of the next parameter: at random, or cyclic, one after the other."""
    work_arrays: ClassVar[int] = 0
    searches: ClassVar[bool] = True

    def search(
        self, state: State, learning_rate: Rate, loss: Array, evaluate: Callable[[], Array]
    ) -> None:
        """Try one change in each replica, and undo it unless its loss falls."""
        theta = state.theta
        replicas, parameters = theta.shape
        rows = np.arange(replicas)
        if self.order == "random":
            chosen = np.array([rng.integers(parameters) for rng in state.generators])
        else:
            chosen = np.full(replicas, state.count % parameters)
        state.count += 1
        noise = np.array([rng.standard_normal() for rng in state.generators])
        before = theta[rows, chosen]  # (R,), a copy, since the index is an array
        theta[rows, chosen] = before + np.ravel(learning_rate) * noise  # η is a number or (R, 1)
        worse = ~(evaluate() < loss)  # a loss of nan is worse
        theta[rows[worse], chosen[worse]] = before[worse]
