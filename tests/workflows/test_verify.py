"""A run trained again: whether it agrees, on this machine and on another, and what is refused."""

import contextlib
import json
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from workflow_runs import IRIS, Watcher, train_text

from bpnet.config.overrides import apply_overrides
from bpnet.config.source import parse_source
from bpnet.errors import DataError, DivergedError, InterruptedRunError, RunError
from bpnet.reports.verify import verify_lines
from bpnet.runs import run_file, weights
from bpnet.runs.comparison import RunComparison
from bpnet.workflows.cv import cross_validate
from bpnet.workflows.grid import train_grid
from bpnet.workflows.resume import resume
from bpnet.workflows.train import train
from bpnet.workflows.verify import Verification, verify

CONFIG = f"""\
name: iris
dataset: {{path: {IRIS}, target: species}}
architecture: {{hidden: [4], dropout: 0.1}}
training: {{epochs: 6, learning_rate: 0.01}}
"""


def verified(run: Path) -> Verification:
    return verify(run, command=["bpnet"], watcher=Watcher())


def change_run_file(run: Path, **changes: object) -> None:
    path = run / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def shift(run: Path, by: float) -> None:
    """Move the largest weight by a share of its size."""
    path = run / "model" / "weights.safetensors"
    arrays = {name: array.copy() for name, array in weights.read_weights(path).items()}
    flat = arrays["layers.0.weight"].reshape(-1)
    flat[np.abs(flat).argmax()] *= 1 + by
    weights.write_weights(path, arrays, {})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_text(tmp_path_factory.mktemp("verify"), CONFIG).run


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of a run, whose config names the table by an absolute path."""
    copy = trained.with_name(f"{tmp_path.name}-1")
    shutil.copytree(trained, copy)
    return copy


SETTINGS = {
    "one": [],
    "replicas": ["replicas=3"],
    "folds": ["folds=3"],
    "members": ["folds=3", "members=[{name: a}, {name: b, training: {epochs: 4}}]"],
    "diverged": ["training.optimizer=gradient_descent", "training.learning_rate=1e30"],
    "disk": ["dataset.storage=disk"],
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_a_run_agrees_bit_for_bit_with_its_repetition(tmp_path: Path, settings: list[str]) -> None:
    watcher = Watcher()
    with contextlib.suppress(DivergedError):
        train_text(tmp_path, CONFIG, *settings, watcher=watcher)
    result = verified(watcher.run)
    assert (result.agrees, result.largest, result.tolerance) == (True, None, 0.0)
    assert {"weights", "metrics", "splits", "logs"} <= set(result.compared)


def test_a_cross_validation_agrees(tmp_path: Path) -> None:
    from bpnet.config.loading import load_config

    loaded = load_config(parse_source(CONFIG, "c.yaml", tmp_path))
    result = cross_validate(
        loaded,
        folds=3,
        repeats=2,
        runs=tmp_path,
        name=None,
        command=["bpnet"],
        watcher=Watcher(),
    )
    found = verified(result.run)
    assert (found.agrees, found.largest) == (True, None)
    assert found.compared["logs"] == "folds.csv"


def test_a_changed_weight_is_found_and_named(run: Path) -> None:
    shift(run, 1e-6)
    result = verified(run)
    assert not result.agrees
    assert result.largest is not None
    assert result.largest.where == "model/weights.safetensors: layers.0.weight"
    assert 1e-7 < result.largest.share < 2e-6


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another library of matrix products than that of the runs trained before."""
    library = {"internal_api": "openblas", "architecture": "of no machine"}
    monkeypatch.setattr(run_file, "blas", lambda: library)


@pytest.mark.usefixtures("elsewhere")
def test_elsewhere_weights_may_drift_and_how_far_is_reported(run: Path) -> None:
    shift(run, 0.5)
    result = verified(run)
    assert (result.same_machine, result.changed, result.tolerance) == (False, ["blas"], 1e-2)
    assert (result.agrees, result.notes) == (True, [])
    assert result.largest_of_weights is not None
    assert result.largest_of_weights.where == "model/weights.safetensors: layers.0.weight"
    assert result.largest_of_weights.share == pytest.approx(0.5 / 1.5, rel=0.01)
    report = "\n".join(verify_lines(result))
    assert "final metrics within 0.01 of the larger of 1 and their value, since blas is" in report
    assert "weights' largest difference" in report


