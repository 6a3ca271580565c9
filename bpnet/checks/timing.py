"""Timing: how long an epoch takes, measured by a few real steps of a network to discard."""

import time
from collections.abc import Sequence
from dataclasses import replace

from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.settings import Training
from bpnet.engine.metrics import Metric
from bpnet.engine.network import Network
from bpnet.models.threads import suited_threads

BUDGET = 0.25
"""Seconds that the steps may take; a single epoch of few batches may exceed it."""

_WARM_UP = 4
"""Batches of the first epoch, which show how many fit into the budget."""


def seconds_per_epoch(
    training: Training,
    network: Network,
    train: Rows,
    validation: Rows | None,
    metrics: Sequence[Metric],
    rows: int,
) -> float:
    """Return the seconds of an epoch of `rows` rows, extrapolated from some of `train`.

    The network is trained, and so changed.
    """
    # only the budget may end the epochs
    training = replace(training, early_stopping=None, target_loss=None, epochs=1_000_000)
    size = len(train) if training.batch_size == "full" else training.batch_size
    first = min(len(train), _WARM_UP * size)
    with suited_threads(network, size):
        spent = _fastest_epoch(training, network, train, validation, metrics, first, BUDGET / 5)
        # as many batches as fit into a third of the budget
        steps = max(_WARM_UP, int(BUDGET / 3 / spent * _WARM_UP))
        count = min(len(train), steps * size)
        if count > first:
            spent = _fastest_epoch(training, network, train, validation, metrics, count, BUDGET / 3)
    return spent * rows / min(count, len(train))


def _fastest_epoch(
    training: Training,
    network: Network,
    train: Rows,
    validation: Rows | None,
    metrics: Sequence[Metric],
    count: int,
    budget: float,
) -> float:
    """Return the seconds of the fastest epoch of the first `count` rows, within the budget.

    The same share of the validation rows is evaluated.
    """
    held_out = validation and validation.picked(
        slice(max(1, len(validation) * count // len(train)))
    )
    best, start = float("inf"), time.perf_counter()
    before = start
    for _ in fit(
        training, network, train.picked(slice(count)), held_out, metrics, keep_before=True
    ):
        now = time.perf_counter()
        best, before = min(best, now - before), now
        if now - start > budget:
            break
    return best
