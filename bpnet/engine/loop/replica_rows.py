"""Rows of replicas: each replica has its own picks of rows that all share, as folds have."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.loop.batches import Batches, Rows
from bpnet.engine.loop.passes import Picks


@dataclass(frozen=True)
class ReplicaRows:
    """Rows that R replicas share, in memory or in a file, and the numbers of those of each replica.

    Picks (N_r,) may differ in length. In training all replicas take the same number of steps: an
    epoch is `length` rows, by default the most that a replica has, and one with fewer goes round
    again. To measure rows each counts once: those that fill up a shorter replica's batches weigh
    nothing.

    Raises ValueError if picks are no row numbers, or a replica has none.
    """

    rows: Rows
    picks: Sequence[Array]
    length: int | None = None
    """Rows in an epoch of training, by default those of the replica with most. A fold that trains
    by itself with the length of all takes the same steps as among them.
    """
    means: Array | None = None
    """The mean (R, 1) of each replica's weights, by which they are divided; see `normalized`."""

    def __post_init__(self) -> None:
        if self.rows.sets != 1:
            raise ValueError(f"replicas pick from one set of rows, not from {self.rows.sets} sets")
        for replica, picks in enumerate(self.picks):
            name = f"the picks of replica {replica}"
            if picks.ndim != 1 or not np.issubdtype(picks.dtype, np.integer) or not picks.size:
                raise ValueError(
                    f"{name} are {picks.dtype} of shape {picks.shape}; they must be row numbers "
                    "(N,), at least one: np.flatnonzero turns a mask into them"
                )
            if picks.min() < 0 or picks.max() >= len(self.rows):
                raise ValueError(
                    f"{name} are rows {picks.min()} to {picks.max()}; "
                    f"there are rows 0 to {len(self.rows) - 1}"
                )
        if not self.picks:
            raise ValueError("there are no picks; each replica needs some")

    def __len__(self) -> int:
        return self.length or max(map(len, self.picks))

    @property
    def in_memory(self) -> bool:
        """True if all rows are in memory."""
        return self.rows.in_memory

    @property
    def counts(self) -> Array:
        """The number of rows (R,) of each replica."""
        return np.array([float(len(picks)) for picks in self.picks])

    @property
    def weight_sums(self) -> Array:
        """The sum (R,) of each replica's weights: the number of its rows where there are none."""
        weights = self.rows.weights
        if weights is None:
            return self.counts
        sums = np.array([weights[picks].sum(dtype=np.float64) for picks in self.picks])
        return sums if self.means is None else sums / self.means[:, 0]

    def targets(self) -> list[Array]:
        """Return the targets (N_r, O) of each replica."""
        return [self.rows.y[picks] for picks in self.picks]

    def normalized(self) -> "ReplicaRows":
        """Return the rows with each replica's weights scaled to a mean of 1."""
        weights = self.rows.weights
        if weights is None:
            return self
        means = [weights[picks].mean(keepdims=True) for picks in self.picks]
        return replace(self, means=np.array(means))

    def prepared(self, prepare: Callable[[Array], Array]) -> "ReplicaRows":
        """Return the rows with their targets as a loss compares them, by its `prepare`."""
        return replace(self, rows=self.rows.prepared(prepare))

    def picked(self, which: slice | Array) -> Rows:
        """Return some rows of each replica as a set, in memory: a slice or places (K,) in an epoch.

        Weights are those of the shared rows. A replica with fewer rows goes round again.
        """
        places = np.arange(len(self))[which]
        chosen = [picks[places % len(picks)] for picks in self.picks]
        return replace(self.rows.picked(np.concatenate(chosen)), sets=len(self.picks))

    def replica(self, replica: int) -> Rows:
        """Return the rows of one replica, in memory."""
        return self.rows.picked(self.picks[replica])

    def of_replicas(self, replicas: Sequence[int]) -> "ReplicaRows":
        """Return the rows of only these replicas, in batches of the same sizes."""
        means = None if self.means is None else self.means[replicas]
        picks = [self.picks[replica] for replica in replicas]
        return replace(self, picks=picks, means=means, length=len(self))

    def batches(
        self, size: int, seeds: Sequence[int], *, shuffle: bool, spread: bool = False
    ) -> Batches:
        """Return the batches of `size` rows for replicas with these seeds, as `cut` makes them.

        Raises ValueError if there are not as many picks as replicas.
        """
        self._check(seeds)
        picks = Picks(self.picks, seeds, len(self), self.means, shuffle=shuffle)
        return self.rows.picked_batches(picks, size, spread=spread)

    def one_pass(self, size: int, seeds: Sequence[int]) -> Batches:
        """Return the batches of one pass through each replica's rows, to measure them."""
        self._check(seeds)
        longest = max(len(self), *map(len, self.picks))
        return self.rows.picked_batches(
            Picks(self.picks, seeds, longest, self.means, once=True), size
        )

    def _check(self, seeds: Sequence[int]) -> None:
        if len(self.picks) != len(seeds):
            raise ValueError(
                f"there are picks for {len(self.picks)} replicas, but {len(seeds)} replicas; "
                "each needs its own"
            )


AnyRows = Rows | ReplicaRows
"""The rows of a training: the same for all replicas, a set for each, or picks for each."""
