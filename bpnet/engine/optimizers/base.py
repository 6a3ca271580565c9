"""The base of all optimizers: update rules over the flat parameter vector, which see no layers.

theta and gradient are (R, P): the parameters of every replica, and dL/dtheta. A rule is frozen
hyperparameters; its arrays are in a `State`. The learning rate η is a number, or (R, 1) for one of
each replica.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from bpnet.engine.component import Array, Component, constant
from bpnet.engine.learning_rate_factors import LearningRateFactors
from bpnet.engine.optimizers.state import Rate, Run, State
from bpnet.engine.parameters import Block
from bpnet.engine.progress import Progress
from bpnet.engine.workers import do_all

Before = Callable[[int, slice], object]


@dataclass(frozen=True, kw_only=True)
class Optimizer(Component):
    """Base of all optimizers; one that follows the gradient defines `_move`."""

    slots: ClassVar[tuple[str, ...]] = ()
    """Names of the arrays (R, P) that the rule keeps from step to step."""
    work_arrays: ClassVar[int] = 1
    """Number of arrays that the rule needs within a step."""
    searches: ClassVar[bool] = False
    """True if the rule tries parameters out by their loss, rather than follow each gradient."""
    full_batch: ClassVar[bool] = False
    """True if a step needs all rows at once (see `full_batch.py`)."""
    figures: ClassVar[tuple[str, ...]] = ()
    """Names of the columns that the log has of each step, beside the usual ones."""

    def bind(
        self,
        theta: Array,
        gradient: Array,
        weights: int,
        blocks: Sequence[Block] = (),
        factors: LearningRateFactors | None = None,
        progress: Progress | None = None,
    ) -> State:
        """Return a fresh state over theta and gradient (R, P).

        The first `weights` columns are weights, the others biases and the like. `blocks` are the
        parameter arrays that lie in theta, each of whose learning rates is multiplied by its factor
        in `factors`; a schedule reads its place from `progress`. Raises ValueError if the shapes
        differ.
        """
        if theta.shape != gradient.shape:
            raise ValueError(
                f"the parameters are {theta.shape} but the gradient is {gradient.shape}"
            )
        chosen = factors or LearningRateFactors()
        each = [(block.columns, chosen.of(block.parameter)) for block in blocks]
        columns = None
        if any(factor != 1 for _, factor in each):
            columns = np.ones(theta.shape[1], theta.dtype)
            for place, factor in each:
                columns[place] = constant(factor, theta.dtype)
        return State.fresh(
            theta,
            gradient,
            weights,
            self.slots,
            self.work_arrays,
            columns,
            self.matrices(blocks),
            progress,
        )

    def matrices(self, blocks: Sequence[Block]) -> dict[tuple[int, int], tuple[int, int]]:
        """Return the shapes of the matrices that the rule moves as such, by their columns' ends."""
        return {}

    def step(self, state: State, learning_rate: Rate, before: Before | None = None) -> None:
        """Move theta one step by the gradient, in place.

        `before` is called with the number and the columns of each run of the gradient before that
        run of theta moves.
        """
        state.count += 1
        decay = self._weight_decay(state)
        if len(state.runs) == 1:
            self._move_run(state, state.runs[0], learning_rate, decay, before)
            return
        do_all(
            [
                partial(self._move_run, state, run, learning_rate, decay, before)
                for run in state.runs
            ]
        )

    def _move_run(
        self, state: State, run: Run, learning_rate: Rate, decay: float, before: Before | None
    ) -> None:
        """Move a run of theta."""
        if before is not None:
            before(run.number, run.columns)
        self._move_parts(state, run.parts, learning_rate, decay)

    def _move_parts(
        self, state: State, parts: Sequence[State], learning_rate: Rate, decay: float
    ) -> None:
        """Move some parts of theta."""
        # part by part, so that the passes over one find it in the cache
        for part in parts:
            part.count, part.momentum_product = state.count, state.momentum_product
            rate = (
                learning_rate[part.rows] if isinstance(learning_rate, np.ndarray) else learning_rate
            )
            if decay and part.weights:
                weights = part.theta[:, : part.weights]  # weights come first in theta
                np.multiply(weights, 1 - rate * decay, out=weights)
            self._move(part, rate)

    def _weight_decay(self, state: State) -> float:
        """Return the share λ, times the learning rate, by which weights shrink before the step."""
        return 0.0

    def _move(self, state: State, learning_rate: Rate) -> None:
        """Move the part of theta in the state, at `state.as_rate(learning_rate)`.

        The step is counted already.
        """
        raise TypeError(f"{type(self).__name__} takes no steps")

    def search(
        self, state: State, learning_rate: Rate, loss: Array, evaluate: Callable[[], Array]
    ) -> None:
        """Change theta in place, given its loss (R,) and a function that measures it again."""
        raise TypeError(f"{type(self).__name__} does not search")
