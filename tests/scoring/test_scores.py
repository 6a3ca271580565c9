"""Scores are scikit-learn's and hand-worked; a figure that these rows do not define is None."""

import dataclasses
import json

import numpy as np
import pytest
from sklearn import metrics

from bpnet.scoring.samples import clipped
from bpnet.scoring.scores import score_classes, score_labels, score_quantities


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def values(scores):
    return {figure.name: figure.value for figure in scores.figures}


def test_two_classes_by_hand(rng):
    # predicted 0, 1, 1, 0; the second and the last are wrong
    true = np.array([0, 0, 1, 1])
    second = np.array([0.1, 0.6, 0.8, 0.4])
    scores = score_classes(true, np.column_stack([1 - second, second]), ["no", "yes"], rng)
    found = values(scores)
    assert found["accuracy"] == 0.5
    assert found["balanced_accuracy"] == 0.5
    assert found["log_loss"] == pytest.approx(-np.log([0.9, 0.4, 0.8, 0.4]).mean())
    assert found["brier"] == pytest.approx((0.01 + 0.36 + 0.04 + 0.36) / 4)
    assert found["roc_auc"] == pytest.approx(3 / 4)
    # found at places 1 and 3 of the ranking 0.8, 0.6, 0.4, 0.1
    assert found["average_precision"] == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert found["f1_macro"] == found["f1_weighted"] == 0.5
    assert found["matthews"] == 0
    # confidences 0.9, 0.6, 0.8, 0.6 in the bins (13/15, 14/15], (8/15, 9/15] twice, (11/15, 12/15]
    assert found["calibration_error"] == pytest.approx((0.1 + 1.2 + 0.2) / 4)
    assert scores.confusion == [[1, 1], [1, 1]]
    assert [(c.label, c.precision, c.recall, c.f1, c.rows) for c in scores.per_class] == [
        ("no", 0.5, 0.5, 0.5, 2),
        ("yes", 0.5, 0.5, 0.5, 2),
    ]
    assert scores.value("accuracy") == 0.5


