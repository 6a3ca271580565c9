"""What commands print, for people and as JSON."""

import json
from pathlib import Path

import pytest
from command_cases import REGRESSION, TABLE
from command_line import ROOT, bpnet

IRIS = ROOT / "datasets" / "iris.csv"


def test_train_prints_figures_to_stdout_and_progress_to_stderr(here: Path) -> None:
    said = bpnet("train", "c.yaml", cwd=here)
    assert said.code == 0
    run = Path("runs") / "c-001"
    for part in (
        "train",
        "validation",
        "test",
        "loss",
        "accuracy",
        f"Run directory: {run}",
        f"bpnet eval {run}",
    ):
        assert part in said.out
    lines = said.err.splitlines()
    assert lines[0].startswith(
        "c-001: 42 train, 9 validation, 9 test rows; 2 features -> c "
        "(2 classes: the target is text); 17 parameters"
    )
    shown = [line.split("  ")[0] for line in lines if line.startswith("epoch ")]
    assert shown == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
    assert all(part in lines[1] for part in ("loss ", "accuracy ", "val_loss ", "val_accuracy "))
    assert "\x1b" not in said.out + said.err
    assert (here / run / "model" / "weights.safetensors").is_file()
    assert json.loads((here / run / "run.json").read_text())["command"] == [
        "bpnet",
        "train",
        "c.yaml",
    ]


@pytest.mark.parametrize(
    ("more", "network"),
    [
        ("training: {epochs: 2}\n", "1 network"),
        ("training: {epochs: 2}\nreplicas: 2\n", "2 networks"),
        ("training: {epochs: 2}\nfolds: 3\n", "3 networks"),
        ("training: {epochs: 2}\narchitecture: {hidden: [3]}\n", None),
        ("training: {epochs: 2}\nfolds: 2\npreset: fast\n", None),
        ("training: {epochs: 2}\npreset: null\n", None),
    ],
)
def test_train_names_the_network_that_the_config_does_not(
    here: Path, more: str, network: str | None
) -> None:
    (here / "d.yaml").write_text("dataset: {path: t.csv, target: c}\n" + more)
    said = bpnet("train", "d.yaml", cwd=here)
    assert said.code == 0
    notes = [line for line in said.err.splitlines() if "no preset" in line]
    assert notes == [
        f"no preset, since the config sets more than its table: {network} of 64-64 units; to train "
        "the ensemble with these settings: --set preset=default"
    ] * (network is not None)
    if network == "1 network":  # as advised
        ensemble = bpnet("train", "d.yaml", "--set", "preset=default", cwd=here)
        assert (ensemble.code, "no preset" in ensemble.err) == (0, False)


def test_a_long_training_prints_ten_lines(here: Path) -> None:
    said = bpnet("train", "c.yaml", "--set", "training.epochs=57", cwd=here)
    assert len([line for line in said.err.splitlines() if line.startswith("epoch ")]) == 10


def test_train_json_is_one_document(here: Path) -> None:
    said = bpnet("train", "c.yaml", "--json", "--runs", "elsewhere", "--name", "trial", cwd=here)
    content = json.loads(said.out)
    assert said.code == 0
    assert content["run"] == str(Path("elsewhere") / "trial-001")
    assert content["metrics"] == json.loads((here / content["run"] / "metrics.json").read_text())
    assert (content["stop_reason"], content["epochs"]) == ("epochs", 3)
    assert "epoch 3/3" in said.err


def test_eval_json_is_one_document(trained: Path) -> None:
    said = bpnet("eval", "runs/c-001", "--json", cwd=trained)
    content = json.loads(said.out)
    assert (said.code, said.err) == (0, "")
    assert content["rows"] == 9
    assert content["classes"] == ["x", "y"]
    assert sum(map(sum, content["confusion"])) == 9
    figures = {figure["name"]: figure for figure in content["figures"]}
    metrics = json.loads((trained / "runs/c-001/metrics.json").read_text())
    assert figures["accuracy"]["value"] == metrics["test"]["accuracy"]
    assert content["loss"] == pytest.approx(metrics["test"]["loss"])
    assert figures["accuracy"]["low"] <= figures["accuracy"]["value"] <= figures["accuracy"]["high"]
    assert [baseline["name"] for baseline in content["baselines"]] == [
        "the majority class",
        "logistic regression",
        "boosted trees",
    ]
    assert all(baseline["figures"].keys() == figures.keys() for baseline in content["baselines"])
    piped = bpnet("eval", "runs/c-001", "-", "--json", cwd=trained, stdin=TABLE.encode())
    assert json.loads(piped.out)["rows"] == 9  # standard input is the run's own table
    everything = ("--all-rows", "--json")
    piped = bpnet("eval", "runs/c-001", "-", *everything, cwd=trained, stdin=TABLE.encode())
    assert json.loads(piped.out)["rows"] == 60


