"""`bpnet show`: every kind of run on one screen, whole, cut off, damaged or old."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from command_line import ROOT, bpnet
from run_folders import make_run

from bpnet.models.saved_ensemble import load_ensemble
from bpnet.runs.lock import RunLock

OLD = ROOT / "tests" / "runs" / "made_by_0_1_0"


def shown(run: Path, cwd: Path = ROOT) -> dict[str, Any]:
    said = bpnet("show", run, "--json", cwd=cwd)
    assert said.code == 0, said.err
    result: dict[str, Any] = json.loads(said.out)
    return result


def too_wide(text: str) -> list[str]:
    """Return the lines over 80 columns, apart from the doctor's sentences."""
    return [line for line in text.splitlines() if len(line) > 80 and not line.startswith("- ")]


def with_status(run: Path, status: str) -> None:
    content = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(content | {"status": status}))


def test_a_run_is_on_one_screen(trained: Path) -> None:
    said = bpnet("show", "runs/c-001", cwd=trained)
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert len(lines) <= 40
    assert too_wide(said.out) == []
    parts = ["runs/c-001: done; one network", "t.csv", "2 features", "-> c (2 classes: x, y)"]
    parts += ["3 epochs", "adam", "all epochs done", "val_loss", "loss of a constant", "seed 0"]
    assert said.lacks(*parts) == []
    commands = [line.split("bpnet ")[1].split() for line in lines if " bpnet " in line][-3:]
    assert commands == [
        *(["eval", "runs/c-001"], ["predict", "runs/c-001", "DATA.csv"]),
        ["report", "runs/c-001"],
    ]
    assert bpnet(*commands[0], cwd=trained).code == 0


def test_the_layers_are_those_of_the_model(trained: Path) -> None:
    result = shown(trained / "runs/c-001")
    (network,) = result["networks"]
    model = load_ensemble(trained / "runs/c-001/model").members[0].network
    assert sum(layer["parameters"] for layer in network["layers"]) == model.theta.shape[1]
    assert [(layer["inputs"], layer["outputs"]) for layer in network["layers"]] == [(2, 4), (4, 1)]
    assert [layer["activation"] for layer in network["layers"]] == ["relu", "sigmoid"]
    saved = json.loads((trained / "runs/c-001/metrics.json").read_text())
    assert result["metrics"]["test.loss"] == saved["test"]["loss"]
    sizes = {path.name: path.stat().st_size for path in (trained / "runs/c-001").iterdir()}
    assert result["files"]["metrics.csv"] == sizes["metrics.csv"]
    inner = sum(path.stat().st_size for path in (trained / "runs/c-001/model").iterdir())
    assert result["files"]["model/"] == inner


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("running", "died: its process ended"),
        ("interrupted", "interrupted, and saved"),
        ("failed", "failed: an error ended its training"),
    ],
)
def test_a_run_that_was_cut_off_names_resume(status: str, words: str, trained: Path) -> None:
    run = trained / "runs/c-001"
    with_status(run, status)
    said = bpnet("show", "runs/c-001", cwd=trained)
    assert said.lacks(f"runs/c-001: {words}", "checkpoint", "bpnet resume runs/c-001") == []
    # before the first file of a model
    for name in ("model", "checkpoints"):
        shutil.rmtree(run / name)
    (run / "metrics.json").unlink()
    said = bpnet("show", "runs/c-001", cwd=trained)
    assert said.code == 0
    assert said.lacks("no model yet", "0 checkpoints", "bpnet resume runs/c-001") == []
    assert "bpnet eval" not in said.out


def test_a_run_in_training_says_so(trained: Path) -> None:
    with_status(trained / "runs/c-001", "running")
    lock = RunLock(trained / "runs/c-001")
    lock.acquire()
    try:
        said = bpnet("show", "runs/c-001", cwd=trained)
    finally:
        lock.release()
    assert said.lacks("runs/c-001: in training", "kept", "bpnet eval") == []
    assert "resume" not in said.out


def test_a_run_that_diverged_has_the_doctor_s_advice(here: Path) -> None:
    rate = [
        "training.learning_rate=1e30",
        "training.optimizer=gradient_descent",
        "dataset.target=b",
    ]
    words = [word for setting in rate for word in ("--set", setting)]
    assert bpnet("train", "c.yaml", *words, cwd=here).code == 6
    said = bpnet("show", "runs/c-001", cwd=here)
    parts = ["diverged", "The doctor's advice", "bpnet resume runs/c-001"]
    parts += ["bpnet train runs/c-001/config.yaml --set training.learning_rate="]
    assert said.lacks(*parts) == []


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["train", "c.yaml", "--set", "replicas=2"], ["2 networks", "±"]),
        (
            ["train", "c.yaml", "--set", "folds=3", "--set", "dataset.split.validation=0"],
            ["an ensemble of 3 networks", "out of fold (51 rows)", "oof_loss", "folds 3"],
        ),
        (
            ["train", "c.yaml", "--grid", "training.learning_rate=0.01,0.02"],
            ["a grid of 2 points", "one network"],
        ),
        (["cv", "c.yaml", "--folds", "3"], ["a cross-validation", "(3 folds)", "3 networks", "±"]),
        (
            ["cv", "c.yaml", "--folds", "2", "--set", "folds=2"],
            ["a cross-validation", "keeps no model", "bpnet train runs/c-cv-001/config.yaml"],
        ),
    ],
)
def test_every_kind_of_run_is_shown(words: list[str], parts: list[str], here: Path) -> None:
    assert bpnet(*words, cwd=here).code == 0
    (run,) = (here / "runs").iterdir()
    said = bpnet("show", run.relative_to(here), cwd=here)
    assert (said.code, said.err) == (0, "")
    assert said.lacks(*(part for part in parts if part != "one network")) == []
    assert too_wide(said.out) == []
    shown(run)


