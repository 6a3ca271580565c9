"""A run's model as an estimator of scikit-learn, whose inputs are the texts of a table's cells."""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from workflow_runs import read_csv

from bpnet.data.reading import table_from_rows
from bpnet.models.ensemble import Ensemble
from bpnet.models.run_model import open_run_model


class _Wrapped(BaseEstimator):
    """Encodes rows of texts from the beginning, and predicts them."""

    def __init__(self, model: Ensemble, columns: list[str], positive_only: bool = False) -> None:
        self.model, self.columns, self.positive_only = model, columns, positive_only

    def fit(self, x: Any, y: Any) -> "_Wrapped":
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def outputs(self, x: Any) -> np.ndarray:
        table = table_from_rows("rows", self.columns, [list(map(str, row)) for row in x])
        parts = []
        for chunk, _ in table.selected(self.model.wanted, np.ones(len(x), bool)):
            encoded, _ = self.model.encode(chunk)
            parts.append(self.model.combine(self.model.predict_each(encoded)))
        return np.concatenate(parts)


class WrappedClassifier(ClassifierMixin, _Wrapped):
    """The model of a run that predicts probabilities."""

    @property
    def classes_(self) -> np.ndarray:
        target = self.model.description.target
        return np.arange(len(self.model.description.classes or target.names))

    def predict_proba(self, x: Any) -> np.ndarray:
        return self.outputs(x)

    def predict(self, x: Any) -> np.ndarray:
        return self.outputs(x).argmax(axis=1)


class WrappedRegressor(RegressorMixin, _Wrapped):
    """The model of a run that predicts numbers."""

    def predict(self, x: Any) -> np.ndarray:
        values = self.outputs(x)
        return values[:, 0] if values.shape[1] == 1 else values


def wrapped(run: Path) -> Any:
    """Return the model of a run as an estimator."""
    model = open_run_model(run).model
    columns = list(dict.fromkeys(name for name in model.wanted))
    kind = WrappedRegressor if model.description.task == "regression" else WrappedClassifier
    return kind(model, columns)


def part_rows(run: Path, table: Path, part: str = "test") -> list[dict[str, str]]:
    """Return the rows of a part of a run's table."""
    parts = [row["part"] for row in read_csv(run / "splits.csv")]
    return [row for row, own in zip(read_csv(table), parts, strict=True) if own == part]


def cells(rows: list[dict[str, str]], columns: list[str]) -> np.ndarray:
    """Return cells of rows as an array of texts (N, C)."""
    return np.array([[row[name] for name in columns] for row in rows], object)


def sklearn_permutations(rows: int, shuffles: int, seed: int) -> list[np.ndarray]:
    """Return the shuffles of `permutation_importance`, each of which shuffles the one before."""
    drawn = check_random_state(seed).randint(np.iinfo(np.int32).max + 1)
    state, order, source = np.random.RandomState(drawn), np.arange(rows), np.arange(rows)
    permutations = []
    for _ in range(shuffles):
        state.shuffle(order)
        source = source[order]
        permutations.append(source)
    return permutations
