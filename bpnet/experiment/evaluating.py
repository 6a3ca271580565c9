"""Evaluating: the figures of a trained run on its own test rows, or on any table with the target."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bpnet.config.loading import load as load_config
from bpnet.config.source import read
from bpnet.data.columns import class_labels, numeric_columns
from bpnet.data.table import Table, listed, read_table
from bpnet.engine.batches import Rows
from bpnet.errors import ConfigError, DataError, RunError
from bpnet.experiment.measuring import measure
from bpnet.experiment.model import Model, load
from bpnet.experiment.preparing import read_dataset, row_weights
from bpnet.runs import directory, files
from bpnet.runs.log import read_splits
from bpnet.suggest import suggest

if TYPE_CHECKING:
    from bpnet.experiment.scoring import Classification, Regression


@dataclass(frozen=True)
class Evaluation:
    """What was evaluated, the loss that training minimized, penalty included, and scikit-learn's scores."""

    data: str
    rows: int
    loss: float
    scores: "Classification | Regression"
    warnings: list[str]


def evaluate(run: Path, data: str | None) -> Evaluation:
    """Evaluate a run on a table, or on its own test rows; raises RunError or DataError."""
    model = load(directory.model_folder(run))
    if data is not None:
        table = read_table(data)
        return _evaluate(model, table, np.arange(len(table)), table.name)
    paths = directory.open_run(run)
    paths.require("config.yaml", "splits.csv")
    table = own_table(paths)
    parts = read_splits(paths.splits, len(table))
    test = np.array([row for row, part in enumerate(parts) if part == "test"], np.intp)
    if len(test) == 0:
        raise DataError(f"{run}: the run held out no test rows (dataset.split); name a table: bpnet eval {run} DATA")
    return _evaluate(model, table, test, "the run's test part")


def own_table(paths: directory.RunPaths) -> Table:
    """The table the run was trained on; raises where it is gone, or is no longer what it was."""
    try:
        source = read(paths.config)
        config = load_config(source)
    except ConfigError as error:
        advice = f"restore it, or name the table: bpnet eval {paths.folder} DATA"
        raise RunError([f"{problem}; {advice}" for problem in error.problems]) from None
    try:
        table = read_dataset(config, source, paths.folder)
    except DataError as error:
        advice = f"give the table yourself: bpnet eval {paths.folder} DATA"
        raise DataError([f"{problem}; the run was trained on it; {advice}" for problem in error.problems]) from None
    content = files.read_json(paths.run)
    trained_on = content.get("data_sha256") if isinstance(content, dict) else None
    if trained_on is None:
        raise RunError(f"{paths.run}: lacks data_sha256, by which the table is known; restore it, or name the table")
    if table.digest != trained_on:
        raise DataError(
            f"{table.name}: the file has changed since the run was trained on it, so its test rows are not known now; "
            f"restore it, or name a table that the run has not seen: bpnet eval {paths.folder} DATA"
        )
    return table


def _evaluate(model: Model, table: Table, chosen: np.ndarray, name: str) -> Evaluation:
    description, network, target = model.description, model.network, model.description.target
    if target.name not in table.columns:
        raise DataError(
            f"{table.name}: there is no column '{target.name}', the target to compare with (bpnet predict needs none)"
            f"{suggest(target.name, table.columns)}"
        )
    x = model.inputs(table)
    labels: list[str] = []
    if target.classes is not None:
        labels = _known_labels(table, target.name, target.classes)
        y = target.encode_labels(labels, network.outputs, description.precision)
    else:
        values = numeric_columns(table, [target.name], role="regression target", advice="give a number")
        y = target.encode_values(values, description.precision, table.where)
    weighted, warnings = description.sample_weight, []
    if weighted is not None and weighted not in table.columns:
        warnings.append(f"{table.name} has no column '{weighted}': every row weighs the same in the loss")
        weighted = None
    weights = row_weights(table, weighted, labels, description.class_weight)
    if weights is not None and not weights[chosen].sum() > 0:
        raise DataError(f"{table.name}, column '{weighted}': the weights are all 0; at least one row must count")
    rows = Rows(x[chosen], y[chosen], None if weights is None else weights[chosen].astype(description.precision))
    loss = measure(model, rows)["loss"]
    from bpnet.experiment.scoring import score_classes, score_quantities  # scikit-learn takes a second to import

    scores: Classification | Regression
    if target.classes is not None:
        scores = score_classes([labels[row] for row in chosen], model.labels(x[chosen]), target.classes)
    else:
        scores = score_quantities(values[chosen, 0], model.quantities(x[chosen]))
    if not np.isfinite(loss):
        raise RunError(
            "the model's loss on these rows is not finite; its weights, or the table's values, are too large"
        )
    return Evaluation(data=name, rows=len(chosen), loss=loss, scores=scores, warnings=warnings)


def _known_labels(table: Table, column: str, classes: list[str]) -> list[str]:
    labels = class_labels(table, column)
    unknown = [row for row, label in enumerate(labels) if label not in classes]
    if unknown:
        row = unknown[0]
        raise DataError(
            f"{table.where(row)}, column '{column}': '{labels[row]}' is no class that the model knows; "
            f"it knows {listed(classes)}{suggest(labels[row], classes)} (rows like it: {len(unknown)})"
        )
    return labels
