"""Training: `fit` takes a network through its epochs and yields one record for each."""

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.loop.initialization import initialize_by_rows
from bpnet.engine.loop.monitoring import Best, Keeper, Monitor, Stop
from bpnet.engine.loop.pools import OOF_LOSS, PoolMonitor, Pools, pooled_loss
from bpnet.engine.loop.replica_rows import AnyRows
from bpnet.engine.loop.running import Running, running
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import SquaredError
from bpnet.engine.metrics import Metric
from bpnet.engine.network import Network
from bpnet.engine.schedules import ReduceOnPlateau
from bpnet.engine.stateful import StateDict, Stateful


class Record(NamedTuple):
    """One epoch: its metrics, each (R,), and, in the last record, why training ended.

    `loss` and the metrics of training rows are those of the epoch's batches, each computed before
    its step; those that begin with `val_` are of the parameters after the epoch. The gradient norm
    is the root mean square over the epoch's steps, before clipping.
    """

    epoch: int
    step: int
    metrics: dict[str, Array]
    learning_rate: Array
    gradient_norm: Array
    kept_epoch: Array
    """Epoch (R,) whose parameters are kept if training ends now; 0 for those before training."""
    running: Array
    """Mask (R,) of the replicas that trained in this epoch; the metrics of others mean nothing."""
    diverged: Array
    """Mask (R,) of the replicas that have diverged, in this epoch or before, while they trained."""
    stops: tuple[Stop, ...] | None
    """In the last record, the reason why each replica stopped."""
    warnings: tuple[str, ...] = ()
    """Warnings of layers that are new in this epoch."""
    before: Array | None = None
    """With `keep_before`, θ (R, P) before the epoch's last step; the next epoch overwrites it."""
    checked: bool = True
    """Whether validation rows were measured; otherwise `val_` metrics and oof_loss are nan."""
    stopped: Array | None = None
    """Mask (R,) of the replicas that train no more after this epoch."""


def fit(
    training: Training,
    network: Network,
    rows: AnyRows,
    validation: AnyRows | None = None,
    metrics: Sequence[Metric] = (),
    *,
    each: Sequence[Training] | None = None,
    keep_before: bool = False,
    pools: Sequence[Sequence[int]] = (),
    restores: bool = False,
    after_step: Callable[[], None] | None = None,
    state: StateDict | None = None,
) -> "Fit":
    """Train a network in place, and yield a record after each epoch.

    When the iterator ends, is closed or is interrupted, the network holds the parameters that
    `training.keep` asks for. First weights that wait for training rows meet them first. A monitored
    training metric is computed again after the epoch, as validation metrics are, so that it belongs
    to the parameters that may be kept.

    Parameters
    ----------
    training
        The settings. Without a loss it is the squared error.
    network
        The network, with its R replicas.
    rows
        The training rows x (N, I), y (N, O); their weights are scaled to a mean of 1.
    validation
        Rows to measure after each epoch.
    metrics
        Metrics beside the loss.
    each
        An optimizer, learning rate, schedule, penalty and clipping for each replica; all else, and
        whether the schedule waits for a plateau, is `training`'s.
    keep_before
        Whether records have the parameters before the epoch's last step.
    pools
        Groups of replicas, by number, that keep one epoch and stop together: that in which
        `oof_loss` is best, the loss of all their validation rows together without label smoothing,
        for cross-entropies at the best common temperature. Another monitored metric, and the loss
        that `target_loss` asks for, are the mean over the pool. A replica that diverges leaves its
        pool; one that is in none is a pool by itself. Replicas that have stopped cost nothing more.
    restores
        Whether replicas have the parameters that they keep from the record on in which they stop,
        rather than from the end of the training.
    after_step
        What to call after each step but the last of an epoch: the place to read the state of a long
        epoch, or to raise what ends the training.
    state
        A state of an equal training (see `Fit.state`), from which it goes on: records and
        parameters are the same bit for bit as if it had never stopped. Where the training had ended
        the last record is yielded again; with more epochs than it had, it then trains on.

    Raises
    ------
    ValueError
        If rows, loss and network do not fit together, or pools and replicas, or there are pools but
        no validation rows, or the state is that of another training.
    """
    if state is None:
        initialize_by_rows(network, rows)
    network.awaits_rows = False
    each = [training] * len(network.seeds) if each is None else each
    pooled, validated = bool(pools), validation is not None
    if pooled and not validated:
        raise ValueError("there are pools, but no validation rows to choose their epoch by")
    keeper = Keeper(network)
    monitor = Monitor(training, keeper, len(each), validated=validated, pooled=pooled)
    replicas = running(
        network,
        training,
        each,
        rows.normalized(),
        validation,
        metrics,
        # the batches' metrics are of the parameters before each step, not of those to be kept
        remeasures=(monitor.reads_metric or isinstance(training.schedule, ReduceOnPlateau))
        and not (monitor.metric.startswith("val_") or monitor.metric == OOF_LOSS),
        keep_before=keep_before,
        after_step=after_step,
    )
    pooling = None
    if pooled and validation is not None and replicas.validation is not None:
        loss = pooled_loss(
            replicas.validation, training.loss or SquaredError(), validation, network.seeds
        )
        pooling = PoolMonitor(Pools(pools, len(each)), loss, monitor.metric, len(each))
    epochs = _Epochs(training, network, replicas, monitor, keeper, pooling)
    fitting = Fit(epochs, restores=restores, backtracks=training.on_divergence == "backtrack")
    if state is not None:
        fitting.load_state(state)
    return fitting


