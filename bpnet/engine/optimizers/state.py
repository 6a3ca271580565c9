"""An optimizer's state: the arrays that its rule reads and writes, in parts that fit the cache."""

from collections.abc import Mapping, Sequence

import numpy as np

from bpnet.engine.buffers import empty
from bpnet.engine.component import Array

Rate = float | Array
Work = tuple[Array, ...]

PART = 1 << 15
"""Number of parameters that a rule moves at a time: its passes over 128 kB stay in the cache."""


class State:
    """The arrays of one optimizer over theta and gradient (R, P), all that a checkpoint must hold.

    `slots` are the rule's own arrays (R, P) by name; `work` is scratch. `parts` are states over
    some of the columns each; a small state is its own only part.
    """

    def __init__(
        self, theta: Array, gradient: Array, weights: int, slots: Mapping[str, Array], work: Work
    ) -> None:
        self.theta, self.gradient, self.weights, self.slots = theta, gradient, weights, slots
        parameters = theta.shape[1]
        width = _part_width(theta)
        self.work = tuple(array[:, :parameters] for array in work)  # the last part may be narrower
        self._number = np.empty((), theta.dtype)
        self.parts = [self]
        if parameters > width:
            self.parts = [
                self._part(slice(start, start + width), work)
                for start in range(0, parameters, width)
            ]
        self.count = 0
        """Number of steps taken."""
        self.momentum_product = 1.0
        """The product of the momenta so far, which NAdam's bias correction needs."""
        self.generators: list[np.random.Generator] = []
        """One for each replica, renewed at each epoch's start; empty if the rule draws nothing."""

    def _part(self, columns: slice, work: Work) -> "State":
        """Return the state over these columns, as views; all parts share the work arrays."""
        slots = {name: array[:, columns] for name, array in self.slots.items()}
        # may exceed the part's columns, which a slice `[:, :weights]` allows
        weights = max(self.weights - columns.start, 0)
        return State(self.theta[:, columns], self.gradient[:, columns], weights, slots, work)

    @classmethod
    def fresh(
        cls, theta: Array, gradient: Array, weights: int, slots: Sequence[str], work_arrays: int
    ) -> "State":
        """Return the state before the first step, with slots of 0."""
        room = (len(theta), _part_width(theta))
        work = tuple(empty(room, theta.dtype) for _ in range(work_arrays))
        return cls(theta, gradient, weights, {name: _zeros_like(theta) for name in slots}, work)

    def as_array(self, number: Rate) -> Array:
        """Return the number as an array without axes (see `constant`); the next call reuses it."""
        if isinstance(number, np.ndarray):
            return number
        self._number.fill(number)
        return self._number


def _part_width(theta: Array) -> int:
    """Return the number of columns of theta (R, P) in a part."""
    return max(1, min(int(theta.shape[1]), PART // len(theta)))


def _zeros_like(theta: Array) -> Array:
    """Return zeros (R, P) that begin where a cache line does."""
    zeros = empty(theta.shape, theta.dtype)
    zeros.fill(0)
    return zeros