@pytest.mark.usefixtures("elsewhere")
def test_elsewhere_what_agrees_is_said_to(run: Path) -> None:
    result = verified(run)
    assert (result.agrees, result.largest, result.largest_of_weights) == (True, None, None)
    assert "No number differs at all." in verify_lines(result)


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(("by", "agrees"), [(0.009, True), (-0.009, True), (0.011, False)])
def test_elsewhere_a_metric_may_differ_by_a_hundredth(run: Path, by: float, agrees: bool) -> None:
    path = run / "metrics.json"
    metrics = json.loads(path.read_text())
    assert metrics["test"]["accuracy"] < 0.98  # so that it is below 1 afterwards
    metrics["test"]["accuracy"] += by
    path.write_text(json.dumps(metrics))
    result = verified(run)
    assert result.agrees is agrees
    assert all("metrics.json: test: accuracy" in one for one in result.differences)


@pytest.mark.parametrize(
    ("own", "other", "agrees"),
    [(200.0, 201.9, True), (200.0, 202.1, False), (1e-9, 2e-9, True), (0.5, float("nan"), False)],
)
def test_the_tolerance_is_relative_above_1(own: float, other: float, agrees: bool) -> None:
    found = RunComparison(same_machine=False, kind="metrics")
    found.numbers("rmse", np.array([own]), np.array([other]))
    assert (not found.differences) is agrees


@pytest.mark.usefixtures("elsewhere")
def test_elsewhere_the_splits_must_be_the_same(run: Path) -> None:
    text = (run / "splits.csv").read_text()
    (run / "splits.csv").write_text(text.replace("train", "test", 1))
    assert "splits.csv" in verified(run).differences[0]


@pytest.mark.usefixtures("elsewhere")
def test_elsewhere_fewer_epochs_are_only_noted(run: Path) -> None:
    lines = (run / "metrics.csv").read_text().splitlines(keepends=True)
    (run / "metrics.csv").write_text("".join(lines[:-1]))
    result = verified(run)
    assert result.agrees
    assert result.notes == ["metrics.csv: the number of rows differs: 5 in the run, 6"]


@pytest.mark.usefixtures("elsewhere")
def test_elsewhere_the_weights_of_members_may_drift(tmp_path: Path) -> None:
    run = train_text(tmp_path, CONFIG, *SETTINGS["members"]).run
    change_run_file(run, platform="another machine")
    path = run / "metrics.json"
    metrics = json.loads(path.read_text())
    metrics["members"][0]["weight"] += 0.2
    path.write_text(json.dumps(metrics))
    result = verified(run)
    assert result.agrees
    assert result.largest_of_weights is not None
    assert result.largest_of_weights.where == "metrics.json: members[0]: weight"


GRIDS = {
    "passes": ("architecture.hidden=[4],[3]", []),
    "ensembles": ("training.learning_rate=0.05,0.01", ["folds=3"]),
    "one diverges": ("training.learning_rate=0.01,1e30", ["training.optimizer=gradient_descent"]),
    "all diverge": ("training.learning_rate=1e29,1e30", ["training.optimizer=gradient_descent"]),
    "checkpoints": ("checkpoint.every_seconds=1,2", ["checkpoint.every_epochs=1"]),
}


def trained_grid(folder: Path, key: str, settings: list[str]) -> list[Path]:
    """Train a grid, and return its runs by their numbers."""
    with contextlib.suppress(DivergedError):
        train_grid(
            apply_overrides(parse_source(CONFIG, str(folder / "c.yaml"), folder), settings),
            [key, "seed=1,2"],
            runs=folder / "runs",
            name="grid",
            command=["bpnet"],
            watcher=Watcher(),
        )
    return sorted((folder / "runs").iterdir())


