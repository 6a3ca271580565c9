"""Predicting: a table's rows with the prediction of a trained run beside them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bpnet.data.table import Table, listed, read_table
from bpnet.errors import DataError
from bpnet.experiment.model import Model, load
from bpnet.runs import directory


@dataclass(frozen=True)
class Predictions:
    """The table as it came in, and the columns to add: the prediction and, for classes, a probability of each."""

    table: Table
    columns: dict[str, list[str] | list[float]]


def predict(run: Path, data: str) -> Predictions:
    """Predict every row of a table, in its order; raises RunError or DataError. The target column is not needed."""
    model = load(directory.model_folder(run))
    table = read_table(data)
    columns = _columns(model, table)
    taken = [column for column in columns if column in table.columns]
    if taken:
        raise DataError(f"{table.name}: the table has a column {listed(taken)} already; rename or remove it")
    return Predictions(table, columns)


def _columns(model: Model, table: Table) -> dict[str, list[str] | list[float]]:
    x, target = model.inputs(table), model.description.target
    digits = 7 if model.description.precision == "float32" else 16
    if target.classes is None:
        return {f"predicted_{target.name}": _rounded(model.quantities(x), digits)}
    probabilities = model.probabilities(x)
    return {
        f"predicted_{target.name}": model.labels(x),
        **{f"probability_{label}": _rounded(probabilities[:, k], digits) for k, label in enumerate(target.classes)},
    }


def _rounded(values: np.ndarray, digits: int) -> list[float]:
    """The numbers to the significant digits that the network's precision has."""
    return [float(f"{value:.{digits}g}") for value in values]
