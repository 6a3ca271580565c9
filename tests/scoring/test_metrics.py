"""Every metric of the table is scikit-learn's, in its range, and best for a perfect prediction."""

import numpy as np
import pytest
from expected_metrics import EXPECTED

from bpnet.scoring.metrics import EVALUATION_METRICS, metric_range, metric_title
from bpnet.scoring.scores import score_classes, score_labels, score_quantities

CASES = [
    pytest.param(task, metric, id=f"{task}-{metric.name}")
    for task, metrics in EVALUATION_METRICS.items()
    for metric in metrics
]


def true_and_predicted(task, classes=3):
    rng = np.random.default_rng(7)
    if task == "classification":
        return rng.integers(0, classes, 80), rng.dirichlet(np.ones(classes), 80)
    if task == "multilabel":
        return rng.integers(0, 2, (80, 3)), rng.random((80, 3))
    true = rng.uniform(1, 9, (80, 2)) * [1, 100]
    return true, true * rng.uniform(0.5, 1.6, (80, 2))


def value_of(task, metric, true, predicted):
    rng = np.random.default_rng(0)
    names = [f"n{k}" for k in range(predicted.shape[1])]
    score = {
        "classification": score_classes,
        "multilabel": score_labels,
        "regression": score_quantities,
    }[task]
    return score(true, predicted, names, rng, 2).value(metric.name)


def perfect(task, true):
    if task == "classification":
        return np.eye(3)[true]
    return true.astype(float)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(("task", "metric"), CASES)
def test_every_metric_is_scikit_learns(task, metric, classes):
    true, predicted = true_and_predicted(task, classes)
    expected = EXPECTED[task](true, predicted)[metric.name]
    assert value_of(task, metric, true, predicted) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("task", "metric"), CASES)
def test_a_perfect_prediction_has_the_best_value_and_a_poor_one_a_value_within_the_range(
    task, metric
):
    true, predicted = true_and_predicted(task)
    best = metric.highest if metric.higher_is_better else metric.lowest
    assert value_of(task, metric, true, perfect(task, true)) == pytest.approx(best, abs=1e-12)
    value = value_of(task, metric, true, predicted)
    assert metric.lowest <= value <= metric.highest
    assert value != pytest.approx(best)


@pytest.mark.parametrize(
    ("task", "metric"), [case for case in CASES if case.values[1].computed_from == "classes"]
)
def test_a_metric_of_classes_does_not_see_how_certain_a_prediction_is(task, metric):
    true, predicted = true_and_predicted(task)
    classes = np.eye(3)[predicted.argmax(axis=1)] if task == "classification" else predicted > 0.5
    assert value_of(task, metric, true, predicted) == value_of(task, metric, true, classes + 0.0)


def test_names_and_their_order_are_those_of_json():
    assert {
        task: [metric.name for metric in metrics] for task, metrics in EVALUATION_METRICS.items()
    } == {
        "classification": [
            "accuracy",
            "balanced_accuracy",
            "log_loss",
            "brier",
            "roc_auc",
            "average_precision",
            "f1_macro",
            "f1_weighted",
            "matthews",
            "calibration_error",
        ],
        "multilabel": [
            "subset_accuracy",
            "label_accuracy",
            "f1_macro",
            "f1_micro",
            "f1_weighted",
            "roc_auc",
            "average_precision",
            "log_loss",
            "brier",
        ],
        "regression": ["rmse", "mae", "r2", "median_absolute_error", "mape"],
    }


def test_a_name_has_one_title_and_one_range():
    assert metric_title("matthews") == "Matthews correlation"
    assert metric_title("val_loss") == "val loss"
    assert metric_range("matthews") == (-1, 1)
    assert metric_range("brier") == (0, 2)
    assert metric_range("loss") == metric_range("rmse") == (0, np.inf)
    assert metric_range("r2") == (-np.inf, 1)
