"""The choice of a preset's keys by the size of the table."""

import copy
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from bpnet.config.schema import PresetName
from bpnet.config.source import parse_source
from bpnet.config.task import Task

LARGE = 10_000
"""Training rows from which on a table is large."""
ONE_SPLIT = 200_000
"""Training rows from which on one split takes the place of folds, so that time stays bounded."""

WIDE = 1000
"""Columns beyond which members that make several inputs of each are left out."""

_WIDENING = ("piecewise", "periodic", "narrow")
_LONGER = ("plain", "wide")
"""Members of `best` that train for twice as many steps on a table that is not large."""
_MOST_ROUNDS = 10
"""Rounds of `best` with a budget, at most: each adds its time to every prediction."""
_MOST_HELD_OUT = 20_000
"""Validation rows of such a split, at most."""
_CHECKS = 128
"""Epochs in which held-out rows are looked at, about."""


@dataclass(frozen=True)
class TableSize:
    """What the keys of a preset depend on."""

    rows: int
    """Number of training rows."""
    columns: int
    """Number of columns that may be features."""
    task: Task
    by_time: bool = False
    """True if the rows are split by time."""
    budget: bool = False
    """True if there is a time budget."""


def preset_keys(name: PresetName, table: TableSize) -> dict[str, Any]:
    """Return the keys of a preset for a table, as a config has them."""
    if name != "fast" and table.rows >= ONE_SPLIT:
        keys = _read("fast-large.yaml") | {"replicas": 4 if name == "best" else 2}
    else:
        keys = _read(f"{name}{'-large' if table.rows >= LARGE else ''}.yaml")
    keys = copy.deepcopy(keys)
    if table.columns > WIDE and "members" in keys:
        keys["members"] = [one for one in keys["members"] if one["name"] not in _WIDENING]
    trained = _hold_out(name, keys, table)
    batch = _batch_size(table.rows)
    keys["training"]["batch_size"] = batch
    # its networks are to take no longer than a plain one without folds
    steps = _steps(table.rows) / (2 if name == "fast" and "folds" in keys else 1)
    for section in _sections(keys):
        training, member = section.setdefault("training", {}), section.get("name")
        longer = name == "best" and table.rows < LARGE and member in _LONGER
        own = 600 if member == "linear" else steps * (2 if longer else 1)
        epochs = _epochs(own, max(trained // batch, 1))
        training |= {"epochs": epochs, "check_every": -(-epochs // _CHECKS)}
        _suit_task(training, table.task)
    return keys


def _hold_out(name: PresetName, keys: dict[str, Any], table: TableSize) -> int:
    """Set the folds, or the rows that validate; return the rows that a network trains on."""
    if "members" in keys:
        keys["folds"] = _folds(table.rows)
        if name == "best" and table.budget:
            keys["rounds"] = _MOST_ROUNDS
    folds: int | None = keys.get("folds")
    if folds is not None:
        return table.rows * (folds - 1) // folds
    share = 0.15 if table.by_time else 0.1
    many = share * table.rows > _MOST_HELD_OUT
    keys["dataset"]["split"] = {"validation": _MOST_HELD_OUT if many else share}
    return table.rows - min(round(share * table.rows), _MOST_HELD_OUT)


def _folds(rows: int) -> int:
    """Return the number of folds: many where rows are few, few where each takes long."""
    return 8 if rows < 600 else 6 if rows < LARGE else 4 if rows < 50_000 else 3


def _batch_size(rows: int) -> int:
    return 32 if rows < 1000 else 64 if rows < LARGE else 256 if rows < 100_000 else 1024


def _steps(rows: int) -> float:
    """Return the number of steps of a network with hidden layers, if it does not stop early."""
    return max(min(max(1.2 * rows, 300), 900), min(0.9 * rows, 5000))


def _epochs(steps: float, steps_per_epoch: int) -> int:
    return max(8 if steps_per_epoch < 300 else 3, round(steps / steps_per_epoch))


def _sections(keys: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the whole config, then each member."""
    yield keys
    yield from keys.get("members", [])


def _suit_task(training: dict[str, Any], task: Task) -> None:
    """Change a loss for classes into one for labels, or leave it out of a regression."""
    loss = training.get("loss")
    if loss is None:
        return
    if task == "regression":
        del training["loss"]
    elif task == "multilabel":
        loss["kind"] = "binary_cross_entropy"


@functools.cache
def _read(file: str) -> dict[str, Any]:
    text = (files("bpnet.config.presets") / file).read_text(encoding="utf-8")
    return parse_source(text, file).data