@pytest.mark.parametrize(("key", "settings"), GRIDS.values(), ids=GRIDS)
def test_a_run_of_a_grid_agrees(tmp_path: Path, key: str, settings: list[str]) -> None:
    runs = trained_grid(tmp_path, key, settings)
    results = [verified(run) for run in runs]
    assert {(one.agrees, one.largest, one.of_grid) for one in results} == {(True, None, True)}
    assert sum("grid.csv" in one.compared["logs"] for one in results) == 1
    assert "The whole grid was trained again" in "\n".join(verify_lines(results[0]))


def test_a_run_of_a_grid_is_compared_with_that_of_its_number(tmp_path: Path) -> None:
    runs = trained_grid(tmp_path, *GRIDS["passes"])
    assert len(runs) == 2
    for run in runs:
        shift(run, 1e-6)
        result = verified(run)
        assert [one.partition(" ")[0] for one in result.differences] == [
            "model/weights.safetensors:"
        ]


def test_a_changed_ranking_is_found(tmp_path: Path) -> None:
    (ranked,) = (run for run in trained_grid(tmp_path, *GRIDS["passes"]) if is_best(run))
    lines = (ranked / "grid.csv").read_text().splitlines()
    (ranked / "grid.csv").write_text("\n".join([lines[0], lines[2], lines[1], *lines[3:], ""]))
    assert all("grid.csv" in one for one in verified(ranked).differences)
    assert not verified(ranked).agrees


def is_best(run: Path) -> bool:
    return (run / "grid.csv").is_file()


def test_a_grid_that_has_not_finished_is_refused(tmp_path: Path) -> None:
    def stop(epoch: int) -> None:
        if epoch == 3 and len(list((tmp_path / "runs").iterdir())) == 2:
            signal.raise_signal(signal.SIGINT)

    source = parse_source(CONFIG, str(tmp_path / "c.yaml"), tmp_path)
    with pytest.raises(InterruptedRunError):
        train_grid(
            source,
            [GRIDS["passes"][0]],
            runs=tmp_path / "runs",
            name="grid",
            command=["bpnet"],
            watcher=Watcher(after=stop),
        )
    first = tmp_path / "runs" / "grid-001"
    assert json.loads((first / "run.json").read_text())["status"] == "finished"
    with pytest.raises(RunError, match=r"its grid has not finished.*bpnet resume"):
        verified(first)
    resume(first, [], force=False, command=["bpnet"], watcher=Watcher())
    assert verified(first).agrees


@pytest.mark.parametrize("grid", [{}, {"number": 1}, "a text"])
def test_a_grid_that_is_not_described_is_refused(run: Path, grid: object) -> None:
    change_run_file(run, kind="grid", grid=grid)
    shutil.rmtree(run / "checkpoints", ignore_errors=True)
    with pytest.raises(RunError, match="does not describe the grid"):
        verified(run)


def test_a_grid_of_an_earlier_version_is_refused(run: Path) -> None:
    change_run_file(run, command=["bpnet", "train", "c.yaml", "--grid", "seed=1,2"])
    with pytest.raises(RunError, match=r"earlier bpnet.*did not record its points"):
        verified(run)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("metrics.csv", "\n3,", "\n4,"),
        ("splits.csv", "\n1,train", "\n1,test"),
        ("metrics.json", '"loss": 0', '"loss": 1'),
        ("metrics.csv", "epoch,step", "epoch,steps"),
    ],
)
def test_a_changed_file_is_found(run: Path, name: str, old: str, new: str) -> None:
    text = (run / name).read_text()
    assert old in text or name == "splits.csv"
    changed = text.replace(old, new, 1) if old in text else text.replace("train", "test", 1)
    (run / name).write_text(changed)
    result = verified(run)
    assert not result.agrees
    assert name in result.differences[0]


def test_a_model_that_is_no_object_differs(run: Path) -> None:
    (run / "model" / "model.json").write_text("null")
    assert verified(run).differences[0].startswith("model/model.json differs: None in the run")


def test_a_missing_log_is_found(run: Path) -> None:
    (run / "metrics.csv").unlink()
    assert verified(run).differences == ["metrics.csv is only in the repetition"]


