"""Slices: a large batch's rows in parts that threads take forward and backward beside one another.

The rows of a batch meet only in the loss and in the gradients of the parameters. So a step has
four parts, each shared out among threads: slices of rows forward; the loss of all rows; slices of
rows backward, down to the first layer; and the gradients, some units of a layer at a time. How many
slices and parts there are depends on the shapes alone, never on the number of threads, which
therefore changes no bit of a result.
"""

from functools import partial
from itertools import pairwise

from bpnet.engine.buffers import SharedRows
from bpnet.engine.loop.batches import Batch
from bpnet.engine.loop.evaluation import BoundBatch, Tally
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import Loss
from bpnet.engine.network import Network
from bpnet.engine.workers import do_all

SMALLEST_STEP = 60_000_000
"""Operations of the products of the smallest step whose batch is cut: 0.5 ms on one core, where the
threads of a step wait for one another for 0.2 ms."""
LEAST_FOR_VALUE = 200
"""The fewest of these operations for one value of a layer. With fewer, as where layers have 32
units, a step is bound by short passes over rows, of which two threads take no more than one."""
SMALLEST_GROUP = 80_000_000
"""Operations of the smallest group's step, with those that cost as much as what is no product."""
PER_VALUE = 200
"""Operations that cost as much as one value of a layer does outside the products."""
SLICES = ((4096, 8), (1024, 4), (256, 2))
"""Rows from which a batch has so many slices: products of fewer than 128 rows are slower."""

MOST_GROUPS = 8
"""The most groups of replicas."""


def product_operations(network: Network) -> int:
    """Return the number of operations of the products of one replica's step for each row."""
    return sum(6 * inputs * outputs for inputs, outputs in pairwise(network.widths))


def slice_count(network: Network, rows: int) -> int:
    """Return the number of slices of a batch of `rows` rows; 1 where it is not to be cut."""
    operations, values = product_operations(network), sum(network.widths[1:])
    sliceable = len(network.seeds) == 1 and all(layer.sliceable for layer in network.layers)
    pays = operations * rows >= SMALLEST_STEP and operations >= LEAST_FOR_VALUE * values
    if not sliceable or not pays:
        return 1
    return next((count for least, count in SLICES if rows >= least), 1)


def group_count(network: Network, rows: int) -> int:
    """Return the number of groups of replicas that threads share; 1 where it does not pay."""
    replicas = len(network.seeds)
    each = product_operations(network) + PER_VALUE * sum(network.widths[1:])
    enough = replicas * rows * each // SMALLEST_GROUP
    # two at least, as a single replica adds up in another order
    return max(1, min(replicas // 2, enough, MOST_GROUPS))


class SlicedBatch(BoundBatch):
    """A batch whose slices of rows are taken forward and backward by several threads."""

    def __init__(
        self, network: Network, loss: Loss, tally: Tally, batch: Batch, slices: int
    ) -> None:
        buffers = SharedRows()
        super().__init__(network, loss, tally, batch, training=True, make_buffer=buffers.empty)
        # multiples of 16 rows, so that each begins where a cache line does
        ends = [batch.size * k // slices // 16 * 16 for k in range(slices)] + [batch.size]
        self._forward, self._propagate = [], []
        for start, stop in pairwise(ends):
            rows = slice(start, stop)
            bound = network.bind(batch.x[:, :, rows], training=True, make_buffer=buffers.part(rows))
            self._forward.append(bound.forward)
            self._propagate.append(partial(bound.propagate, self.loss.gradient[:, :, rows]))
        self._gradients = self.network.gradient_tasks(self.loss.gradient)

    def assess(self) -> None:
        """Run forward, compute the loss and its gradient by the scores, and add to the tally."""
        do_all(self._forward)
        self._judge()

    def backward(self) -> None:
        """Write the gradient of every parameter, after `assess`."""
        do_all(self._propagate)
        do_all(self._gradients)


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
