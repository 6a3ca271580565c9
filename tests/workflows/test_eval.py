"""Evaluation and prediction: the metrics are those of the predictions."""

import csv
import io
import math
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    mean_absolute_error,
    r2_score,
    root_mean_squared_error,
)
from sklearn.metrics import precision_recall_fscore_support as per_class
from workflow_runs import (
    IRIS,
    ROOT,
    log_of,
    predicted,
    read_csv,
    train_file,
    train_text,
    write_csv,
    written,
)

from bpnet.errors import (
    DataError,
)
from bpnet.workflows.eval import evaluate


def held_out_table(run: Path, table: Path, folder: Path) -> Path:
    """The run's own test rows as a table."""
    parts = [row["part"] for row in read_csv(run / "splits.csv")]
    header, *lines = table.read_text().splitlines()
    chosen = [line for line, part in zip(lines, parts, strict=True) if part == "test"]
    (folder / "test_rows.csv").write_text("\n".join([header, *chosen]) + "\n")
    return folder / "test_rows.csv"


@pytest.mark.parametrize(("name", "target"), [("iris", "species"), ("cancer", "diagnosis")])
def test_eval_of_classes_agrees_with_scikit_learn_on_the_predictions(
    name, target, request, tmp_path
):
    trained = request.getfixturevalue(name)
    table = ROOT / "datasets" / f"{trained.run.name.rsplit('-', 1)[0]}.csv"
    evaluation = evaluate(trained.run, None)
    own = held_out_table(trained.run, table, tmp_path)
    true = [row[target] for row in read_csv(own)]
    predictions = predicted(trained.run, own)
    said = predictions[f"predicted_{target}"]
    scores = evaluation.scores
    assert evaluation.rows == len(true)
    assert (
        scores.value("accuracy")
        == accuracy_score(true, said)
        == trained.figures["test"]["accuracy"]
    )
    (accuracy,) = [figure for figure in scores.figures if figure.name == "accuracy"]
    assert accuracy.low <= accuracy.value <= accuracy.high <= 1
    assert scores.classes == sorted(set(true))
    assert scores.confusion == confusion_matrix(true, said, labels=scores.classes).tolist()
    reference = per_class(true, said, labels=scores.classes, zero_division=0)
    ours = [[c.precision, c.recall, c.f1, c.rows] for c in scores.per_class]
    assert ours == np.transpose(reference).tolist()
    assert math.isclose(evaluation.loss, trained.figures["test"]["loss"], rel_tol=1e-6)

    probabilities = np.array([predictions[f"probability_{label}"] for label in scores.classes])
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-6)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    assert [scores.classes[k] for k in probabilities.argmax(axis=0)] == said
    if (
        name == "iris"
    ):  # the loss is the cross-entropy of these probabilities, with label smoothing of 0.1
        smooth = np.array(
            [[0.9 * (label == own) + 0.1 / 3 for label in scores.classes] for own in true]
        ).T
        entropy = -(smooth * np.log(probabilities)).sum(axis=0).mean()
        assert math.isclose(entropy, evaluation.loss, rel_tol=1e-5)


def test_eval_of_a_regression_is_in_the_unit_of_the_target(diabetes, tmp_path):
    evaluation = evaluate(diabetes.run, None)
    own = held_out_table(diabetes.run, ROOT / "datasets" / "diabetes.csv", tmp_path)
    true = np.array([float(row["progression"]) for row in read_csv(own)])
    said = np.array(predicted(diabetes.run, str(own))["predicted_progression"])
    assert 50 < said.mean() < 250
    figures = diabetes.figures["test"]
    for ours, reference in [
        (evaluation.scores.value("rmse"), root_mean_squared_error(true, said)),
        (evaluation.scores.value("mae"), mean_absolute_error(true, said)),
        (evaluation.scores.value("r2"), r2_score(true, said)),
        (figures["rmse"], root_mean_squared_error(true, said)),
        (figures["r2"], r2_score(true, said)),
    ]:
        assert math.isclose(ours, reference, rel_tol=1e-5)
    last = log_of(diabetes.run)[diabetes.best_epoch - 1]
    assert math.isclose(
        float(last["val_rmse"]), diabetes.figures["validation"]["rmse"], rel_tol=1e-6
    )


