"""Slices: a large batch's rows in parts that threads take forward and backward beside one another.

The rows of a batch meet only in the gradient. So a step has two parts, each shared out among
threads: slices of rows, which go forward and backward by themselves, each with a gradient of its
own; and runs of parameters, in which these gradients are added up and the optimizer moves. How many
slices and runs there are depends on the shapes alone, never on the number of threads, which
therefore changes no bit of a result.
"""

from functools import partial
from itertools import pairwise

import numpy as np

from bpnet.engine.loop.batches import Batch
from bpnet.engine.loop.bound_batch import BoundBatch, Tally
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import Loss
from bpnet.engine.network import Network
from bpnet.engine.workers import Task, do_all

PER_VALUE = 200
"""Operations of products that cost as much as one value of a layer does outside the products."""
SMALLEST_STEP = 80_000_000
"""Such operations of the smallest step whose batch is cut: 0.4 ms on one core, where the threads of
a step wait for one another for 0.03 ms."""
LEAST_VALUES = 1 << 13
"""The fewest values of a layer's mean width in a slice. Operations on fewer are so short that
threads wait for Python's lock in between."""
LEAST_SHORT_VALUES = 1 << 16
"""The fewest where products take less than half of a step, as in layers of 32 units, whose many
operations take a few microseconds each: in smaller slices two threads take longer than one."""
MOST_PARAMETERS = 1 << 20
"""The most parameters of a network whose batch is cut, since each slice has a gradient of its own.
In larger ones threads share the products, by units."""
SLICES = ((4096, 8), (1024, 4), (256, 2))
"""Rows from which a batch has so many slices: products of fewer than 128 rows are slower."""

SMALLEST_GROUP = 80_000_000
"""Such operations of the smallest group's step."""
MOST_GROUPS = 8
"""The most groups of replicas."""


def product_operations(network: Network) -> int:
    """Return the operations of the products of one replica's step for each row."""
    return sum(6 * inputs * outputs for inputs, outputs in pairwise(network.widths))


def operations(network: Network) -> int:
    """Return the operations of one replica's step for each row, by what they cost."""
    return product_operations(network) + PER_VALUE * sum(network.widths[1:])


def slice_count(network: Network, rows: int) -> int:
    """Return the number of slices of a batch of `rows` rows; 1 where it is not to be cut."""
    if len(network.seeds) > 1 or network.theta.size > MOST_PARAMETERS:
        return 1
    if operations(network) * rows < SMALLEST_STEP:
        return 1
    count = next((count for least, count in SLICES if rows >= least), 1)
    if not all(layer.sliceable for layer in network.layers):
        return 1
    widths = network.widths[1:]
    values = rows * sum(widths) // len(widths)  # of a layer of mean width
    if 2 * product_operations(network) >= operations(network):
        return count if values >= LEAST_VALUES * count else 1
    while count > 1 and values < LEAST_SHORT_VALUES * count:
        count //= 2
    return count


def group_count(network: Network, rows: int) -> int:
    """Return the number of groups of replicas that threads share; 1 where it does not pay."""
    replicas = len(network.seeds)
    enough = replicas * rows * operations(network) // SMALLEST_GROUP
    # two at least, as a single replica adds up in another order
    return max(1, min(replicas // 2, enough, MOST_GROUPS))


class SlicedBatch(BoundBatch):
    """A batch whose slices of rows are taken forward and backward by several threads."""

    def __init__(
        self, network: Network, loss: Loss, tally: Tally, batch: Batch, slices: int
    ) -> None:
        self.size, self.rows = batch.size, (batch.x, batch.y, batch.weights)
        self._share, self._ranks, self._tally = batch.share, tally.ranks, tally
        # multiples of 16 rows, so that each begins where a cache line does
        ends = [batch.size * k // slices // 16 * 16 for k in range(slices)] + [batch.size]
        self._tallies = [tally.of_slice() for _ in range(slices)]
        gradients = [network.gradient]
        tasks: list[Task] = []
        gathers = batch.leave_inputs()
        for (start, stop), own in zip(pairwise(ends), self._tallies, strict=True):
            part = network
            if start:
                part = network.with_own_gradient()
                gradients.append(part.gradient)
            rows = batch.of_rows(slice(start, stop))
            bound = BoundBatch(part, loss, own, rows, training=True, shared=False)
            bound.loss.take_mean_over(batch.size)
            gather = partial(batch.gather_inputs, slice(start, stop)) if gathers else None
            tasks.append(partial(_forward_and_backward, bound, gather))
        self._tasks, (self._gradient, *self._others) = tasks, gradients

    def assess(self) -> None:
        """Run forward and backward in each slice, and add losses and metrics to the tally."""
        do_all(self._tasks)
        for tally in self._tallies:
            self._tally.move_in(tally)

    def backward(self) -> None:
        """Leave the gradients of the slices, which `assess` has written, to `add_up`."""

    def add_up(self, columns: slice) -> None:
        """Add up the gradients of the slices in some columns."""
        gradient = self._gradient[0, columns]
        for other in self._others:
            np.add(gradient, other[0, columns], gradient)


def _forward_and_backward(bound: BoundBatch, gather: Task | None) -> None:
    if gather is not None:
        gather()
    bound.assess()
    bound.backward()


class GroupedBatch(BoundBatch):
    """A batch of which groups of replicas are taken forward and backward by several threads.

    Each replica gets the bits that it gets among all.
    """

    def __init__(
        self, network: Network, loss: Loss, tally: Tally, batch: Batch, groups: int
    ) -> None:
        replicas = len(network.seeds)
        ends = [replicas * k // groups for k in range(groups + 1)]
        each = [
            BoundBatch(
                network.of_replicas(part),
                loss,
                tally.of_replicas(part),
                batch.of_replicas(part),
                training=True,
            )
            for part in (slice(start, stop) for start, stop in pairwise(ends))
        ]
        self.size, self.rows = batch.size, (batch.x, batch.y, batch.weights)
        self._share, self._ranks = None, None
        self._assess = [one.assess for one in each]
        self._backward = [one.backward for one in each]

    def assess(self) -> None:
        """Run forward, compute the loss and its gradient by the scores, and add to the tally."""
        do_all(self._assess)

    def backward(self) -> None:
        """Write the gradient of every parameter, after `assess`."""
        do_all(self._backward)


def bound_batch(
    network: Network, training: Training, loss: Loss, tally: Tally, batch: Batch
) -> BoundBatch:
    """Bind a network to a batch of training rows, cut into tasks where that pays."""
    optimizer = training.optimizer
    # these read or change what a whole batch leaves in the network's layers
    whole = training.lazy_embeddings or optimizer.searches or optimizer.full_batch
    if not whole and (slices := slice_count(network, batch.size)) > 1:
        return SlicedBatch(network, loss, tally, batch, slices)
    if not whole and batch.share is None and (groups := group_count(network, batch.size)) > 1:
        return GroupedBatch(network, loss, tally, batch, groups)
    return BoundBatch(network, loss, tally, batch, training=True)
