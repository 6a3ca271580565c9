"""Training: `fit` takes a network through its epochs and yields one record for each."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from bpnet.engine.component import Array
from bpnet.engine.loop.epochs import Epochs
from bpnet.engine.loop.initialization import initialize_by_rows
from bpnet.engine.loop.monitoring import Best, Keeper, Monitor
from bpnet.engine.loop.pools import OOF_LOSS, PoolMonitor, Pools, pooled_loss
from bpnet.engine.loop.record import Record
from bpnet.engine.loop.replica_rows import AnyRows
from bpnet.engine.loop.running import running
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import SquaredError
from bpnet.engine.metrics import Metric
from bpnet.engine.network import Network
from bpnet.engine.optimizers.state import Memory
from bpnet.engine.schedules import ReduceOnPlateau
from bpnet.engine.stateful import StateDict, Stateful


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
    chunk: int | None = None,
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
    chunk
        Rows to measure at once, by default as many as suit the network. Some of its replicas, by
        themselves, have the metrics that they have among all only if it is that of all.
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
        chunk=chunk,
        after_step=after_step,
    )
    pooling = None
    if pooled and validation is not None and replicas.validation is not None:
        loss = pooled_loss(
            replicas.validation, training.loss or SquaredError(), validation, network.seeds
        )
        pooling = PoolMonitor(Pools(pools, len(each)), loss, monitor.metric, len(each))
    epochs = Epochs(training, network, replicas, monitor, keeper, pooling)
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


class Fit(Stateful, Iterator[Record]):
    """A training as an iterator of its records, whose state can be read between two of them."""

    stateful: ClassVar[tuple[str, ...]] = (
        "_epochs",
        "epoch",
        "_record",
        "_retries",
        "_lowest",
        "_refuge",
        "_start",
    )

    def __init__(self, epochs: Epochs, *, restores: bool, backtracks: bool) -> None:
        self._epochs, self._restores = epochs, restores
        self._retries = np.zeros(epochs.replicas, np.int64)  # how often each has gone back
        self._lowest = Best("loss", epochs.replicas)
        self._refuge = epochs.refuge() if backtracks else None  # of the lowest training loss
        self._start: StateDict | None = None  # the state at the start of the epoch
        self.epoch = 0
        """The number of epochs that are done."""
        self._last: Record | None = None
        self._again = False  # whether the last record is yielded again
        self._closed = False

    def __next__(self) -> Record:
        if self._again and self._last is not None:
            self._again = False
            if self._epochs.ended:
                return self._last
            return self._last._replace(stops=None, stopped=None)  # as more epochs follow
        if self._closed or self._epochs.ended:
            self.close()
            raise StopIteration
        try:
            record = self._next()
        except BaseException:
            self.close()
            raise
        self.epoch += 1
        self._epochs.resume(record, restores=self._restores)
        self._last = record
        return record

    def _next(self) -> Record:
        """Train for an epoch, again and at a lower rate if it diverges and that is asked for."""
        if self._refuge is None:
            return self._epochs.run(self.epoch + 1)
        if self._start is None or not self._epochs.within_epoch:
            self._start = copy.deepcopy(self.state())
        warnings: list[str] = []
        while True:
            record = self._epochs.run(self.epoch + 1)
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
                f"epoch {self.epoch + 1}: the loss was no longer finite{_of_replicas(lost)}; "
                f"went back to the weights of epoch {back}, and on at half the learning rate"
            )
        finite = record.running & ~record.diverged
        lower = finite & self._lowest.observe(np.where(finite, record.metrics["loss"], np.nan))
        if lower.any():
            self._refuge.keep(self.epoch + 1, lower)
        return record._replace(warnings=(*warnings, *record.warnings))

    def __del__(self) -> None:
        self.close()

    @property
    def last(self) -> Record | None:
        """The record of the last epoch that is done; None if none is."""
        if self._last is None or self._last.stops:
            return self._last
        return self._last._replace(before=None)  # the next epoch overwrites it

    @property
    def _record(self) -> dict[str, Any] | None:
        """The last record as part of the state."""
        last = self.last
        return None if last is None else last._asdict()

    @_record.setter
    def _record(self, fields: Mapping[str, Any] | None) -> None:
        if fields is None:
            self._last = None
            return
        # a state has lists for tuples
        stops, warnings = fields["stops"], tuple(fields["warnings"])
        stops = tuple(stops) if stops else None
        self._last = Record(**{**fields, "stops": stops, "warnings": warnings})

    def close(self) -> None:
        """End the training: give the network the parameters that are kept."""
        if not self._closed:
            self._closed = True
            self._epochs.restore()

    def stop(self, which: Array) -> None:
        """Let the replicas in a mask (R,) train no more, between two records.

        They have the parameters that they keep now at the end. Whatever has stopped, by this or by
        itself, costs nothing more.
        """
        self._epochs.stop(which)

    def memory(self, replica: int) -> Memory:
        """Return what the optimizer keeps of a replica's steps so far.

        Raises ValueError if the replica trains no more, or embeddings are lazy.
        """
        return self._epochs.memory(replica)

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
        self._again = self._epochs.ended
        self._epochs.extend(self.epoch)
