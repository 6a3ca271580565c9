"""Whose score it is, and by what a network is judged whose rows or classes are weighted."""

import json
from pathlib import Path

import numpy as np
import pytest
from labeled_runs import invoked
from sklearn import metrics
from workflow_runs import read_csv, train_text, write_csv

from bpnet.workflows.eval import Evaluation, evaluate

CONFIG = """\
dataset: {path: t.csv, target: y, split: {validation: 0, test: 0.4}}
architecture: {hidden: []}
training: {epochs: 3, learning_rate: 0.01}
"""


def write_rare(folder: Path, rare: str, common: str) -> None:
    """Write 120 rows with a rare class that is hard to tell, and a weight for each row."""
    random = np.random.default_rng(3)
    rows = []
    for k in range(120):
        label = rare if k % 6 == 0 else common
        x = random.normal(loc=0.8 if label == rare else 0.0)
        rows.append([round(x, 4), 1 + k % 3, label, round(x * 5 + random.normal(), 3)])
    write_csv(folder / "t.csv", ["a", "w", "y", "z"], rows)


def probabilities(folder: Path, run: Path, label: str) -> tuple[np.ndarray, np.ndarray]:
    """Return which test rows have the label, and its predicted probabilities."""
    out = folder / "out.csv"
    assert invoked("predict", run, folder / "t.csv", "-o", out)[0] == 0
    tested = [row["part"] == "test" for row in read_csv(run / "splits.csv")]
    predicted = [row for row, test in zip(read_csv(out), tested, strict=True) if test]
    true = np.array([row["y"] == label for row in predicted])
    return true, np.array([float(row[f"probability_{label}"]) for row in predicted])


@pytest.mark.parametrize(("rare", "common"), [("fraud", "ok"), ("spam", "ham"), ("1", "0")])
@pytest.mark.parametrize("given", [None, "rare", "common"])
def test_average_precision_is_that_of_the_class_it_names(rare, common, given, tmp_path):
    """It is scikit-learn's with that class as pos_label, wherever the class is in the alphabet."""
    write_rare(tmp_path, rare, common)
    positive = common if given == "common" else rare
    settings = [] if given is None else [f"dataset.positive={positive}"]
    run = train_text(tmp_path, CONFIG, *settings).run
    code, shown = invoked("eval", run, "--json")
    assert code == 0
    document = json.loads(shown)
    assert document["positive"] == positive
    score = {figure["name"]: figure for figure in document["figures"]}["average_precision"]
    true, p = probabilities(tmp_path, run, positive)
    expected = metrics.average_precision_score(true, p)
    assert score["value"] == pytest.approx(expected, rel=1e-5)
    assert f"average precision of '{positive}'" in invoked("eval", run)[1]
    other = common if positive == rare else rare
    true, p = probabilities(tmp_path, run, other)
    assert metrics.average_precision_score(true, p) != pytest.approx(expected, rel=0.05)
    compared = {each["metric"] for each in document["comparisons"]}
    assert compared == {"accuracy", "log loss", f"average precision of '{positive}'"}


