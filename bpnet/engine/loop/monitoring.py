"""Monitoring: the best epoch of each replica, its parameters, and when each replica stops."""

from typing import ClassVar, Literal

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.loop.settings import Training
from bpnet.engine.metrics import HIGHER_IS_BETTER
from bpnet.engine.network import Network
from bpnet.engine.stateful import Stateful

Stop = Literal["epochs", "early_stopping", "target_loss", "diverged", "converged", "halving"]


class Best(Stateful):
    """The best value so far of one metric, for each replica."""

    stateful: ClassVar[tuple[str, ...]] = ("_best", "since")

    def __init__(self, name: str, replicas: int, minimum_improvement: float = 0.0) -> None:
        self._higher = name.removeprefix("val_") in HIGHER_IS_BETTER
        self._least = minimum_improvement
        self._best = np.full(replicas, np.inf)
        self.since = np.zeros(replicas, np.int64)
        """Epochs (R,) since each replica improved last."""

    @property
    def unknown(self) -> Array:
        """Mask (R,) of the replicas none of whose values was a number yet."""
        return np.asarray(np.isinf(self._best))

    def observe(self, value: Array, epochs: int = 1) -> Array:
        """Return the mask (R,) of the replicas whose value improved enough; a nan never does.

        It is the value after so many `epochs` since the one before.
        """
        # lower is better
        cost = -value if self._higher else value
        improved = cost < (self._best - self._least if self._least else self._best)
        np.copyto(self._best, cost, where=improved)
        self.since = self.since + epochs  # in place, that of a single replica takes twice as long
        self.since[improved] = 0
        return improved

    def restate(self, value: Array, replicas: Array) -> None:
        """Replace the best value, where there is one, of the replicas in a mask (R,)."""
        np.copyto(
            self._best, -value if self._higher else value, where=replicas & np.isfinite(self._best)
        )


class Keeper(Stateful):
    """A copy of the parameters and statistics that each replica has after training."""

    stateful: ClassVar[tuple[str, ...]] = ("_kept", "epoch")

    def __init__(self, network: Network) -> None:
        present = [network.theta, network.statistics.flat]
        self._kept = [array.copy() for array in present]
        self._copies = [pair for pair in zip(present, self._kept, strict=True) if pair[0].size]
        self.epoch = np.zeros(len(network.seeds), np.int64)
        """The epoch, from 1, whose parameters are kept; 0 for those before training."""

    def kept(self) -> tuple[Array, Array]:
        """Return the kept parameters (R, P), and the statistics (R, S)."""
        parameters, statistics = self._kept
        return parameters, statistics

    def keep_all(self, epoch: int) -> None:
        """Keep the present parameters, in half the time that a mask takes."""
        for present, kept in self._copies:
            np.copyto(kept, present)
        self.epoch.fill(epoch)

    def keep(self, epoch: int, replicas: Array) -> None:
        """Keep the present parameters of the replicas where the mask (R,) is true."""
        for present, kept in self._copies:
            np.copyto(kept, present, where=replicas[:, None])
        self.epoch[replicas] = epoch

    def restore(self, replicas: Array | None = None) -> None:
        """Copy the kept parameters and statistics back into the network, by default all."""
        for present, kept in self._copies:
            np.copyto(present, kept, where=True if replicas is None else replicas[:, None])


