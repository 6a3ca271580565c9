"""Tracing: from a config, or a run, to every number of its next training steps."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bpnet.config.loading import LoadedConfig, read_config
from bpnet.config.schema import Config
from bpnet.engine.bugs import BUGS, Bug
from bpnet.engine.component import Array
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.initialization import initialize_by_rows
from bpnet.engine.loop.settings import Training
from bpnet.engine.step_trace import LayerTrace, StepTrace
from bpnet.engine.tracing import Position, trace
from bpnet.errors import DivergedError, UsageError
from bpnet.messages import shell_path
from bpnet.models.build import build_model
from bpnet.models.model import Model
from bpnet.models.run_model import RunModel, open_run_model
from bpnet.paths import is_file
from bpnet.preparation.encode import EncodedDataset
from bpnet.preparation.prepare import prepare_opened
from bpnet.preparation.preset import one_network, open_with_preset
from bpnet.runs import directory
from bpnet.tracing.comparison import Difference, differences
from bpnet.tracing.explain import Subject, explain
from bpnet.tracing.structure import Explanation
from bpnet.workflows.spoiled_network import spoiled_network
from bpnet.workflows.trace_epoch import (
    EpochStart,
    batch_to_trace,
    epoch_start,
    notes_on_epoch,
)
from bpnet.workflows.trace_position import (
    kept_weights,
    notes_on_batch,
    notes_on_run,
    position_after,
    steps_per_epoch,
)
from bpnet.workflows.traced_rows import read_rows
from bpnet.workflows.training_table import reopen_table

MAX_TRACED_ROWS = 16
PRECISION: Literal["float64"] = "float64"
"""The type in which a trace computes."""


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

    def as_data(self) -> dict[str, Any]:
        """Return every number as plain data."""
        return {
            "rows": self.rows,
            "notes": self.notes,
            "steps": [_step(step) for step in self.steps],
        }


def trace_rows(
    subject: LoadedConfig | Path,
    wanted: str | None,
    steps: int,
    *,
    bug: str | None = None,
    epoch: int | None = None,
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
        The epoch of a run whose first step is traced, by default the one after the kept weights.
        Rows are by default those of the step's batch.

    Raises
    ------
    ConfigError, DataError, RunError
        The config, the table or the run is not as it should be.
    UsageError
        A row does not exist, or there are too many; the bug does not exist, or has no effect; or
        the run had no such epoch.
    DivergedError
        The loss is no longer a finite number.
    """
    paths: directory.RunPaths | None = None
    run_model: RunModel | None = None
    if isinstance(subject, LoadedConfig):
        loaded, model = subject, None
    else:
        paths, loaded, run_model = _open_run(subject)
        model = run_model.model.members[0]
    opened = open_with_preset(loaded)
    single, precision = one_network(opened.loaded), opened.loaded.config.training.precision
    start: EpochStart | None = None
    if epoch is not None and paths is not None:
        start = epoch_start(paths, prepare_opened(replace(opened, loaded=single)), epoch)
        model = start.model
    prepared = prepare_opened(
        replace(opened, loaded=single.override([f"training.precision={PRECISION}"]))
    )
    model = in_float64((model or build_model(prepared)).select([0]))
    # so that dropout leaves out what it does in training
    model.network.draws_as = np.dtype(precision)
    if paths is None:
        initialize_by_rows(model.network, prepared.rows["train"])
    if start is not None and wanted is None:
        numbers = batch_to_trace(start, steps)
    else:
        numbers = _row_numbers(wanted, prepared)
    training, loss = prepared.config.training, prepared.resolved.loss
    train_rows = len(prepared.parts["train"])
    position, notes = Position(0, steps_per_epoch(training, train_rows)), list[str]()
    if start is not None:
        position, notes = start.position, list(notes_on_epoch(start, own_batch=wanted is None))
    elif paths is not None and run_model is not None:
        kept = kept_weights(paths, run_model)
        position, notes = position_after(kept, prepared.config, position.steps_per_epoch, paths)
        notes = [*notes_on_run(kept, training), *notes]
    if training.lazy_embeddings:
        notes.append(
            "vectors of categories that the traced rows do not hold may move here, as in a "
            "training without lazy_embeddings; in this one they rest"
        )
    notes += _notes_on_members(opened.loaded.config)
    notes += notes_on_batch(model.network, training, train_rows, numbers)
    if precision != PRECISION:
        notes.append(
            f"computed in {PRECISION}, so that each equation can be checked; the training computes "
            f"in {precision}, and differs from the seventh digit on"
        )
    rows = _rows(prepared, numbers)
    spoiled = None if bug is None else spoiled_network(bug, model.network, training)
    try:
        traced = trace(training, model.network, loss, rows, steps, position)
    except ValueError as error:
        raise loaded.error(
            ("training", "optimizer"), f"cannot be traced: {error}: there is nothing to trace"
        ) from None
    for k, step in enumerate(traced, start=1):
        if not np.isfinite([step.loss, step.loss_after]).all():
            raise DivergedError(
                f"in step {k} the loss is no longer a finite number; "
                "trace fewer steps (--steps), or lower training.learning_rate"
            )
    warnings = [*(run_model.notes if run_model else []), *_warnings(model, prepared, numbers)]
    explained = Subject(
        model.network,
        training,
        loss,
        model.description.encoder,
        prepared.target,
        read_rows(prepared, numbers),
    )
    explanation, found = explain(explained, traced), None
    if bug is not None and spoiled is not None:
        wrong = trace(training, spoiled, loss, rows, steps, position)
        compared = explain(replace(explained, network=spoiled), wrong)
        found = BugTrace(BUGS[bug], wrong, differences(explanation, compared))
    return Trace(
        model,
        training,
        numbers,
        traced,
        explanation,
        prepared.rows["train"].x,
        notes,
        warnings,
        found,
    )