def test_members_of_an_ensemble_have_a_line_each(here: Path) -> None:
    members = "members=[{name: small, architecture: {hidden: [3]}}, {name: large, " + (
        "architecture: {hidden: [7, 5]}}]"
    )
    config = (here / "c.yaml").read_text().replace("architecture: {hidden: [4]}\n", "")
    (here / "c.yaml").write_text(f"{config}folds: 2\n{members.replace('=', ': ', 1)}\n")
    said = bpnet("train", "c.yaml", cwd=here)
    assert said.code == 0, said.err
    said = bpnet("show", "runs/c-001", cwd=here)
    kept = json.loads((here / "runs/c-001/run.json").read_text())["members"]
    for member in (one for one in kept if one["weight"]):
        line = next(line for line in said.out.splitlines() if line.startswith(member["name"]))
        assert ("3 relu" if member["name"] == "small" else "7-5 relu") in line
        assert line.split()[-1] == str(member["best_epoch"])


@pytest.mark.parametrize("run", sorted(path.name for path in OLD.iterdir()))
def test_a_run_of_an_older_version_is_shown(run: str) -> None:
    said = bpnet("show", OLD / run)
    assert (said.code, said.err) == (0, "")
    assert said.lacks("by bpnet 0.1.0", "parameters", "bpnet predict") == []


def test_an_old_run_that_was_cut_off_cannot_be_resumed(tmp_path: Path) -> None:
    run = shutil.copytree(OLD / "iris-001", tmp_path / "iris-001")
    with_status(run, "running")
    said = bpnet("show", run)
    assert "bpnet train" in said.out
    assert "bpnet resume" not in said.out


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("run.json", "{"),
        (
            "run.json",
            '{"status": "finished", "members": 3, "folds": {}, "rows": [], "epochs": "x"}',
        ),
        ("run.json", '{"status": "finished", "advice": {"a": 1}, "started": 3, "versions": []}'),
        ("metrics.json", "[1]"),
        ("metrics.json", '{"test": 3, "rows": 4, "constant": [], "positive": {}}'),
        ("metrics.json", '{"test": {"loss": {"deep": 1}, "accuracy": null}}'),
        ("diagnosis.json", '{"findings": [3, {}], "constant": 5}'),
        ("config.yaml", "dataset: {path: 3}"),
        ("config.yaml", "["),
        ("metrics.csv", "epoch,loss\n1,x\n"),
        ("metrics.csv", "\x00"),
        ("model/model.json", "{}"),
        ("grid.csv", "\n"),
    ],
)
def test_a_damaged_file_does_not_hide_the_others(file: str, content: str, trained: Path) -> None:
    (trained / "runs/c-001" / file).write_text(content)
    for words in ([], ["--json"]):
        said = bpnet("show", "runs/c-001", *words, cwd=trained)
        assert said.code == 0, said.err
    assert "Files" in bpnet("show", "runs/c-001", cwd=trained).out


@pytest.mark.parametrize("name", ["<script>", "e\x1b[2Jvil", "\u202eabc", "日本", "x" * 250])
def test_a_hostile_name_is_text(name: str, tmp_path: Path) -> None:
    run = make_run(tmp_path / name, accuracy=0.5, table="<b>\u202e")
    said = bpnet("show", run)
    assert said.code == 0
    assert not {"\x1b", "\u202e"} & set(said.out + said.err)
    assert said.lacks("its table is not there", "<b>", "8 relu") == []


def test_a_run_beside_it_is_offered_for_comparison(trained: Path) -> None:
    shutil.copytree(trained / "runs/c-001", trained / "runs/c-002")
    shutil.copytree(trained / "runs/c-001", trained / "runs/c-010")
    assert "bpnet compare runs/c-010 runs/c-002" in bpnet("show", "runs/c-010", cwd=trained).out


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("runs", ["is not a run directory", "did you mean 'runs/c-001'?"]),
        ("runs/c-002", ["there is no such run directory", "did you mean 'runs/c-001'?"]),
        ("t.csv", ["is a file, not a run directory"]),
    ],
)
def test_what_is_no_run_is_refused(path: str, parts: list[str], trained: Path) -> None:
    said = bpnet("show", path, cwd=trained)
    assert (said.code, said.out) == (5, "")
    assert said.lacks(*parts) == []


def test_baselines_that_the_run_has_saved_are_beside_its_scores(trained: Path) -> None:
    path = trained / "runs/c-001/metrics.json"
    content = json.loads(path.read_text())
    content["baselines"] = {"a majority": {"test": {"accuracy": 0.4321}}, "damaged": 3}
    path.write_text(json.dumps(content))
    lines = bpnet("show", "runs/c-001", cwd=trained).out.splitlines()
    assert next(line for line in lines if line.startswith("accuracy")).endswith("0.4321")
    assert any(line.endswith("a majority") for line in lines)
