"""Early stopping by a metric that is never a number is refused, with another that is."""

import json
import re

import pytest
from labeled_runs import invoked
from workflow_runs import write_csv

CONFIG = """\
dataset: {path: t.csv, target: y, split: {validation: 20, test: 0, shuffle: false}}
architecture: {hidden: [2]}
training: {epochs: 3, early_stopping: {monitor: val_r2, patience: 2}}
"""


def write(folder, last, first=lambda k: k * 1.5):
    """Write 60 rows, of which the last 20 are validation rows, and a second target."""
    rows = [[k % 7, first(k) if k < 40 else last(k), k % 11 + 0.5] for k in range(60)]
    write_csv(folder / "t.csv", ["a", "y", "z"], rows)
    (folder / "c.yaml").write_text(CONFIG)
    return folder / "c.yaml"


def same(k):
    return 5


@pytest.mark.parametrize(
    ("last", "verb"),
    [
        (same, ["train"]),
        (same, ["train", "--grid", "training.learning_rate=0.1,0.2"]),
        (same, ["train", "--set", "dataset.target=[z, y]"]),
        (lambda k: 5 + 1e-9 * k, ["train"]),  # different, but not as float32
    ],
)
def test_r2_of_a_target_that_does_not_vary_is_refused(last, verb, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = write(tmp_path, last)
    code, shown = invoked(verb[0], config, *verb[1:])
    text = " ".join(shown.split())
    assert code == 4
    assert (
        "training.early_stopping.monitor is val_r2, but 'y' is the same in all 20 validation rows, "
        "for which R² is not defined" in text
    )
    assert not (tmp_path / "runs").exists()
    # the advice works as it stands
    advice = re.search(r"--set (\S+)", text)[1]
    assert invoked(verb[0], config, *verb[1:], "--set", advice)[0] == 0


def test_a_fold_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = write(tmp_path, same)
    code, shown = invoked("cv", config, "--folds", "3")
    assert code == 4
    assert "fold 1: " in shown


def test_training_rows_are_looked_at_for_a_training_metric(tmp_path, monkeypatch):
    """A single row more than the constant ones makes R² a number."""
    monkeypatch.chdir(tmp_path)
    config = write(tmp_path, same)
    words = ["--set", "training.early_stopping.monitor=r2"]
    assert invoked("train", config, *words)[0] == 0
    run = json.loads((tmp_path / "runs" / "c-001" / "run.json").read_text())
    assert run["status"] == "finished"


def test_a_target_that_varies_is_monitored(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert invoked("train", write(tmp_path, lambda k: 5 + k % 2))[0] == 0
