"""A run trained again: whether it agrees, on this machine and on another, and what is refused."""

import contextlib
import json
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from workflow_runs import IRIS, Watcher, train_text

from bpnet.errors import DataError, DivergedError, InterruptedRunError, RunError
from bpnet.runs import weights
from bpnet.workflows.cv import cross_validate
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
    from bpnet.config.source import parse_source

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


@pytest.mark.parametrize(("by", "agrees"), [(1e-4, True), (1e-2, False)])
def test_elsewhere_numbers_may_differ_by_the_tolerance(run: Path, by: float, agrees: bool) -> None:
    change_run_file(run, platform="another machine")
    shift(run, by)
    result = verified(run)
    assert (result.same_machine, result.changed, result.tolerance) == (False, ["platform"], 1e-3)
    assert result.agrees is agrees
    assert result.largest is not None
    assert result.largest.share == pytest.approx(by, rel=0.01)


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
    from bpnet.config.source import parse_source

    loaded = load_config(parse_source(CONFIG, "c.yaml", tmp_path))
    started = train(
        loaded, runs=tmp_path, name=None, command=["bpnet"], watcher=Watcher(), start_from=run
    ).run
    shutil.rmtree(run)  # it keeps the weights itself
    result = verified(started)
    assert (result.agrees, result.largest) == (True, None)
