"""The fits of quality.py: bpnet trained on the training rows of a split, scored on its test rows.

A fit sees two files, made for it: the training rows with their target, and the test rows without.
In this process it is `bpnet.workflows`; as whole processes it is `bpnet train` and `bpnet predict`.
"""

import csv
import io
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from measuring import BPNET, cost
from quality_edits import altered, edited
from quality_scores import accuracy, calibration_error, log_loss, r2, rmse
from quality_tables import Table

from bpnet.config.loading import read_config
from bpnet.data.formats import format_named
from bpnet.preparation.open import open_dataset
from bpnet.reports.init import config_text
from bpnet.workflows.init import draft
from bpnet.workflows.predict import Prediction, PredictOptions
from bpnet.workflows.train import train

HELD_OUT = ("out_of_fold", "validation")
"""Parts of metrics.json that the model was not fitted to, the best estimate first."""
INIT = "init"
"""The model whose config `bpnet init` writes."""


class Silence:
    """A watcher that ignores whatever it is told."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


@dataclass(frozen=True)
class Model:
    """Settings that are measured: a preset, or a config without its table; and assignments.

    `edit` changes the preset that is written out for a table (quality_edits.py).
    """

    name: str
    settings: dict[str, Any]
    assignments: tuple[str, ...] = ()
    edit: str = ""

    @classmethod
    def preset(cls, name: str, assignments: Sequence[str] = ()) -> "Model":
        """Return the model of a preset, or of what `bpnet init` writes."""
        return cls(name, {} if name == INIT else {"preset": name}, tuple(assignments))

    @classmethod
    def config(cls, path: Path, assignments: Sequence[str] = ()) -> "Model":
        """Return the model of a config, named after its file."""
        return cls(path.stem, yaml.safe_load(path.read_text("utf-8")), tuple(assignments))

    def written(self, table: Table, training: Path, path: Path) -> None:
        """Write the config that trains on a file of the table's training rows.

        Raises NotThereError if the model's edit would change nothing.
        """
        settings = self._first_config(table, training) if self.name == INIT else self.settings
        given = settings.get("dataset", {})
        dataset = {**given, **table.dataset(training)}
        dataset["split"] = {**given.get("split", {}), **dataset["split"]}
        content = {**settings, "task": table.task, "dataset": dataset}
        path.write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
        if self.edit:
            from bpnet.preparation.preset import with_preset  # only ablations expand a preset

            expanded = with_preset(open_dataset(read_config(path, self.assignments)))
            content = edited(expanded.loaded.source.data, self.edit)
            path.write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")

    def _first_config(self, table: Table, training: Path) -> dict[str, Any]:
        roles = [f"dataset.roles.{name}={role}" for name, role in table.roles.items()]
        first = draft(str(training), [table.target], table.task, training.parent, roles)
        return yaml.safe_load(config_text(first, "config.yaml"))


def fit(
    model: Model,
    table: Table,
    split: int,
    folder: Path,
    *,
    process: bool,
    levels: Sequence[float] = (),
) -> dict[str, float | str]:
    """Fit the model to a split, and return its metrics on the test rows and its seconds.

    Of a regression `levels` asks for prediction intervals. The files are left in the folder.
    """
    train_rows, test_rows = table.splits[split]
    files = {name: folder / name for name in ("train.csv", "test.csv", "config.yaml")}
    table.write(files["train.csv"], train_rows, with_target=True)
    table.write(files["test.csv"], test_rows, with_target=False)
    model.written(table, files["train.csv"], files["config.yaml"])
    measure = _as_processes if process else _in_this_process
    levels = () if table.classes else levels
    with altered(model.edit):
        run, text, fit_cpu, predict_cpu = measure(model, files, folder, levels)
    labels = table.targets(test_rows)
    scores = predicted_scores(text, table, labels)
    held_out = held_out_metrics(json.loads((run / "metrics.json").read_text("utf-8")))
    return {**scores, "fit_cpu": fit_cpu, "predict_cpu": predict_cpu, **held_out, "run": str(run)}


def predicted_scores(text: str, table: Table, labels: np.ndarray) -> dict[str, float | str]:
    """Return the metrics of predictions, which are CSV as `bpnet predict` writes it."""
    header, *rows = csv.reader(io.StringIO(text))
    cells = np.array(rows, object)
    if not table.classes:
        columns = dict(zip(header, cells.T, strict=True))
        predictions = columns[f"predicted_{table.target}"].astype(np.float64)
        coverages = _coverages(columns, table.target, labels)
        return {"rmse": rmse(predictions, labels), "r2": r2(predictions, labels), **coverages}
    chosen = {
        name.removeprefix("probability_"): k
        for k, name in enumerate(header)
        if name.startswith("probability_")
    }
    classes = list(chosen)
    probabilities = cells[:, list(chosen.values())].astype(np.float64)
    right = np.array(classes, object)[probabilities.argmax(1)] == labels
    return {
        "accuracy": accuracy(probabilities, classes, labels),
        "log_loss": log_loss(probabilities, classes, labels),
        "calibration_error": calibration_error(probabilities, right),
    }


def _coverages(columns: dict[str, np.ndarray], target: str, labels: np.ndarray) -> dict[str, float]:
    """Return the share of targets inside each prediction interval, such as `coverage_90`."""
    found = {}
    for name, lower in columns.items():
        if name.startswith("lower_") and name.endswith(f"_{target}"):
            level = name.removeprefix("lower_").removesuffix(f"_{target}")
            upper = columns[f"upper_{level}_{target}"].astype(np.float64)
            inside = (lower.astype(np.float64) <= labels) & (labels <= upper)
            found[f"coverage_{level}"] = float(inside.mean())
    return found


def held_out_metrics(metrics: dict[str, Any]) -> dict[str, float]:
    """Return the score and the loss on rows held out of the training ones, from metrics.json."""
    part = next((metrics[name] for name in HELD_OUT if metrics.get(name)), {})
    found = {
        "held_out_score": part.get("accuracy", part.get("r2")),
        "held_out_loss": part.get("log_loss", part.get("loss")),
    }
    return {name: value for name, value in found.items() if value is not None}


def _in_this_process(
    model: Model, files: dict[str, Path], folder: Path, levels: Sequence[float]
) -> tuple[Path, str, float, float]:
    start = time.process_time()
    loaded = read_config(files["config.yaml"], model.assignments)
    result = train(loaded, runs=folder / "runs", name="fit", command=[], watcher=Silence())
    trained = time.process_time()
    stream = io.BytesIO()
    options = PredictOptions(keep=(), **({"levels": levels} if levels else {}))
    Prediction(result.run, str(files["test.csv"]), options).write(format_named("csv"), stream)
    predicted = time.process_time()
    return result.run, stream.getvalue().decode(), trained - start, predicted - trained


def _as_processes(
    model: Model, files: dict[str, Path], folder: Path, levels: Sequence[float]
) -> tuple[Path, str, float, float]:
    config, settings = str(files["config.yaml"]), []
    for assignment in model.assignments:
        settings += ["--set", assignment]
    words = [BPNET, "train", config, "--runs", str(folder / "runs"), "--name", "fit", *settings]
    trained = cost(words)
    run = next((folder / "runs").iterdir())
    intervals = [word for level in levels for word in ("--interval", str(level))]
    words = [BPNET, "predict", str(run), str(files["test.csv"]), "--keep", "none", *intervals]
    predicted = cost(words)
    return run, predicted.output, trained.cpu_seconds, predicted.cpu_seconds


def warm_up(folder: Path) -> None:
    """Train and predict with a tiny table, so that no fit waits for imports."""
    cells = np.array([[str(k % 5), f"{k % 3}", str(k % 2)] for k in range(60)], object)
    rows = np.arange(60)
    for task in ("classification", "regression"):
        table = Table("warm-up", task, ["x", "z", "y"], cells, "y", [(rows, rows)])
        settings = {"architecture": {"hidden": [2]}, "training": {"epochs": 1}}
        made = folder / task
        made.mkdir()
        fit(Model("warm-up", settings), table, 0, made, process=False)