def test_a_run_that_was_resumed_agrees(tmp_path: Path) -> None:
    def stop(epoch: int) -> None:
        if epoch == 3:
            signal.raise_signal(signal.SIGINT)

    watcher = Watcher(after=stop)
    with pytest.raises(InterruptedRunError):
        train_text(tmp_path, CONFIG, watcher=watcher)
    with pytest.raises(RunError, match=r"has not finished.*bpnet resume"):
        verified(watcher.run)
    resume(watcher.run, [], force=False, command=["bpnet"], watcher=Watcher())
    result = verified(watcher.run)
    assert (result.agrees, result.largest, result.notes) == (True, None, [])


def test_a_run_that_was_resumed_on_another_machine_is_compared_as_one_of_another(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("platform.platform", lambda: "another")
        resume(run, ["training.epochs=9"], force=False, command=["bpnet"], watcher=Watcher())
    result = verified(run)
    assert (result.agrees, result.changed) == (True, ["platform"])


def test_a_run_that_got_more_epochs_agrees_and_a_note_says_so(tmp_path: Path) -> None:
    run = train_text(tmp_path, CONFIG).run
    resume(run, ["training.epochs=9"], force=False, command=["bpnet"], watcher=Watcher())
    result = verified(run)
    assert (result.agrees, result.largest) == (True, None)
    assert "resumed with another 'training.epochs'" in result.notes[0]


def test_more_epochs_of_a_schedule_that_depends_on_them_cannot_be_repeated(tmp_path: Path) -> None:
    run = train_text(tmp_path, CONFIG, "training.schedule=cosine").run
    resume(run, ["training.epochs=9"], force=False, command=["bpnet"], watcher=Watcher())
    with pytest.raises(RunError, match=r"which training\.schedule depends on"):
        verified(run)


def test_a_time_budget_that_ended_a_training_cannot_be_repeated(run: Path) -> None:
    change_run_file(run, stop_reason="budget")
    with pytest.raises(RunError, match="time budget"):
        verified(run)


def test_a_budget_that_ended_nothing_does_not_end_the_repetition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = train_text(tmp_path, CONFIG, "budget=100h").run
    grid = trained_grid(tmp_path / "grid", GRIDS["passes"][0], ["budget=100h"])
    with monkeypatch.context() as patched:  # as on a machine that is much slower
        patched.setattr(
            "bpnet.workflows.session.TrainingSession.out_of_time",
            property(lambda session: session.deadline - time.perf_counter() < 500 * 3600),
        )
        assert all(verified(run).agrees for run in (one, *grid))


def test_a_grid_of_which_a_budget_ended_another_point_cannot_be_repeated(tmp_path: Path) -> None:
    key = "budget=100h,1e-9"
    first, second = trained_grid(tmp_path, key, ["architecture.hidden=[4]"])
    with pytest.raises(RunError, match=f"{first}: a time budget ended the training of {second}"):
        verified(first)
    with pytest.raises(RunError, match=f"{second}: its time budget ended the training"):
        verified(second)


def test_a_changed_config_is_refused(run: Path) -> None:
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("epochs: 6", "epochs: 7"))
    with pytest.raises(RunError, match=r"config\.yaml: has changed"):
        verified(run)


def test_changed_data_are_a_fault_of_the_table(tmp_path: Path) -> None:
    table = tmp_path / "iris.csv"
    shutil.copy(IRIS, table)
    run = train_text(tmp_path, CONFIG, f"dataset.path={table}").run
    table.write_text(table.read_text() + "5.1,3.5,1.4,0.2,setosa\n")
    with pytest.raises(DataError, match="the file has changed"):
        verified(run)


def test_nothing_is_left_behind_and_the_run_stays(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    verified(run)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    assert list(tmp_path.iterdir()) == []


def test_a_run_with_first_weights_from_another_agrees(run: Path, tmp_path: Path) -> None:
    from bpnet.config.loading import load_config

    loaded = load_config(parse_source(CONFIG, "c.yaml", tmp_path))
    started = train(
        loaded, runs=tmp_path, name=None, command=["bpnet"], watcher=Watcher(), start_from=run
    ).run
    shutil.rmtree(run)  # it keeps the weights itself
    result = verified(started)
    assert (result.agrees, result.largest) == (True, None)
