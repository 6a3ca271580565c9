"""The base of all optimizers: update rules over the flat parameter vector, which see no layers.

theta and gradient are (R, P): the parameters of every replica, and dL/dtheta. A rule is frozen
hyperparameters; its arrays are in a `State`. The learning rate η is a number, or (R, 1) for one of
each replica.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from bpnet.engine.component import Array, Component
from bpnet.engine.learning_rate_factors import LearningRateFactors
from bpnet.engine.optimizers.state import Rate, Span, State
from bpnet.engine.parameters import Block
from bpnet.engine.progress import Progress


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
        spans = self._spans(blocks, factors or LearningRateFactors())
        return State.fresh(theta, gradient, weights, self.slots, self.work_arrays, spans, progress)

    def _spans(self, blocks: Sequence[Block], factors: LearningRateFactors) -> list[Span]:
        """Return the blocks as spans, neighbors with equal factors as one."""
        grouped = itertools.groupby(blocks, lambda block: factors.of(block.parameter))
        return [
            Span(slice(alike[0].columns.start, alike[-1].columns.stop), factor)
            for factor, alike in ((factor, list(some)) for factor, some in grouped)
        ]

    def step(self, state: State, learning_rate: Rate) -> None:
        """Move theta one step by the gradient, in place."""
        state.count += 1
        # part by part, so that the passes over one find it in the cache
        for part in state.parts:
            part.count, part.momentum_product = state.count, state.momentum_product
            self._decay(part, learning_rate)
            # a factor of 1 would take a rate (R, 1) a copy
            self._move(part, learning_rate if part.factor == 1 else learning_rate * part.factor)

    def _decay(self, state: State, learning_rate: Rate) -> None:
        """Shrink the weights in this part of theta, where the rule does so apart from its step."""

    def _move(self, state: State, learning_rate: Rate) -> None:
        """Move the part of theta in the state; the step is counted already."""
        raise TypeError(f"{type(self).__name__} takes no steps")

    def search(
        self, state: State, learning_rate: Rate, loss: Array, evaluate: Callable[[], Array]
    ) -> None:
        """Change theta in place, given its loss (R,) and a function that measures it again."""
        raise TypeError(f"{type(self).__name__} does not search")
