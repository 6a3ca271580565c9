"""Pools: replicas that keep one epoch and stop together, by a value of all their held-out rows."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from bpnet.engine.activations import Identity, Sigmoid
from bpnet.engine.calibration import best_inverse, weighted_targets
from bpnet.engine.component import Array
from bpnet.engine.loop.evaluation import Evaluator
from bpnet.engine.loop.replica_rows import AnyRows
from bpnet.engine.losses import Loss
from bpnet.engine.stateful import Stateful

OOF_LOSS = "oof_loss"
"""The name of the pooled loss: out of fold, since no replica has trained on the rows it is of."""

TARGET_ROWS = 4096
"""Rows of which targets are read at a time."""
CHECK_TOLERANCE = 1e-7
"""Excess over the loss of the very best temperature at which the search ends; a parabola then tells
all but a thousandth of it."""


class Pooled(Stateful):
    """A value of a pool's replicas together, and what it was computed from when it was best."""

    stateful: ClassVar[tuple[str, ...]] = ("_best",)

    def __init__(self, present: Array) -> None:
        self.present = present
        """What the present value is computed from (…, R, …), of which axis -2 or -1 is R."""
        self._best = present.copy()

    def keep(self, members: Array) -> None:
        """Keep the present material of these replicas, by number."""
        self._best[:, members] = self.present[:, members]

    def value(self, members: Array) -> float:
        """Return the present value of the members."""
        return self.of(self.present[:, members], members)

    def best(self, members: Array) -> float:
        """Return the value of the members when their pool's was best."""
        return self.of(self._best[:, members], members)

    def of(self, material: Array, members: Array) -> float:
        """Return the value of the members' material."""
        raise TypeError(f"{type(self).__name__} has no value")


class PooledMean(Pooled):
    """The mean over the replicas of what is put into `present` (1, R)."""

    def __init__(self, replicas: int) -> None:
        super().__init__(np.full((1, replicas), np.nan))

    def of(self, material: Array, members: Array) -> float:
        """Return the mean of the members' values."""
        return float(material.mean())


class PooledLoss(Pooled):
    """The mean loss of all rows together: Σ w l / Σ w, from the sums of each replica (1, R)."""

    def __init__(self, evaluator: Evaluator, weights: Array, replicas: int) -> None:
        super().__init__(evaluator.loss_sums[None])
        self._weights = np.broadcast_to(weights, replicas)

    def of(self, material: Array, members: Array) -> float:
        """Return the sum of the members' losses by that of their weights."""
        return float(material.sum() / self._weights[members].sum())


class PooledCrossEntropy(Pooled):
    """The mean cross-entropy of all rows together at their best common temperature.

    Labels are not smoothed. The material is the scores (O, R, N).
    """

    stateful: ClassVar[tuple[str, ...]] = ("_inverse",)

    def __init__(self, evaluator: Evaluator, loss: Loss, rows: AnyRows, seeds: Sequence[int]):
        self._independent = isinstance(loss.link, Sigmoid)
        self._inverse = np.ones(len(seeds))  # of each replica's pool, where the search begins
        super().__init__(evaluator.keep_scores())
        batches = rows.one_pass(TARGET_ROWS, seeds)
        self._targets = np.empty_like(self.present)
        self._weights = np.ones(self.present.shape[1:])  # (R, N)
        self._weighted: dict[bytes, tuple[Array, Array]] = {}  # of the members of the last call
        start = 0
        for shape in batches.epoch(0):
            batch = batches.shapes[shape]
            place = slice(start, start := start + batch.size)
            self._targets[:, :, place] = batch.y.transpose(1, 0, 2)
            if batch.weights is not None:
                self._weights[:, place] = batch.weights[:, 0]

    def of(self, material: Array, members: Array) -> float:
        """Return the loss of the members' scores; their temperature begins the next search."""
        outputs, key = len(material), members.tobytes()
        if key not in self._weighted:
            self._weighted = {
                key: weighted_targets(
                    self._targets[:, members].reshape(outputs, -1),
                    self._weights[members].ravel(),
                    independent=self._independent,
                )
            }
        b, loss = best_inverse(
            material.reshape(outputs, -1),
            *self._weighted[key],
            self._independent,
            start=float(self._inverse[members[0]]),
            tolerance=CHECK_TOLERANCE,
        )
        self._inverse[members] = b
        return loss


