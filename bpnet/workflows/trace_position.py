"""The place of a traced step in a training, and how the step differs from the training's own."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bpnet.config.schema import Config
from bpnet.engine.layers import BatchNormalization
from bpnet.engine.loop.passes import cut
from bpnet.engine.loop.settings import Training
from bpnet.engine.network import Network
from bpnet.engine.schedules import ReduceOnPlateau
from bpnet.engine.tracing import Position
from bpnet.errors import RunError
from bpnet.messages import counted
from bpnet.models.run_model import RunModel
from bpnet.runs import files
from bpnet.runs.directory import RunPaths
from bpnet.workflows.traced_rows import MOST_ROWS


@dataclass(frozen=True)
class KeptWeights:
    """The weights that a run's first network keeps: the epoch they are of, and its replica."""

    epoch: int
    replica: int | None
    """The number of the network in replicas.csv; None if the run has a single one."""


def kept_weights(paths: RunPaths, run_model: RunModel) -> KeptWeights:
    """Return which weights the first network of a run's model keeps, by run.json or a checkpoint.

    Raises RunError if it does not say.
    """
    if (kept := run_model.kept_epoch) is not None:
        several = paths.replicas_csv.is_file()
        return KeptWeights(kept[1], kept[0] + 1 if several else None)
    content = files.read_json(paths.run)
    content = content if isinstance(content, dict) else {}
    epoch, replicas = content.get("best_epoch"), content.get("replicas") or []
    replica: int | None = None
    if replicas and isinstance(replicas, list) and isinstance(replicas[0], dict):
        first = replicas[0]
        epoch = first.get("best_epoch")
        seed, base = first.get("seed"), content.get("seed")
        replica = seed - base + 1 if isinstance(seed, int) and isinstance(base, int) else 1
    if not isinstance(epoch, int) or epoch < 0:
        raise RunError(
            f"{paths.run}: does not say which epoch the kept weights are of (best_epoch), "
            "which the next step depends on; restore it"
        )
    return KeptWeights(epoch, replica)


def steps_per_epoch(training: Training, rows: int) -> int:
    """Return the steps of an epoch over a number of training rows."""
    size = rows if training.batch_size == "full" else training.batch_size
    return cut(rows, size, spread=training.last_batch == "spread")[1]


def position_after(
    kept: KeptWeights, config: Config, steps: int, paths: RunPaths
) -> tuple[Position, list[str]]:
    """Return the place of the step after the kept weights, and notes on what is not known of it."""
    training = config.training
    if not isinstance(training.schedule, ReduceOnPlateau) or kept.epoch == 0:
        return Position(kept.epoch, steps), []
    rates = _logged_rates(kept, config, paths)
    epoch = next((epoch for epoch in (kept.epoch + 1, kept.epoch) if epoch in rates), None)
    if epoch is None:
        return Position(kept.epoch, steps), [
            "the schedule waits for a plateau, and the run does not say how far it has reduced the "
            "rate of this network: the rate is the one before any reduction"
        ]
    notes = []
    if epoch == kept.epoch:
        notes.append(
            f"the schedule waits for a plateau, and the log ends with epoch {epoch}: the rate is "
            "that of this epoch, though it may have been reduced after it"
        )
    # the logged rate is that of the epoch's last step
    factor = training.schedule.factor(epoch * steps - 1, steps, training.epochs)
    reduction = rates[epoch] / (training.learning_rate * factor)
    return Position(kept.epoch, steps, reduction), notes


def _logged_rates(kept: KeptWeights, config: Config, paths: RunPaths) -> dict[int, float]:
    """Return the learning rate that the network's log has for each epoch; raise RunError.

    It is empty for a point of a grid, whose number in the log is not in the run.
    """
    log = paths.metrics_csv if kept.replica is None else paths.replicas_csv
    rates: dict[int, float] = {}
    numbers = set()
    with files.open_text(log) as file:
        for row in csv.DictReader(files.short_lines(file, log)):
            numbers.add(row.get("replica"))
            if kept.replica is not None and row.get("replica") != str(kept.replica):
                continue
            try:
                rates[int(row["epoch"])] = float(row["learning_rate"])
            except (KeyError, TypeError, ValueError):
                raise RunError(
                    f"{log}: is not a log of epochs and learning rates; restore it"
                ) from None
    return {} if len(numbers) > config.replicas else rates


def notes_on_run(kept: KeptWeights, training: Training) -> Iterator[str]:
    """Yield what the next step of a run is, and how it differs from that of its training."""
    optimizer = training.optimizer
    kind = getattr(optimizer, "kind", type(optimizer).__name__)
    yield (
        f"the weights are those that the run keeps, of epoch {kept.epoch}: "
        f"step 1 is the first of epoch {kept.epoch + 1}"
    )
    if kept.epoch >= training.epochs:
        yield (
            f"the training ended after epoch {training.epochs}, its last, so that it has no "
            "such step; the rate is what its schedule would give then"
        )
    if optimizer.slots and kept.epoch > 0:
        own = min(kept.epoch + 1, training.epochs)
        yield (
            f"not the step of the training itself: {kind} starts afresh here, where the training "
            f"goes on with what its earlier steps left ({', '.join(optimizer.slots)}); losses, "
            f"outputs and gradients are not affected; --epoch {own} traces a step of its own"
        )


def notes_on_batch(
    network: Network, training: Training, train_rows: int, traced: Sequence[int]
) -> Iterator[str]:
    """Yield what batch normalization does with the traced rows, which are one batch."""
    if not any(isinstance(layer, BatchNormalization) for layer in network.layers):
        return
    size, _ = _batch(training, train_rows)
    if len(traced) == 1:
        yield (
            "batch normalization, as in training, takes mean and variance over the rows of the "
            "batch: of a single row each value is its own mean, so that the layer gives f(beta) "
            "whatever the row, gamma has no gradient, nothing flows back, and the running mean "
            "and variance, which predictions use, stay as they are; name more rows with --row"
        )
    else:
        yield (
            f"batch normalization, as in training, takes mean and variance over the rows of the "
            f"batch, here the {len(traced)} traced ones, in training {size}; predictions use the "
            "running mean and variance"
        )


def notes_on_size(
    training: Training, train_rows: int, traced: Sequence[int], *, of_run: bool
) -> Iterator[str]:
    """Yield that a step of the training has more rows than are traced, or fewer."""
    size, full = _batch(training, train_rows)
    if size == len(traced):
        return
    batch = f"the {len(traced)} rows are a batch of their own"
    if len(traced) == 1:
        batch = "the row is a batch of its own"
    if size > MOST_ROWS:
        own = f", more than can be followed (at most {MOST_ROWS})"
    elif full:
        own = "; --row all traces these"
    else:
        own = "; --epoch E traces a step of epoch E with its rows" if of_run else ""
    yield f"{batch}, where a step of the training takes {counted(size, 'row')}{own}"


def _batch(training: Training, train_rows: int) -> tuple[int, bool]:
    """Return the rows of a step, and whether these are all."""
    if training.batch_size == "full" or training.batch_size >= train_rows:
        return train_rows, True
    return training.batch_size, False
