"""The predictions of a run for rows that its networks have not trained on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bpnet.config.loading import read_config
from bpnet.data.reading.column import Floats
from bpnet.data.reading.whole_columns import whole_columns
from bpnet.data.splitting import Indices
from bpnet.data.targets import AnyTarget, Classes
from bpnet.engine.component import Array
from bpnet.errors import ConfigError, DataError, RunError
from bpnet.models.run_model import RunModel, open_run_model
from bpnet.models.saved_ensemble import read_thresholds
from bpnet.models.threads import shared_work
from bpnet.paths import is_file
from bpnet.preparation.sample_weights import class_weights, column_weights, row_weights
from bpnet.runs import directory, files
from bpnet.runs.directory import RunPaths
from bpnet.runs.predictions import read_predictions
from bpnet.workflows.evaluation_set import read_evaluation_set
from bpnet.workflows.row_groups import RowGroups, group_column, read_groups
from bpnet.workflows.training_table import open_training_table, reopen_table

TEST, OUT_OF_FOLD = "test", "out_of_fold"


@dataclass(frozen=True)
class HeldOut:
    """Rows of a table, numbered from 0, with their true target values and a run's predictions.

    The true values are class numbers (N,), labels (N, K) or quantities (N, K).
    """

    part: str
    """`test`, or `out_of_fold` if each row was predicted by networks of other folds."""
    data_sha256: str
    """The SHA-256 of the table."""
    rows: Indices
    target: AnyTarget
    true: Array
    predicted: Floats
    thresholds: dict[str, float] = field(default_factory=dict)
    """The thresholds, by class or label, by which the run's model decides, if they are not ½."""
    groups: RowGroups | None = None
    """The groups of rows that the run's split keeps together."""
    weights: Floats | None = None
    """Each row's weight (N,) in training, up to a factor, None if all weigh the same."""

    def same_rows(self, other: "HeldOut") -> bool:
        """Return whether another run has predicted the same rows of the same table."""
        return self.data_sha256 == other.data_sha256 and np.array_equal(self.rows, other.rows)


def held_out_predictions(
    run: Path, warnings: list[str], open_model: Callable[[Path], RunModel] = open_run_model
) -> HeldOut:
    """Return a run's predictions for its test rows, by its model, or else those that it has saved.

    A run without test rows, or a cross-validation, has saved them out of fold, in predictions.csv.
    Notes about the model are added to the warnings. Raises RunError or DataError if there are none.
    """
    paths = directory.open_run(run)
    if is_file(paths.folds_csv):
        return _saved(paths, warnings)
    opened = open_model(run)
    training = open_training_table(run)
    mask = training.mask("test")
    if not mask.any():
        if is_file(paths.predictions):
            return _saved(paths, warnings)
        raise DataError(f"{run}: the run held out no test rows (dataset.split)")
    warnings += opened.notes
    model = opened.model
    rows = read_evaluation_set(model, training.table, mask, [], group_column(run))
    if len(rows.values) != int(mask.sum()):
        raise DataError(f"{run}: some of its test rows have no target")
    # on one thread, as `predict` and `eval` do
    with shared_work():
        predicted = model.combine(model.predict_each(rows.x))
    if not np.isfinite(predicted).all():
        raise RunError(f"{run}: some of its predictions are not finite")
    return HeldOut(
        TEST,
        training.table.digest,
        np.flatnonzero(mask),
        model.description.target,
        rows.values,
        predicted,
        model.named_thresholds,
        rows.groups,
        rows.weights,
    )


def _saved(paths: RunPaths, warnings: list[str]) -> HeldOut:
    """Return the predictions of predictions.csv, those of the first repetition; raises RunError."""
    digest = directory.data_sha256(paths.folder)
    if digest is None:
        raise RunError(f"{paths.run}: lacks data_sha256, by which tables are recognized")
    saved = read_predictions(paths.predictions, first=True)
    if not np.isfinite(saved.predicted).all():
        raise RunError(f"{paths.predictions}: some of its predictions are not finite")
    target, order = saved.target_with(_positive(paths)), np.argsort(saved.rows, kind="stable")
    rows, true = saved.rows[order], saved.true[order]
    groups, weights = _of_table(paths, target, rows, true, warnings)
    return HeldOut(
        OUT_OF_FOLD,
        digest,
        rows,
        target,
        true,
        saved.predicted[order],
        read_thresholds(paths.model),
        groups=groups,
        weights=weights,
    )


def _of_table(
    paths: RunPaths, target: AnyTarget, rows: Indices, true: Array, warnings: list[str]
) -> tuple[RowGroups | None, Floats | None]:
    """Return the groups and the weights (N,) of saved rows, which are in the run's table.

    Without the table there are none, and a warning is added to the list if there should be.
    """
    try:
        loaded = read_config(paths.config)
        dataset = loaded.config.dataset
        weight, group = dataset.sample_weight, dataset.split.group
        if weight is None and group is None and dataset.class_weight is None:
            return None, None
        weights = None
        if weight is not None or group is not None:
            table = reopen_table(paths)
            if rows.max() >= len(table):
                raise DataError(f"{paths.predictions}: has rows that the table lacks; restore it")
        if weight is not None:
            column = whole_columns(table, {weight: "number"})[weight].take(rows)
            weights = column_weights(column, weight, lambda row: table.where(int(rows[row])))
        if isinstance(target, Classes):
            by_class = class_weights(loaded, target.classes, true)
            weights = row_weights(weights, true, target.classes, by_class)
        return None if group is None else read_groups(table, group, rows), weights
    except (ConfigError, RunError, DataError) as error:
        warnings.append(
            "out-of-fold rows weigh the same and are drawn one by one, since their weights and "
            f"groups are unknown: {error.problems[0]}"
        )
        return None, None


def _positive(paths: RunPaths) -> str | None:
    """Return the positive class of two, as metrics.json has it."""
    content = files.read_json(paths.metrics_json) if is_file(paths.metrics_json) else None
    positive = content.get("positive") if isinstance(content, dict) else None
    return positive if isinstance(positive, str) else None
