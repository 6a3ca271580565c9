"""The rows that a threshold is chosen on: out-of-fold rows of a run, or its validation rows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from bpnet.data.reading.column import Floats
from bpnet.data.splitting import Indices
from bpnet.data.targets import Classes
from bpnet.engine.component import Array
from bpnet.errors import DataError, RunError, UsageError
from bpnet.models.ensemble import Ensemble
from bpnet.paths import is_file
from bpnet.runs import directory
from bpnet.runs.directory import RunPaths
from bpnet.runs.predictions import read_predictions
from bpnet.workflows.evaluation_set import read_evaluation_set
from bpnet.workflows.row_groups import group_column, read_groups
from bpnet.workflows.scored_model import ScoredModel
from bpnet.workflows.training_table import TrainingTable, open_training_table, reopen_table


@dataclass(frozen=True)
class ThresholdRows:
    """Rows that no network trained on: true (N, L) and probabilities (N, L) of what is decided.

    `groups` are the numbers (N,) of groups that the bootstrap draws whole.
    """

    part: Literal["validation", "out_of_fold"]
    true: Array
    p: Floats
    groups: Indices | None = None


def threshold_rows(
    run: Path,
    model: Ensemble,
    training: TrainingTable | None,
    replica: str,
    warnings: list[str],
) -> ThresholdRows:
    """Return the rows that no network trained on: out of fold, else the validation rows.

    Raises RunError, DataError or UsageError if there are none.
    """
    number = "give a number: --threshold 0.3"
    paths = directory.run_of(run)
    if paths is None:
        raise DataError(
            f"{run}: is a model without its run, so no held-out rows are known to choose a "
            f"threshold on; {number}"
        )
    if is_file(paths.predictions):
        if replica != "all":
            raise UsageError(
                f"--replica {replica}: out-of-fold rows are predicted by all networks together, "
                f"so no threshold can be chosen for one of them; {number}"
            )
        return _out_of_fold(paths, model, training, warnings)
    if training is None:
        training = open_training_table(run, f"; or {number}")
    mask = training.mask("validation")
    if not mask.any():
        raise DataError(
            f"{run}: the run has neither validation rows nor folds to choose a threshold on; "
            f"{number}"
        )
    rows = read_evaluation_set(model, training.table, mask, [], group_column(run))
    scored = ScoredModel(model, rows)
    true, p = decided_columns(model, rows.values, scored.predicted)
    return ThresholdRows("validation", true, p, scored.groups)


def decided_columns(model: Ensemble, values: Array, predicted: Floats) -> tuple[Array, Floats]:
    """Return the mask (N, L) and probabilities (N, L) of the positive class, or of the labels."""
    target = model.description.target
    if isinstance(target, Classes):
        positive = target.positive_number
        return (values == positive)[:, None], predicted[:, [positive]].astype(np.float64)
    return values > 0, predicted.astype(np.float64)


def _out_of_fold(
    paths: RunPaths, model: Ensemble, training: TrainingTable | None, warnings: list[str]
) -> ThresholdRows:
    """Return the rows of predictions.csv; raises RunError if they are not of the model's target."""
    saved, target = read_predictions(paths.predictions, first=False), model.description.target
    names = target.classes if isinstance(target, Classes) else target.names
    if type(saved.target) is not type(target) or saved.columns != names:
        raise RunError(
            f"{paths.predictions}: is not of this model's target; restore it from a copy, or train "
            "again"
        )
    groups = None
    if (column := group_column(paths.folder)) is not None:
        try:
            in_order = training is not None and training.in_order
            table = training.table if training and in_order else reopen_table(paths)
            if saved.rows.max() >= len(table):
                raise RunError(f"{paths.predictions}: has rows that the table lacks; restore it")
            groups = read_groups(table, column, saved.rows)
        except (RunError, DataError) as error:
            warnings.append(
                f"out-of-fold rows of a group ('{column}') are drawn one by one: "
                f"{error.problems[0]}"
            )
    numbers = None if groups is None else groups.numbers
    if numbers is None and len(np.unique(saved.rows)) < len(saved.rows):  # several repetitions
        numbers = np.unique(saved.rows, return_inverse=True)[1].reshape(-1)
    return ThresholdRows(
        "out_of_fold", *decided_columns(model, saved.true, saved.predicted), numbers
    )
