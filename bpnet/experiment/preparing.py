"""Preparing: from a config and its table to encoded rows for training, validation and test."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bpnet.config.schema import Config, Split, Task
from bpnet.config.source import Source
from bpnet.config.yaml_tree import KeyPath
from bpnet.data.columns import Floats, class_labels, in_order, is_number, numeric_columns, suggests_classes
from bpnet.data.encoding import Encoder, Target, fit_scaling
from bpnet.data.splitting import Indices, Part, Wish, split_rows
from bpnet.data.table import Table, listed, read_table, table_of
from bpnet.engine.batches import Rows
from bpnet.errors import DataError
from bpnet.experiment.resolving import outputs_of, resolve
from bpnet.suggest import suggest

FEATURE_ADVICE = "give a number, drop the row, or name the columns to use in dataset.features"


@dataclass(frozen=True)
class Prepared:
    """What training needs: the resolved config, how columns are encoded, and the encoded rows of each part."""

    config: Config
    encoder: Encoder
    target: Target
    outputs: int
    class_weight: dict[str, float] | None
    parts: Mapping[Part, Indices]
    rows: Mapping[Part, Rows]
    digest: str
    warnings: list[str]


def read_dataset(config: Config, source: Source, folder: Path) -> Table:
    """The table of a config, whose path is relative to `folder`; raises DataError."""
    dataset = config.dataset
    if dataset.path is not None:
        try:
            return read_table(os.path.normpath(folder / dataset.path))
        except DataError as error:
            if not (folder / dataset.path).is_file():
                raise DataError(f"{source.where(('dataset', 'path'))}: dataset.path: {error}") from None
            raise
    assert dataset.rows is not None
    assert dataset.columns is not None
    lines = [source.lines.get(("dataset", "rows", k)) for k in range(len(dataset.rows))]
    return table_of(
        source.name, dataset.columns, dataset.rows, [line if isinstance(line, int) else 1 for line in lines]
    )


def prepare(config: Config, source: Source, folder: Path) -> Prepared:
    """Read and check the table, resolve the config, split and encode; raises ConfigError or DataError."""
    table = read_dataset(config, source, folder)
    features = _features(config, source, table)
    target_cells = table.cells(config.dataset.target, wanted_for="is the target")
    task: Task = config.task or ("classification" if suggests_classes(target_cells) else "regression")
    labels = class_labels(table, config.dataset.target) if task == "classification" else []
    classes = in_order(labels)
    if len(classes) == 1:
        raise DataError(
            f"{table.name}: the target '{config.dataset.target}' has one class only, '{classes[0]}'; "
            "a classification needs two or more"
        )
    values = numeric_columns(table, features, role="feature", advice=FEATURE_ADVICE)
    resolved = resolve(config, source, task, len(classes), features)

    numbers = _numbers(labels, classes)
    split = resolved.dataset.split
    if len(classes) > len(table) * (1 - split.share("validation") - split.share("test")):
        raise DataError(
            f"{table.name}: the target '{config.dataset.target}' has {len(classes)} classes, more than the rows left "
            f"to train on, of {len(table)} in all; give it more rows, or lower dataset.split.validation and test; "
            "if it is a quantity, set task: regression"
        )
    parts = split_rows(len(table), _wish(split), config.seed, numbers if split.stratify else None)
    train = parts["train"]
    encoder = Encoder(
        features=features,
        numeric=resolved.dataset.preprocessing.numeric,
        scaling=fit_scaling(values[train], resolved.dataset.preprocessing.numeric, features),
    )
    outputs = outputs_of(resolved, len(classes))
    dtype = resolved.training.precision
    class_weight = None
    if task == "classification":
        _check_classes(table, config.dataset.target, classes, numbers[train])
        target = Target(name=config.dataset.target, classes=classes)
        y = target.encode_labels(labels, outputs, dtype)
        class_weight = _class_weight(config, source, classes, numbers[train])
    else:
        quantities = numeric_columns(
            table, [config.dataset.target], role="regression target", advice="give a number, or drop the row"
        )
        kind = resolved.dataset.preprocessing.target
        target = Target(
            name=config.dataset.target, scaling=fit_scaling(quantities[train], kind, [config.dataset.target])
        )
        if kind == "standardize" and target.scaling and all(target.scaling.constant):
            raise DataError(
                f"{table.name}: the target '{target.name}' is {quantities[train][0, 0]:g} in every training row; "
                "there is nothing to learn"
            )
        y = target.encode_values(quantities, dtype, table.where)
    weights = row_weights(table, config.dataset.sample_weight, labels, class_weight)
    if weights is not None:
        for part, rows in parts.items():
            if len(rows) and not weights[rows].sum() > 0:
                raise DataError(
                    f"{table.name}, column '{config.dataset.sample_weight}': the weights of the {part} rows are all 0; "
                    "at least one row of each part must count"
                )
        weights = weights / weights[train].mean()
    x = encoder.encode(values, dtype, table.where)
    return Prepared(
        config=resolved,
        encoder=encoder,
        target=target,
        outputs=outputs,
        class_weight=class_weight,
        parts=parts,
        rows={
            part: Rows(x[rows], y[rows], None if weights is None else weights[rows].astype(dtype))
            for part, rows in parts.items()
            if len(rows)
        },
        digest=table.digest,
        warnings=[
            *(_warnings(resolved, encoder, numbers, classes) if len(train) > 1 else []),
            *_unreachable(resolved, y[train]),
        ],
    )


def _wish(split: Split) -> Wish:
    def indices(rows: list[int] | None) -> list[int] | None:
        return None if rows is None else [row - 1 for row in rows]

    return Wish(
        validation=split.share("validation"),
        test=split.share("test"),
        validation_rows=indices(split.validation_rows),
        test_rows=indices(split.test_rows),
        shuffle=split.shuffle,
    )


def row_weights(
    table: Table, column: str | None, labels: list[str], class_weight: Mapping[str, float] | None
) -> Floats | None:
    """Each row's weight times its class's (rows,), to a factor, or None where neither is set; raises DataError."""
    if column is None and class_weight is None:
        return None
    weights = np.ones(len(table))
    if column is not None:
        weights = numeric_columns(table, [column], role="sample weight", advice="give a number of at least 0")[:, 0]
        if (weights < 0).any():
            row = int(np.argmax(weights < 0))
            raise DataError(f"{table.where(row)}, column '{column}': the weight {weights[row]:g} is below 0")
        weights = weights / max(weights.max(), np.finfo(np.float64).tiny)  # so that no sum of weights overflows
    if class_weight is not None:
        largest = max(class_weight.values())
        weights = weights * np.array([class_weight[label] / largest for label in labels])
    return weights


def _numbers(labels: list[str], classes: list[str]) -> Indices:
    number = {label: k for k, label in enumerate(classes)}
    return np.array([number[label] for label in labels], np.intp)


def _features(config: Config, source: Source, table: Table) -> list[str]:
    """The feature columns; raises DataError with every column that is named but not there, or not fit to be one."""
    dataset = config.dataset
    problems = []

    def known(column: str, path: KeyPath, key: str) -> bool:
        if column in table.columns:
            return True
        problems.append(
            f"{source.where(path)}: {key} '{column}' is no column of {table.name}; "
            f"the columns are {listed(table.columns)}{suggest(column, table.columns)}"
            + ("; is the line of column names missing?" if all(map(is_number, table.columns)) else "")
        )
        return False

    known(dataset.target, ("dataset", "target"), "dataset.target")
    if dataset.sample_weight is not None:
        path = ("dataset", "sample_weight")
        known(dataset.sample_weight, path, "dataset.sample_weight")
        if dataset.sample_weight == dataset.target:
            problems.append(f"{source.where(path)}: dataset.sample_weight is the target; name another column")
    apart = {dataset.target, dataset.sample_weight}
    if dataset.features is None:
        features = [column for column in table.columns if column not in apart]
    else:
        features = dataset.features
        for k, column in enumerate(features):
            place = ("dataset", "features", k)
            if not known(column, place, "dataset.features"):
                continue
            if column in apart:
                role = "target" if column == dataset.target else "sample weight"
                problems.append(
                    f"{source.where(place)}: dataset.features names '{column}', the {role}; remove it there"
                )
            elif column in features[:k]:
                problems.append(f"{source.where(place)}: dataset.features names '{column}' twice; remove one")
    if problems:
        raise DataError(problems)
    if not features:
        raise DataError(f"{table.name}: no column is left to be a feature beside the target '{dataset.target}'")
    return features


def _check_classes(table: Table, column: str, classes: list[str], trained: Indices) -> None:
    counts = np.bincount(trained, minlength=len(classes))
    missing = [label for label, count in zip(classes, counts, strict=True) if count == 0]
    if missing:
        raise DataError(
            f"{table.name}: no training row has the class {listed(missing)} of '{column}'; "
            "lower dataset.split.validation and test, set dataset.split.stratify to true, or add rows"
        )


def _class_weight(config: Config, source: Source, classes: list[str], trained: Indices) -> dict[str, float] | None:
    """The weight of each class: as given, 1 where it is not; `balanced` gives each class the same sum of weights."""
    given = config.dataset.class_weight
    if given is None:
        return None
    if given == "balanced":
        counts = np.bincount(trained, minlength=len(classes))
        return {label: len(trained) / (len(classes) * int(n)) for label, n in zip(classes, counts, strict=True)}
    unknown = [label for label in given if label not in classes]
    if unknown:
        raise DataError(
            [
                f"{source.where(('dataset', 'class_weight', label))}: dataset.class_weight names '{label}', "
                f"which is no class of '{config.dataset.target}'; the classes are {listed(classes)}"
                f"{suggest(label, classes)}"
                for label in unknown
            ]
        )
    return {label: float(given.get(label, 1.0)) for label in classes}


def _unreachable(config: Config, y: np.ndarray) -> list[str]:
    """A warning where the output's activation cannot reach the values of a regression's target."""
    output = config.architecture.output
    if output is None or output.activation is None or config.task != "regression":
        return []
    lowest, highest = _REACH.get(output.activation.kind, (-np.inf, np.inf))
    if lowest <= y.min() and y.max() <= highest:
        return []
    to = f"{lowest:g} to {highest:g}" if np.isfinite(highest) else f"{lowest:g} and above"
    return [
        f"the target goes from {y.min():g} to {y.max():g}, but the output's {output.activation.kind} "
        f"only reaches {to}: use identity, or rescale the target"
    ]


_REACH = {
    "sigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "relu": (0.0, np.inf),
    "softplus": (0.0, np.inf),
    "elu": (-1.0, np.inf),
    "selu": (-1.7581, np.inf),
    "gelu": (-0.17, np.inf),
    "silu": (-0.2785, np.inf),
    "mish": (-0.3089, np.inf),
}
"""The smallest and largest value of each activation that has one."""


def _warnings(config: Config, encoder: Encoder, numbers: Indices, classes: list[str]) -> list[str]:
    constant = [name for name, same in zip(encoder.features, encoder.scaling.constant, strict=True) if same]
    warnings = []
    if constant and encoder.numeric != "l2_rows":  # by which a constant column comes to vary
        one = len(constant) == 1
        warnings.append(
            f"{'column' if one else 'columns'} {listed(constant)} {'has' if one else 'have'} the same value in every "
            "training row: harmless, but nothing can be learnt from it"
        )
    split = config.dataset.split
    few = [label for label, n in zip(classes, np.bincount(numbers, minlength=len(classes)), strict=True) if n < 3]
    if few and split.stratify and split.share("validation") + split.share("test") > 0:
        warnings.append(f"class {listed(few)} has fewer than 3 rows and cannot be in every part of the split")
    return warnings
