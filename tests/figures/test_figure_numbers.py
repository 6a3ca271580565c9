"""The numbers of figures are scikit-learn's for the same rows, as `bpnet predict` predicts them."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import ROOT, bpnet
from figured_runs import test_rows as rows_of_test
from figured_runs import train
from sklearn import calibration, metrics

from bpnet.data.targets import Labels
from bpnet.figures.class_figures import scores_figure
from bpnet.figures.decision import decision_figure
from bpnet.figures.predictions import PredictedLabels
from bpnet.figures.surest import surest_figure
from bpnet.inspection.decision import DecisionMap, MapAxis
from bpnet.workflows import figured_columns

CLOSE = {"rtol": 1e-6, "atol": 1e-6}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    return {name: train(name, folder) for name in ("iris", "two_classes", "regression")}


def numbers(run: Path, kind: str) -> list[list[Any]]:
    said = bpnet("plot", run, kind, "--json")
    assert said.code == 0, said.err
    return json.loads(said.out)["rows"]


def classes_and_probabilities(run: Path, table: str, target: str, names: list[str]) -> Any:
    rows = rows_of_test(run, ROOT / "datasets" / table)
    true = np.array([names.index(row[target]) for row in rows])
    probabilities = np.array([[float(row[f"probability_{n}"]) for n in names] for row in rows])
    return rows, true, probabilities


@pytest.fixture(scope="module")
def iris(runs: dict[str, Path]) -> Any:
    names = ["setosa", "versicolor", "virginica"]
    return (
        runs["iris"],
        names,
        *classes_and_probabilities(runs["iris"], "iris.csv", "species", names),
    )


def test_confusion(iris: Any) -> None:
    run, names, _, true, probabilities = iris
    expected = metrics.confusion_matrix(true, probabilities.argmax(axis=1), labels=range(3))
    assert numbers(run, "confusion") == [
        [names[i], names[j], int(expected[i, j])] for i in range(3) for j in range(3)
    ]
    assert 0 < np.trace(expected) < expected.sum()  # a transposed matrix would be noticed


def test_scores_of_classes(iris: Any) -> None:
    run, names, _, true, probabilities = iris
    expected = metrics.precision_recall_fscore_support(true, probabilities.argmax(axis=1))
    rows = numbers(run, "scores")
    assert [row[0] for row in rows] == names
    np.testing.assert_allclose([row[1:] for row in rows], np.column_stack(expected), **CLOSE)


@pytest.mark.parametrize("kind", ["roc", "precision-recall", "calibration"])
def test_curves_of_probabilities_of_many_classes(iris: Any, kind: str) -> None:
    run, names, _, true, probabilities = iris
    rows = numbers(run, kind)
    for k, name in enumerate(names):
        ours = np.array([row[1:] for row in rows if row[0] == name], float)
        check(kind, ours, true == k, probabilities[:, k])


@pytest.mark.parametrize("kind", ["roc", "precision-recall", "calibration"])
def test_curves_of_probabilities_of_two_classes(runs: dict[str, Path], kind: str) -> None:
    names = ["benign", "malignant"]
    run = runs["two_classes"]
    _, true, probabilities = classes_and_probabilities(run, "breast_cancer.csv", "diagnosis", names)
    rows = numbers(run, kind)
    assert {row[0] for row in rows} == {"malignant"}  # the rarer class is the positive one
    check(kind, np.array([row[1:] for row in rows], float), true == 1, probabilities[:, 1])


def check(kind: str, ours: np.ndarray, true: np.ndarray, probability: np.ndarray) -> None:
    if kind == "roc":
        expected = np.column_stack(metrics.roc_curve(true, probability))
        expected[0, 2] = np.nan  # infinite, which JSON lacks
    elif kind == "precision-recall":
        precision, recall, thresholds = metrics.precision_recall_curve(
            true, probability, drop_intermediate=True
        )
        expected = np.column_stack([recall[:-1], precision[:-1], thresholds])
    else:
        observed, predicted = calibration.calibration_curve(true, probability, n_bins=10)
        np.testing.assert_allclose(ours[:, :2], np.column_stack([predicted, observed]), **CLOSE)
        assert ours[:, 2].sum() == len(true)
        share = ours[:, 1] @ ours[:, 2] / len(true)  # rows by bin, and positive ones among them
        np.testing.assert_allclose(share, true.mean(), **CLOSE)
        return
    np.testing.assert_allclose(ours, expected, **CLOSE)


def test_the_area_in_the_text_is_scikit_learns(iris: Any) -> None:
    run, names, _, true, probabilities = iris
    text = json.loads(bpnet("plot", run, "roc", "--json").out)["text"]
    for k, name in enumerate(names):
        assert f"{metrics.roc_auc_score(true == k, probabilities[:, k]):.4f} ({name})" in text


def test_surest_errors(iris: Any) -> None:
    run, names, rows, true, probabilities = iris
    chosen = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(chosen != true)
    wrong = wrong[np.argsort(-probabilities[wrong, chosen[wrong]], kind="stable")]
    assert len(wrong) > 1
    shown = numbers(run, "surest")
    assert [row[:3] for row in shown] == [
        [rows[k]["row"], names[true[k]], names[chosen[k]]] for k in wrong
    ]
    np.testing.assert_allclose([row[3] for row in shown], probabilities[wrong].max(axis=1), **CLOSE)


def test_residuals(runs: dict[str, Path]) -> None:
    rows = rows_of_test(runs["regression"], ROOT / "datasets" / "diabetes.csv")
    true = np.array([float(row["progression"]) for row in rows])
    predicted = np.array([float(row["predicted_progression"]) for row in rows])
    shown = numbers(runs["regression"], "residuals")
    assert [row[0] for row in shown] == [row["row"] for row in rows]
    expected = np.column_stack([true, predicted, true - predicted])
    np.testing.assert_allclose([row[2:] for row in shown], expected, rtol=1e-5, atol=1e-3)
    largest = numbers(runs["regression"], "surest")
    order = np.argsort(-abs(true - predicted))[: len(largest)]
    assert [row[0] for row in largest] == [rows[k]["row"] for k in order]


def test_importance_and_dependence_are_those_of_eval(runs: dict[str, Path]) -> None:
    options = ("--importance", "--no-baselines", "--json")
    said = bpnet("eval", runs["regression"], *options)
    expected = json.loads(said.out)["importance"]
    each = {(one["column"],): one for one in expected["columns"]}
    each |= {tuple(one["columns"]): one for one in expected["groups"]}
    shown = numbers(runs["regression"], "importance")
    assert {tuple(row[0].split(" + ")) for row in shown} == set(each)
    for name, *values in shown:
        one = each[tuple(name.split(" + "))]
        np.testing.assert_allclose(values[:3], [one["value"], one["low"], one["high"]], **CLOSE)
    first = numbers(runs["regression"], "dependence")[0][0]
    said = bpnet("eval", runs["regression"], "--partial-dependence", first, *options[1:])
    dependence = json.loads(said.out)["partial_dependence"][0]
    means = [row[3] for row in numbers(runs["regression"], "dependence") if row[0] == first]
    np.testing.assert_allclose(means, np.ravel(dependence["mean"]), **CLOSE)


def test_a_rougher_importance_says_what_is_closer(
    iris: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = iris[0]
    before = json.loads(bpnet("plot", run, "importance", "--json").out)
    monkeypatch.setattr(figured_columns, "WORK_OF_FIGURES", 1e5)
    rough = json.loads(bpnet("plot", run, "importance", "--json").out)
    said = json.loads(bpnet("eval", run, "--importance", "--no-baselines", "--json").out)
    shuffles = said["importance"]["shuffles"]
    assert f"the mean of {shuffles} shuffles" not in rough["text"]
    closer = f"--importance measures it more closely, with {shuffles} shuffles of 22 rows"
    (note,) = set(rough["notes"]) - set(before["notes"])
    assert closer in note


def test_the_decision_map_is_what_predict_predicts(iris: Any, tmp_path: Path) -> None:
    run, names, rows, *_ = iris
    columns = ["petal_length", "sepal_width"]
    options = [word for column in columns for word in ("--column", column)]
    document = json.loads(bpnet("plot", run, "decision", "--json", *options).out)
    assert sum(map(int, re.findall(r" on (\d+)%", document["text"]))) == 100
    assert document["columns"][:2] == columns
    others = ["sepal_length", "petal_width"]
    middle = {
        name: sorted(float(row[name]) for row in rows)[(len(rows) - 1) // 2] for name in others
    }
    assert any(f"sepal_length {middle['sepal_length']:.6g}" in note for note in document["notes"])
    table = tmp_path / "map.csv"
    lines = [
        f"{x},{y},{middle['sepal_length']},{middle['petal_width']}" for x, y, *_ in document["rows"]
    ]
    table.write_text("\n".join([",".join([*columns, *others]), *lines]) + "\n")
    said = bpnet("predict", run, table)
    predicted = [line.split(",") for line in said.out.splitlines()]
    header, *predicted = predicted
    place = [header.index(f"probability_{name}") for name in names]
    shares = np.array([[float(line[k]) for k in place] for line in predicted])
    assert [names[k] for k in shares.argmax(axis=1)] == [row[2] for row in document["rows"]]
    assert len({row[2] for row in document["rows"]}) > 1
    np.testing.assert_allclose(shares.max(axis=1), [r[3] for r in document["rows"]], atol=1e-4)


def test_figures_decide_by_the_threshold_that_the_model_keeps(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    run = runs["two_classes"].parent / "kept-001"  # beside the other, where its table is found
    shutil.copytree(runs["two_classes"], run)
    said = bpnet("eval", run, "--threshold", "0.2", "--save", "--no-baselines")
    assert said.code == 0, said.err
    names = ["benign", "malignant"]
    rows, true, probabilities = classes_and_probabilities(
        run, "breast_cancer.csv", "diagnosis", names
    )
    chosen = (probabilities[:, 1] > 0.2).astype(int)
    assert (chosen != probabilities.argmax(axis=1)).any()
    expected = metrics.confusion_matrix(true, chosen)
    assert numbers(run, "confusion") == [
        [names[i], names[j], int(expected[i, j])] for i in range(2) for j in range(2)
    ]
    scores = np.column_stack(metrics.precision_recall_fscore_support(true, chosen))
    np.testing.assert_allclose([row[1:] for row in numbers(run, "scores")], scores, **CLOSE)
    shown = numbers(run, "surest")
    wrong = [row["row"] for row, right in zip(rows, chosen == true, strict=True) if not right]
    assert 0 < len(wrong) <= 20
    assert sorted(row[0] for row in shown) == wrong
    assert all(row[3] == pytest.approx(1 - row[4]) for row in shown)
    for kind in ("confusion", "scores", "surest", "decision"):
        document = json.loads(bpnet("plot", run, kind, "--json").out)
        note = "predictions are by the threshold 0.2 of 'malignant', as the model keeps it"
        assert note in document["notes"]
    # the probability is that of the predicted class, so the same one says which class it is
    shares = {row[3] if row[2] == "malignant" else 1 - row[3] for row in document["rows"]}
    assert any(0.2 < share < 0.5 for share in shares)
    assert all(
        (row[3] > 0.2) if row[2] == "malignant" else row[3] >= 0.8 for row in document["rows"]
    )
    roc = json.loads(bpnet("plot", run, "roc", "--json").out)
    assert not any("threshold" in note for note in roc["notes"])


def test_labels_are_decided_by_their_thresholds() -> None:
    generator = np.random.default_rng(3)
    p = generator.uniform(size=(80, 2))
    true = (generator.uniform(size=(80, 2)) < p).astype(int)
    labels = PredictedLabels(
        np.arange(1, 81), "test rows", [], ["late", "damaged"], true, p, [0.2, 0.7]
    )
    chosen = p > [0.2, 0.7]
    for k, row in enumerate(scores_figure(labels).rows):
        expected = metrics.precision_recall_fscore_support(true[:, k], chosen[:, k])
        np.testing.assert_allclose(row[1:], [each[1] for each in expected], **CLOSE)
    surest = surest_figure(labels)
    assert f"{(chosen != true).sum()} predictions are wrong" in surest.text
    sure = np.where(chosen, p, 1 - p)[chosen != true]
    np.testing.assert_allclose([row[3] for row in surest.rows], np.sort(sure)[:-21:-1], **CLOSE)
    assert "0.2 of 'late', 0.7 of 'damaged'" in surest.notes[0]


def test_the_map_of_labels_is_of_the_first_by_its_threshold() -> None:
    values = np.array([0.0, 1.0])
    x, y = (MapAxis(name, "number", values, (), values) for name in "ab")
    p = np.array([[[0.25, 0.9], [0.15, 0.9]], [[0.6, 0.1], [0.0, 0.1]]])
    drawn = DecisionMap(x, y, p, ())
    labels = Labels(names=["late", "damaged"])
    figure = decision_figure(drawn, labels, np.zeros((2, 2)), [], [0.2, 0.7])
    assert [row[2] for row in figure.rows] == ["late", "not late", "late", "not late"]
    np.testing.assert_allclose([row[3] for row in figure.rows], [0.25, 0.85, 0.6, 1.0])
    assert figure.notes == [
        "predictions are by the threshold 0.2 of 'late', as the model keeps it",
        "the map is of the first of 2 targets, late",
    ]


def test_curves_are_the_log(runs: dict[str, Path]) -> None:
    document = json.loads(bpnet("plot", runs["iris"], "curves", "--json").out)
    log = np.genfromtxt(runs["iris"] / "metrics.csv", delimiter=",", names=True)
    columns = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
    titles = ["training loss", "training accuracy", "validation loss", "validation accuracy"]
    assert document["columns"][:5] == ["epoch", *titles]
    expected = np.column_stack([log[name] for name in columns])
    np.testing.assert_array_equal([row[:5] for row in document["rows"]], expected)
    kept = json.loads((runs["iris"] / "run.json").read_text())["best_epoch"]
    assert f"epoch {kept}, whose weights are kept" in document["text"]
