"""An optimizer's state: the arrays that its rule reads and writes, in parts that fit the cache."""

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bpnet.engine.buffers import empty
from bpnet.engine.component import Array
from bpnet.engine.progress import Progress

Rate = float | Array
Work = tuple[Array, ...]

PART = 1 << 15
"""Number of parameters that a rule moves at a time: its passes over 128 kB stay in the cache."""


class Span(NamedTuple):
    """Columns of theta with one factor of the learning rate."""

    columns: slice
    factor: float = 1.0
    matrix: tuple[int, int] | None = None
    """The shape of the matrix that the columns are, if the rule moves it as a whole."""

    def cut(self, width: int) -> list["Span"]:
        """Return the span in parts of at most `width` columns; a matrix stays whole."""
        start, stop = self.columns.start, self.columns.stop
        if self.matrix is not None or stop - start <= width:
            return [self]
        edges = [*range(start, stop, width), stop]
        return [Span(slice(*pair), self.factor) for pair in itertools.pairwise(edges)]


class State:
    """The arrays of one optimizer over theta and gradient (R, P), all that a checkpoint must hold.

    `slots` are the rule's own arrays (R, P) by name; `work` is scratch. `parts` are states over
    some of the columns each, which end where the `factor` of the learning rate changes; a small
    state is its own only part.
    """

    def __init__(
        self,
        theta: Array,
        gradient: Array,
        weights: int,
        slots: Mapping[str, Array],
        work: Work,
        span: Span,
    ) -> None:
        self.theta, self.gradient, self.weights, self.slots = theta, gradient, weights, slots
        self.work = tuple(array[:, : theta.shape[1]] for array in work)  # other parts may be wider
        self.factor, self.matrix = span.factor, span.matrix
        self.progress = Progress()
        """The place in the training, for settings with a schedule."""
        self._number = np.empty((), theta.dtype)
        self.parts = [self]
        self.count = 0
        """Number of steps taken."""
        self.momentum_product = 1.0
        """The product of the momenta so far, which NAdam's bias correction needs."""
        self.generators: list[np.random.Generator] = []
        """One for each replica, renewed at each epoch's start; empty if the rule draws nothing."""

    @classmethod
    def fresh(
        cls,
        theta: Array,
        gradient: Array,
        weights: int,
        slots: Sequence[str],
        work_arrays: int,
        spans: Sequence[Span] = (),
        progress: Progress | None = None,
    ) -> "State":
        """Return the state before the first step, with slots of 0; `spans` cover all columns."""
        whole = Span(slice(0, theta.shape[1]))
        width = max(1, min(int(theta.shape[1]), PART // len(theta)))
        parts = [part for span in spans or [whole] for part in span.cut(width)]
        widest = max((part.columns.stop - part.columns.start for part in parts), default=0)
        work = tuple(empty((len(theta), widest), theta.dtype) for _ in range(work_arrays))
        zeros = {name: _zeros_like(theta) for name in slots}
        state = cls(theta, gradient, weights, zeros, work, parts[0] if len(parts) == 1 else whole)
        if len(parts) > 1:
            state.parts = [state._part(part, work) for part in parts]
        for part in (state, *state.parts):
            part.progress = progress or part.progress
        return state

    def _part(self, span: Span, work: Work) -> "State":
        """Return the state over a span, as views; all parts share the work arrays."""
        columns = span.columns
        slots = {name: array[:, columns] for name, array in self.slots.items()}
        # may exceed the part's columns, which a slice `[:, :weights]` allows
        weights = max(self.weights - columns.start, 0)
        return State(self.theta[:, columns], self.gradient[:, columns], weights, slots, work, span)

    def as_array(self, number: Rate) -> Array:
        """Return the number as an array without axes (see `constant`); the next call reuses it."""
        if isinstance(number, np.ndarray):
            return number
        self._number.fill(number)
        return self._number


def _zeros_like(theta: Array) -> Array:
    """Return zeros (R, P) that begin where a cache line does."""
    zeros = empty(theta.shape, theta.dtype)
    zeros.fill(0)
    return zeros
