"""The choice of a preset's keys by the size of the table."""

import copy
import functools
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from bpnet.config.schema import PresetName
from bpnet.config.source import parse_source
from bpnet.config.task import Task

LARGE = 10_000
"""Training rows from which a table is large."""


@dataclass(frozen=True)
class TableSize:
    """What the keys of a preset depend on."""

    rows: int
    """Number of training rows."""
    columns: int
    """Number of columns that may be features."""
    task: Task
    classes: int
    """Number of classes; 0 for other tasks."""
    by_time: bool
    """True if the rows are split by time."""


def preset_keys(name: PresetName, table: TableSize) -> dict[str, Any]:
    """Return the keys of a preset for a table, as a config has them."""
    keys = copy.deepcopy(_read(f"{name}.yaml"))
    if name == "fast":
        return keys
    large = table.rows >= LARGE
    keys["folds"] = 8 if table.rows < 600 else 6 if not large else 5
    batch = 32 if table.rows < 1000 else 64 if not large else 256
    in_fold = table.rows * (keys["folds"] - 1) // keys["folds"]
    per_epoch = max(in_fold // batch, 1)
    steps = max(min(max(1.2 * table.rows, 300), 900), min(0.45 * table.rows, 2500))
    for section in (keys, *keys["members"]):
        training = section.setdefault("training", {})
        of_linear = section.get("name") == "linear"
        epochs = max(8, round((300 if of_linear else steps) / per_epoch))
        training |= {"epochs": epochs, "check_every": -(-epochs // 128)}
        if section is keys:
            training["batch_size"] = batch
            training["learning_rate"] = 0.02 if large else 0.04
        if large and "loss" in training:
            training["loss"]["label_smoothing"] = 0.0
        _suit_task(training, table.task)
    return keys


def _suit_task(training: dict[str, Any], task: Task) -> None:
    """Change a loss for classes into one for labels, or leave it out of a regression."""
    loss = training.get("loss")
    if loss is None:
        return
    if task == "regression":
        del training["loss"]
    elif task == "multilabel" and "kind" in loss:
        loss["kind"] = "binary_cross_entropy"


@functools.cache
def _read(file: str) -> dict[str, Any]:
    text = (files("bpnet.config.presets") / file).read_text(encoding="utf-8")
    return parse_source(text, file).data
