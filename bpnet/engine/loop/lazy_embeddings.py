"""Lazy embeddings: steps that read and move only the vectors of the categories in the batch."""

import itertools
from typing import ClassVar

import numpy as np

from bpnet.engine.bound_network import BoundNetwork
from bpnet.engine.buffers import empty
from bpnet.engine.component import Array
from bpnet.engine.layers.embedding import BoundEmbedding, SparseGradient
from bpnet.engine.learning_rate_factors import LearningRateFactors
from bpnet.engine.network import Network
from bpnet.engine.optimizers import AnyOptimizer
from bpnet.engine.optimizers.state import Rate
from bpnet.engine.parameters import Block
from bpnet.engine.stateful import Stateful


class LazyTables:
    """The embedding tables that lie first in theta, and the vectors of a batch out of them.

    `theta` and `gradient` (R, C) have room for the vectors of the batch, table after table; those
    of a replica whose batch holds fewer categories end in zeros.
    """

    def __init__(self, network: Network, batch_size: int) -> None:
        leading = itertools.takewhile(
            lambda named: named[1].parameter.group == "embedding",
            zip(network.declared, network.blocks, strict=True),
        )
        blocks = dict(leading)
        rooms = {name: min(batch_size, block.parameter.shape[0]) for name, block in blocks.items()}
        width = sum(rooms[name] * block.parameter.shape[1] for name, block in blocks.items())
        self.columns = max((block.columns.stop for block in blocks.values()), default=0)
        """The number of columns of theta that the tables fill."""
        self.theta, self.gradient = (
            empty((len(network.seeds), width), network.dtype) for _ in range(2)
        )
        self.theta.fill(0)
        self.gradient.fill(0)
        self.blocks: list[Block] = []
        """The place of each table's vectors among the C."""
        self.sources: list[slice] = []
        """The columns of each table in theta."""
        self.sparse: dict[str, SparseGradient] = {}
        """Each table's gradient, by its name."""
        start = 0
        for name, block in blocks.items():
            columns = slice(start, start := start + rooms[name] * block.parameter.shape[1])
            self.blocks.append(Block(columns, block.parameter))
            self.sources.append(block.columns)
            values = rows_of(self.gradient[:, columns], block.parameter.shape[1])
            self.sparse[name] = SparseGradient(values)

    def attach(self, bound: BoundNetwork) -> None:
        """Let the tables of a bound network write their gradients here."""
        for k, layer in enumerate(bound.layers):
            if isinstance(layer, BoundEmbedding):
                layer.write_sparse(
                    {
                        name.removeprefix(f"layers.{k}."): sparse
                        for name, sparse in self.sparse.items()
                        if name.startswith(f"layers.{k}.")
                    }
                )

    def squares(self) -> Array:
        """Return |g|² (R,) of the tables."""
        return np.asarray(np.vecdot(self.gradient, self.gradient))


class LazyState(Stateful):
    """An optimizer's state of all vectors of some replicas; a step moves those of the batch.

    Those of other categories, and their slots, rest until a batch holds them: they neither follow
    their momentum nor shrink by weight decay. Bias corrections count all steps. That is how
    tensorflow_addons.LazyAdam and torch.optim.SparseAdam treat them.
    """

    stateful: ClassVar[tuple[str, ...]] = ("_state", "slots")

    def __init__(
        self,
        optimizer: AnyOptimizer,
        network: Network,
        tables: LazyTables,
        replicas: slice,
        factors: LearningRateFactors | None,
    ) -> None:
        self._optimizer, self._tables, self._replicas = optimizer, tables, replicas
        theta = tables.theta[replicas]
        self._state = optimizer.bind(
            theta,
            tables.gradient[replicas],
            theta.shape[1],
            tables.blocks,
            factors,
            network.progress,
        )
        # np.zeros takes memory only for pages that are written
        whole = (len(theta), tables.columns)
        self.slots = {name: np.zeros(whole, theta.dtype) for name in self._state.slots}
        self._pairs = [
            (network.theta[replicas], theta),
            *((self.slots[name], self._state.slots[name]) for name in self.slots),
        ]
        """Each array over all vectors, with that over those of the batch."""

    def step(self, learning_rate: Rate) -> None:
        """Take a step with the vectors of the batch."""
        self._exchange(scatter=False)
        self._optimizer.step(self._state, learning_rate)
        self._exchange(scatter=True)

    def _exchange(self, *, scatter: bool) -> None:
        """Gather the batch's vectors and slots, or write them back."""
        tables = self._tables
        for block, source, sparse in zip(
            tables.blocks, tables.sources, tables.sparse.values(), strict=True
        ):
            size = block.parameter.shape[1]
            for whole, some in self._pairs:
                all_vectors = rows_of(whole[:, source], size)
                vectors = rows_of(some[:, block.columns], size)
                for every, picked, codes in zip(
                    all_vectors, vectors, sparse.codes[self._replicas], strict=True
                ):
                    if scatter:
                        every[codes] = picked[: len(codes)]
                    else:
                        every.take(codes, 0, picked[: len(codes)], "clip")


def rows_of(flat: Array, size: int) -> Array:
    """Return columns of an array (R, P), which hold vectors, as a view (R, vectors, size)."""
    return flat.reshape(len(flat), -1, size)
