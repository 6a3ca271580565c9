"""Tracing: from a config, or a run, to every number of its next training steps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bpnet.config.loading import LoadedConfig
from bpnet.config.schema import Config
from bpnet.engine.bugs import BUGS, Bug
from bpnet.engine.component import Array
from bpnet.engine.loop.settings import Training
from bpnet.engine.step_trace import StepTrace
from bpnet.engine.tracing import trace
from bpnet.errors import DivergedError, UsageError
from bpnet.models.model import Model
from bpnet.preparation.prepare import prepare_opened
from bpnet.preparation.preset import one_network, open_with_preset
from bpnet.tracing.comparison import Difference, differences
from bpnet.tracing.explain import Subject, explain
from bpnet.tracing.structure import Explanation
from bpnet.workflows.spoiled_network import spoiled_network
from bpnet.workflows.trace_position import notes_on_batch, notes_on_size
from bpnet.workflows.trace_start import (
    PRECISION,
    first_weights,
    open_traced_run,
    step_of_training,
    weights_of_run,
)
from bpnet.workflows.traced_rows import encoded_rows, notes_on_held_out, read_rows, row_numbers


@dataclass(frozen=True)
class BugTrace:
    """The steps of a trace with a bug, and the numbers that differ."""

    bug: Bug
    steps: list[StepTrace]
    differences: list[Difference]


@dataclass(frozen=True)
class Trace:
    """Training steps of a model on some rows."""

    model: Model
    training: Training
    rows: list[int]
    """Row numbers, counted from 1."""
    steps: list[StepTrace]
    explanation: Explanation
    """Every number with its equation."""
    train_inputs: Array
    """The encoded training rows (N, I)."""
    notes: list[str]
    """Remarks on steps that differ from those of the training, and on what layers do with rows."""
    warnings: list[str]
    bug: BugTrace | None = None
    """The same steps with a bug, where one is asked for."""


def trace_rows(
    subject: LoadedConfig | Path,
    wanted: str | None,
    steps: int,
    *,
    bug: str | None = None,
    epoch: int | None = None,
    step: int | None = None,
) -> Trace:
    """Trace training steps of a config's network, or of a run's.

    Parameters
    ----------
    subject
        A config, whose first weights are traced, or a run directory, whose trained ones are.
    wanted
        A row number, several with commas, or `all` for the training rows; by default the first
        training row.
    steps
        The number of steps.
    bug
        The name of a bug, with which the same steps are traced, too.
    epoch
        An epoch of a run's training, by default the one after the kept weights. Rows are by
        default those of the step's batch.
    step
        The number of the step in that epoch, by default the first.

    Raises
    ------
    ConfigError, DataError, RunError
        The config, the table or the run is not as it should be.
    UsageError
        A row does not exist, or there are too many; the bug does not exist, or has no effect; the
        run had no such epoch or step; or there is a step without its epoch.
    DivergedError
        The loss is no longer a finite number.
    """
    if step is not None and epoch is None:
        raise UsageError(
            f"--step {step}: is a step of an epoch of a run's training; name the epoch: "
            f"--epoch 1 --step {step}"
        )
    run, loaded = None, subject
    if isinstance(loaded, Path):
        run = open_traced_run(loaded)
        loaded = run.loaded
    opened = open_with_preset(loaded)
    single, precision = one_network(opened.loaded), opened.loaded.config.training.precision
    prepared = prepare_opened(
        replace(opened, loaded=single.override([f"training.precision={PRECISION}"]))
    )
    if run is None:
        start = first_weights(prepared)
    elif epoch is None:
        start = weights_of_run(run, prepared)
    else:
        as_trained = prepare_opened(replace(opened, loaded=single))
        own_rows = wanted is None
        start = step_of_training(run, as_trained, epoch, step or 1, steps, own_rows=own_rows)
    network, training = start.model.network, prepared.config.training
    # so that dropout leaves out what it does in training
    network.draws_as = np.dtype(precision)
    numbers = start.batch or row_numbers(wanted, prepared)
    traced_subject = Subject(
        network,
        training,
        prepared.resolved.loss,
        start.model.description.encoder,
        prepared.target,
        read_rows(prepared, numbers),
    )
    rows = encoded_rows(prepared, numbers)
    # a copy of the network as it is before the steps
    spoiled = None if bug is None else spoiled_network(bug, network, training)
    try:
        traced = trace(training, network, traced_subject.loss, rows, steps, start.position)
    except ValueError as error:
        raise loaded.error(
            ("training", "optimizer"), f"cannot be traced: {error}: there is nothing to trace"
        ) from None
    _raise_unless_finite(traced)
    explanation, bug_trace = explain(traced_subject, traced), None
    if bug is not None and spoiled is not None:
        wrong = trace(training, spoiled, traced_subject.loss, rows, steps, start.position)
        compared = explain(replace(traced_subject, network=spoiled), wrong)
        bug_trace = BugTrace(BUGS[bug], wrong, differences(explanation, compared))
    train_rows = len(prepared.parts["train"])
    free = epoch is None  # of a step of an epoch, it is in the notes on its start
    return Trace(
        start.model,
        training,
        numbers,
        traced,
        explanation,
        prepared.rows["train"].x,
        [
            *start.notes,
            *_notes_on_config(opened.loaded.config),
            *notes_on_batch(network, training, train_rows, numbers),
            *(notes_on_size(training, train_rows, numbers, of_run=run is not None) if free else ()),
            *_notes_on_precision(precision),
        ],
        [
            *(run.model.notes if run else []),
            *network.warnings.values(),
            *notes_on_held_out(prepared, numbers),
        ],
        bug_trace,
    )


def _raise_unless_finite(steps: Sequence[StepTrace]) -> None:
    """Raise DivergedError if the loss of a step is not a finite number."""
    for k, step in enumerate(steps, start=1):
        if not np.isfinite([step.loss, step.loss_after]).all():
            raise DivergedError(
                f"in step {k} the loss is no longer a finite number; "
                "trace fewer --steps, or lower training.learning_rate"
            )


def _notes_on_config(config: Config) -> Iterator[str]:
    """Yield how the steps differ from those of the config's training."""
    if config.training.lazy_embeddings:
        yield (
            "vectors of categories that the traced rows do not hold may move here, as in a "
            "training without lazy_embeddings; in this one they rest"
        )
    if config.folds is not None:
        member = f" of member {config.members[0].name or 1}" if config.members else ""
        yield (
            f"of the {config.networks} networks that the config trains, the first{member} is shown"
        )


def _notes_on_precision(precision: str) -> Iterator[str]:
    if precision != PRECISION:
        yield (
            f"computed in {PRECISION}, so that each equation can be checked; the training computes "
            f"in {precision}, and differs from the seventh digit on"
        )
