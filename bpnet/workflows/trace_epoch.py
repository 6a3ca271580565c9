"""A run's training up to the beginning of one of its epochs, taken from its snapshots."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from bpnet.engine.loop.fit import Fit, fit
from bpnet.engine.loop.initialization import initialize_by_rows
from bpnet.engine.tracing import Position
from bpnet.errors import UsageError
from bpnet.messages import counted
from bpnet.models.build import build_model
from bpnet.models.model import Model
from bpnet.models.training_metrics import training_metrics
from bpnet.paths import is_file
from bpnet.preparation.encode import EncodedDataset
from bpnet.runs.directory import RunPaths
from bpnet.runs.run_file import read_run_file
from bpnet.runs.snapshots import Snapshots
from bpnet.workflows.first_weights import saved_first_weights

MOST_ROWS = 64
"""Rows of a batch that are traced."""


@dataclass(frozen=True)
class EpochStart:
    """A training at the beginning of an epoch."""

    model: Model
    """The first network, as it is there."""
    position: Position
    """The place of the epoch's first step, with what the optimizer keeps of those before."""
    batch: list[int]
    """The rows of that step by their number in the table, from 1."""
    whole: bool
    """True if the batch has all training rows, so that every step has the same."""
    replayed: int
    """The number of epochs that were trained again to come here."""


def epoch_start(paths: RunPaths, prepared: EncodedDataset, epoch: int) -> EpochStart:
    """Return a run's training at the beginning of an epoch, counted from 1.

    It goes on from the last snapshot before it, or from the first weights, bit for bit as the
    training did. `prepared` has the rows as the training had them. Raises UsageError if the
    training had no such epoch, or keeps a state that is not one of all parameters.
    """
    content = read_run_file(paths.run)
    if content.get("kind") not in (None, "train"):
        raise UsageError(
            f"{paths.folder}: --epoch is for a single training, and this is one of a "
            f"{content['kind']}; leave --epoch out, or trace {paths.config}"
        )
    if prepared.storage == "disk":
        raise UsageError(
            f"{paths.folder}: --epoch is for rows in memory, and its are on disk; leave it out"
        )
    model = build_model(prepared)
    fitting, found = _fit_before(paths, prepared, model, epoch)
    network = model.network
    with closing(fitting):
        while fitting.epoch < epoch - 1 and next(fitting, None) is not None:
            pass
        if fitting.epoch < epoch - 1 or (fitting.last is not None and fitting.last.stops):
            raise UsageError(
                f"--epoch {epoch}: the training ended after epoch {fitting.epoch}; name an epoch "
                f"from 1 to {fitting.epoch}"
            )
        try:
            memory = fitting.memory(0)
        except ValueError as error:
            raise UsageError(f"--epoch {epoch}: cannot be traced: {error}") from None
        theta, statistics = network.theta.copy(), network.statistics.flat.copy()
    network.theta[:], network.statistics.flat[:] = theta, statistics  # not those that are kept
    training, rows = prepared.config.training, prepared.rows["train"]
    size = len(rows) if training.batch_size == "full" else training.batch_size
    spread = training.last_batch == "spread"
    batches = rows.batches(size, network.seeds[:1], shuffle=training.shuffle, spread=spread)
    size = batches.shapes[0].size
    return EpochStart(
        model,
        Position(epoch - 1, batches.per_epoch, memory.reduction, memory),
        [int(row) + 1 for row in prepared.parts["train"][batches.order(epoch)[0, :size]]],
        size == len(rows),
        epoch - 1 - found,
    )


def _fit_before(
    paths: RunPaths, prepared: EncodedDataset, model: Model, epoch: int
) -> tuple[Fit, int]:
    """Return the training after some epoch before this one, and that epoch."""
    snapshots = Snapshots(paths.snapshots)
    found = max((one for one in snapshots.epochs() if one < epoch), default=0)
    state = snapshots.read(found)["fit"] if found else None
    if state is None:
        initialize_by_rows(model.network, prepared.rows["train"])
        if is_file(paths.first_weights):
            saved_first_weights(paths, read_run_file(paths.run), model).load(model, prepared)
    fitting = fit(
        prepared.config.training,
        model.network,
        prepared.rows["train"],
        prepared.rows.get("validation"),
        training_metrics(model.description),
        keep_before=True,
        state=state,
    )
    return fitting, found


def batch_to_trace(start: EpochStart, steps: int) -> list[int]:
    """Return the rows of the step's batch, if they are few; raises UsageError."""
    if len(start.batch) > MOST_ROWS:
        raise UsageError(
            f"the batch of the step has {len(start.batch)} rows, too many to follow number by "
            f"number (at most {MOST_ROWS}); name rows with --row, which is then another step of "
            "the same weights"
        )
    if steps > 1 and not start.whole:
        raise UsageError(
            f"--steps {steps}: each step of the epoch has other rows, and only its first is "
            "traced; leave --steps out, or name rows with --row"
        )
    return start.batch


def notes_on_epoch(start: EpochStart, *, own_batch: bool) -> Iterator[str]:
    """Yield what step is traced, and whether it is the training's own."""
    epoch = start.position.epochs_done + 1
    what = "weights, state of the optimizer and rate"
    if own_batch:
        rows = f"the {counted(len(start.batch), 'row')} of its batch"
        yield f"the first step of epoch {epoch}, as the training took it: {what}, and {rows}"
    else:
        yield (
            f"the first step of epoch {epoch} with the training's {what}, but other rows: its "
            f"batch had {counted(len(start.batch), 'row')}"
        )
    if start.replayed:
        yield (
            f"to come here, {counted(start.replayed, 'epoch')} of training had to be repeated; "
            "with training.snapshots a run keeps states on the way"
        )
