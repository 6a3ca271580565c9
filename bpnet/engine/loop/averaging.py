"""Averaging: an exponential moving average of a network's parameters over the steps of training."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bpnet.engine.buffers import empty
from bpnet.engine.component import Array, Component, number
from bpnet.engine.network import Network
from bpnet.engine.optimizers.state import PART
from bpnet.engine.stateful import Stateful


@dataclass(frozen=True, kw_only=True)
class Averaging(Component):
    """Measure and keep an average of the weights over the steps of training, which goes on without.

    After step k the average is d average + (1 - d) theta with d = min(decay, k / (k + 9)), so that
    the first weights are soon forgotten. The running mean and variance of batch normalization are
    averaged in the same way. Scores of validation rows and the weights that are kept are those of
    the average; the loss of the training rows is that of the weights that move.
    """

    decay: float = number(0.98, ge=0, lt=1)
    """Share d of the average that stays at each step; it averages over about 1 / (1 - d) steps.
    Example: `decay: 0.99`.
    """


class BoundAverage(Stateful):
    """The average over one network's parameters and statistics, which it can put in their place."""

    stateful: ClassVar[tuple[str, ...]] = ("_count", "_averages")

    def __init__(self, averaging: Averaging, network: Network) -> None:
        self._decay, self._count = averaging.decay, 0
        present = [network.theta, network.statistics.flat]
        present = [array for array in present if array.size]
        self._averages = [array.copy() for array in present]
        self._arrays = [
            (array, average, array.copy())
            for array, average in zip(present, self._averages, strict=True)
        ]
        replicas = len(network.seeds)
        self._width = max(1, PART // replicas)  # as an optimizer's parts
        self._work = empty((replicas, self._width), network.dtype)
        self._inside = False

    def adopt(self, other: "BoundAverage", replicas: Sequence[int]) -> None:
        """Go on from the average of another network's replicas, by their numbers there."""
        self._count, self._inside = other._count, other._inside
        for (_, average, aside), (_, before, before_aside) in zip(
            self._arrays, other._arrays, strict=True
        ):
            average[:], aside[:] = before[replicas], before_aside[replicas]

    def update(self) -> None:
        """Take the parameters after a step into the average."""
        self._count += 1
        new = 1 - min(self._decay, self._count / (self._count + 9))
        for present, average, _ in self._arrays:
            for start in range(0, present.shape[1], self._width):
                part = slice(start, start + self._width)
                self._add(present[:, part], average[:, part], new)

    def _add(self, present: Array, average: Array, new: float) -> None:
        """Move the average the share `new` of the way to the present parameters."""
        work = self._work[:, : present.shape[1]]
        np.subtract(present, average, out=work)
        np.multiply(work, new, out=work)
        np.add(average, work, out=average)

    def enter(self) -> None:
        """Put the average into the network, and the parameters that move aside."""
        for present, average, aside in self._arrays:
            np.copyto(aside, present)
            np.copyto(present, average)
        self._inside = True

    def leave(self) -> None:
        """Put the parameters that move back into the network, if the average is in it."""
        if self._inside:
            for present, _, aside in self._arrays:
                np.copyto(present, aside)
        self._inside = False
