"""Train, evaluate, predict: what a run leaves behind, and that its figures are those of its predictions."""

import csv
import io
import json
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
    ROOT,
    Watcher,
    predicted,
    read_csv,
    read_json,
    train_file,
    train_text,
    write_csv,
    written,
)

from bpnet.errors import (
    BpnetError,
    ConfigError,
    DataError,
    DivergedError,
    InterruptedRunError,
    RunError,
)
from bpnet.runs import weights
from bpnet.runs.log import MetricsLog
from bpnet.workflows.eval import evaluate
from bpnet.workflows.train import Trained

IRIS = ROOT / "datasets" / "iris.csv"
README = (ROOT / "README.md").read_text("utf-8")
CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))
FIGURES = {"classification": ["loss", "accuracy"], "regression": ["loss", "rmse", "r2"]}


def weights_of(run: Path) -> dict[str, np.ndarray]:
    return weights.load(run / "model" / "weights.safetensors")


def log_of(run: Path) -> list[dict[str, str]]:
    return read_csv(run / "metrics.csv")


def without_clock(run: Path) -> list[dict[str, str]]:
    return [{key: cell for key, cell in row.items() if key != "seconds"} for row in log_of(run)]


def test_rows(run: Path, table: Path, folder: Path) -> Path:
    """The run's own test rows as a table."""
    parts = [row["part"] for row in read_csv(run / "splits.csv")]
    header, *lines = table.read_text().splitlines()
    chosen = [line for line, part in zip(lines, parts, strict=True) if part == "test"]
    (folder / "test_rows.csv").write_text("\n".join([header, *chosen]) + "\n")
    return folder / "test_rows.csv"


test_rows.__test__ = False  # type: ignore[attr-defined]


# What a run leaves behind


@pytest.mark.parametrize("name", ["iris", "diabetes", "cancer"])
def test_a_run_directory_holds_the_files_that_the_readme_names(name, request):
    run = request.getfixturevalue(name).run
    files = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    wanted = "config.yaml metrics.csv metrics.json run.json splits.csv model/model.json model/weights.safetensors"
    assert set(wanted.split()) <= files
    for file in files:  # each is told of in the README
        assert f"`{file}`" in README or f"`{file.split('/')[0]}/`" in README, file
    for path in run.rglob("*"):
        if path.is_file():  # a pickle of protocol 2 or later begins with byte 0x80
            assert not path.read_bytes().startswith(b"\x80")


@pytest.mark.parametrize(("name", "task"), [("iris", "classification"), ("diabetes", "regression")])
def test_metrics_csv_has_a_row_for_each_epoch_and_these_columns(name, task, request):
    run = request.getfixturevalue(name).run
    log = log_of(run)
    figures = FIGURES[task]
    validation = [f"val_{figure}" for figure in figures]
    assert list(log[0]) == [
        "epoch",
        "step",
        *figures,
        *validation,
        "learning_rate",
        "gradient_norm",
        "seconds",
    ]
    assert [row["epoch"] for row in log] == [str(epoch) for epoch in range(1, 13)]
    steps = math.ceil(read_json(run / "run.json")["rows"]["train"] / 32)
    assert [int(row["step"]) for row in log] == [steps * epoch for epoch in range(1, 13)]
    seconds = [float(row["seconds"]) for row in log]
    assert seconds == sorted(seconds)
    assert all(math.isfinite(float(cell)) for row in log for cell in row.values())
    assert list(read_json(run / "metrics.json")) == ["train", "validation", "test"]
    assert all(list(part) == figures for part in read_json(run / "metrics.json").values())


def test_run_json_says_what_was_done(iris):
    content = read_json(iris.run / "run.json")
    wanted = "status stop_reason best_epoch epochs seed command started finished seconds rows data_sha256 warnings "
    assert set(wanted.split()) | {"versions", "platform"} <= set(content)
    assert (content["status"], content["stop_reason"], content["epochs"]) == (
        "finished",
        "epochs",
        12,
    )
    assert content["best_epoch"] == iris.best_epoch
    assert content["rows"] == {"train": 106, "validation": 22, "test": 22}
    assert content["warnings"] == []
    assert {"bpnet", "numpy", "python"} <= set(content["versions"])
    assert content["started"] <= content["finished"]


