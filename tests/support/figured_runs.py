"""Runs whose figures are tested, and their predictions read apart from bpnet's figures."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
from command_line import ROOT, bpnet

from bpnet.data.formats import format_named
from bpnet.workflows.predict import Prediction, PredictOptions

SETTINGS = {
    "iris": ("configs/iris.yaml", ["training.epochs=40"]),
    "two_classes": ("configs/breast_cancer.yaml", ["training.epochs=3"]),
    "regression": ("configs/diabetes.yaml", ["training.epochs=20"]),
    "replicas": ("configs/iris.yaml", ["replicas=3", "training.epochs=5"]),
    "folds": ("configs/penguins.yaml", ["preset=fast", "training.epochs=3"]),
    "no_rows": ("configs/xor.yaml", ["training.epochs=1"]),
}
"""The config and the settings of each run."""
HOSTILE = (
    "<script>alert(1)</script>",
    "a.b['c'] & \"d\"",
    "x" * 1000,
    "\u0645\u0631\u062d\u0628\u0627",
    "🐧 \u202eevil",
    "{{ 7 * 7 }}",
    "constructor",
    "__proto__",
    "if",
)
"""Names of columns and classes that a page must show as text."""


def train(name: str, folder: Path, *words: str) -> Path:
    """Train one of the runs, and return its folder."""
    config, settings = SETTINGS[name]
    options = [word for setting in settings for word in ("--set", setting)]
    said = bpnet("train", ROOT / config, *options, "--runs", folder, "--name", name, *words)
    assert said.code == 0, said.err
    return folder / f"{name}-001"


def hostile_table(folder: Path, rows: int = 60) -> Path:
    """Write a table and a config whose columns and classes have hostile names."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(rows, len(HOSTILE)))
    names = (*HOSTILE[:2], "constructor", "__proto__")
    classes = [names[k] for k in (x[:, 0] > 0).astype(int) + 2 * (x[:, 1] > 0)]
    with open(folder / "hostile.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*HOSTILE, "</style><b>target"])
        writer.writerows([*map(str, row), name] for row, name in zip(x, classes, strict=True))
    config = folder / "hostile.yaml"
    config.write_text(
        "dataset: {path: hostile.csv, target: '</style><b>target'}\n"
        "architecture: {hidden: [4]}\ntraining: {epochs: 3}\n",
        encoding="utf-8",
    )
    return config


def test_rows(run: Path, table: Path) -> list[dict[str, Any]]:
    """Return the test rows of a run with the predictions that `bpnet predict` adds."""
    with open(run / "splits.csv", encoding="utf-8") as file:
        parts = [line["part"] for line in csv.DictReader(file)]
    output = run / "predicted.csv"
    with open(output, "wb") as stream:
        Prediction(run, str(table), PredictOptions()).write(format_named("csv"), stream)
    with open(output, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        {"row": k, **row}
        for k, (row, part) in enumerate(zip(rows, parts, strict=True), start=1)
        if part == "test"
    ]