def test_a_regression_without_scaling_reports_the_same_unit(tmp_path):
    settings = (
        "training.epochs=2",
        "dataset.preprocessing.target=none",
        "training.precision=float64",
    )
    trained = train_file(ROOT / "configs" / "diabetes.yaml", tmp_path, *settings, "training.l2=0")
    rmse, loss = trained.figures["test"]["rmse"], trained.figures["test"]["loss"]
    assert math.isclose(rmse**2, loss, rel_tol=1e-9)


def test_prediction_needs_no_order_no_target_and_minds_no_extra_columns(
    iris, tmp_path, monkeypatch
):
    rows = read_csv(IRIS)[::7]
    names = list(rows[0])
    wanted = predicted(iris.run, str(IRIS))
    wanted = {name: values[::7] for name, values in wanted.items()}

    shuffled = ["note", *names[::-1], "7"]
    extra = [
        [f"é, {k}\nz", *(row[name] for name in names[::-1]), "x"] for k, row in enumerate(rows)
    ]
    table = write_csv(tmp_path / "shuffled.csv", shuffled, extra)
    assert predicted(iris.run, table) == wanted
    text, summary = written(iris.run, table)
    header, *rows_written = csv.reader(io.StringIO(text, newline=""))
    assert header == [*shuffled, *wanted]
    assert [row[: len(shuffled)] for row in rows_written] == extra
    assert (summary.flags.rows, summary.flags.flagged) == (len(rows), 0)

    features = names[:-1]
    bare = write_csv(
        tmp_path / "bare.csv", features, [[row[name] for name in features] for row in rows]
    )
    assert predicted(iris.run, str(bare)) == wanted
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(bare.read_bytes())))
    assert predicted(iris.run, "-") == wanted
    for row in range(len(rows)):  # each row alone
        one = write_csv(tmp_path / "one.csv", features, [[rows[row][name] for name in features]])
        alone = predicted(iris.run, str(one))
        assert alone["predicted_species"] == [wanted["predicted_species"][row]]
        assert math.isclose(
            alone["probability_setosa"][0], wanted["probability_setosa"][row], rel_tol=1e-5
        )


def test_a_run_directory_moved_elsewhere_still_predicts(iris, tmp_path):
    shutil.copytree(iris.run, tmp_path / "elsewhere" / "copy")
    assert predicted(tmp_path / "elsewhere" / "copy", str(IRIS)) == predicted(iris.run, str(IRIS))


def test_a_model_folder_copied_elsewhere_still_predicts(iris, tmp_path):
    shutil.copytree(iris.run / "model", tmp_path / "model")
    assert predicted(tmp_path / "model", str(IRIS)) == predicted(iris.run, str(IRIS))


def test_eval_refuses_a_table_that_has_changed(tmp_path):
    shutil.copy(IRIS, tmp_path / "t.csv")
    run = train_text(
        tmp_path, "dataset: {path: t.csv, target: species}\ntraining: {epochs: 1}\n"
    ).run
    before = evaluate(run, None)
    (tmp_path / "t.csv").write_text(IRIS.read_text().replace("5.1", "5.2", 1))
    with pytest.raises(DataError, match=r"t\.csv.*has changed since"):
        evaluate(run, None)
    # the changed row is a new one, beside the test rows
    assert evaluate(run, str(tmp_path / "t.csv")).rows == before.rows + 1
    assert evaluate(run, str(tmp_path / "t.csv"), all_rows=True).rows == 150
    (tmp_path / "t.csv").unlink()
    with pytest.raises(DataError, match="no such file"):
        evaluate(run, None)
    shutil.copy(IRIS, tmp_path / "t.csv")
    assert evaluate(run, None) == before


def test_eval_refuses_labels_that_the_model_does_not_know(iris, tmp_path):
    (tmp_path / "t.csv").write_text(IRIS.read_text().replace("virginica", "virginca"))
    with pytest.raises(DataError) as caught:
        evaluate(iris.run, str(tmp_path / "t.csv"), all_rows=True)
    for part in (
        "t.csv, line 102 (row 101)",
        "column 'species'",
        "'virginca'",
        "'setosa'",
        "did you mean 'virginica'?",
    ):
        assert part in str(caught.value)