def test_splits_csv_names_the_rows_of_the_parts(tmp_path):
    watcher = Watcher()
    run = train_file(
        ROOT / "configs" / "penguins.yaml", tmp_path, "training.epochs=1", watcher=watcher
    ).run
    splits = read_csv(run / "splits.csv")
    assert [row["row"] for row in splits] == [str(k) for k in range(1, 345)]
    for part, rows in watcher.prepared.parts.items():
        assert [k for k, row in enumerate(splits) if row["part"] == part] == rows.tolist()


def test_the_log_and_the_watcher_see_the_same(tmp_path):
    watcher = Watcher()
    run = train_file(
        ROOT / "configs" / "wine.yaml", tmp_path, "training.epochs=3", watcher=watcher
    ).run
    assert watcher.run == run
    assert [{key: float(cell) for key, cell in row.items()} for row in log_of(run)] == watcher.rows


# The same config, the same weights


@pytest.mark.parametrize("config", ["iris", "diabetes", "digits", "penguins"])
def test_the_resolved_config_gives_the_same_weights_bit_for_bit(config, tmp_path):
    first = train_file(
        ROOT / "configs" / f"{config}.yaml", tmp_path / "here", "training.epochs=3", "seed=5"
    ).run
    again = train_file(first / "config.yaml", tmp_path / "deep" / "down" / "there").run
    name = "model/weights.safetensors"
    assert (first / name).read_bytes() == (again / name).read_bytes()
    assert (first / "model/model.json").read_bytes() == (again / "model/model.json").read_bytes()
    assert (first / "metrics.json").read_bytes() == (again / "metrics.json").read_bytes()
    assert (first / "splits.csv").read_bytes() == (again / "splits.csv").read_bytes()
    assert without_clock(first) == without_clock(again)


def test_another_seed_gives_another_split_and_other_weights(tmp_path, iris):
    other = train_file(ROOT / "configs" / "iris.yaml", tmp_path, "training.epochs=12", "seed=1").run
    assert (other / "splits.csv").read_text() != (iris.run / "splits.csv").read_text()
    assert (weights_of(other)["layers.0.weight"] != weights_of(iris.run)["layers.0.weight"]).all()


def test_runs_are_numbered_and_never_overwritten(tmp_path):
    config = ROOT / "configs" / "xor.yaml"
    runs = [train_file(config, tmp_path, "training.epochs=1").run for _ in range(3)]
    assert [run.name for run in runs] == ["xor-001", "xor-002", "xor-003"]


@pytest.mark.parametrize(
    "config", CONFIGS, ids=lambda path: path.relative_to(ROOT / "configs").as_posix()
)
def test_every_shipped_config_trains(config, tmp_path):
    trained = train_file(config, tmp_path, "training.epochs=2")
    assert trained.epochs <= 2
    assert all(math.isfinite(part["loss"]) for part in trained.figures.values())
    assert list(trained.figures) == list(read_json(trained.run / "metrics.json"))


# Which weights are kept


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("training.l2=0.01", "training.l1=0.001"),
        (
            "training.optimizer=gradient_descent",
            "training.schedule=constant",
            "training.learning_rate=1.5",
        ),
        (
            "architecture={layers: [{kind: dense, units: 9}, batch_normalization, {kind: dropout, rate: 0.4}]}",
        ),
    ],
    ids=["plain", "penalty", "jumpy", "batch normalization and dropout"],
)
def test_the_weights_kept_are_those_of_the_least_validation_loss(settings, tmp_path):
    config = ROOT / "configs" / "iris.yaml"
    trained = train_file(config, tmp_path, "training.epochs=30", *settings)
    losses = [float(row["val_loss"]) for row in log_of(trained.run)]
    assert trained.best_epoch == int(np.argmin(losses)) + 1
    assert read_json(trained.run / "run.json")["best_epoch"] == trained.best_epoch
    assert read_json(trained.run / "metrics.json")["validation"]["loss"] == min(losses)


