"""The peers of quality.py: their recorded figures, and scikit-learn's MLP run beside bpnet.

`peers.csv` has a row for each table and model: means over the folds. The panel's core is nine
models; where one was run under another name on a table, that name is in INSTEAD.
"""

import csv
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from quality_scores import accuracy, log_loss, r2, rmse
from quality_tables import Table
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

CORE = ("linear", "mlp", "mlp_es", "rf", "hgb", "xgb", "lgbm", "realmlp_td_s", "realmlp_td")
INSTEAD = {"mlp": "mlp_ystd", "realmlp_td": "realmlp_td_e128"}
"""The MLP whose target is standardized in regression; fewer epochs on the largest table."""
SLOW = "realmlp_td"
"""The peer whose time is the measure."""


@dataclass(frozen=True)
class Figures:
    """What one model reaches on one table: means over the folds."""

    score: float
    """Accuracy, or R² of a regression."""
    log_loss: float = np.nan
    fit_cpu: float = np.nan
    """Processor seconds of a fit."""


def read_peers(path: Path) -> dict[tuple[str, str], Figures]:
    """Return the figures of each (table, model) of peers.csv."""
    with open(path, encoding="utf-8", newline="") as file:
        return {
            (row["dataset"], row["model"]): Figures(
                float(row["acc_mean"] or row["r2_mean"]),
                float(row["logloss_mean"] or "nan"),
                float(row["fit_cpu_seconds_mean"]),
            )
            for row in csv.DictReader(file)
        }


def core_figures(
    peers: dict[tuple[str, str], Figures], tables: Sequence[str]
) -> dict[tuple[str, str], Figures]:
    """Return the figures of the nine core models on some tables, each under its core name."""
    found = {}
    for table in tables:
        for model in CORE:
            names = [INSTEAD.get(model, model), model]
            # the substitute is the one to compare with wherever it was run
            found[table, model] = next(
                peers[table, name] for name in names if (table, name) in peers
            )
    return found


def mlp_fit(table: Table, train: np.ndarray, test: np.ndarray) -> dict[str, float]:
    """Fit scikit-learn's MLP to a split as the peers were, and return its metrics and seconds.

    Its time beside the recorded one shows how fast this machine is; its score, which should be the
    recorded one, that the rows are the same.
    """
    inputs = [k for k, name in enumerate(table.header) if name != table.target]
    text = [i for i, k in enumerate(inputs) if table.roles.get(table.header[k]) == "categorical"]
    numbers = [i for i in range(len(inputs)) if i not in text]
    cells = table.cells[:, inputs].copy()
    cells[cells == ""] = np.nan
    cells[:, numbers] = cells[:, numbers].astype(np.float64)
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
        (
            make_pipeline(
                SimpleImputer(strategy="most_frequent"),
                OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            ),
            text,
        ),
    )
    model = MLPClassifier(random_state=0) if table.classes else MLPRegressor(random_state=0)
    pipeline = make_pipeline(columns, model)
    x, y, labels = cells[train], table.targets(train), table.targets(test)
    mean, deviation = (0.0, 1.0) if table.classes else (y.mean(), y.std())
    start = time.process_time()
    with warnings.catch_warnings(action="ignore"):  # of not having converged
        pipeline.fit(x, y if table.classes else (y - mean) / deviation)
    fitted = time.process_time()
    if table.classes:
        probabilities = pipeline.predict_proba(cells[test])
        classes = list(pipeline.classes_)
        metrics = {
            "accuracy": accuracy(probabilities, classes, labels),
            "log_loss": log_loss(probabilities, classes, labels),
        }
    else:
        predictions = pipeline.predict(cells[test]) * deviation + mean
        metrics = {"rmse": rmse(predictions, labels), "r2": r2(predictions, labels)}
    predicted = time.process_time()
    return metrics | {"fit_cpu": fitted - start, "predict_cpu": predicted - fitted}
