"""The baselines of a cross-validation are scikit-learn's, fitted to each fold's training rows."""

import json
import signal

import numpy as np
import pytest
from labeled_runs import invoked
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import accuracy_score, log_loss, r2_score
from threadpoolctl import threadpool_limits
from workflow_runs import Watcher, read_csv, read_json, write_csv

from bpnet.config.loading import read_config
from bpnet.scoring.baselines import Baseline
from bpnet.scoring.comparison import Truth
from bpnet.scoring.estimates import FoldResult
from bpnet.scoring.fold_comparison import ComparedFold, compare_folds
from bpnet.workflows import cv_baselines
from bpnet.workflows.cv import cross_validate
from bpnet.workflows.verify import verify

CONFIG = """\
dataset: {path: t.csv, target: y, split: {validation: 0}}
architecture: {hidden: [3]}
training: {epochs: 2}
"""


def write_table(folder, kind="classes"):
    rng = np.random.default_rng(2)
    a = rng.normal(size=90).round(3)
    code = rng.integers(0, 4, 90)
    score = a + (code == 2) + 0.3 * rng.normal(size=90)
    cells = [f"{x}" if k % 9 else "" for k, x in enumerate(a)]
    targets = {
        "classes": [["pqr"[int(s > 0) + int(s > 1)]] for s in score],
        "number": [[round(s, 3)] for s in score],
        "labels": [[int(s > 0), int(s > 1)] for s in score],
    }[kind]
    names = ["y", "z"][: len(targets[0])]
    write_csv(
        folder / "t.csv",
        ["a", "c", "w", *names],
        [
            [x, f"c{k}", 1 + i % 2, *t]
            for i, (x, k, t) in enumerate(zip(cells, code, targets, strict=True))
        ],
    )
    (folder / "c.yaml").write_text(CONFIG)
    x = np.column_stack([[float(cell) if cell else np.nan for cell in cells], code])
    return x, np.array(targets)


def validated(folder, *settings, folds=3):
    return cross_validate(
        read_config(folder / "c.yaml", settings),
        folds=folds,
        repeats=1,
        runs=folder / "runs",
        name=None,
        command=["bpnet"],
        watcher=Watcher(),
        baselines=True,
    )


def folds_of(run):
    return np.array([int(row["fold"]) for row in read_csv(run / "splits.csv")])


def test_classes_fold_by_fold(tmp_path):
    x, y = write_table(tmp_path)
    result = validated(tmp_path, "dataset.sample_weight=w")
    fold_of, found = folds_of(result.run), result.baselines
    assert list(found.estimates) == ["the majority class", "logistic regression", "boosted trees"]
    weights = 1.0 + np.arange(90) % 2
    for k, one in enumerate(result.results):
        test = fold_of == one.fold
        model = HistGradientBoostingClassifier(
            categorical_features=[1], early_stopping=False, random_state=one.seed
        )
        w = weights[~test]
        with threadpool_limits(1, "openmp"):
            p = model.fit(x[~test], y[~test, 0], w / w.mean()).predict_proba(x[test])
        figures = found.folds["boosted trees"][k]
        assert figures["log_loss"] == pytest.approx(log_loss(y[test, 0], p), rel=1e-6)
        said = np.array(["p", "q", "r"])[p.argmax(axis=1)]
        assert figures["accuracy"] == pytest.approx(accuracy_score(y[test, 0], said))
    mean = found.estimates["boosted trees"]["log_loss"].mean
    assert mean == pytest.approx(
        np.mean([figures["log_loss"] for figures in found.folds["boosted trees"]])
    )
    document = read_json(result.run / "metrics.json")["baselines"]["boosted trees"]
    assert document["test"]["log_loss"] == mean
    assert document["folds"] == found.folds["boosted trees"]
    assert found.verdict[0].startswith("judged by the weighted metrics")
    assert "(dataset.sample_weight)" in found.verdict[0]


def test_quantities_of_any_size(tmp_path):
    x, y = write_table(tmp_path, "number")
    settings = ("task=regression", "dataset.sample_weight=w")
    result = validated(tmp_path, *settings)
    test, weights = folds_of(result.run) == 1, 1.0 + np.arange(90) % 2
    model = HistGradientBoostingRegressor(categorical_features=[1], random_state=0)
    w = weights[~test] / weights[~test].mean()
    with threadpool_limits(1, "openmp"):
        predicted = model.fit(x[~test], y[~test, 0], w).predict(x[test])
    figures = result.baselines.folds["boosted trees"][0]
    assert figures["r2"] == pytest.approx(r2_score(y[test, 0], predicted), rel=1e-6)
    rows = read_csv(tmp_path / "t.csv")
    (tmp_path / "t.csv").unlink()
    large = [[*list(row.values())[:3], float(row["y"]) * 1e180] for row in rows]
    write_csv(tmp_path / "t.csv", ["a", "c", "w", "y"], large)
    again = validated(tmp_path, *settings).baselines.folds["boosted trees"][0]
    assert again["r2"] == pytest.approx(figures["r2"], rel=1e-3)
    assert again["rmse"] == pytest.approx(figures["rmse"] * 1e180, rel=1e-3)