def test_the_last_weights_are_kept_on_demand(tmp_path):
    trained = train_file(
        ROOT / "configs" / "iris.yaml",
        tmp_path,
        "training.epochs=8",
        "training.keep=last",
        "training.learning_rate=1",
    )
    assert trained.best_epoch == 8
    assert trained.figures["validation"]["loss"] == float(log_of(trained.run)[-1]["val_loss"])


def test_early_stopping_stops_and_says_so(tmp_path):
    trained = train_file(
        ROOT / "configs" / "iris.yaml",
        tmp_path,
        "training.early_stopping={monitor: val_accuracy, patience: 3}",
        "training.epochs=400",
    )
    assert trained.stop_reason == "early_stopping"
    assert trained.epochs == trained.best_epoch + 3 < 400
    accuracies = [float(row["val_accuracy"]) for row in log_of(trained.run)]
    assert trained.best_epoch == int(np.argmax(accuracies)) + 1


# Figures are those of the predictions


@pytest.mark.parametrize(("name", "target"), [("iris", "species"), ("cancer", "diagnosis")])
def test_eval_of_classes_agrees_with_scikit_learn_on_the_predictions(
    name, target, request, tmp_path
):
    trained = request.getfixturevalue(name)
    table = ROOT / "datasets" / f"{trained.run.name.rsplit('-', 1)[0]}.csv"
    evaluation = evaluate(trained.run, None)
    own = test_rows(trained.run, table, tmp_path)
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
    own = test_rows(diabetes.run, ROOT / "datasets" / "diabetes.csv", tmp_path)
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
    assert (summary.rows, summary.flagged) == (len(rows), 0)

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
    assert evaluate(run, str(tmp_path / "t.csv")).rows == 150
    (tmp_path / "t.csv").unlink()
    with pytest.raises(DataError, match="no such file"):
        evaluate(run, None)
    shutil.copy(IRIS, tmp_path / "t.csv")
    assert evaluate(run, None) == before


def test_eval_refuses_labels_that_the_model_does_not_know(iris, tmp_path):
    (tmp_path / "t.csv").write_text(IRIS.read_text().replace("virginica", "virginca"))
    with pytest.raises(DataError) as caught:
        evaluate(iris.run, str(tmp_path / "t.csv"))
    for part in (
        "t.csv, line 102 (row 101)",
        "column 'species'",
        "'virginca'",
        "'setosa'",
        "did you mean 'virginica'?",
    ):
        assert part in str(caught.value)


# Weights of rows and classes


