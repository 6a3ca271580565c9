"""A first config for a table, with settings that suit its size."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bpnet.checks.columns import ColumnDescription, describe_columns
from bpnet.checks.missing_words import MissingWords, find_missing_words, gap_warnings
from bpnet.config.dataset_paths import relocated
from bpnet.config.loading import load_config
from bpnet.config.overrides import apply_overrides
from bpnet.config.schema import PresetName
from bpnet.config.source import Source
from bpnet.config.task import Task
from bpnet.data.reading import Table, open_table
from bpnet.data.reading.compression import without_compression_suffix
from bpnet.data.reading.sklearn_tables import SKLEARN_PREFIX
from bpnet.data.reading.streams import is_pipe
from bpnet.errors import DataError, UsageError
from bpnet.messages import did_you_mean, quoted_list
from bpnet.preparation.advance_warnings import target_warnings
from bpnet.preparation.fit import fit_dataset
from bpnet.preparation.open import open_dataset
from bpnet.preparation.preset import with_preset
from bpnet.preparation.training_folds import split_first_member
from bpnet.workflows.traced_rows import MOST_ROWS

PRESET: PresetName = "default"
"""The preset of a first config."""
_MOST_AT_ONCE = MOST_ROWS
"""The most training rows that a small network takes in one step: as many as can be traced."""
_SMALL_BATCH = 16
"""The rows of its step where there are more training rows."""
_SMALL_STEPS = 20_000
"""The most steps of its training."""


@dataclass(frozen=True)
class DraftSettings:
    """The settings of one plain network that depend on the table's size."""

    hidden: tuple[int, ...]
    activation: str
    dropout: float
    """The rate after each hidden layer."""
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    patience: int
    """The patience of early stopping, in epochs."""


@dataclass(frozen=True)
class SmallSettings:
    """The settings of a network that is small enough to be traced number by number."""

    units: int
    """The units of its only hidden layer, from 2 to 4."""
    batch_size: int | Literal["full"]
    epochs: int = 300
    learning_rate: float = 0.3


@dataclass(frozen=True)
class Draft:
    """A first config: the findings about the table, for its comments, and the keys that it sets."""

    path: str
    """The table's path, relative to the config's folder."""
    targets: list[str]
    given_task: Task | None
    task: Task
    why: str
    rows: int
    training_rows: int
    without_target: int
    classes: dict[str, int]
    """The rows of each class; empty unless the task is classification."""
    columns: list[ColumnDescription]
    warnings: list[str]
    chosen: dict[str, Any]
    """The keys of the dataset that the user has set."""
    preset: PresetName
    folds: int | None
    """The folds of the training rows that the preset chooses; None if it has none."""
    members: int
    """The kinds of network that it trains."""
    epochs: int
    """The most epochs of the first of them."""
    settings: DraftSettings
    """The settings of one plain network instead."""
    small: SmallSettings | None = None
    """The settings of a small network in place of the preset, if one is asked for."""


def settings_for(rows: int) -> DraftSettings:
    """Return the settings for a number of training rows.

    Two relu layers of 128 units, with a little dropout and weight decay for tables that are small
    or wide, trained by adamw until the validation loss has not improved for a while. More rows
    make larger batches, for speed, and need fewer epochs: below 2,000 rows, batches of 32 and up
    to 200 epochs; below 20,000, batches of 128 and up to 100; else batches of 256 and up to 50.
    """
    epochs, batch_size, patience = (
        (200, 32, 30) if rows < 2000 else (100, 128, 20) if rows < 20_000 else (50, 256, 10)
    )
    return DraftSettings(
        hidden=(128, 128),
        activation="relu",
        dropout=0.1,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=0.001,
        weight_decay=0.5,
        patience=patience,
    )


def small_settings(outputs: int, rows: int) -> SmallSettings:
    """Return the settings of a small network for a number of outputs and of training rows.

    A layer of 2 to 4 units, as many as there are outputs, without dropout, in float64. Gradient
    descent keeps nothing from step to step. A step has so few rows that it can be traced as the
    training takes it.
    """
    units = min(max(outputs, 2), 4)
    if rows <= _MOST_AT_ONCE:
        return SmallSettings(units, "full")
    epochs = _SMALL_STEPS * _SMALL_BATCH // rows
    return SmallSettings(units, _SMALL_BATCH, epochs=min(max(epochs, 3), 300))


