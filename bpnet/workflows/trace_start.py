"""Where a trace starts: at first weights, at those a run keeps, or at a step of its training."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from bpnet.config.loading import LoadedConfig, read_config
from bpnet.engine.loop.initialization import initialize_by_rows
from bpnet.engine.tracing import Position
from bpnet.errors import UsageError
from bpnet.messages import shell_path
from bpnet.models.build import build_model
from bpnet.models.model import Model
from bpnet.models.run_model import RunModel, open_run_model
from bpnet.paths import is_file
from bpnet.preparation.encode import EncodedDataset
from bpnet.runs import directory
from bpnet.workflows.trace_position import (
    kept_weights,
    notes_on_run,
    position_after,
    steps_per_epoch,
)
from bpnet.workflows.trace_step import batch_to_trace, notes_on_step, step_start
from bpnet.workflows.training_table import reopen_table

PRECISION: Literal["float64"] = "float64"
"""The type in which a trace computes."""


@dataclass(frozen=True)
class TracedRun:
    """A run whose network is traced."""

    paths: directory.RunPaths
    loaded: LoadedConfig
    model: RunModel


@dataclass(frozen=True)
class Start:
    """A network of one replica in float64, and the place of its next step in a training."""

    model: Model
    position: Position
    notes: list[str] = field(default_factory=list)
    """Which step it is, and how it differs from that of the training."""
    batch: list[int] | None = None
    """The rows of the training's own step, from 1, where it is that."""


def open_traced_run(run: Path) -> TracedRun:
    """Open a run's config and model; the table must be unchanged, or its encoding would not be."""
    paths = directory.open_run(run)
    if is_file(paths.folds_csv):
        raise UsageError(
            f"{run}: is a cross-validation, whose networks each have their own rows; "
            f"trace {paths.config}"
        )
    paths.require("config.yaml")
    loaded = read_config(paths.config)
    if loaded.config.folds is not None:
        raise UsageError(
            f"{run}: has networks of several folds, each with its own rows; trace {paths.config}, "
            "which shows the first network"
        )
    run_model = open_run_model(run)
    reopen_table(paths, command=f"bpnet trace {shell_path(run)}")
    return TracedRun(paths, loaded, run_model)


def first_weights(prepared: EncodedDataset) -> Start:
    """Return the start of a config's training."""
    model = _exact(build_model(prepared))
    initialize_by_rows(model.network, prepared.rows["train"])
    return Start(model, Position(0, _steps_per_epoch(prepared)))


def weights_of_run(run: TracedRun, prepared: EncodedDataset) -> Start:
    """Return the step after the weights that a run keeps."""
    kept, training = kept_weights(run.paths, run.model), prepared.config.training
    steps = _steps_per_epoch(prepared)
    position, notes = position_after(kept, prepared.config, steps, run.paths)
    model = _exact(run.model.model.members[0])
    return Start(model, position, [*notes_on_run(kept, training), *notes])


def step_of_training(
    run: TracedRun, prepared: EncodedDataset, epoch: int, step: int, steps: int, *, own_rows: bool
) -> Start:
    """Return a step of an epoch of a run's training, the first of `steps`.

    It is taken with the rows of its batch if `own_rows`, else with others. `prepared` has the rows
    as the training had them. Raises UsageError.
    """
    start = step_start(run.paths, prepared, epoch, step)
    batch = batch_to_trace(start, steps) if own_rows else None
    notes = list(notes_on_step(start, own_batch=own_rows))
    return Start(_exact(start.model), start.position, notes, batch)


def _steps_per_epoch(prepared: EncodedDataset) -> int:
    return steps_per_epoch(prepared.config.training, len(prepared.parts["train"]))


def _exact(model: Model) -> Model:
    """Return the first network of a model, with its parameters in float64."""
    first = model.select([0])
    description = replace(first.description, precision=PRECISION)
    network = description.network(draws=False)
    network.theta[:] = first.network.theta
    network.statistics.flat[:] = first.network.statistics.flat
    network.awaits_rows = first.network.awaits_rows
    return Model(description, network)
