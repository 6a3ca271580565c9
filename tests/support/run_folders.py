"""Run directories that are made without a training: for lists of runs."""

import json
from pathlib import Path
from typing import Any

CONFIG = """\
name: c
seed: SEED
task: TASK
dataset:
  path: ../../tables/TABLE.csv
  target: y
  features: [a, b]
  roles: {a: numeric, b: categorical}
architecture:
  layers:
  - kind: dense
    units: UNITS
    activation: {kind: relu}
training:
  optimizer: {kind: adam, beta_1: 0.9}
  learning_rate: RATE
  epochs: 50
members: null
"""


def make_run(
    folder: Path,
    *,
    status: str = "finished",
    started: str = "2026-01-02T03:04:05+00:00",
    accuracy: float | None = None,
    command: list[str] | None = None,
    rate: float = 0.01,
    units: int = 8,
    seed: int = 0,
    table: str = "iris",
    **details: Any,
) -> Path:
    """Make a run directory with run.json, config.yaml and, with an accuracy, metrics.json."""
    folder.mkdir(parents=True)
    values = {"SEED": seed, "TASK": "classification", "TABLE": table}
    text = CONFIG
    for word, value in {**values, "UNITS": units, "RATE": rate}.items():
        text = text.replace(word, str(value))
    (folder / "config.yaml").write_text(text, "utf-8")
    content = {
        "status": status,
        "seed": seed,
        "command": command or ["bpnet", "train", "c.yaml"],
        "started": started,
        "seconds": 1.5,
        "versions": {"bpnet": "0.5.0"},
        "stop_reason": "epochs",
        "best_epoch": 7,
        "epochs": 50,
        "kind": "train",
        **details,
    }
    (folder / "run.json").write_text(json.dumps(content), "utf-8")
    if accuracy is not None:
        metrics = {
            "validation": {"loss": 1 - accuracy, "accuracy": accuracy / 2},
            "test": {"loss": 1 - accuracy, "accuracy": accuracy},
        }
        (folder / "metrics.json").write_text(json.dumps(metrics), "utf-8")
    return folder
