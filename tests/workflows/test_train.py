"""Training: the files of a run, and that the same config gives the same weights."""

import math
from pathlib import Path

import pytest
from workflow_runs import (
    ROOT,
    Watcher,
    log_of,
    read_csv,
    read_json,
    train_file,
    weights_of,
)

from bpnet.errors import (
    BpnetError,
)
from bpnet.workflows.train import TrainResult

RUN_DIRECTORY = (ROOT / "bpnet" / "guide" / "run-directory.md").read_text("utf-8")

CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))

FIGURES = {"classification": ["loss", "accuracy"], "regression": ["loss", "rmse", "r2"]}


def without_clock(run: Path) -> list[dict[str, str]]:
    return [{key: cell for key, cell in row.items() if key != "seconds"} for row in log_of(run)]


@pytest.mark.parametrize("name", ["iris", "diabetes", "cancer"])
def test_a_run_directory_holds_the_files_that_the_readme_names(name, request):
    run = request.getfixturevalue(name).run
    files = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    wanted = (
        "config.yaml metrics.csv metrics.json run.json splits.csv model/model.json "
        "model/weights.safetensors"
    )
    assert set(wanted.split()) <= files
    for file in files:  # each is in the guide
        assert f"`{file}`" in RUN_DIRECTORY or f"`{file.split('/')[0]}/`" in RUN_DIRECTORY, file
    for path in run.rglob("*"):
        if path.is_file():  # a pickle of protocol 2 or later begins with 0x80 and its number
            content = path.read_bytes()
            begins = content[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
            assert not (begins and content.endswith(b"."))


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
    wanted = (
        "status stop_reason best_epoch epochs seed command started finished seconds rows "
        "data_sha256 warnings "
    )
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


def test_trained_is_what_the_run_directory_says(iris: TrainResult):
    assert iris.figures == read_json(iris.run / "metrics.json")
