"""A report of several runs opens the model of each once."""

from collections import Counter
from pathlib import Path

import pytest
from workflow_runs import train_text, write_csv

from bpnet.models import run_model
from bpnet.workflows.report import report

CONFIG = """
dataset: {path: t.csv, target: y}
architecture: {hidden: [2]}
training: {epochs: 1}
"""


@pytest.mark.slow
def test_each_model_is_opened_once(tmp_path: Path, monkeypatch) -> None:
    rows = [[k % 7 + 0.5, "ab"[k % 2]] for k in range(60)]
    write_csv(tmp_path / "t.csv", ["x", "y"], rows)
    runs = [
        train_text(tmp_path, CONFIG, f"seed={seed}", "dataset.split.seed=1").run for seed in (1, 2)
    ]
    opened, load = Counter[Path](), run_model.load_ensemble

    def counted(folder: Path):
        opened[folder] += 1
        return load(folder)

    monkeypatch.setattr(run_model, "load_ensemble", counted)
    assert report(runs).comparison is not None
    assert opened == {run / "model": 1 for run in runs}
