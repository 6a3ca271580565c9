"""Timing: how long an epoch will take, by a few real steps on a throw-away network."""

import time
from dataclasses import replace

from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.fit import MetricOf, fit
from bpnet.engine.loop.settings import Training
from bpnet.engine.network import Network
from bpnet.models.threads import suited_threads

BUDGET = 0.25
"""Seconds that the steps may take; a single epoch of few batches takes what it takes."""

_WARMING = 4
"""Batches of the first epoch, by which it is known how many fit the budget."""


def seconds_per_epoch(
    training: Training,
    network: Network,
    train: Rows,
    validation: Rows | None,
    metric: MetricOf,
    rows: int,
) -> float:
    """Seconds that an epoch over so many `rows` takes, extrapolated from some of these rows; changes the network."""
    training = replace(training, early_stopping=None, target_loss=None, epochs=1_000_000)
    size = len(train) if training.batch_size == "full" else training.batch_size
    first = min(len(train), _WARMING * size)
    with suited_threads(network, size):
        spent = _measured(training, network, train, validation, metric, first, BUDGET / 5)
        steps = max(_WARMING, int(BUDGET / 3 / spent * _WARMING))
        count = min(len(train), steps * size)
        if count > first:
            spent = _measured(training, network, train, validation, metric, count, BUDGET / 3)
    return spent * rows / min(count, len(train))


def _measured(
    training: Training,
    network: Network,
    train: Rows,
    validation: Rows | None,
    metric: MetricOf,
    count: int,
    budget: float,
) -> float:
    """Seconds of the fastest epoch over the first `count` rows, and as large a share of the validation rows."""
    held = validation and validation.picked(slice(max(1, len(validation) * count // len(train))))
    best, start = float("inf"), time.perf_counter()
    before = start
    for _ in fit(training, network, train.picked(slice(count)), held, metric, keep_before=True):
        now = time.perf_counter()
        best, before = min(best, now - before), now
        if now - start > budget:
            break
    return best
