"""The predictions of a run for rows that its networks have not trained on."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from bpnet.data.decisions import Thresholds
from bpnet.data.encoding.scalers import LinearScaler
from bpnet.data.reading.column import Floats
from bpnet.data.splitting import Indices
from bpnet.data.targets import AnyTarget, Classes, Labels, Quantities
from bpnet.engine.component import Array
from bpnet.errors import DataError, RunError
from bpnet.models.run_model import open_run_model
from bpnet.paths import is_file
from bpnet.runs import directory, files
from bpnet.runs.directory import RunPaths
from bpnet.workflows.evaluation_set import read_evaluation_set
from bpnet.workflows.training_table import open_training_table

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
    thresholds: Thresholds = None
    """The thresholds by which the run's model decides."""

    def same_rows(self, other: "HeldOut") -> bool:
        """Return whether another run has predicted the same rows of the same table."""
        return self.data_sha256 == other.data_sha256 and np.array_equal(self.rows, other.rows)


def held_out_predictions(run: Path, warnings: list[str]) -> HeldOut:
    """Return a run's predictions for its test rows, by its model, or else those that it has saved.

    A run without test rows, or a cross-validation, has saved them out of fold, in predictions.csv.
    Notes about the model are added to the warnings. Raises RunError or DataError if there are none.
    """
    paths = directory.open_run(run)
    if is_file(paths.folds_csv):
        return _saved(paths)
    opened = open_run_model(run)
    training = open_training_table(run)
    mask = training.mask("test")
    if not mask.any():
        if is_file(paths.predictions):
            return _saved(paths)
        raise DataError(f"{run}: the run held out no test rows (dataset.split)")
    warnings += opened.notes
    model = opened.model
    rows = read_evaluation_set(model, training.table, mask, [])
    if len(rows.values) != int(mask.sum()):
        raise DataError(f"{run}: some of its test rows have no target")
    # on one thread, as `predict` and `eval` do
    with threadpool_limits(1, "blas"):
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
        model.thresholds,
    )


def _saved(paths: RunPaths) -> HeldOut:
    """Return the predictions of predictions.csv, those of the first repetition; raises RunError."""
    digest = directory.data_sha256(paths.folder)
    if digest is None:
        raise RunError(f"{paths.run}: lacks data_sha256, by which tables are recognized")
    with files.open_text(paths.predictions) as file:
        lines = csv.reader(files.short_lines(file, paths.predictions))
        header = next(lines, [])
        cells = [line for line in lines if len(line) == len(header) and line[1] == "1"]
    try:
        target = _target(header, _positive(paths))
        columns = dict(zip(header, zip(*cells, strict=True), strict=True))
        rows = np.array(columns["row"], np.int64) - 1
        true, predicted = _values(target, columns)
    except (ValueError, KeyError, IndexError):
        raise RunError(
            f"{paths.predictions}: is not a table of predictions that bpnet wrote; restore it from "
            "a copy"
        ) from None
    if not np.isfinite(predicted).all():
        raise RunError(f"{paths.predictions}: some of its predictions are not finite")
    order = np.argsort(rows, kind="stable")
    return HeldOut(OUT_OF_FOLD, digest, rows[order], target, true[order], predicted[order])


def _positive(paths: RunPaths) -> str | None:
    """Return the positive class of two, as metrics.json has it."""
    content = files.read_json(paths.metrics_json) if is_file(paths.metrics_json) else None
    positive = content.get("positive") if isinstance(content, dict) else None
    return positive if isinstance(positive, str) else None


def _target(header: Sequence[str], positive: str | None) -> AnyTarget:
    """Return the target that the columns of predictions.csv are about; raises ValueError."""
    names, probabilities = (
        [name.removeprefix(prefix) for name in header if name.startswith(prefix)]
        for prefix in ("true_", "probability_")
    )
    if not names:
        raise ValueError("no column has true values")
    if not probabilities:
        scale = LinearScaler(by="none", subtract=0.0, divide=1.0)
        return Quantities(names=names, scales=[scale] * len(names))
    if probabilities == names:
        return Labels(names=names)
    known = positive if len(probabilities) == 2 and positive in probabilities else None
    return Classes(name=names[0], classes=probabilities, positive=known)


def _values(target: AnyTarget, columns: dict[str, Any]) -> tuple[Array, Floats]:
    """Return the true values and the predictions in the columns; raises ValueError or KeyError."""

    def numbers(names: Sequence[str]) -> Floats:
        return np.column_stack([np.array(columns[name], np.float64) for name in names])

    if isinstance(target, Classes):
        number = {label: k for k, label in enumerate(target.classes)}
        true = np.array([number[label] for label in columns[f"true_{target.name}"]])
        return true, numbers([f"probability_{label}" for label in target.classes])
    true = numbers([f"true_{name}" for name in target.names])
    if isinstance(target, Labels):
        return true.astype(np.int64), numbers([f"probability_{name}" for name in target.names])
    return true, numbers([f"predicted_{name}" for name in target.names])
