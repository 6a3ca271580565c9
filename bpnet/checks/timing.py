"""Timing: how long an epoch takes, measured by a few real steps of a network to discard."""

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.record import Record
from bpnet.engine.loop.replica_rows import ReplicaRows
from bpnet.engine.loop.settings import Training
from bpnet.engine.metrics import Metric
from bpnet.engine.network import Network
from bpnet.models.threads import shared_work

BUDGET = 0.25
"""Seconds that the steps may take; a single epoch of few batches may exceed it."""

_FEWEST_EPOCHS = 4

_WARM_UP = 4
"""Batches of the first epoch, which show how many fit into the budget."""


def seconds_per_epoch(
    training: Training,
    network: Network,
    train: Rows | ReplicaRows,
    validation: Rows | ReplicaRows | None,
    metrics: Sequence[Metric],
    rows: int,
) -> float:
    """Return the mean seconds of an epoch of `rows` rows, extrapolated from some of `train`.

    Rows of replicas are those of folds, whose networks are one pool. Where only some epochs have a
    check, its time is shared among them. The network is trained, and so changed.
    """
    # only the budget may end the epochs; every other one has no check, if some have none
    check_every = min(training.check_every, 2)
    measured = replace(
        training,
        early_stopping=None,
        target_loss=None,
        epochs=1_000_000,
        check_every=check_every,
    )
    size = len(train) if training.batch_size == "full" else training.batch_size
    first = min(len(train), _WARM_UP * size)

    def spent(count: int, budget: float) -> float:
        # the same share of the validation rows is evaluated
        held_out = validation and _first(validation, max(1, len(validation) * count // len(train)))
        records = fit(
            measured,
            network,
            _first(train, count),
            held_out,
            metrics,
            keep_before=not isinstance(train, ReplicaRows),
            pools=[range(len(train.picks))] if isinstance(train, ReplicaRows) else (),
        )
        plain, checked = _fastest_epochs(records, budget)
        return plain + (checked - plain) / training.check_every

    with shared_work():
        seconds = spent(first, BUDGET / 5)
        # as many batches as fit into a third of the budget
        count = min(len(train), max(_WARM_UP, int(BUDGET / 3 / seconds * _WARM_UP)) * size)
        if count > first:
            seconds = spent(count, BUDGET / 3)
    return seconds * rows / min(count, len(train))


def _first(rows: Rows | ReplicaRows, count: int) -> Rows | ReplicaRows:
    """Return the first rows, or those of each replica."""
    if isinstance(rows, ReplicaRows):
        return replace(rows, picks=[picks[:count] for picks in rows.picks])
    return rows.picked(slice(count))


def _fastest_epochs(records: Iterable[Record], budget: float) -> tuple[float, float]:
    """Return the seconds of the fastest epoch without a check and with one, within the budget.

    They are the same where all epochs are of one kind.
    """
    best, start = {False: float("inf"), True: float("inf")}, time.perf_counter()
    before = start
    for count, record in enumerate(records, start=1):
        now = time.perf_counter()
        best[record.checked] = min(best[record.checked], now - before)
        before = now
        # two of each kind: the first epoch also allocates
        if now - start > budget and count >= _FEWEST_EPOCHS:
            break
    if math.inf in best.values():  # of one kind only, if the training diverged at once
        return min(best.values()), min(best.values())
    return best[False], best[True]
