"""The base of optimizers that take all rows in one step, and ask for more than one gradient."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.optimizers.base import Optimizer
from bpnet.engine.stateful import Stateful


class BatchObjective(Protocol):
    """The loss L(θ) of all rows as one batch, whose θ an optimizer may change at will."""

    theta: Array
    """The parameters (R, P) that the methods compute with."""
    residuals: int
    """Number of rows times outputs."""
    scale: float
    """s, where the loss of the rows is s Σ w e²."""
    penalty: Array
    """The weight l2 of θ² / 2 for each parameter (P,): 0 for biases."""

    def loss(self) -> Array:
        """Return L (R,), penalty included."""

    def gradient(self) -> Array:
        """Return dL/dθ (R, P) where `loss` was called last; the next call overwrites it."""

    def normal_equations(self) -> tuple[Array, Array]:
        """Return the Hessian (R, P, P) and gradient (R, P) of s Σ w e², without the penalty.

        The Hessian is that of Gauss and Newton. The next call overwrites both.
        """


class Solver(Stateful):
    """An optimizer bound to an objective: `step` moves θ to better parameters, in place."""

    stateful: ClassVar[tuple[str, ...]] = ("converged", "gradient_norm")

    def __init__(self, objective: BatchObjective) -> None:
        replicas = len(objective.theta)
        self.converged: Array = np.zeros(replicas, np.bool_)
        """Mask (R,) of the replicas that no step improves any more; their θ stays."""
        self.gradient_norm: Array = np.full(replicas, np.nan)
        """|dL/dθ| (R,) before the last step."""

    @property
    def figures(self) -> Mapping[str, Array]:
        """What the log has of the last step (R,), by the names that the optimizer declares."""
        return {}

    def step(self, loss: Array) -> None:
        """Take one step from θ, whose loss (R,) the objective has computed last."""


@dataclass(frozen=True, kw_only=True)
class FullBatchOptimizer(Optimizer):
    """Base of optimizers whose step is a search over all rows, by a `Solver`."""

    work_arrays: ClassVar[int] = 0
    searches: ClassVar[bool] = True
    full_batch: ClassVar[bool] = True
    least_squares: ClassVar[bool] = False
    """True if it needs the normal equations of a squared error."""

    def solver(self, objective: BatchObjective) -> Solver:
        """Return the solver of an objective."""
        raise TypeError(f"{type(self).__name__} solves nothing")