@pytest.mark.parametrize("given", ["fraud", "ok"])
def test_cross_validation_names_the_same_class(given, tmp_path, monkeypatch):
    write_rare(tmp_path, "fraud", "ok")
    (tmp_path / "c.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    words = ["cv", "c.yaml", "--folds", "3", "--set", f"dataset.positive={given}"]
    code, shown = invoked(*words, "--json", "--name", "run")
    assert code == 0
    document = json.loads(shown[shown.index("{\n") :])
    assert document["positive"] == given
    run = Path("runs") / "run-001"
    saved = json.loads((run / "metrics.json").read_text())
    assert saved["positive"] == given
    mean = saved["test"]["average_precision"]
    rows = read_csv(run / "predictions.csv")
    folds = [
        [
            (row["true_y"] == given, float(row[f"probability_{given}"]))
            for row in rows
            if row["fold"] == str(fold)
        ]
        for fold in (1, 2, 3)
    ]
    expected = np.mean(
        [metrics.average_precision_score(*zip(*fold, strict=True)) for fold in folds]
    )
    assert mean == pytest.approx(expected, rel=1e-5)
    assert f"average precision of '{given}'" in invoked(*words)[1]


def test_three_classes_have_no_positive_one(tmp_path):
    write_csv(tmp_path / "t.csv", ["a", "y"], [[k % 7, "pqr"[k % 3]] for k in range(60)])
    document = json.loads(invoked("eval", train_text(tmp_path, CONFIG).run, "--json")[1])
    assert document["positive"] is None


def weighted(found: Evaluation) -> dict[str, dict[str, tuple[float, float]]]:
    """Return the weighted metrics of the network and each baseline, by baseline and metric."""
    values: dict[str, dict[str, tuple[float, float]]] = {}
    for each in found.comparisons:
        if each.weighted:
            both = (each.network_value, each.baseline_value)
            values.setdefault(each.baseline, {})[each.metric] = both
    return values


def test_weighted_classes_are_judged_as_they_were_trained(tmp_path):
    """The baselines have the same weights; a constant answer is at chance."""
    write_rare(tmp_path, "fraud", "ok")
    run = train_text(tmp_path, CONFIG, "dataset.class_weight=balanced").run
    found = evaluate(run, None, resamples=20)
    names = [baseline.name for baseline in found.baselines]
    assert names == ["the weighted class shares", "logistic regression", "boosted trees"]
    assert found.verdict[0] == (
        "judged by the weighted metrics, in which rows weigh as in training "
        "(dataset.class_weight), as the network and the baselines were fitted"
    )
    constant = weighted(found)["the weighted class shares"]
    # the test rows' shares are those of the training rows: half of the weight is each class's
    assert constant["weighted accuracy"][1] == pytest.approx(0.5, abs=0.02)
    assert constant["weighted log loss"][1] == pytest.approx(np.log(2), abs=1e-6)
    true, p = probabilities(tmp_path, run, "fraud")
    weights = np.where(true, 6.0, 1.2)
    assert constant["weighted log loss"][0] == pytest.approx(
        metrics.log_loss(true, p, sample_weight=weights), rel=1e-4
    )
    assert constant["weighted accuracy"][0] == pytest.approx(
        metrics.accuracy_score(true, p > 0.5, sample_weight=weights)
    )
    shown = invoked("eval", run)[1]
    for text in ("weighted accuracy", "weighted log loss", "not calibrated to the class shares"):
        assert text in " ".join(shown.split())


def test_equal_class_weights_change_nothing(tmp_path):
    """Of classes with as many rows each, balanced weights are all 1."""
    write_csv(tmp_path / "t.csv", ["a", "y"], [[k % 7 + k % 2, "pq"[k % 2]] for k in range(60)])
    run = train_text(tmp_path, CONFIG, "dataset.class_weight=balanced").run
    found = evaluate(run, None, resamples=20)
    assert weighted(found) == {}
    assert found.baselines[0].name == "the majority class"
    assert "calibrated" not in invoked("eval", run)[1]


def test_weighted_rows_of_a_regression_are_judged_by_weighted_r2(tmp_path):
    write_rare(tmp_path, "fraud", "ok")
    run = train_text(
        tmp_path, CONFIG.replace("y, split", "z, split"), "dataset.sample_weight=w"
    ).run
    found = evaluate(run, None, resamples=20)
    out = tmp_path / "out.csv"
    assert invoked("predict", run, tmp_path / "t.csv", "-o", out)[0] == 0
    tested = [row["part"] == "test" for row in read_csv(run / "splits.csv")]
    rows = [row for row, test in zip(read_csv(out), tested, strict=True) if test]
    z, predicted, w = (
        np.array([float(row[name]) for row in rows]) for name in ("z", "predicted_z", "w")
    )
    network, mean = weighted(found)["the mean"]["weighted R²"]
    assert network == pytest.approx(metrics.r2_score(z, predicted, sample_weight=w), rel=1e-4)
    trained = [row for row, test in zip(read_csv(out), tested, strict=True) if not test]
    average = np.average(
        [float(row["z"]) for row in trained], weights=[float(r["w"]) for r in trained]
    )
    assert mean == pytest.approx(
        metrics.r2_score(z, np.full_like(z, average), sample_weight=w), rel=1e-6
    )
    assert "dataset.sample_weight" in found.verdict[0]


def test_check_names_the_positive_class(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_rare(tmp_path, "fraud", "ok")
    (tmp_path / "c.yaml").write_text(CONFIG)
    assert "fraud (positive)  12" in invoked("check", "c.yaml")[1]
    shown = invoked("check", "c.yaml", "--json", "--set", "dataset.positive=ok")[1]
    assert json.loads(shown)["positive"] == "ok"