def test_eval_prints_a_table_for_each_kind_of_target(trained: Path) -> None:
    said = bpnet("eval", "runs/c-001", "t.csv", "--all-rows", cwd=trained)
    assert said.code == 0
    assert (
        said.lacks(
            "t.csv: 60 rows", "loss", "accuracy", "Confusion", "precision", "recall", "F1", "x", "y"
        )
        == []
    )
    (trained / "t.csv").write_text(REGRESSION)
    assert bpnet("train", "c.yaml", "--name", "r", cwd=trained).code == 0
    said = bpnet("eval", "runs/r-001", cwd=trained)
    assert (
        said.lacks(
            "9 rows", "loss", "RMSE", "MAE", "R²", "95 % interval", "the mean", "ridge regression"
        )
        == []
    )
    figures = json.loads(bpnet("eval", "runs/r-001", "--json", cwd=trained).out)["figures"]
    assert {figure["name"] for figure in figures} >= {"rmse", "mae", "r2"}


def test_predict_gives_the_same_as_csv_as_json_and_in_a_file(trained: Path) -> None:
    plain = bpnet("predict", "runs/c-001", "t.csv", cwd=trained)
    known = "is the table that the run was trained on: 42 of its 60 rows trained the model"
    assert (plain.code, plain.err.count("\n")) == (0, 1)
    assert plain.err.startswith(f"note: t.csv {known}")
    header, *rows = [line.split(",") for line in plain.out.splitlines()]
    assert header == ["a", "b", "c", "predicted_c", "probability_x", "probability_y", "flags"]
    assert {row[-1] for row in rows} == {""}
    assert [row[:3] for row in rows] == [line.split(",") for line in TABLE.splitlines()[1:]]

    piped = bpnet("predict", "runs/c-001", "-", cwd=trained, stdin=TABLE.encode())
    assert (piped.code, piped.out) == (0, plain.out)
    assert piped.err.startswith(f"note: standard input {known}")
    assert bpnet("predict", "runs/c-001", "t.csv", "-o", "-", cwd=trained) == plain
    written = bpnet("predict", "runs/c-001", "t.csv", "-o", "out.csv", cwd=trained)
    assert (written.code, written.out) == (0, "")
    assert "60 rows written to out.csv" in written.err
    assert (trained / "out.csv").read_text() == plain.out

    content = json.loads(bpnet("predict", "runs/c-001", "t.csv", "--json", cwd=trained).out)
    assert [[str(cell) for cell in row.values()] for row in content["predictions"]] == [
        [str(float(cell)) if k in (4, 5) else cell for k, cell in enumerate(row)] for row in rows
    ]
    assert (
        bpnet("predict", "runs/c-001", "t.csv", "--json", "-o", "out.json", cwd=trained).code == 0
    )
    assert json.loads((trained / "out.json").read_text()) == content


def test_predicted_cells_are_quoted_where_they_must_be(here: Path) -> None:
    odd = TABLE.replace(",x", ',"a, ""b"""').replace(",y", ",größe")
    (here / "t.csv").write_text(odd, encoding="utf-8")
    assert bpnet("train", "c.yaml", cwd=here).code == 0
    said = bpnet("predict", "runs/c-001", "t.csv", cwd=here)
    (here / "again.csv").write_text(
        said.out.replace("predicted_c", "p").replace("probability_", "q_")
    )
    assert bpnet("eval", "runs/c-001", "again.csv", cwd=here).code == 0
    assert 'probability_a, ""b""' in said.out


def test_settings_in_order_and_the_name_of_the_config(here: Path) -> None:
    settings = ["--set", "training.epochs=9", "--set", "training.epochs=2", "--set", "name=spring"]
    said = bpnet("train", "c.yaml", *settings, cwd=here)
    assert said.lacks("spring-001", "epoch 2/2") == []
    assert (
        bpnet("train", "c.yaml", *settings, "--name", "autumn", cwd=here).lacks("autumn-001") == []
    )