MOST_RETRIES = 5
"""How often a replica that diverges goes back, at most."""


def _of_replicas(which: Array) -> str:
    """Return which replicas a warning is about, where there are several."""
    if len(which) == 1:
        return ""
    return " in replica " + ", ".join(str(k + 1) for k in np.flatnonzero(which))


_GOES_ON = {"stops": None, "stopped": None}
"""What a last record has no longer if more epochs follow."""


class Fit(Stateful, Iterator[Record]):
    """A training as an iterator of its records, whose state can be read between two of them."""

    stateful: ClassVar[tuple[str, ...]] = (
        "_epochs",
        "_epoch",
        "_record",
        "_retries",
        "_lowest",
        "_refuge",
        "_start",
    )

    def __init__(self, epochs: "_Epochs", *, restores: bool, backtracks: bool) -> None:
        self._epochs, self._restores = epochs, restores
        self._retries = np.zeros(epochs.replicas, np.int64)  # how often each has gone back
        self._lowest = Best("loss", epochs.replicas)
        self._refuge = epochs.refuge() if backtracks else None  # of the lowest training loss
        self._start: StateDict | None = None  # the state at the start of the epoch
        self._epoch = 0  # epochs that are done
        self._record: dict[str, Any] | None = None  # of the last epoch
        self._again = False  # whether the last record is yielded again
        self._closed = False

    def __next__(self) -> Record:
        if self._again and self._record is not None:
            self._again = False
            return Record(**{**self._record, **({} if self._epochs.ended else _GOES_ON)})
        if self._closed or self._epochs.ended:
            self.close()
            raise StopIteration
        try:
            record = self._next()
        except BaseException:
            self.close()
            raise
        self._epoch += 1
        self._epochs.resume(record, restores=self._restores)
        self._record = record._asdict()
        if not record.stops:  # the next epoch overwrites it
            self._record["before"] = None
        return record

    def _next(self) -> Record:
        """Train for an epoch, again and at a lower rate if it diverges and that is asked for."""
        if self._refuge is None:
            return self._epochs.run(self._epoch + 1)
        if self._start is None or not self._epochs.within_epoch:
            self._start = copy.deepcopy(self.state())
        warnings: list[str] = []
        while True:
            record = self._epochs.run(self._epoch + 1)
            # `running` is of those that trained in this epoch
            lost = record.running & record.diverged & (self._retries < MOST_RETRIES)
            if not lost.any():
                break
            retries, start = self._retries + lost, self._start
            super().load_state(start)
            self._retries[:], self._start = retries, start
            self._epochs.begin_again(lost, self._refuge)
            self._start = copy.deepcopy(self.state())
            back = ", ".join(map(str, sorted({*self._refuge.epoch[lost].tolist()})))
            warnings.append(
                f"epoch {self._epoch + 1}: the loss was no longer finite{_of_replicas(lost)}; "
                f"went back to the weights of epoch {back}, and on at half the learning rate"
            )
        finite = record.running & ~record.diverged
        lower = finite & self._lowest.observe(np.where(finite, record.metrics["loss"], np.nan))
        if lower.any():
            self._refuge.keep(self._epoch + 1, lower)
        return record._replace(warnings=(*warnings, *record.warnings))

    def __del__(self) -> None:
        self.close()

    @property
    def last(self) -> Record | None:
        """The record of the last epoch that is done; None if none is."""
        return None if self._record is None else Record(**self._record)

    def close(self) -> None:
        """End the training: give the network the parameters that are kept."""
        if not self._closed:
            self._closed = True
            self._epochs.restore()

    def kept(self) -> tuple[Array, Array]:
        """Return the parameters (R, P) that are kept if training ends now, and the statistics."""
        return self._epochs.kept()

    def state(self) -> dict[str, Any]:
        """Return all that another `fit` needs to go on from here, after a record or a step.

        The arrays are those of the training, which changes them as it goes on.
        """
        state = super().state()
        if not self._epochs.within_epoch:  # then the state is itself what to go back to
            state["_start"] = None
        return state

    def load_state(self, state: StateDict) -> None:
        """Go on from a state; with more epochs than it had, replicas that had all theirs go on."""
        super().load_state(state)
        if self._record is not None:  # a state has lists for tuples
            stops, warnings = self._record["stops"], self._record["warnings"]
            self._record["stops"] = tuple(stops) if stops else None
            self._record["warnings"] = tuple(warnings)
        self._again = self._epochs.ended
        self._epochs.extend(self._epoch)


class _Epochs(Stateful):
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
                finite &= np.isfinite(scores["loss"])
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
            stopped=running & ~monitor.running,
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