PLAIN = """\
dataset:
  path: t.csv
  target: y
  split: {validation: 0, test: 0}
  preprocessing: {numeric: none, target: none}
architecture: {hidden: [5], activation: tanh}
training: {optimizer: gradient_descent, learning_rate: 0.3, epochs: 40, batch_size: full, precision: float64}
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


# Targets and columns that are not the usual ones


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
    assert set(found["predicted_y"]) <= set(classes)
    assert list(found) == ["predicted_y", *(f"probability_{label}" for label in classes), "flags"]
    assert evaluate(run, str(path)).rows == 60
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
    text = "dataset: {path: t.csv, target: y, split: {validation: 0, test: 0}}\ntraining: {epochs: 3}\n"
    trained = train_text(tmp_path, text)
    assert list(trained.figures) == ["train"]
    with pytest.raises(DataError, match=r"held out no test rows .*; name a table"):
        evaluate(trained.run, None)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_numbers_are_computed_in_the_precision_asked_for(precision, tmp_path):
    settings = ("training.epochs=2", f"training.precision={precision}")
    run = train_file(ROOT / "configs" / "iris.yaml", tmp_path, *settings).run
    assert {array.dtype for array in weights_of(run).values()} == {np.dtype(precision)}


# Endings


SMALL = "dataset: {path: t.csv, target: y}\narchitecture: {hidden: [4]}\ntraining: {epochs: 6}\n"


@pytest.fixture
def table(tmp_path):
    return write_csv(
        tmp_path / "t.csv", "aby", [[k % 7, k * k % 11, k * 1.3 % 10] for k in range(60)]
    )


@pytest.mark.parametrize(("rate", "kept"), [("1e30", 0), ("3", 1)])
def test_a_diverged_run_is_saved_with_its_last_finite_weights(rate, kept, table, tmp_path):
    settings = (
        f"training.learning_rate={rate}",
        "training.optimizer=gradient_descent",
        "training.epochs=50",
    )
    with pytest.raises(DivergedError) as caught:
        train_text(tmp_path, SMALL, *settings)
    assert caught.value.exit_code == 6
    (run,) = (tmp_path / "runs").iterdir()
    content = read_json(run / "run.json")
    assert (content["status"], content["stop_reason"]) == ("diverged", "diverged")
    assert content["best_epoch"] >= kept
    for part in (
        f"epoch {content['epochs']}",
        "learning rate",
        "training.learning_rate=",
        "gradient_clipping",
        run.name,
    ):
        assert part in str(caught.value)
    assert len(log_of(run)) == content["epochs"] < 50
    assert all(np.isfinite(array).all() for array in weights_of(run).values())
    assert evaluate(run, str(table)).rows == 60


def test_an_interrupted_run_is_saved_as_far_as_it_went(table, tmp_path):
    def stop(epoch: int) -> None:
        if epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError) as caught:
        train_text(tmp_path, SMALL, watcher=Watcher(after=stop))
    (run,) = (tmp_path / "runs").iterdir()
    for part in ("after 3 epochs", run.name, f"bpnet eval {run}"):
        assert part in str(caught.value)
    content = read_json(run / "run.json")
    assert (content["status"], content["stop_reason"], content["epochs"]) == (
        "interrupted",
        "interrupted",
        3,
    )
    assert len(log_of(run)) == 3
    losses = [float(row["val_loss"]) for row in log_of(run)]
    assert read_json(run / "metrics.json")["validation"]["loss"] == min(losses)
    assert evaluate(run, None).rows == 9


def test_an_interruption_while_a_row_is_written_leaves_log_and_journal_in_step(
    table, tmp_path, monkeypatch
):
    append = MetricsLog.append

    def interrupted(log: MetricsLog, row: list[float], now: float) -> None:
        if row[0] == 3:
            raise KeyboardInterrupt
        append(log, row, now=now)

    monkeypatch.setattr(MetricsLog, "append", interrupted)
    with pytest.raises(InterruptedRunError):
        train_text(tmp_path, SMALL)
    (run,) = (tmp_path / "runs").iterdir()
    assert read_json(run / "run.json")["epochs"] == len(log_of(run)) == 2


@pytest.mark.parametrize("when", ["begin", "epoch"])
def test_a_run_that_fails_is_marked_as_failed(when, table, tmp_path):
    class Broken(Watcher):
        pass

    def fail(*_: object) -> None:
        raise RuntimeError("the watcher broke")

    setattr(Broken, when, fail)
    with pytest.raises(RuntimeError):
        train_text(tmp_path, SMALL, watcher=Broken())
    (run,) = (tmp_path / "runs").iterdir()
    assert read_json(run / "run.json")["status"] == "failed"


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        (("training.epochs=0",), ConfigError),
        (("architecture.output.activation=softmax",), ConfigError),
        (("training.early_stopping.monitor=accuracy",), ConfigError),
        (("dataset.split.stratify=true",), ConfigError),
        (("architecture={hidden: [100000000000]}",), ConfigError),
        (("architecture.output.initializer={kind: explicit, values: [[1, 2]]}",), ConfigError),
        (("name=a/b",), ConfigError),
        (("dataset.path=u.csv",), DataError),
        (("dataset.target=z",), DataError),
        (("dataset.split.validation=0.001",), DataError),
    ],
)
def test_what_is_wrong_before_training_leaves_no_run_directory(settings, error, table, tmp_path):
    with pytest.raises(error):
        train_text(tmp_path, SMALL, *settings)
    assert not (tmp_path / "runs").exists()


# Runs and models that are damaged


def edited(path: Path, change: dict[str, object]) -> None:
    content = json.loads(path.read_text())
    for dotted, value in change.items():
        *parts, last = dotted.split(".")
        holder = content
        for part in parts:
            holder = holder[int(part)] if isinstance(holder, list) else holder[part]
        if value is None:
            del holder[int(last) if isinstance(holder, list) else last]
        else:
            holder[int(last) if isinstance(holder, list) else last] = value
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    "change",
    [
        {"format": 1},
        {"format": 3},
        {"format": "2"},
        {"format": None},
        {"task": None},
        {"task": "regression"},
        {"extra": 1},
        {"precision": "float64"},
        {"seeds": [0, 1]},
        {"layers": []},
        {"layers.0.units": 5},
        {"layers.0.units": 10**12},
        {"layers.0.kind": "conv"},
        {"layers.1.units": 2},
        {"encoder.columns": []},
        {"encoder.columns.3": None},
        {"encoder.columns.1.name": "sepal_length"},
        {"encoder.columns.1.kind": "date"},
        {"encoder.columns.1.indicator": True},
        {"encoder.columns.1.indicator": 7},
        {"encoder.columns.1.scale.divide": 0.0},
        {"encoder.columns.1.scale.divide": None},
        {"encoder.columns.1.scale.kind": "cubic"},
        {"encoder.columns.1.lowest": "low"},
        {"encoder.unit_rows": 7},
        {"reading.separator": "ab"},
        {"target.kind": "quantities"},
        {"target.classes": ["setosa", "virginica"]},
        {"target.classes": ["setosa", "virginica", "versicolor", "more"]},
        {"target.classes": ["setosa", "setosa", "virginica"]},
        {"l2": -1.0},
        {"class_weight": {"setosa": 1.0}},
    ],
    ids=lambda change: " ".join(f"{key}={value}"[:40] for key, value in change.items()),
)
def test_an_edited_model_is_refused(change, iris, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(iris.run, run)
    edited(run / "model" / "model.json", change)
    for attempt in (lambda: predicted(run, IRIS), lambda: evaluate(run, str(IRIS))):
        with pytest.raises(RunError) as caught:
            attempt()
        assert "model" in str(caught.value)
        assert caught.value.exit_code == 5


@pytest.mark.parametrize("name", ["model/weights.safetensors", "model/model.json"])
@pytest.mark.parametrize("share", [0, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused(name, share, iris, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(iris.run, run)
    content = (run / name).read_bytes()
    (run / name).write_bytes(content[: int(len(content) * share)])
    with pytest.raises(RunError) as caught:
        predicted(run, IRIS)
    assert str(run / name) in str(caught.value)


@pytest.mark.parametrize("name", ["config.yaml", "run.json", "splits.csv"])
@pytest.mark.parametrize("content", ["", "[]", "{", "\x00", "row,part\n1,test\n"])
def test_eval_refuses_a_damaged_run_and_predict_does_not_need_those_files(
    name, content, iris, tmp_path
):
    run = tmp_path / "run"
    shutil.copytree(iris.run, run)
    (run / name).write_text(content)
    with pytest.raises(RunError) as caught:
        evaluate(run, None)
    assert name in str(caught.value)
    assert predicted(run, str(IRIS)) == predicted(iris.run, str(IRIS))


@pytest.mark.parametrize(
    "missing",
    ["run.json", "model/model.json", "model/weights.safetensors", "splits.csv", "config.yaml"],
)
def test_what_a_run_lacks_is_named(missing, iris, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(iris.run, run)
    (run / missing).unlink()
    with pytest.raises(RunError, match=missing):
        evaluate(run, None)


def test_errors_of_every_kind_have_their_own_exit_code():
    codes = {kind.__name__: kind.exit_code for kind in BpnetError.__subclasses__()}
    assert codes == {
        "UsageError": 2,
        "ConfigError": 3,
        "DataError": 4,
        "RunError": 5,
        "DivergedError": 6,
        "InterruptedRunError": 130,
    }


def test_trained_is_what_the_run_directory_says(iris: Trained):
    assert iris.figures == read_json(iris.run / "metrics.json")
