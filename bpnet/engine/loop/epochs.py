"""The epochs of a training: each is run, measured, and decides what is kept and who stops."""

from typing import ClassVar

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.loop.monitoring import Best, Keeper, Monitor
from bpnet.engine.loop.pools import OOF_LOSS, PoolMonitor
from bpnet.engine.loop.record import Record
from bpnet.engine.loop.running import Running
from bpnet.engine.loop.settings import Training
from bpnet.engine.network import Network
from bpnet.engine.optimizers.state import Memory
from bpnet.engine.schedules import ReduceOnPlateau
from bpnet.engine.stateful import Stateful


class Epochs(Stateful):
    """The epochs of one training: its replicas, with what monitors them."""

    stateful: ClassVar[tuple[str, ...]] = (
        "_replicas",
        "_monitor",
        "_keeper",
        "_pools",
        "_stalled",
        "_warned",
        "_left",
    )

    def __init__(
        self,
        training: Training,
        network: Network,
        replicas: Running,
        monitor: Monitor,
        keeper: Keeper,
        pools: PoolMonitor | None,
    ) -> None:
        self._training, self._network, self._replicas = training, network, replicas
        self._monitor, self._keeper, self._pools = monitor, keeper, pools
        count, schedule = len(network.seeds), training.schedule
        self._plateau = schedule if isinstance(schedule, ReduceOnPlateau) else None
        least = self._plateau.minimum_improvement if self._plateau else 0.0
        self._stalled = Best(monitor.metric, count, least)
        self._warned = len(network.warnings)
        names = [f"val_{name}" for name in replicas.validation.names] if replicas.validation else []
        self._unchecked = dict.fromkeys(
            [*names, *([OOF_LOSS] if pools else [])], np.full(count, np.nan)
        )
        """The metrics of validation rows in an epoch without a check."""
        self._left: Array = np.zeros(count, np.bool_)  # diverged since the last check
        self._none: Array = np.zeros(count, np.bool_)
        self._none.setflags(write=False)

    @property
    def replicas(self) -> int:
        """The number of replicas."""
        return len(self._network.seeds)

    @property
    def within_epoch(self) -> bool:
        """True if some steps of an epoch are taken."""
        return self._replicas.within_epoch

    def begin_again(self, which: Array, refuge: Keeper) -> None:
        """Give the replicas in a mask (R,) the parameters of a refuge, and half their rate."""
        self._replicas.begin_again(which, *refuge.kept())

    def refuge(self) -> Keeper:
        """Return a copy of the present parameters to go back to."""
        return Keeper(self._network)

    @property
    def ended(self) -> bool:
        """True if no replica trains any more."""
        return self._monitor.ended

    def extend(self, epoch: int) -> None:
        """Let the replicas that had all their epochs train on, if there are more than these."""
        if epoch < self._training.epochs:
            self._monitor.extend()

    def resume(self, record: Record, *, restores: bool) -> None:
        """Prepare for the next epoch, or give those that stopped what they keep."""
        self._replicas.resume()
        if restores and record.stopped is not None and record.stopped.any():
            self._keeper.restore(record.stopped)
        if self._pools and not record.stops:
            self._replicas.go_on_with(self._monitor.running)

    def stop(self, which: Array) -> None:
        """Let the replicas in a mask (R,) train no more, and leave out all that have stopped."""
        self._monitor.stop(which)
        if not self.ended:
            self._replicas.go_on_with(self._monitor.running)

    def memory(self, replica: int) -> Memory:
        """Return what the optimizer keeps of a replica: see `Running.memory`."""
        return self._replicas.memory(replica)

    def kept(self) -> tuple[Array, Array]:
        """Return the parameters and the statistics that are kept."""
        return self._keeper.kept()

    def restore(self) -> None:
        """Give the network the parameters that are kept."""
        self._keeper.restore()

    def run(self, epoch: int) -> Record:
        """Train for one epoch, measure it, and decide what is kept and which replicas stop."""
        replicas, monitor, training = self._replicas, self._monitor, self._training
        measured = replicas.run(epoch)
        finite, loss, monitored = replicas.finite, measured["loss"], None
        running = monitor.running  # in this epoch; `observe` may stop some
        checked = epoch % training.check_every == 0 or epoch == training.epochs
        if checked:
            scores = replicas.validate()
            measured |= {f"val_{name}": value for name, value in scores.items()}
            if scores:
                finite = finite & np.isfinite(scores["loss"])
            if self._pools:
                measured[OOF_LOSS] = self._pools.loss(running & finite)
            monitored = (replicas.measure_again() or measured)[monitor.metric]
        else:
            measured |= self._unchecked
        if self._pools:
            loss, monitored = self._pooled(self._pools, loss, monitored, running, finite)
        converged = replicas.converged if checked else None
        if self._pools and converged is not None:  # a pool stops together
            converged = self._pools.mean(converged.astype(float), running & finite) == 1
        improved = monitor.observe(epoch, loss, monitored, finite, converged)
        if self._pools and checked:
            self._pools.keep(improved)
        if self._plateau and monitored is not None:
            self._reduce_rate(self._plateau, monitored)
        return Record(
            epoch=epoch,
            step=replicas.count,
            metrics=measured,
            learning_rate=replicas.learning_rates(),
            gradient_norm=replicas.gradient_norm(),
            kept_epoch=self._keeper.epoch.copy(),
            running=running,
            diverged=monitor.diverged,
            stops=tuple(stop for stop in monitor.stops if stop) if monitor.ended else None,
            warnings=self._new_warnings(),
            before=replicas.before,
            checked=checked,
            # the monitor has a new mask whenever one stops
            stopped=self._none if running is monitor.running else running & ~monitor.running,
        )

    def _pooled(
        self,
        pools: PoolMonitor,
        loss: Array,
        monitored: Array | None,
        running: Array,
        finite: Array,
    ) -> tuple[Array, Array | None]:
        """Return the training loss and the monitored metric (R,) of each replica's pool."""
        members = running & finite
        self._left |= running & ~finite
        if monitored is not None:
            monitored = pools.monitored(monitored, members)
            if self._left.any():
                changed = members & pools.with_any(self._left)
                self._monitor.restate_best(pools.best(changed), changed)
                self._left.fill(False)
        return pools.mean(loss, members), monitored

    def _reduce_rate(self, plateau: ReduceOnPlateau, monitored: Array) -> None:
        """Reduce the rate of each replica that has stalled for longer than the patience."""
        self._stalled.observe(monitored, self._training.check_every)
        late = self._stalled.since > plateau.patience
        if late.any():
            self._replicas.reduce_rate(plateau, late)
            self._stalled.since[late] = 0

    def _new_warnings(self) -> tuple[str, ...]:
        """Return the warnings of layers since the last call."""
        before, self._warned = self._warned, len(self._network.warnings)
        return tuple(self._network.warnings.values())[before:] if self._warned > before else ()
