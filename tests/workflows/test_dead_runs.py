"""Runs that are in training, were cut off, or have changed: what reads them, and what resumes."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from workflow_runs import IRIS, Watcher, in_training, train_text

from bpnet.errors import DivergedError, InterruptedRunError, RunError
from bpnet.models.run_model import open_run_model
from bpnet.reports.resume import resume_lines
from bpnet.runs.checkpoints import Checkpoints
from bpnet.workflows.eval import evaluate
from bpnet.workflows.resume import resume
from bpnet.workflows.trace import trace_rows
from bpnet.workflows.train import TrainResult

CONFIG = f"""\
name: iris
dataset: {{path: {IRIS}, target: species}}
architecture: {{hidden: [4]}}
training: {{epochs: 8, learning_rate: 0.01, keep: last}}
checkpoint: {{every_epochs: 1}}
"""


def go_on(run: Path, *settings: str, force: bool = False) -> TrainResult:
    result = resume(run, settings, force=force, command=["bpnet"], watcher=Watcher())
    assert isinstance(result, TrainResult)
    return result


def kill(folder: Path, after: int, *settings: str) -> Path:
    """Leave a run as a process does that is killed after an epoch."""

    class KilledError(Exception):
        pass

    def stop(epoch: int) -> None:
        if epoch == after + 1:  # the checkpoint of the epoch before has been written
            shutil.copytree(watcher.run, watcher.run.with_name("dead-001"))
            (watcher.run.with_name("dead-001") / ".lock").unlink()
            raise KilledError

    watcher = Watcher(after=stop)
    with pytest.raises(KilledError):
        train_text(folder, CONFIG, *settings, watcher=watcher)
    return watcher.run.with_name("dead-001")


@pytest.fixture
def dead(tmp_path: Path) -> Path:
    return kill(tmp_path, 5)


def theta(run: Path) -> np.ndarray:
    return open_run_model(run).model.members[0].network.theta


def test_a_run_that_was_cut_off_has_the_weights_of_its_last_checkpoint(
    dead: Path, tmp_path: Path
) -> None:
    assert not (dead / "model").exists()
    five = train_text(tmp_path / "five", CONFIG, "training.epochs=5")
    assert theta(dead).tobytes() == theta(five.run).tobytes()


def test_eval_and_trace_say_that_a_run_was_cut_off_and_how_to_go_on(dead: Path) -> None:
    note = (
        f"{dead}: its training was cut off, and the model is that of its last checkpoint; "
        f"to go on: bpnet resume {dead}"
    )
    assert evaluate(dead, None, baselines=False).warnings[0] == note
    traced = trace_rows(dead, None, 1)
    assert traced.warnings[0] == note
    assert traced.steps[0].epoch == 6  # after the five whose weights these are


def test_a_run_in_training_predicts_by_its_last_checkpoint(dead: Path) -> None:
    with in_training(dead):
        opened = open_run_model(dead)
        assert opened.notes == [f"{dead} is in training: the model is that of its last checkpoint"]


def test_a_row_alone_gets_the_same_prediction_from_a_checkpoint(dead: Path) -> None:
    model = open_run_model(dead).model
    x = np.random.default_rng(1).normal(size=(70, 4)).astype(np.float32)
    whole = model.predict_each([x])
    alone = [model.predict_each([x[k : k + 1]])[:, 0] for k in range(70)]
    assert np.stack(alone, axis=1).tobytes() == np.ascontiguousarray(whole).tobytes()


def test_a_run_that_died_before_its_first_checkpoint_has_no_model(dead: Path) -> None:
    Checkpoints(dead / "checkpoints").remove()
    with pytest.raises(RunError, match=r"before the first checkpoint.*bpnet resume"):
        open_run_model(dead)
    with in_training(dead), pytest.raises(RunError, match="has no checkpoint yet"):
        open_run_model(dead)
    assert go_on(dead).epochs == 8  # from the beginning


def test_an_interrupted_run_says_so(tmp_path: Path) -> None:
    def stop(epoch: int) -> None:
        if epoch == 3:
            raise KeyboardInterrupt

    watcher = Watcher(after=stop)
    with pytest.raises(InterruptedRunError):
        train_text(tmp_path, CONFIG, watcher=watcher)
    (note,) = open_run_model(watcher.run).notes
    assert note == (
        f"{watcher.run}: its training was interrupted, and the model is what it had trained; "
        f"to go on: bpnet resume {watcher.run}"
    )


def test_a_finished_run_says_nothing_and_while_it_trains_on_it_has_the_checkpoints_model(
    tmp_path: Path,
) -> None:
    run = train_text(tmp_path, CONFIG).run
    assert open_run_model(run).notes == []
    before, seen = theta(run), []

    def look(epoch: int) -> None:
        if epoch == 9:
            assert not (run / "model" / "model.json").exists()
            seen.append(theta(run))

    watcher = Watcher(after=look)
    resume(run, ["training.epochs=10"], force=False, command=["bpnet"], watcher=watcher)
    assert seen[0].tobytes() == before.tobytes()
    assert theta(run).tobytes() != before.tobytes()


def test_a_changed_config_is_refused_and_named(dead: Path) -> None:
    config = dead / "config.yaml"
    config.write_text(config.read_text().replace("learning_rate: 0.01", "learning_rate: 0.02"))
    with pytest.raises(RunError, match=r"config\.yaml: has changed.*--force"):
        go_on(dead)
    assert go_on(dead, force=True).epochs == 8
    with pytest.raises(RunError, match="has finished"):  # its config is known now
        go_on(dead)


def test_the_settings_of_a_resumption_are_in_the_config_of_the_run(tmp_path: Path) -> None:
    dead = kill(tmp_path, 5)
    go_on(dead, "training.epochs=9")
    content = json.loads((dead / "run.json").read_text())
    assert content["resumed"][0]["settings"] == ["training.epochs=9"]
    assert "epochs: 9\n" in (dead / "config.yaml").read_text()
    nine = train_text(tmp_path, CONFIG, "training.epochs=9").run
    assert theta(dead).tobytes() == theta(nine).tobytes()
    assert (dead / "config.yaml").read_text() == (nine / "config.yaml").read_text()


def test_a_changed_split_is_refused_and_replaced_by_force(dead: Path) -> None:
    splits = dead / "splits.csv"
    text = splits.read_text()
    splits.write_text(text.replace("1,train", "1,test", 1))
    with pytest.raises(RunError, match=r"splits\.csv: does not have the split"):
        go_on(dead)
    go_on(dead, force=True)
    assert splits.read_text() == text


def test_a_split_that_is_gone_is_restored(dead: Path) -> None:
    splits = dead / "splits.csv"
    text = splits.read_text()
    splits.unlink()
    go_on(dead)
    assert splits.read_text() == text


def test_changed_data_are_refused_and_noted_by_force(tmp_path: Path) -> None:
    table = tmp_path / "iris.csv"
    lines = IRIS.read_text().splitlines()
    table.write_text("\n".join(lines))
    dead = kill(tmp_path, 5, f"dataset.path={table}")
    table.write_text("\n".join([*lines, lines[-1]]))
    with pytest.raises(RunError, match="its content has changed"):
        go_on(dead)
    go_on(dead, force=True)
    assert evaluate(dead, None, baselines=False).warnings == []


def test_data_that_make_another_network_are_refused_even_by_force(tmp_path: Path) -> None:
    table = tmp_path / "iris.csv"
    lines = IRIS.read_text().splitlines()
    table.write_text("\n".join(lines))
    dead = kill(tmp_path, 5, f"dataset.path={table}")
    table.write_text("\n".join(line for line in lines if not line.endswith("virginica")))
    with pytest.raises(RunError, match="does not suit the data"):
        go_on(dead, force=True)


def test_a_run_without_a_checkpoint_is_not_trained_over(tmp_path: Path) -> None:
    run = train_text(tmp_path, CONFIG).run
    Checkpoints(run / "checkpoints").remove()
    with pytest.raises(RunError, match=r"has no checkpoint.*train again: bpnet train"):
        go_on(run, "training.epochs=9")
    assert (run / "model" / "model.json").exists()


def test_advice_after_a_resumption_names_the_config_that_it_is_for(dead: Path) -> None:
    result = replace(go_on(dead), advice=["try --set training.epochs=80"])
    lines = list(resume_lines(result))
    assert f"\nThe doctor's advice, for bpnet train {dead}/config.yaml:" in lines


def test_a_divergence_after_a_resumption_names_the_config_that_its_advice_is_for(
    tmp_path: Path,
) -> None:
    with pytest.raises(DivergedError):
        train_text(tmp_path, CONFIG, "training.learning_rate=1e30")
    run = tmp_path / "runs" / "iris-001"
    with pytest.raises(DivergedError, match=f"--set .*; add settings to: bpnet train {run}/config"):
        go_on(run, "training.epochs=9")