def test_several_classes_are_scikit_learns(rng):
    true, p = rng.integers(0, 4, 300), rng.dirichlet(np.ones(4), 300)
    said = p.argmax(axis=1)
    found = values(score_classes(true, p, list("abcd"), rng))
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(true, p, multi_class="ovr"))
    assert found["average_precision"] == pytest.approx(metrics.average_precision_score(true, p))
    assert found["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(true, said))
    assert found["matthews"] == pytest.approx(metrics.matthews_corrcoef(true, said))
    assert found["brier"] == pytest.approx(((p - np.eye(4)[true]) ** 2).sum() / 300)


def test_every_figure_lies_in_its_interval(rng):
    true, p = rng.integers(0, 3, 400), rng.dirichlet(np.ones(3), 400)
    y = rng.normal(size=(400, 2))
    labels = rng.integers(0, 2, (400, 3))
    for scores in (
        score_classes(true, p, list("abc"), rng),
        score_labels(labels, p, list("abc"), rng),
        score_quantities(y, y + rng.normal(size=(400, 2)), ["u", "v"], rng),
    ):
        assert scores.resamples == 1000
        for figure in scores.figures:
            assert figure.low < figure.value < figure.high, figure.name


def test_classes_that_do_not_occur_are_left_out_of_the_averages(rng):
    true = np.array([0, 1, 0, 1, 0])
    p = np.array(
        [[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.5, 0.4, 0.1]]
    )
    scores = score_classes(true, p, ["a", "b", "never"], rng)
    found = values(scores)
    expected = np.mean([metrics.roc_auc_score(true == k, p[:, k]) for k in (0, 1)])
    assert found["roc_auc"] == pytest.approx(expected)
    assert found["f1_macro"] == pytest.approx(
        metrics.f1_score(true, p.argmax(axis=1), average="macro")
    )
    assert found["balanced_accuracy"] == pytest.approx((1 + 0.5) / 2)
    assert dataclasses.astuple(scores.per_class[2]) == ("never", 0, 0, 0, 0)
    assert scores.confusion == [[3, 0, 0], [1, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize("rows", [1, 5])
@pytest.mark.parametrize("classes", [2, 3])
def test_rows_of_one_class_leave_figures_undefined(rows, classes, rng):
    p = rng.dirichlet(np.ones(classes), rows)
    scores = score_classes(np.zeros(rows, int), p, [str(k) for k in range(classes)], rng)
    undefined = {figure.name for figure in scores.figures if figure.value is None}
    assert undefined == {"roc_auc", "average_precision", "matthews"}
    assert all(figure.low is None for figure in scores.figures if figure.value is None)


def test_certain_and_wrong_is_a_finite_log_loss(rng):
    p = np.array([[1.0, 0.0], [1.0, 0.0]], np.float32)
    assert score_classes(np.array([1, 1]), p, ["a", "b"], rng).value("log_loss") == pytest.approx(
        -np.log(1e-15)
    )
    np.testing.assert_allclose(clipped(np.array([[0.0, 3.0, 0.0]])), [[1e-15, 1, 1e-15]])


def test_scores_are_clean_json(rng):
    scores = [
        score_classes(np.zeros(3, int), np.full((3, 2), 0.5), ["a", "b"], rng),
        score_labels(np.zeros((3, 2), int), np.full((3, 2), 0.25, np.float32), ["a", "b"], rng),
        score_quantities(np.zeros((3, 1)), np.ones((3, 1), np.float32), ["a"], rng),
    ]
    for one in scores:
        text = json.dumps(dataclasses.asdict(one), allow_nan=False)
        assert json.loads(text)["figures"][0].keys() == {"name", "value", "low", "high"}


def test_labels_by_hand(rng):
    true = np.array([[1, 0], [1, 1], [0, 1], [0, 0]])
    p = np.array([[0.9, 0.2], [0.4, 0.7], [0.3, 0.5], [0.6, 0.1]])  # 0.5 is not above 0.5
    scores = score_labels(true, p, ["red", "blue"], rng)
    found = values(scores)
    assert found["subset_accuracy"] == 1 / 4
    assert found["label_accuracy"] == pytest.approx(5 / 8)
    # red: 1 right of 2 predicted and 2 true; blue: 1 right of 1 predicted and 2 true
    assert found["f1_macro"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert found["f1_micro"] == pytest.approx(2 * 2 / (3 + 4))
    assert found["f1_weighted"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert found["roc_auc"] == pytest.approx((3 / 4 + 1) / 2)
    assert found["average_precision"] == pytest.approx(((1 + 2 / 3) / 2 + 1) / 2)
    assert found["log_loss"] == pytest.approx(
        -np.log([0.9, 0.4, 0.7, 0.4, 0.8, 0.7, 0.5, 0.9]).mean()
    )
    assert found["brier"] == pytest.approx(((p - true) ** 2).mean())
    assert dataclasses.astuple(scores.per_label[0]) == ("red", 0.5, 0.5, 0.5, 2, 0.75)
    assert dataclasses.astuple(scores.per_label[1]) == (
        "blue",
        1.0,
        0.5,
        pytest.approx(2 / 3),
        2,
        1.0,
    )


def test_labels_are_scikit_learns(rng):
    true, p = rng.integers(0, 2, (200, 3)), rng.random((200, 3))
    found, said = values(score_labels(true, p, list("abc"), rng)), (p > 0.5).astype(int)
    for average in ("macro", "micro", "weighted"):
        assert found[f"f1_{average}"] == pytest.approx(
            metrics.f1_score(true, said, average=average)
        )
    assert found["subset_accuracy"] == metrics.accuracy_score(true, said)
    assert found["label_accuracy"] == pytest.approx(1 - metrics.hamming_loss(true, said))
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(true, p))
    assert found["average_precision"] == pytest.approx(metrics.average_precision_score(true, p))


def test_labels_that_nobody_has_leave_figures_undefined(rng):
    found = values(score_labels(np.zeros((5, 2), int), np.full((5, 2), 0.1), ["a", "b"], rng))
    assert {name for name, value in found.items() if value is None} == {
        "f1_macro",
        "f1_micro",
        "f1_weighted",
        "roc_auc",
        "average_precision",
    }
    assert found["subset_accuracy"] == found["label_accuracy"] == 1


def test_quantities_by_hand(rng):
    # errors 0, 1, -1, 4 on targets around 3
    true = np.array([[1.0], [2.0], [4.0], [5.0]])
    scores = score_quantities(true, true + np.array([[0], [1], [-1], [4]]), ["y"], rng)
    found = values(scores)
    assert found["rmse"] == pytest.approx(np.sqrt(18 / 4))
    assert found["mae"] == pytest.approx(6 / 4)
    assert found["r2"] == pytest.approx(1 - 18 / 10)
    assert found["median_absolute_error"] == 1
    assert found["mape"] == pytest.approx((0 + 1 / 2 + 1 / 4 + 4 / 5) / 4)
    assert scores.per_target[0] == {"target": "y", **found}


def test_several_targets_are_averaged_over_those_that_define_a_figure(rng):
    true = np.array(
        [[1.0, 0.0, 0.1], [2.0, 3.0, 0.1], [4.0, 6.0, 0.1]]
    )  # the second has a 0, the third is constant
    predicted = true + rng.normal(size=true.shape)
    scores = score_quantities(true, predicted, ["a", "b", "c"], rng)
    assert [target["r2"] is None for target in scores.per_target] == [False, False, True]
    assert [target["mape"] is None for target in scores.per_target] == [False, True, False]
    found = values(scores)
    assert found["r2"] == pytest.approx(metrics.r2_score(true[:, :2], predicted[:, :2]))
    assert found["rmse"] == pytest.approx(metrics.root_mean_squared_error(true, predicted))
    assert found["mape"] == pytest.approx(
        metrics.mean_absolute_percentage_error(true[:, [0, 2]], predicted[:, [0, 2]])
    )


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e6 + 0.1])
def test_r2_is_none_where_the_target_does_not_vary(constant, rng):
    true = np.full((7, 1), constant)
    scores = score_quantities(true, true + rng.normal(size=(7, 1)), ["y"], rng)
    r2 = next(figure for figure in scores.figures if figure.name == "r2")
    assert (r2.value, r2.low, r2.high) == (None, None, None)


@pytest.mark.parametrize("size", [1e-300, 1e-120, 1e120, 1e300])
def test_quantities_of_any_size_have_the_scores_of_ordinary_ones(size):
    rng = np.random.default_rng(0)
    true = rng.normal(size=(40, 2))
    predicted = true + rng.normal(scale=0.1, size=(40, 2))
    wanted = score_quantities(true, predicted, ["a", "b"], np.random.default_rng(1), 50)
    found = score_quantities(
        size * true, size * predicted, ["a", "b"], np.random.default_rng(1), 50
    )
    for score, ordinary in zip(found.figures, wanted.figures, strict=True):
        unit = size if score.name in ("rmse", "mae", "median_absolute_error") else 1
        assert score.value == pytest.approx(unit * ordinary.value, rel=1e-9, abs=0)
        if ordinary.low is not None:
            assert (score.low, score.high) == pytest.approx(
                (unit * ordinary.low, unit * ordinary.high), rel=1e-6, abs=0
            )
    assert found.per_target[1]["rmse"] == pytest.approx(size * wanted.per_target[1]["rmse"], abs=0)
    assert found.per_target[1]["target"] == "b"
