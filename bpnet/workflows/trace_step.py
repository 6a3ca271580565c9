"""A run's training up to one of its steps, taken from its snapshots."""

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass

from bpnet.engine.component import Array
from bpnet.engine.loop.fit import Fit, fit
from bpnet.engine.loop.initialization import initialize_by_rows
from bpnet.engine.optimizers.state import Memory
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
from bpnet.workflows.traced_rows import MOST_ROWS


@dataclass(frozen=True)
class StepStart:
    """A training before one of its steps."""

    model: Model
    """The first network, as it is there."""
    position: Position
    """The place of the step, with what is kept of those before."""
    batch: list[int]
    """The rows of the step by their number in the table, from 1."""
    whole: bool
    """True if the batch has all training rows, so that every step has the same."""
    replayed: int
    """The number of epochs that were trained again to come here."""


class _StepReachedError(Exception):
    """Ends a training before the step that is traced."""


@dataclass(frozen=True)
class _Moment:
    """The parameters and statistics of a training at some step, and what else is kept by then."""

    theta: Array
    statistics: Array
    memory: Memory


def step_start(paths: RunPaths, prepared: EncodedDataset, epoch: int, step: int = 1) -> StepStart:
    """Return a run's training before a step of an epoch, both counted from 1.

    It goes on from the last snapshot before the epoch, or from the first weights, bit for bit as
    the training did. `prepared` has the rows as the training had them. Raises UsageError if the
    training had no such step, or keeps a state that is not one of all parameters.
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
    training, rows, network = prepared.config.training, prepared.rows["train"], model.network
    size = len(rows) if training.batch_size == "full" else training.batch_size
    spread = training.last_batch == "spread"
    batches = rows.batches(size, network.seeds[:1], shuffle=training.shuffle, spread=spread)
    size, steps = batches.shapes[0].size, batches.per_epoch
    if step > steps:
        raise UsageError(
            f"--step {step}: an epoch of this training has {counted(steps, 'step')}"
            + (f"; name one from 1 to {steps}" if steps > 1 else "; leave --step out")
        )
    moment, replayed = _moment_before(paths, prepared, model, epoch, step)
    # in place of those that a training keeps at its end
    network.theta[:], network.statistics.flat[:] = moment.theta, moment.statistics
    picked = batches.order(epoch)[0, (step - 1) * size : step * size]
    return StepStart(
        model,
        Position(epoch - 1, steps, moment.memory.reduction, moment.memory, step - 1),
        [int(row) + 1 for row in prepared.parts["train"][picked]],
        steps == 1,
        replayed,
    )


def _moment_before(
    paths: RunPaths, prepared: EncodedDataset, model: Model, epoch: int, step: int
) -> tuple[_Moment, int]:
    """Train up to a step; return the training there, and the epochs that it took to come there."""
    reached: list[_Moment] = []
    taken = 0

    def after_step() -> None:
        nonlocal taken
        taken += fitting.epoch == epoch - 1
        if taken == step - 1 and step > 1:
            reached.append(_moment(fitting, model, epoch))
            raise _StepReachedError

    fitting, begun = _fit_before(paths, prepared, model, epoch, after_step)
    with closing(fitting):
        while fitting.epoch < epoch - 1 and next(fitting, None) is not None:
            pass
        if fitting.epoch < epoch - 1 or (fitting.last is not None and fitting.last.stops):
            raise UsageError(
                f"--epoch {epoch}: the training ended after epoch {fitting.epoch}; name an epoch "
                f"from 1 to {fitting.epoch}"
            )
        if step == 1:
            reached.append(_moment(fitting, model, epoch))
        else:
            with suppress(_StepReachedError):
                next(fitting)
    return reached[0], epoch - 1 - begun


def _moment(fitting: Fit, model: Model, epoch: int) -> _Moment:
    """Return copies of what a training is now; raises UsageError."""
    try:
        memory = fitting.memory(0)
    except ValueError as error:
        raise UsageError(f"--epoch {epoch}: cannot be traced: {error}") from None
    return _Moment(model.network.theta.copy(), model.network.statistics.flat.copy(), memory)


def _fit_before(
    paths: RunPaths,
    prepared: EncodedDataset,
    model: Model,
    epoch: int,
    after_step: Callable[[], None],
) -> tuple[Fit, int]:
    """Return the training after some epoch before this one, and that epoch."""
    snapshots = Snapshots(paths.snapshots)
    begun = max((one for one in snapshots.epochs() if one < epoch), default=0)
    state = snapshots.read(begun)["fit"] if begun else None
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
        after_step=after_step,
        state=state,
    )
    return fitting, begun


def batch_to_trace(start: StepStart, steps: int) -> list[int]:
    """Return the rows of the step's batch, if they are few; raises UsageError."""
    if len(start.batch) > MOST_ROWS:
        raise UsageError(
            f"the batch of the step has {len(start.batch)} rows, too many to follow number by "
            f"number (at most {MOST_ROWS}); name rows with --row, which is then another step of "
            "the same weights"
        )
    if steps > 1 and not start.whole:
        raise UsageError(
            f"--steps {steps}: each step of the epoch has other rows; trace one after another "
            "with --step 1, --step 2 and so on, or name rows with --row"
        )
    return start.batch


def notes_on_step(start: StepStart, *, own_batch: bool) -> Iterator[str]:
    """Yield what step is traced, and whether it is the training's own."""
    step = f"step {start.position.steps_done + 1} of epoch {start.position.epochs_done + 1}"
    what = "weights, state of the optimizer and rate"
    if own_batch:
        rows = f"the {counted(len(start.batch), 'row')} of its batch"
        yield f"{step}, as the training took it: {what}, and {rows}"
    else:
        yield (
            f"{step} with the training's {what}, but other rows: its "
            f"batch had {counted(len(start.batch), 'row')}"
        )
    if start.replayed:
        yield (
            f"to come here, {counted(start.replayed, 'epoch')} of training had to be repeated; "
            "the more training.snapshots a run keeps, the fewer"
        )