def test_labels_and_ensembles(tmp_path):
    write_table(tmp_path, "labels")
    (tmp_path / "c.yaml").write_text(CONFIG.replace(", split: {validation: 0}", ""))
    result = validated(tmp_path, "dataset.target=[y, z]", "folds=2", folds=2)
    assert not result.keeps_model
    found = result.baselines
    assert list(found.estimates) == [
        *("the most frequent values", "logistic regression", "boosted trees")
    ]
    metrics = {comparison.metric for comparison in found.comparisons}
    assert metrics == {"label accuracy", "log loss"}
    assert "baselines" in read_json(result.run / "metrics.json")


def test_the_report_and_the_switch(tmp_path):
    write_table(tmp_path)
    words = ("cv", tmp_path / "c.yaml", "--folds", 2, "--runs", tmp_path / "runs")
    code, output = invoked(*words)
    assert code == 0
    for text in ("Means beside those of simple models", "boosted", "of 2 folds"):
        assert text in output
    tables = [line for line in output.splitlines() if "  " in line.strip() and "Next" not in line]
    assert [line for line in tables if len(line) > 80] == []
    code, output = invoked(*words, "--no-baselines", "--json")
    document = json.loads(output[output.index("{") :])
    assert (code, document["baselines"]) == (0, None)
    assert "baselines" not in read_json(tmp_path / "runs" / "c-cv-002" / "metrics.json")
    code, output = invoked(*words, "--json")
    document = json.loads(output[output.index("{") :])
    assert len(document["baselines"]["folds"]["boosted trees"]) == 2


def test_many_rows_are_thinned_out_and_this_is_noted(tmp_path, monkeypatch):
    write_table(tmp_path)
    monkeypatch.setattr(cv_baselines, "_MAX_TRAINING_ROWS", 0)
    monkeypatch.setattr(cv_baselines, "_FEWEST_TRAINING_ROWS", 40)
    (note,) = validated(tmp_path).baselines.notes
    assert note == "baselines are fitted to 40 training rows of each fold, evenly spaced"
    monkeypatch.setattr(cv_baselines, "MOST_IN_MEMORY", 100)
    found = validated(tmp_path).baselines
    assert (found.estimates, found.verdict) == ({}, [])
    assert "rows are too many for them" in found.notes[0]


def test_boosted_trees_that_take_too_long_are_left_out(tmp_path, monkeypatch):
    write_table(tmp_path)
    monkeypatch.setattr(cv_baselines, "_EVALUATIONS", 1e-6)
    found = validated(tmp_path, folds=2).baselines
    assert list(found.estimates) == ["the majority class", "logistic regression"]
    assert found.notes == ["no boosted trees: they would take too long for this table"]


def test_an_interrupted_run_has_them_once_it_is_resumed(tmp_path, monkeypatch):
    write_table(tmp_path)
    words = ("cv", tmp_path / "c.yaml", "--folds", 2, "--runs", tmp_path / "runs")
    assert invoked(*words)[0] == 0

    def interrupted(*_):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt as error:  # as NumPy does within the boosted trees
            raise ValueError("is not a valid PEP 3118 buffer format string") from error

    with monkeypatch.context() as patched:
        patched.setattr("bpnet.workflows.cv_session.score_baselines", interrupted)
        assert invoked(*words)[0] == 130
    run = tmp_path / "runs" / "c-cv-002"
    assert read_json(run / "run.json")["status"] == "interrupted"
    assert "baselines" not in read_json(run / "metrics.json")
    assert invoked("resume", run)[0] == 0
    whole = tmp_path / "runs" / "c-cv-001" / "metrics.json"
    assert read_json(run / "metrics.json") == read_json(whole)


def test_a_run_with_baselines_is_verified(tmp_path):
    write_table(tmp_path)
    run = validated(tmp_path).run
    found = verify(run, command=["bpnet"], watcher=Watcher())
    assert not found.differences


def test_a_difference_is_clear_where_the_interval_of_the_folds_is():
    rng = np.random.default_rng(0)
    true = np.arange(40) % 2

    def fold(number, right, right_of_baseline):
        network, baseline = (
            np.where((np.arange(2) == true[:, None]) == (np.arange(40) < n)[:, None], 0.8, 0.2)
            for n in (right, right_of_baseline)
        )
        rows = {"train": 360, "validation": 0, "test": 40}
        result = FoldResult(1, number, 0, rows, "epochs", 1, {})
        truth = Truth("classification", true, None, ["a", "b", "c"])
        return ComparedFold(result, truth, network, [Baseline("x", baseline, None)])

    def outcome(pairs):
        return compare_folds([fold(k, *pair) for k, pair in enumerate(pairs, 1)])[0].outcome

    assert outcome([(38, 30 + rng.integers(3)) for _ in range(10)]) == "better"
    assert outcome([(30 + rng.integers(3), 38) for _ in range(10)]) == "worse"
    assert outcome([(35, 35)] * 5) == "equal"
    assert outcome([(35, 34), (34, 36), (36, 33)]) == "better within the noise"
    assert outcome([(38, 20)]) == "better within the noise"  # of a single fold
