"""An optimizer's state: the arrays that its rule reads and writes, cut into parts that fit into a cache."""

from collections.abc import Mapping, Sequence

import numpy as np

from bpnet.engine.buffers import empty
from bpnet.engine.component import Array

Rate = float | Array
Work = tuple[Array, ...]

PART = 1 << 15
"""How many parameters a rule moves at a time: all of its passes over 128 kB of float32 stay in a core's cache."""


class State:
    """The arrays of one optimizer over one parameter vector.

    `parts` are states over some of its columns each, one after another; a small vector is its own only part.
    """

    def __init__(
        self, theta: Array, gradient: Array, weights: int, slots: Mapping[str, Array], work: Work
    ) -> None:
        self.theta, self.gradient, self.weights, self.slots = theta, gradient, weights, slots
        parameters = theta.shape[1]
        width = _part_width(theta)
        self.work = tuple(array[:, :parameters] for array in work)
        self._number = np.empty((), theta.dtype)
        self.parts = [self]
        if parameters > width:
            self.parts = [
                self._part(slice(start, start + width), work)
                for start in range(0, parameters, width)
            ]
        self.count = 0
        """How many steps have been taken."""
        self.momentum_product = 1.0
        """The product of the momenta so far, which NAdam's bias correction needs."""
        self.generators: list[np.random.Generator] = []
        """One for each replica, renewed at the start of each epoch; none where the optimizer draws nothing."""

    def _part(self, columns: slice, work: Work) -> "State":
        slots = {name: array[:, columns] for name, array in self.slots.items()}
        weights = max(self.weights - columns.start, 0)
        return State(self.theta[:, columns], self.gradient[:, columns], weights, slots, work)

    @classmethod
    def fresh(
        cls, theta: Array, gradient: Array, weights: int, slots: Sequence[str], work_arrays: int
    ) -> "State":
        """The state before the first step: its slots are 0."""
        room = (len(theta), _part_width(theta))
        work = tuple(empty(room, theta.dtype) for _ in range(work_arrays))
        return cls(theta, gradient, weights, {name: _zeros_like(theta) for name in slots}, work)

    def as_array(self, number: Rate) -> Array:
        """The number as an array without axes, until the next is asked for: see `constant`. An array stays as it is."""
        if isinstance(number, np.ndarray):
            return number
        self._number.fill(number)
        return self._number


def _part_width(theta: Array) -> int:
    """How many columns of theta (R, P) a part has at most."""
    return max(1, min(int(theta.shape[1]), PART // len(theta)))


def _zeros_like(theta: Array) -> Array:
    zeros = empty(theta.shape, theta.dtype)
    zeros.fill(0)
    return zeros
