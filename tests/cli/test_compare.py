"""`bpnet compare`: scores on the same rows, marks, what differs, and what cannot be compared."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import ROOT, bpnet
from workflow_runs import write_csv

from bpnet.scoring.paired import compare_paired
from bpnet.workflows.held_out import held_out_predictions

OLD = ROOT / "tests" / "runs" / "made_by_0_1_0"
CONFIG = """\
dataset: {path: t.csv, target: c, split: {validation: 0.2, test: 0.3}}
architecture: {hidden: [4]}
training: {epochs: 20, learning_rate: 0.05}
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good and bad runs on one split, one on another, folds, a cross-validation, other targets."""
    folder = tmp_path_factory.mktemp("compared")
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, 200))
    classes = np.where(a + 0.3 * random.normal(size=200) > 0, "x", "y")
    quantities = [f"{value:.4f}" for value in a - b]
    rows = list(zip(map("{:.4f}".format, a), map("{:.4f}".format, b), classes, strict=True))
    write_csv(folder / "t.csv", "abc", rows)
    write_csv(
        folder / "u.csv", "abcd", [(*row, d) for row, d in zip(rows, quantities, strict=True)]
    )
    (folder / "c.yaml").write_text(CONFIG)
    for name, *settings in (
        ("good",),
        ("also", "seed=0", "architecture.hidden=[5]"),
        ("bad", "training.learning_rate=1e-6", "training.epochs=1"),
        ("other", "dataset.split.seed=9"),
        ("folds", "folds=3", "dataset.split.validation=0"),
        ("several", "replicas=3"),
        ("number", "dataset.path=u.csv", "dataset.target=d", "dataset.features=[a, b]"),
        ("table", "dataset.path=u.csv", "dataset.features=[a, b]"),
    ):
        words = [word for setting in settings for word in ("--set", setting)]
        said = bpnet("train", "c.yaml", "--name", name, *words, cwd=folder)
        assert said.code == 0, said.err
    for name in ("one", "two"):
        rate = "0.05" if name == "one" else "0.0001"
        words = ["--set", f"training.learning_rate={rate}", "--name", name]
        assert bpnet("cv", "c.yaml", "--folds", "3", *words, cwd=folder).code == 0
    return folder


def compared(*names: str, cwd: Path) -> dict[str, Any]:
    said = bpnet("compare", *(f"runs/{name}-001" for name in names), "--json", cwd=cwd)
    assert said.code == 0, said.err
    result: dict[str, Any] = json.loads(said.out)
    return result


def of_metric(result: dict[str, Any], name: str) -> dict[str, Any]:
    return next(metric for metric in result["metrics"] if metric["name"] == name)


def test_a_clear_difference_is_marked(here: Path) -> None:
    said = bpnet("compare", "runs/good-001", "runs/bad-001", cwd=here)
    assert (said.code, said.err) == (0, "")
    accuracy = next(line for line in said.out.splitlines() if line.startswith("accuracy"))
    assert accuracy.split()[2] == "*"
    parts = ("60 test", "good-001 is clearly better in", "training.epochs", "val_loss")
    assert said.lacks(*parts) == []
    header = said.out.splitlines()[0].split()
    assert header == ["good-001", "bad-001", "difference", "95", "%", "interval"]
    assert max(map(len, said.out.partition("\n\n")[0].splitlines())) <= 80
    one = of_metric(compared("bad", "good", cwd=here), "log_loss")
    assert one["best"] == "runs/good-001"
    (difference,) = one["differences"]
    assert difference["run"] == "runs/bad-001"
    assert difference["clear"]
    assert 0 < difference["low"] < difference["difference"] < difference["high"]


def test_the_difference_has_room_before_the_name_of_a_class(here: Path, tmp_path: Path) -> None:
    shutil.copytree(here, tmp_path / "here")
    for name in ("good", "bad"):
        runs = tmp_path / "here" / "runs"
        (runs / f"{name}-001").rename(runs / f"{name:_<12}")
    said = bpnet("compare", "runs/good________", "runs/bad_________", cwd=tmp_path / "here")
    lines = said.out.partition("\n\n")[0].splitlines()
    assert lines[0].split()[2:] == ["difference", "95", "%", "interval"]
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("average precision  ") for line in lines)
    assert "note: average precision is that of 'y'" in said.out


def test_runs_that_are_alike_have_no_mark(here: Path) -> None:
    said = bpnet("compare", "runs/good-001", "runs/also-001", cwd=here)
    assert "*" not in said.out.partition("* clearly better")[0]
    assert "No difference is clear: 60 rows cannot tell the runs apart." in said.out


def test_the_scores_are_those_of_eval(here: Path) -> None:
    result = compared("good", "several", "folds", cwd=here)
    for run in result["runs"]:
        said = bpnet("eval", run["run"], "--no-baselines", "--json", cwd=here)
        figures = {one["name"]: one["value"] for one in json.loads(said.out)["figures"]}
        assert run["metrics"] == pytest.approx(figures)
        assert (run["part"], run["rows"], run["paired"]) == ("test", 60, True)
    assert result["rows"] == 60


def test_several_runs_are_judged_together(here: Path) -> None:
    names = ["bad", "good", "also", "several"]
    result = compared(*names, cwd=here)
    held_out = [held_out_predictions(here / f"runs/{name}-001", []) for name in names]
    again = compare_paired(
        held_out[0].target, held_out[0].true, [one.predicted for one in held_out]
    )
    for shown, metric in zip(result["metrics"], again, strict=True):
        assert list(shown["values"].values()) == metric.values
        assert [one["low"] for one in shown["differences"]] == [
            one.low for one in metric.differences
        ]
    said = bpnet("compare", *(f"runs/{name}-001" for name in names), cwd=here)
    accuracy = next(line for line in said.out.splitlines() if line.startswith("accuracy"))
    assert accuracy.split()[1:3] == [accuracy.split()[1], "-"]
    assert "all 6 pairs at once" in said.out


def test_cross_validations_are_compared_row_by_row(here: Path) -> None:
    result = compared("one", "two", cwd=here)
    assert [run["part"] for run in result["runs"]] == ["out_of_fold"] * 2
    assert result["rows"] == 200
    assert of_metric(result, "log_loss")["differences"][0]["clear"]


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ("other", "its 60 test rows are not the rows of the others (60 test rows)"),
        ("one", "its 200 out-of-fold rows are not the rows of the others"),
        ("table", "it was trained on another table"),
    ],
)
def test_runs_with_other_rows_have_no_mark_and_a_reason(
    other: str, reason: str, here: Path
) -> None:
    result = compared("good", other, cwd=here)
    assert result["metrics"] == []
    assert result["runs"][1]["reason"].startswith(reason)
    assert result["runs"][1]["metrics"]["accuracy"] is not None
    said = bpnet("compare", "runs/good-001", f"runs/{other}-001", cwd=here)
    assert said.lacks(reason, "No two of these runs have predicted the same rows") == []
    # beside two runs that are paired
    three = compared("good", other, "bad", cwd=here)
    assert [run["paired"] for run in three["runs"]] == [True, False, True]
    assert set(three["metrics"][0]["values"]) == {"runs/good-001", "runs/bad-001"}


def test_a_run_whose_table_is_gone_keeps_its_saved_scores(here: Path, tmp_path: Path) -> None:
    for name in ("good-001", "bad-001"):
        shutil.copytree(here / "runs" / name, tmp_path / "runs" / name)
    result = compared("good", "bad", cwd=tmp_path)
    saved = json.loads((tmp_path / "runs/good-001/metrics.json").read_text())
    assert result["metrics"] == []
    assert result["runs"][0]["metrics"]["accuracy"] == saved["test"]["accuracy"]
    assert "no such file" in result["runs"][0]["reason"]


def test_a_run_that_was_cut_off_is_compared_by_its_checkpoint(here: Path, tmp_path: Path) -> None:
    shutil.copytree(here, tmp_path / "here")
    run = tmp_path / "here/runs/bad-001"
    shutil.rmtree(run / "model")
    content = json.loads((run / "run.json").read_text()) | {"status": "running"}
    (run / "run.json").write_text(json.dumps(content))
    said = bpnet("compare", "runs/good-001", "runs/bad-001", cwd=tmp_path / "here")
    assert said.code == 0
    assert said.lacks("last checkpoint", "bpnet resume runs/bad-001", "*") == []


def test_the_order_of_classes_does_not_matter(here: Path, tmp_path: Path) -> None:
    shutil.copytree(here, tmp_path / "here")
    path = tmp_path / "here/runs/two-001/predictions.csv"
    header, *lines = [line.split(",") for line in path.read_text().splitlines()]
    swapped = [[*line[:-2], line[-1], line[-2]] for line in (header, *lines)]
    path.write_text("\n".join(",".join(line) for line in [*swapped[:1], *reversed(swapped[1:])]))
    (tmp_path / "here/runs/two-001/metrics.json").unlink()
    before, after = compared("one", "two", cwd=here), compared("one", "two", cwd=tmp_path / "here")
    for name in ("accuracy", "log_loss"):
        assert of_metric(after, name)["differences"] == of_metric(before, name)["differences"]


def test_the_settings_that_differ_are_listed(here: Path) -> None:
    result = compared("good", "also", "bad", cwd=here)
    assert result["settings"]["architecture.layers"] == ["4 relu", "5 relu", "4 relu"]
    assert result["settings"]["training.learning_rate"] == [0.05, 0.05, 1e-6]
    assert not any(key.startswith("dataset") or key == "name" for key in result["settings"])


def test_groups_and_weights_are_noted(here: Path, tmp_path: Path) -> None:
    shutil.copytree(here, tmp_path / "here")
    for number, setting in ((1, "dataset.class_weight=balanced"), (2, "dataset.split.group=a")):
        words = ["--set", setting, "--name", "noted"]
        assert bpnet("train", "c.yaml", *words, cwd=tmp_path / "here").code == 0
        assert (tmp_path / f"here/runs/noted-00{number}").is_dir()
    said = bpnet("compare", "runs/noted-001", "runs/good-001", cwd=tmp_path / "here")
    assert "the runs weigh them differently (dataset.class_weight)" in said.out
    said = bpnet("compare", "runs/noted-002", "runs/good-001", cwd=tmp_path / "here")
    assert "whole groups" not in said.out  # nothing is paired
    shutil.copytree(tmp_path / "here/runs/noted-001", tmp_path / "here/runs/noted-003")
    said = bpnet("compare", "runs/noted-001", "runs/noted-003", cwd=tmp_path / "here")
    assert said.lacks("weighted accuracy", "rows weigh as in training (dataset.class_we") == []
    assert "The runs' settings are the same." in said.out


def test_groups_are_drawn_whole_and_weights_count(tmp_path: Path) -> None:
    """Against the paired bootstrap of the predictions that the runs write, on the same groups."""
    random = np.random.default_rng(1)
    patient, a, w = np.arange(160) // 4, random.normal(size=160), random.integers(1, 9, 160)
    level = random.normal(size=40)[patient]
    quantities = a + level + random.normal(size=160)
    rows = zip(a.round(4), patient, w, quantities.round(4), strict=True)
    write_csv(tmp_path / "t.csv", ["a", "patient", "w", "y"], [list(row) for row in rows])
    (tmp_path / "c.yaml").write_text(
        "dataset: {path: t.csv, target: y, sample_weight: w, features: [a],\n"
        "  split: {group: patient, validation: 0.2, test: 0.4}}\n"
        "architecture: {hidden: [4]}\ntraining: {epochs: 30, learning_rate: 0.05}\n"
    )
    for words in (["--name", "x"], ["--name", "y", "--set", "training.epochs=1"]):
        assert bpnet("train", "c.yaml", *words, cwd=tmp_path).code == 0
    for words in (["--name", "v"], ["--name", "w", "--set", "training.epochs=1"]):
        assert bpnet("cv", "c.yaml", "--folds", 3, *words, cwd=tmp_path).code == 0
    result = compared("x", "y", cwd=tmp_path)
    held_out = [held_out_predictions(tmp_path / f"runs/{name}-001", []) for name in "xy"]
    tested = held_out[0].rows
    numbers = np.unique(patient[tested], return_inverse=True)[1]
    assert result["groups"] == {"column": "patient", "count": int(numbers.max()) + 1}
    again = compare_paired(
        held_out[0].target,
        held_out[0].true,
        [one.predicted for one in held_out],
        groups=numbers,
        weights=w[tested] / 1.0,
    )
    for shown, metric in zip(result["metrics"], again, strict=True):
        assert list(shown["values"].values()) == pytest.approx(metric.values)
        assert shown["differences"][0]["low"] == pytest.approx(metric.differences[0].low)
    said = bpnet("compare", "runs/x-001", "runs/y-001", cwd=tmp_path)
    assert said.lacks("whole groups of 'patient' are drawn", "weighted R²", "in 16 groups") == []
    assert of_metric(result, "weighted_r2")["best"] == "runs/x-001"
    # out-of-fold rows have their groups and weights from the table, if it is there
    folds = compared("v", "w", cwd=tmp_path)
    assert folds["groups"] == {"column": "patient", "count": 40}
    assert of_metric(folds, "weighted_r2")["best"] == "runs/v-001"
    (tmp_path / "t.csv").rename(tmp_path / "u.csv")
    said = bpnet("compare", "runs/v-001", "runs/w-001", cwd=tmp_path)
    assert said.lacks("are drawn one by one, since their weights and groups are unknown") == []
    assert (said.code, "whole groups" in said.out) == (0, False)


def test_runs_of_an_older_version_are_compared(here: Path) -> None:
    said = bpnet("compare", OLD / "iris-001", OLD / "wine-cv-001")
    assert (said.code, said.out) == (5, "")
    assert said.lacks("'cultivar'", "'species'", "cannot be compared") == []
    said = bpnet("compare", OLD / "iris-001", here / "runs/good-001")
    assert said.code == 5
    copy = shutil.copytree(OLD / "wine-cv-001", here / "wine-cv-002")
    assert bpnet("compare", OLD / "wine-cv-001", copy).code == 0


@pytest.mark.parametrize(
    ("words", "code", "parts"),
    [
        (["runs/good-001"], 2, ["give two runs or more", "bpnet show"]),
        (["runs/good-001", "runs/good-001/"], 2, ["is the same run as runs/good-001"]),
        (["runs/good-001", "runs/god-001"], 5, ["did you mean 'runs/good-001'?"]),
        (["runs/good-001", "runs"], 5, ["is not a run directory"]),
        (["runs/good-001", "t.csv"], 5, ["is a file, not a run directory"]),
        (["runs/good-001", "runs/number-001"], 5, ["predicts 'd', and runs/good-001 'c'"]),
        ([], 2, ["RUN"]),
    ],
)
def test_what_cannot_be_compared_is_refused(
    words: list[str], code: int, parts: list[str], here: Path
) -> None:
    said = bpnet("compare", *words, cwd=here)
    assert (said.code, said.out) == (code, "")
    assert said.lacks(*parts) == []


def test_a_run_decides_by_its_own_threshold(here: Path, tmp_path: Path) -> None:
    shutil.copytree(here, tmp_path / "here")
    said = bpnet(
        *("eval", "runs/also-001", "--threshold", "0.9", "--save", "--json"), cwd=tmp_path / "here"
    )
    assert said.code == 0, said.err
    figures = {one["name"]: one["value"] for one in json.loads(said.out)["figures"]}
    result = compared("good", "also", cwd=tmp_path / "here")
    assert result["runs"][1]["metrics"] == pytest.approx(figures)
    accuracy = of_metric(result, "accuracy")
    assert accuracy["values"]["runs/also-001"] == pytest.approx(figures["accuracy"])
    assert accuracy["values"] != of_metric(compared("good", "also", cwd=here), "accuracy")["values"]
    said = bpnet("compare", "runs/good-001", "runs/also-001", cwd=tmp_path / "here")
    note = "also-001 predicts by the threshold 0.9 of 'y', as its model keeps it; the other by 0.5"
    assert f"note: {note}" in said.out
    assert "threshold" not in bpnet("compare", "runs/good-001", "runs/bad-001", cwd=here).out


def test_out_of_fold_rows_are_decided_by_the_kept_threshold(here: Path, tmp_path: Path) -> None:
    shutil.copytree(here, tmp_path / "here")
    words = ["eval", "runs/one-001", "t.csv", "--threshold", "0.9", "--save"]
    said = bpnet(*words, "--no-baselines", cwd=tmp_path / "here")
    assert said.code == 0, said.err
    run = compared("one", "two", cwd=tmp_path / "here")["runs"][0]
    assert run["thresholds"] == {"y": 0.9}
    with open(here / "runs" / "one-001" / "predictions.csv", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["repeat"] == "1"]
    right = [(float(row["probability_y"]) > 0.9) == (row["true_c"] == "y") for row in rows]
    assert run["metrics"]["accuracy"] == pytest.approx(np.mean(right))
    assert np.mean(right) != np.mean([row["predicted_c"] == row["true_c"] for row in rows])
    figure = bpnet("plot", "runs/one-001", "confusion", "--json", cwd=tmp_path / "here")
    cells = {(true, predicted): n for true, predicted, n in json.loads(figure.out)["rows"]}
    assert cells["x", "x"] + cells["y", "y"] == sum(right)


def test_saved_scores_are_not_by_a_threshold_that_was_kept_later(
    here: Path, tmp_path: Path
) -> None:
    shutil.copytree(here, tmp_path / "here")
    words = ["eval", "runs/also-001", "--threshold", "0.9", "--save", "--no-baselines"]
    assert bpnet(*words, cwd=tmp_path / "here").code == 0
    (tmp_path / "here" / "t.csv").unlink()
    said = bpnet("compare", "runs/good-001", "runs/also-001", cwd=tmp_path / "here")
    assert said.lacks("saved scores are by 0.5, not by the threshold") == []