def in_float64(model: Model) -> Model:
    """Return the model with its parameters in float64."""
    description = replace(model.description, precision=PRECISION)
    network = description.network(draws=False)
    network.theta[:] = model.network.theta
    network.statistics.flat[:] = model.network.statistics.flat
    network.awaits_rows = model.network.awaits_rows
    return Model(description, network)


def _open_run(run: Path) -> tuple[directory.RunPaths, LoadedConfig, RunModel]:
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
    return paths, loaded, run_model


def _notes_on_members(config: Config) -> list[str]:
    """Return which network of an ensemble on folds is traced."""
    if config.folds is None:
        return []
    member = f" of member {config.members[0].name or 1}" if config.members else ""
    return [f"of the {config.networks} networks that the config trains, the first{member} is shown"]


def _warnings(model: Model, prepared: EncodedDataset, numbers: list[int]) -> list[str]:
    """Return the layers' warnings, and a note about rows that are not training rows."""
    held_out = [number for number in numbers if number - 1 not in prepared.parts["train"]]
    notes = list(model.network.warnings.values())
    if held_out:
        rows = ("row " if len(held_out) == 1 else "rows ") + ", ".join(map(str, held_out))
        notes.append(f"held out from training, but traced as if used for it: {rows}")
    return notes


def _row_numbers(wanted: str | None, prepared: EncodedDataset) -> list[int]:
    """Return the row numbers, counted from 1, that `--row` asks for; raise UsageError."""
    train = [int(row) + 1 for row in prepared.parts["train"]]
    total = prepared.split.rows
    if wanted is None:
        return train[:1]
    if wanted == "all":
        numbers = train
    else:
        parts = [part.strip() for part in wanted.split(",")]
        if not all(part.isdecimal() and len(part) < 16 for part in parts):
            shown = wanted if len(wanted) < 40 else wanted[:39] + "…"
            raise UsageError(
                f"--row {shown}: must be a row number of 1 to {total}, several with commas, or all"
            )
        numbers = [int(part) for part in parts]
        outside = [number for number in numbers if not 1 <= number <= total]
        if outside:
            raise UsageError(
                f"--row {wanted}: there is no row {outside[0]}; the table has rows 1 to {total}"
            )
        if len(set(numbers)) < len(numbers):
            raise UsageError(f"--row {wanted}: names a row twice; name each once")
    dropped = [number for number in numbers if prepared.split.part_numbers[number - 1] < 0]
    if dropped:
        raise UsageError(
            f"--row {wanted}: row {dropped[0]} has no target and is dropped; name another row"
        )
    if len(numbers) > MAX_TRACED_ROWS:
        raise UsageError(
            f"--row {wanted}: {len(numbers)} rows are too many to follow number by number; "
            f"name at most {MAX_TRACED_ROWS}"
        )
    return numbers


def _rows(prepared: EncodedDataset, numbers: list[int]) -> Rows:
    """Return the encoded rows with these numbers, from whichever part of the split."""
    picked = []
    for number in numbers:
        for part, indices in prepared.parts.items():
            # the row's place in the part, or where it would be
            position = int(np.searchsorted(indices, number - 1))
            if position < len(indices) and indices[position] == number - 1:
                picked.append(prepared.rows[part].picked(np.array([position])))
    weights = [rows.weights for rows in picked if rows.weights is not None]
    return Rows(
        np.concatenate([rows.x for rows in picked]),
        np.concatenate([rows.y for rows in picked]),
        np.concatenate(weights) if weights else None,
    )


def _step(step: StepTrace) -> dict[str, Any]:
    return {
        "epoch": step.epoch,
        "step": step.number,
        "learning_rate": step.learning_rate,
        "layers": [_layer(layer) for layer in step.layers],
        "predictions": step.predictions.tolist(),
        "targets": step.targets.tolist(),
        "weights": None if step.weights is None else step.weights.tolist(),
        "loss": step.loss,
        "gradient_norm": step.gradient_norm,
        "clipped_norm": step.clipped_norm,
        "score_gradients": step.score_gradients.tolist(),
        "loss_after": step.loss_after,
        "trial": None if step.trial is None else asdict(step.trial),
        "predictions_after": step.predictions_after.tolist(),
        "sums_after": [None if sums is None else sums.tolist() for sums in step.sums_after],
        "outputs_after": [outputs.tolist() for outputs in step.outputs_after],
    }


def _layer(layer: LayerTrace) -> dict[str, Any]:
    arrays = {
        name: None if value is None else value.tolist()
        for name in ("inputs", "sums", "outputs", "slopes", "output_gradients", "deltas")
        for value in [getattr(layer, name)]
    }
    parameters = {
        name: {
            "before": layer.before[name].tolist(),
            "gradient": layer.gradients[name].tolist(),
            "clipped": layer.clipped[name].tolist(),
            "after": layer.after[name].tolist(),
        }
        for name in layer.before
    }
    statistics = {
        name: {"before": before.tolist(), "after": layer.statistics_after[name].tolist()}
        for name, before in layer.statistics_before.items()
    }
    optimizer = {
        slot: {
            name: {"before": before.tolist(), "after": layer.slots_after[slot][name].tolist()}
            for name, before in arrays.items()
        }
        for slot, arrays in layer.slots_before.items()
    }
    return {
        "kind": layer.layer.kind,  # type: ignore[attr-defined]
        **arrays,
        "left_out": None if layer.left_out is None else layer.left_out.tolist(),
        "parameters": parameters,
        "statistics": statistics,
        "optimizer": optimizer,
    }