def pooled_loss(evaluator: Evaluator, loss: Loss, rows: AnyRows, seeds: Sequence[int]) -> Pooled:
    """Return the loss of held-out rows together, tempered where scores are logits."""
    if isinstance(loss.link, Identity):
        return PooledLoss(evaluator, rows.weight_sums, len(seeds))
    return PooledCrossEntropy(evaluator, loss, rows, seeds)


class Pools:
    """Groups of replicas, each with the members that have not diverged.

    A replica that is in none is a pool by itself. Raises ValueError if a number is no replica's, or
    is in two pools.
    """

    def __init__(self, pools: Sequence[Sequence[int]], replicas: int) -> None:
        named = [int(replica) for pool in pools for replica in pool]
        for replica in named:
            if not 0 <= replica < replicas:
                raise ValueError(f"a pool names replica {replica}; there are 0 to {replicas - 1}")
            if named.count(replica) > 1:
                raise ValueError(f"the pools name replica {replica} twice; it can be in only one")
        alone = [[replica] for replica in range(replicas) if replica not in set(named)]
        self._each = [np.array(pool, np.intp) for pool in [*pools, *alone] if len(pool)]
        self._replicas = replicas

    def value(self, pooled: Pooled, members: Array) -> Array:
        """Return each replica's pool's value (R,) of the members in a mask; nan for others."""
        return self._spread([pooled.value(pool) for pool in self._of(members)], members)

    def best(self, pooled: Pooled, members: Array) -> Array:
        """Return what `value` was when it was best, of the members in a mask (R,)."""
        return self._spread([pooled.best(pool) for pool in self._of(members)], members)

    def mean(self, values: Array, members: Array) -> Array:
        """Return the mean (R,) of values (R,) over each pool's members in a mask."""
        return self._spread([float(values[pool].mean()) for pool in self._of(members)], members)

    def with_any(self, replicas: Array) -> Array:
        """Return the mask (R,) of the pools in which any of the replicas in a mask is."""
        found = np.zeros(self._replicas, np.bool_)
        for pool in self._each:
            found[pool] = replicas[pool].any()
        return found

    def _of(self, members: Array) -> list[Array]:
        """Return the pools that have members, by their numbers."""
        pools = [pool[members[pool]] for pool in self._each]
        return [pool for pool in pools if pool.size]

    def _spread(self, values: Sequence[float], members: Array) -> Array:
        """Return the value of each pool for each of its members, nan for other replicas (R,)."""
        spread = np.full(self._replicas, np.nan)
        for pool, value in zip(self._of(members), values, strict=True):
            spread[pool] = value
        return spread


class PoolMonitor(Stateful):
    """What pools measure at a check, and what of it was best."""

    stateful: ClassVar[tuple[str, ...]] = ("_loss", "_metric")

    def __init__(self, pools: Pools, loss: Pooled, metric: str, replicas: int) -> None:
        self._pools, self._loss = pools, loss
        self._metric = None if metric == OOF_LOSS else PooledMean(replicas)

    def loss(self, members: Array) -> Array:
        """Return the pooled loss (R,) of the replicas in a mask, the members of their pools."""
        return self._pools.value(self._loss, members)

    def mean(self, values: Array, members: Array) -> Array:
        """Return the mean (R,) of values (R,) over each pool's members in a mask."""
        return self._pools.mean(values, members)

    def with_any(self, replicas: Array) -> Array:
        """Return the mask (R,) of the pools in which any of the replicas in a mask is."""
        return self._pools.with_any(replicas)

    def monitored(self, values: Array, members: Array) -> Array:
        """Return the monitored metric (R,) of each pool, given that of each replica."""
        if self._metric is None:
            return values
        self._metric.present[0] = values
        return self._pools.value(self._metric, members)

    def keep(self, improved: Array) -> None:
        """Keep what the replicas in a mask (R,), whose pools improved, were measured by."""
        (self._metric or self._loss).keep(np.flatnonzero(improved))

    def best(self, members: Array) -> Array:
        """Return the best value (R,) of each pool, of its members in a mask only."""
        return self._pools.best(self._metric or self._loss, members)
