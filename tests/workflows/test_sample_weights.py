"""Sample weights and class weights."""

import math

import numpy as np
import pytest
from workflow_runs import (
    train_text,
    weights_of,
    write_csv,
)

from bpnet.workflows.eval import evaluate

PLAIN = """\
dataset:
  path: t.csv
  target: y
  split: {validation: 0, test: 0}
  preprocessing: {numeric: none, target: none}
architecture: {hidden: [5], activation: tanh}
training:
  optimizer: gradient_descent
  learning_rate: 0.3
  epochs: 40
  batch_size: full
  precision: float64
"""


def weighted_rows(task: str) -> list[list[object]]:
    """Rows [a, b, y, w] with w of 0, 1, 2 and 3."""
    rng = np.random.default_rng(4)
    rows = []
    for k in range(24):
        a, b = rng.normal(size=2).round(3)
        rows.append(
            [
                a,
                b,
                ["p", "q", "r"][k % 3] if task == "classification" else round(a - b * b, 3),
                k % 4,
            ]
        )
    return rows


@pytest.mark.parametrize(
    ("task", "factor"),
    [
        ("regression", 1),
        ("classification", 1),
        ("classification", 1e-200),
        ("classification", 1e300),
    ],
)
def test_a_weight_of_2_is_the_row_given_twice_whatever_the_unit_of_weights(task, factor, tmp_path):
    rows = weighted_rows(task)
    (tmp_path / "weighted").mkdir()
    (tmp_path / "repeated").mkdir()
    scaled = [[*row[:3], row[3] * factor] for row in rows]
    write_csv(tmp_path / "weighted" / "t.csv", "abyw", scaled)
    write_csv(
        tmp_path / "repeated" / "t.csv",
        "aby",
        [row[:3] for row in rows for _ in range(int(row[3]))],
    )
    one = train_text(tmp_path / "weighted", PLAIN, "dataset.sample_weight=w", f"task={task}")
    two = train_text(tmp_path / "repeated", PLAIN, f"task={task}")
    for name, expected in weights_of(two.run).items():
        np.testing.assert_allclose(weights_of(one.run)[name], expected, rtol=1e-9, atol=1e-12)
    assert math.isclose(one.figures["train"]["loss"], two.figures["train"]["loss"], rel_tol=1e-9)
    unweighted = train_text(tmp_path / "weighted", PLAIN, f"task={task}", "dataset.features=[a, b]")
    assert not np.allclose(
        weights_of(unweighted.run)["layers.0.weight"], weights_of(one.run)["layers.0.weight"]
    )


def test_a_weight_of_a_class_is_that_weight_for_each_of_its_rows(tmp_path):
    rows = weighted_rows("classification")
    factor = {"p": 3, "q": 1, "r": 0.5}
    write_csv(tmp_path / "t.csv", "abyw", [[*row[:3], factor[str(row[2])]] for row in rows])
    by_class = train_text(
        tmp_path, PLAIN, "dataset.class_weight={p: 3, r: 0.5}", "dataset.features=[a, b]"
    ).run
    by_row = train_text(tmp_path, PLAIN, "dataset.sample_weight=w").run
    for name, expected in weights_of(by_row).items():
        np.testing.assert_allclose(weights_of(by_class)[name], expected, rtol=1e-9, atol=1e-12)
    assert math.isclose(
        evaluate(by_class, str(tmp_path / "t.csv")).loss,
        evaluate(by_row, str(tmp_path / "t.csv")).loss,
    )


def test_balanced_classes_weigh_the_same_in_sum(tmp_path):
    rows = [row[:3] for row in weighted_rows("classification") if row[2] == "p" or row[3] == 1]
    write_csv(tmp_path / "t.csv", "aby", rows)
    counts = {label: sum(row[2] == label for row in rows) for label in "pqr"}
    balanced = train_text(tmp_path, PLAIN, "dataset.class_weight=balanced").run
    by_hand = ", ".join(f"{label}: {len(rows) / (3 * count)}" for label, count in counts.items())
    given = train_text(tmp_path, PLAIN, f"dataset.class_weight={{{by_hand}}}").run
    assert len(set(counts.values())) > 1
    for name, expected in weights_of(given).items():
        np.testing.assert_allclose(weights_of(balanced)[name], expected, rtol=1e-9, atol=1e-12)


def test_the_metrics_of_training_are_those_of_weighted_evaluation(tmp_path):
    write_csv(tmp_path / "t.csv", "abyw", weighted_rows("classification"))
    trained = train_text(tmp_path, PLAIN, "dataset.sample_weight=w")
    evaluation = evaluate(trained.run, str(tmp_path / "t.csv"))
    assert math.isclose(evaluation.loss, trained.figures["train"]["loss"], rel_tol=1e-9)
