"""Configs that are refused, each with a message that names the key."""

from pathlib import Path

import pytest
from command_cases import CONFIG, REGRESSION, TABLE, Case, check_refusal, sets, written

LAYERS = "dataset: {path: t.csv, target: c}\narchitecture:\n  layers:\n    - "

CONFIGS = [
    Case("no such config", 3, ("d.yaml", "did you mean 'c.yaml'?"), ("train", "d.yaml")),
    Case("a folder as config", 3, (".: is a folder", "'c.yaml'"), ("train", ".")),
    Case(
        "a table as config",
        3,
        (
            "t.csv: is a table, not a config; "
            "write a config with: bpnet init t.csv --target COLUMN; bpnet init t.csv lists the "
            "columns\n",
        ),
        ("train", "t.csv"),
    ),
    written(
        "empty",
        "",
        "c.yaml: is empty or holds only comments; "
        "write one with: bpnet init TABLE --target COLUMN\n",
    ),
    written("comments", "# nothing\n", "c.yaml", "comments"),
    written("not YAML", "a: [1, 2\nb: }{", "c.yaml, line 2", "not valid YAML", "bracket"),
    written("tab", "dataset:\n\tpath: t.csv\n", "c.yaml, line 2", "tab", "spaces"),
    written("a list", "- a\n- b\n", "c.yaml, line 1", "a list", "mapping"),
    written("twice", CONFIG + "training: {}\n", "line 7", "'training'", "line 5"),
    written("two documents", CONFIG + "---\n" + CONFIG, "line 8", "second document"),
    written("NUL", b"dataset: {path: t.csv, target: c}\x00\n", "line 1", "U+0000"),
    written("Latin-1", b"name: gr\xf6n\n", "line 1", "0xf6", "UTF-8"),
    written(
        "unknown key", CONFIG + "  epoch: 3\n", "line 7", "training.epoch", "did you mean 'epochs'?"
    ),
    written(
        "all at once", CONFIG + "  epoch: 3\n  l2: -1\nseed: x\n", "line 7", "line 8", "line 9"
    ),
    written(
        "units 0",
        LAYERS + "{kind: dense, units: 0}\n",
        "line 4",
        "layers.0.units is 0",
        "at least 1",
    ),
    written(
        "name of the config", CONFIG + "name: a/b\n", "c.yaml, line 7", "'a/b'", "letters, digits"
    ),
    sets(3, "training.epochs=-1", "--set training.epochs=-1", "at least 1"),
    sets(3, "training.learning_rate=0", "--set training.learning_rate=0", "greater than 0"),
    sets(3, "training.learning_rate=.nan", "training.learning_rate is NaN", "finite"),
    sets(3, "training.learning_rate='1e-3'", "'1e-3'", "remove the quotes"),
    sets(3, "architecture.activation=reluu", "'reluu'", "did you mean 'relu'?"),
    sets(3, "training.optimizer=adan", "'adan'", "did you mean 'adam'?"),
    sets(3, "training.loss=mse", "'mse'", "squared_error"),
    sets(3, "x", "--set x", "KEY.PATH=VALUE"),
    sets(3, "=3", "--set =3", "KEY.PATH=VALUE"),
    sets(3, "training.epochs=", "training.epochs is null", "whole number"),
    sets(3, "training.epochs.x=3", "training.epochs is 3", "no keys inside"),
    sets(3, "training.epochs=[1", "--set training.epochs=[1", "bracket"),
    sets(3, "architecture.hidden.5=3", "'5'", "architecture.hidden"),
    sets(3, "architecture={hidden: [100000000000]}", "architecture", "memory"),
    sets(3, "seed=!!python/object:os.system x", "not allowed"),
    sets(3, "training.early_stopping.monitor=rmse", "'rmse'", "val_accuracy"),
    sets(3, "training.early_stopping.monitor=val_los", "'val_los'", "did you mean 'val_loss'?"),
    Case(
        "monitor of no validation rows",
        3,
        ("'val_loss'", "loss, accuracy"),
        settings=("dataset.split.validation=0", "training.early_stopping.monitor=val_loss"),
    ),
    Case(
        "best of no validation rows",
        3,
        ("training.keep is best", "no validation rows"),
        settings=("dataset.split.validation=0", "training.keep=best"),
    ),
    written(
        "explicit weights of another shape",
        LAYERS
        + "{kind: dense, units: 2, "
        + "initializer: {kind: explicit, values: [[1, 2, 3], [1, 2, 3]]}}\n",
        "architecture",
        "(2, 3)",
        "(2, 2)",
    ),
    written(
        "ragged explicit weights",
        LAYERS + "{kind: dense, units: 2, initializer: {kind: explicit, values: [[1, 2], [1]]}}\n",
        "architecture",
        "different lengths",
    ),
    Case(
        "batches of one row with batch normalization",
        3,
        ("training.batch_size is 1", "batch_normalization"),
        settings=("training.batch_size=1", "architecture={layers: [batch_normalization]}"),
    ),
]

COMBINATIONS = [
    Case(
        f"{task} {loss} {output}",
        3,
        (f"is {bad}", hint),
        settings=(f"training.loss={loss}", f"architecture.output.activation={output}"),
        table=TABLE if task == "classification" else REGRESSION,
    )
    for task, loss, output, bad, hint in [
        ("classification", "cross_entropy", "relu", "relu", "softmax"),
        ("classification", "cross_entropy", "sigmoid", "sigmoid", "softmax"),
        ("classification", "binary_cross_entropy", "softmax", "softmax", "sigmoid"),
        ("classification", "binary_cross_entropy", "identity", "identity", "sigmoid"),
        ("regression", "squared_error", "softmax", "softmax", "identity"),
        ("regression", "squared_error", "sigmoid", "sigmoid", "dataset.preprocessing.target"),
        ("regression", "huber", "relu", "relu", "dataset.preprocessing.target"),
        ("regression", "cross_entropy", "softmax", "cross_entropy", "squared_error"),
        ("classification", "quantile", "identity", "quantile", "cross_entropy"),
        ("regression", "binary_cross_entropy", "sigmoid", "binary_cross_entropy", "squared_error"),
    ]
] + [
    sets(3, "dataset.class_weight=balanced", "class_weight", "regression", table=REGRESSION),
    sets(3, "dataset.split.stratify=true", "stratify", "regression", table=REGRESSION),
]


@pytest.mark.parametrize("case", CONFIGS + COMBINATIONS, ids=lambda case: case.name)
def test_a_config_is_refused_and_nothing_is_left(case: Case, tmp_path: Path) -> None:
    check_refusal(case, tmp_path)