class Monitor(Stateful):
    """The decision, after each epoch, what to keep and when each replica stops."""

    stateful: ClassVar[tuple[str, ...]] = (
        "_best",
        "_stalled",
        "stops",
        "running",
        "diverged",
        "_checked",
        "ended",
    )

    def __init__(
        self,
        training: Training,
        keeper: Keeper,
        replicas: int,
        *,
        validated: bool,
        pooled: bool = False,
    ) -> None:
        self._training, self._keeper = training, keeper
        self.metric = training.monitor(validated=validated, pooled=pooled)
        self._best = (
            Best(self.metric, replicas) if training.keeps_best(validated=validated) else None
        )
        stopping = training.early_stopping
        self._stalled = (
            Best(self.metric, replicas, stopping.minimum_improvement) if stopping else None
        )
        self.stops: list[Stop | None] = [None] * replicas
        """Reason why each replica stopped, None while it trains."""
        self.running: Array = np.ones(replicas, np.bool_)
        """Mask (R,) of the replicas that train; a new array whenever one stops."""
        self.diverged: Array = np.zeros(replicas, np.bool_)
        """Mask (R,) of the replicas that stopped by diverging; a new array whenever one does."""
        self._checked = 0  # the last epoch with a check
        self.ended = False
        """True if no replica trains any more."""

    def extend(self) -> None:
        """Let the replicas train on that stopped because they had all their epochs."""
        for replica, stop in enumerate(self.stops):
            if stop == "epochs":
                self.stops[replica] = None
        self.running = np.array([stop is None for stop in self.stops])
        self.ended = None not in self.stops

    def stop(self, which: Array) -> None:
        """Stop the replicas in a mask (R,), as others do better."""
        self._stop(which, "halving")

    @property
    def reads_metric(self) -> bool:
        """True if the monitored metric decides anything."""
        return self._best is not None or self._stalled is not None

    def restate_best(self, value: Array, replicas: Array) -> None:
        """Replace the best value of the replicas in a mask (R,), whose pool has changed."""
        for best in (self._best, self._stalled):
            if best is not None:
                best.restate(value, replicas)

    def observe(
        self,
        epoch: int,
        loss: Array,
        monitored: Array | None,
        finite: Array,
        converged: Array | None = None,
    ) -> Array:
        """Note an epoch's training loss, monitored metric, and mask of finite replicas (R,).

        The metric is None in an epoch without a check; `converged` is the mask of the replicas that
        their optimizer improves no more. Return the mask of the replicas that kept the epoch.
        """
        improved = self.running & finite
        passed = epoch - self._checked
        if monitored is not None:
            self._checked = epoch
        if self._best is not None:
            if monitored is None:
                improved = np.zeros_like(improved)
            else:
                # `unknown` after `observe`: until a value is a number, each epoch is kept
                better = self._best.observe(monitored, passed) | self._best.unknown
                improved = improved & better
        if all(improved.tolist()):  # then all are finite, too
            self._keeper.keep_all(epoch)
        else:
            if improved.any():
                self._keeper.keep(epoch, improved)
            self._stop(~finite, "diverged")
        # a replica's first reason stands: `_stop` changes only those that train
        if self._training.target_loss is not None:
            self._stop(loss <= self._training.target_loss, "target_loss")
        if self._stalled is not None and monitored is not None:
            self._stalled.observe(monitored, passed)
            self._stop(self._impatient(epoch, self._stalled.since), "early_stopping")
        if converged is not None:
            self._stop(converged, "converged")
        if epoch == self._training.epochs:
            self._stop(self.running, "epochs")
        return improved

    def _impatient(self, epoch: int, since: Array) -> Array:
        """Return the mask of the replicas that improved last too long `since` (R,) an epoch."""
        stopping, epochs = self._training.early_stopping, self._training.epochs
        if stopping is None or stopping.patience_factor is None:
            return np.asarray(since >= (stopping and stopping.patience))
        # t > factor t_best + share, both sides times the number of epochs
        limit = stopping.patience_factor * (epoch - since) + stopping.patience_share * epochs
        return np.asarray(epoch > limit)

    def _stop(self, which: Array, reason: Stop) -> None:
        """Stop those replicas of a mask (R,) that still train."""
        if np.count_nonzero(which):
            stopped = which & self.running
            # not in place, since records hold the old masks
            self.running = self.running & ~stopped
            if reason == "diverged":
                self.diverged = self.diverged | stopped
            for replica in np.flatnonzero(stopped):
                self.stops[replica] = reason
            self.ended = None not in self.stops
