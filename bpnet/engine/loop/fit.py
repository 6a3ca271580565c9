"""Training: `fit` takes a network through its epochs and yields one record for each."""

from collections.abc import Generator, Sequence
from typing import NamedTuple

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.loop.evaluation import Evaluator
from bpnet.engine.loop.initialization import initialize_by_rows
from bpnet.engine.loop.monitoring import Best, Keeper, Monitor, Stop
from bpnet.engine.loop.pools import OOF_LOSS, PoolMonitor, Pools, pooled_loss
from bpnet.engine.loop.replica_rows import AnyRows
from bpnet.engine.loop.settings import Training
from bpnet.engine.loop.steps import Steps
from bpnet.engine.losses import SquaredError
from bpnet.engine.metrics import Metric
from bpnet.engine.network import Network
from bpnet.engine.penalties import Penalty, bind_penalties
from bpnet.engine.schedules import ReduceOnPlateau


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
) -> Generator[Record, None, None]:
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
        pool; one that is in none is a pool by itself.

    Yields
    ------
    Record
        One for each epoch; the last has the reasons for stopping.

    Raises
    ------
    ValueError
        If rows, loss and network do not fit together, or pools and replicas, or there are pools but
        no validation rows.
    """
    initialize_by_rows(network, rows)
    each = [training] * len(network.seeds) if each is None else each
    epochs = _Epochs(training, network, rows.normalized(), validation, metrics, each, pools)
    epochs.steps.before = np.empty_like(network.theta) if keep_before else None
    try:
        for epoch in range(1, training.epochs + 1):
            record = epochs.run(epoch)
            epochs.steps.resume()
            yield record
            if record.stops:
                return
    finally:
        epochs.keeper.restore()


class _Epochs:
    """The epochs of one training: its steps, measurements and monitors, bound to the network."""

    def __init__(
        self,
        training: Training,
        network: Network,
        rows: AnyRows,
        validation: AnyRows | None,
        metrics: Sequence[Metric],
        each: Sequence[Training],
        pools: Sequence[Sequence[int]],
    ) -> None:
        replicas, validated = len(network.seeds), validation is not None
        if pools and not validated:
            raise ValueError("there are pools, but no validation rows to choose their epoch by")
        loss = training.loss or SquaredError()
        penalties = [Penalty(l1=one.l1, l2=one.l2) for one in each]
        penalty = bind_penalties(penalties, network.theta, network.gradient, network.weights)
        self._network = network
        self.steps = Steps(training, network, loss, rows, metrics, penalty, each)
        self.keeper = Keeper(network)
        self._monitor = Monitor(
            training, self.keeper, replicas, validated=validated, pooled=bool(pools)
        )
        metric = self._monitor.metric
        self._plateau = (
            training.schedule if isinstance(training.schedule, ReduceOnPlateau) else None
        )
        least = self._plateau.minimum_improvement if self._plateau else 0.0
        self._stalled = Best(metric, replicas, least)
        self._validation = (
            None if validation is None else Evaluator(network, loss, metrics, validation, penalty)
        )
        self._pools = None
        if pools and validation is not None and self._validation is not None:
            pooled_rows = pooled_loss(self._validation, loss, validation, network.seeds)
            self._pools = PoolMonitor(Pools(pools, replicas), pooled_rows, metric, replicas)
        # the batches' metrics are of the parameters before each step, not of those to be kept
        held_out = metric.startswith("val_") or metric == OOF_LOSS
        remeasure = (self._monitor.reads_metric or self._plateau) and not held_out
        self._again = Evaluator(network, loss, metrics, rows, penalty) if remeasure else None
        self._warned = len(network.warnings)
        self._every, self._epochs = training.check_every, training.epochs
        self._members: Array = np.ones(replicas, np.bool_)  # of pools, at the check before
        nothing = np.full(replicas, np.nan)
        names = [f"val_{name}" for name in self._validation.names] if self._validation else []
        self._unchecked = dict.fromkeys([*names, *([OOF_LOSS] if pools else [])], nothing)

    def run(self, epoch: int) -> Record:
        """Train for one epoch, measure it, and decide what is kept and which replicas stop."""
        steps, monitor = self.steps, self._monitor
        measured = steps.run(epoch)
        finite, loss = steps.finite, measured["loss"]
        running = monitor.running  # in this epoch; `observe` may stop some
        checked = epoch % self._every == 0 or epoch == self._epochs
        monitored = None
        if checked:
            if self._validation:
                scores = self._validation.evaluate()
                measured |= {f"val_{name}": value for name, value in scores.items()}
                finite &= np.isfinite(measured["val_loss"])
            if self._pools:
                measured[OOF_LOSS] = self._pools.loss(running & finite)
            monitored = (self._again.evaluate() if self._again else measured)[monitor.metric]
        else:
            measured |= self._unchecked
        if self._pools:
            members = running & finite
            loss = self._pools.mean(loss, members)
            if monitored is not None:
                monitored = self._pools.monitored(monitored, members)
                if (members < self._members).any():
                    monitor.restate_best(self._pools.best(members), members)
                self._members = members
        converged = steps.converged if checked else None
        if self._pools and converged is not None:  # a pool stops together
            converged = np.full_like(converged, converged.all())
        improved = monitor.observe(epoch, loss, monitored, finite, converged)
        if self._pools and monitored is not None:
            self._pools.keep(improved)
        if self._plateau and monitored is not None:
            self._stalled.observe(monitored, self._every)
            steps.reduce_rate(self._plateau, self._stalled)
        return Record(
            epoch=epoch,
            step=steps.count,
            metrics=measured,
            learning_rate=steps.learning_rates(),
            gradient_norm=steps.gradient_norm(),
            kept_epoch=self.keeper.epoch.copy(),
            running=running,
            diverged=monitor.diverged,
            stops=tuple(stop for stop in monitor.stops if stop) if monitor.ended else None,
            warnings=self._new_warnings(),
            before=steps.before,
            checked=checked,
        )

    def _new_warnings(self) -> tuple[str, ...]:
        """Return the warnings of layers since the last call."""
        before, self._warned = self._warned, len(self._network.warnings)
        return tuple(self._network.warnings.values())[before:] if self._warned > before else ()
