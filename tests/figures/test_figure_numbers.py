"""The numbers of figures are scikit-learn's for the same rows, as `bpnet predict` predicts them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import ROOT, bpnet
from figured_runs import test_rows as rows_of_test
from figured_runs import train
from sklearn import calibration, metrics

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