def draft(
    data: str,
    targets: Sequence[str],
    task: Task | None,
    folder: Path,
    assignments: Sequence[str],
    *,
    small: bool = False,
) -> Draft:
    """Draft a first config, to be saved in `folder`, for a table.

    The table's path is relative to where the command runs. `assignments`, KEY=VALUE, set the task
    and keys of the dataset. A `small` network is made to be traced. Raises UsageError if the table
    is standard input or another key is set, DataError if the table cannot be trained on.
    """
    table = check_input(data, targets, assignments)
    dataset: dict[str, Any] = {"path": relocated(data, Path(), folder), "target": list(targets)}
    network = {"architecture": {"hidden": [2]}} if small else {"preset": PRESET}
    source = apply_overrides(
        Source(data, {"task": task, "dataset": dataset, **network}, {}, folder), assignments
    )
    words = _missing_words(table, targets, source)
    if words is not None:
        source = apply_overrides(source, [words.assignment])
    chosen = {key: value for key, value in source.data["dataset"].items() if key not in dataset}
    # rows without a target are to be counted, not refused
    probe = apply_overrides(
        source, [] if "drop_missing_targets" in chosen else ["dataset.drop_missing_targets=true"]
    )
    opened = with_preset(open_dataset(load_config(probe)))
    config = opened.loaded.config
    fitted = fit_dataset(split_first_member(opened))
    target_values = fitted.split.target_values
    without = 0 if target_values.dropped is None else int(target_values.dropped.sum())
    kept = target_values.values[target_values.kept_rows]
    counts = (
        np.bincount(kept, minlength=len(target_values.classes)).tolist()
        if target_values.classes
        else []
    )
    rows = len(fitted.split.parts["train"])
    return Draft(
        path=dataset["path"],
        targets=list(targets),
        given_task=config.task,
        task=target_values.task,
        why=target_values.reason,
        rows=fitted.split.rows,
        training_rows=rows,
        without_target=without,
        classes=dict(zip(target_values.classes, counts, strict=True)),
        columns=describe_columns(fitted),
        warnings=[
            *fitted.split.table.warnings,
            *fitted.split.column_roles.warnings({}),
            *target_warnings(target_values),
            *([words.warning] if words else []),
            *gap_warnings(fitted),
        ],
        chosen=chosen,
        preset=PRESET,
        folds=config.folds,
        members=len(config.members or [None]),
        epochs=config.training.epochs,
        settings=settings_for(rows),
        small=small_settings(target_values.width, rows) if small else None,
    )


def _missing_words(table: Table, targets: Sequence[str], source: Source) -> MissingWords | None:
    """Return the words that seem to mean missing values, unless the user has named such words."""
    config = load_config(source).config
    if config.dataset.reading.missing is not None:
        return None
    words = ("categorical", "boolean", "date", "ignored")
    others = {name for name, role in config.dataset.roles.items() if role in words}
    features = [name for name in table.columns if name not in {*targets, *others}]
    return find_missing_words(table, features, targets)


def check_input(data: str, targets: Sequence[str], assignments: Sequence[str]) -> Table:
    """Return the table, opened; raise an error if it cannot be, or lacks one of the targets."""
    _check_arguments(data, assignments)
    # without targets, any text stands for one: it only has to fit the schema
    dataset = {"path": data, "target": list(targets) or data}
    loaded = load_config(apply_overrides(Source(data, {"dataset": dataset}, {}), assignments))
    table = open_table(data, loaded.config.dataset.reading)
    for target in targets:
        if target not in table.columns:
            raise DataError(
                f"{table.name}: there is no target column '{target}'; the columns are "
                f"{quoted_list(table.columns)}{did_you_mean(target, table.columns)}"
                f"{table.header_hint}"
            )
    return table


def _check_arguments(data: str, assignments: Sequence[str]) -> None:
    if data == "-":
        raise UsageError(
            "training cannot read standard input again; save the table, and name its file"
        )
    if is_pipe(data):
        raise UsageError(
            f"{data}: is a pipe, which training cannot read again; "
            "save the table, and name its file"
        )
    if Path(data).suffix.lower() in {".yaml", ".yml"}:
        raise UsageError(f"{data}: is a config; give the table")
    other = [text for text in assignments if not text.startswith(("dataset.", "task="))]
    if other:
        raise UsageError(
            f"--set {other[0]}: init takes only task and keys of dataset; edit the config for the "
            "others"
        )


def default_name(data: str) -> str:
    """Name the config of a table: flowers.yaml for flowers.csv.gz, wine.yaml for sklearn:wine."""
    path = Path(data.removeprefix(SKLEARN_PREFIX))
    if any(mark in path.name for mark in "*?["):
        path = path.parent
    stem = without_compression_suffix(Path(os.path.realpath(path)).name)
    return f"{Path(stem).stem or 'table'}.yaml"
