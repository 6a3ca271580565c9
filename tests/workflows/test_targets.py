"""Targets and columns of unusual kinds, through training and prediction."""

import math

import numpy as np
import pytest
from workflow_runs import (
    ROOT,
    Watcher,
    predicted,
    read_json,
    train_file,
    train_text,
    weights_of,
    write_csv,
)

from bpnet.errors import (
    DataError,
)
from bpnet.workflows.eval import evaluate


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["1.0", "2.0"], ["1", "2"]),
        (["no", "yes"], ["no", "yes"]),
        (
            ["1e-3", "größe", "a, b", 'say "x"', "null"],
            ["1e-3", "a, b", "größe", "null", 'say "x"'],
        ),
        (
            ["123456789012345678901", "123456789012345678902"],
            ["123456789012345678901", "123456789012345678902"],
        ),
        ([str(k) for k in range(12)], [str(k) for k in range(12)]),
    ],
)
def test_labels_come_back_as_they_were(labels, classes, tmp_path):
    rows = [[k % 7, k * k % 11, labels[k % len(labels)]] for k in range(60)]
    path = write_csv(tmp_path / "t.csv", ["epoch", "loss.x y", "y"], rows)
    run = train_text(tmp_path, "dataset: {path: t.csv, target: y}\ntraining: {epochs: 2}\n").run
    assert read_json(run / "model" / "model.json")["target"]["classes"] == classes
    found = predicted(run, str(path))
    assert set(map(str, found["predicted_y"])) <= set(classes)
    assert list(found) == ["predicted_y", *(f"probability_{label}" for label in classes), "flags"]
    assert evaluate(run, str(path), all_rows=True).rows == 60
    assert train_file(run / "config.yaml", tmp_path / "again").epochs == 2


def test_whole_numbers_are_classes_or_a_quantity_as_the_task_says(tmp_path):
    write_csv(tmp_path / "t.csv", "aby", [[k % 7, k * k % 11, k % 5] for k in range(60)])
    text = "dataset: {path: t.csv, target: y}\ntraining: {epochs: 1}\n"
    assert "accuracy" in train_text(tmp_path, text).figures["train"]
    assert "rmse" in train_text(tmp_path, text, "task=regression").figures["train"]


def test_a_constant_column_is_warned_of_and_does_no_harm(tmp_path):
    write_csv(tmp_path / "t.csv", "abcy", [[k % 7, k * k % 11, 7, "pq"[k % 2]] for k in range(60)])
    watcher = Watcher()
    trained = train_text(
        tmp_path, "dataset: {path: t.csv, target: y}\ntraining: {epochs: 2}\n", watcher=watcher
    )
    (warning,) = watcher.prepared.warnings
    assert "'c'" in warning
    assert read_json(trained.run / "run.json")["warnings"] == [warning]
    assert all(math.isfinite(value) for part in trained.figures.values() for value in part.values())


def test_two_rows_are_enough_where_none_is_held_out(tmp_path):
    write_csv(tmp_path / "t.csv", "aby", [[1, 2, "p"], [2, 1, "q"]])
    text = (
        "dataset: {path: t.csv, target: y, split: {validation: 0, test: 0}}\n"
        "training: {epochs: 3}\n"
    )
    trained = train_text(tmp_path, text)
    assert list(trained.figures) == ["train"]
    with pytest.raises(DataError, match=r"held out no test rows .*; name a table"):
        evaluate(trained.run, None)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_numbers_are_computed_in_the_precision_asked_for(precision, tmp_path):
    settings = ("training.epochs=2", f"training.precision={precision}")
    run = train_file(ROOT / "configs" / "iris.yaml", tmp_path, *settings).run
    assert {array.dtype for array in weights_of(run).values()} == {np.dtype(precision)}
