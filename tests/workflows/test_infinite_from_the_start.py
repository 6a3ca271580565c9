"""First weights without a finite loss: exit 6 and an honest run, however it was trained."""

import json

import numpy as np
import pytest
from labeled_runs import invoked
from workflow_runs import write_csv

CONFIG = """\
dataset: {path: t.csv, target: y}
architecture: {layers: [{kind: dense, units: 4, activation: tanh}]}
training: {epochs: 2}
"""
LAYER = "architecture.layers=[{kind: dense, units: 4, initializer: %s}]"
SETTINGS = {
    "penalty": ["training.l2=1e39"],
    "lasso": ["training.l1=1e39"],
    "constant": [LAYER % "{kind: constant, value: 1e38}"],
    "beyond the type": [LAYER % "{kind: constant, value: 1e300}"],
    "gain": [LAYER % "{kind: he_normal, gain: 1e300}"],
    "search": ["training.l2=1e39", "training.optimizer=perturbation"],
    "replicas": ["training.l2=1e39", "replicas=3"],
}
TARGETS = {"classes": "pqr", "numbers": [k / 3 for k in range(50)]}


@pytest.fixture(params=TARGETS)
def config(request, tmp_path):
    labels = TARGETS[request.param]
    rows = [[k % 7 + k / 9, labels[k % len(labels)]] for k in range(60)]
    write_csv(tmp_path / "t.csv", ["a", "y"], rows)
    (tmp_path / "c.yaml").write_text(CONFIG)
    return tmp_path / "c.yaml"


def statuses(runs):
    return [json.loads(path.read_text())["status"] for path in runs.glob("*/run.json")]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("settings", SETTINGS)
def test_training_ends_as_diverged(settings, config, tmp_path):
    words = [word for setting in SETTINGS[settings] for word in ("--set", setting)]
    code, shown = invoked("train", config, *words, "--runs", tmp_path / "runs")
    assert code == 6, shown
    assert "the loss of the first weights is not a finite number" in " ".join(shown.split())
    assert statuses(tmp_path / "runs") == ["diverged"]
    (model,) = (tmp_path / "runs").glob("*/model/model.json")
    # of the validation rows, whose loss may be finite where that of the training rows is not
    losses = json.loads(model.read_text())["losses"]
    assert losses is None or np.isfinite(losses).all()


@pytest.mark.filterwarnings("error")
def test_a_grid_in_which_all_points_do(config, tmp_path):
    grid = ["--grid", "training.learning_rate=0.1,0.2"]
    words = ["--set", "training.l2=1e39", "--runs", tmp_path / "runs"]
    code, shown = invoked("train", config, *grid, *words)
    assert code == 6, shown
    assert "the loss of the first weights is not a finite number" in " ".join(shown.split())
    assert statuses(tmp_path / "runs") == ["diverged"]


@pytest.mark.filterwarnings("error")
def test_a_grid_in_which_one_point_does(config, tmp_path):
    code, shown = invoked(
        "train", config, "--grid", "training.l2=0,1e39", "--runs", tmp_path / "runs"
    )
    assert code == 0, shown
    assert "diverged and is left out" in shown
    assert statuses(tmp_path / "runs") == ["finished"]


@pytest.mark.filterwarnings("error")
def test_a_cross_validation(config, tmp_path):
    words = ["--set", "training.l2=1e39", "--folds", "2", "--runs", tmp_path / "runs"]
    code, shown = invoked("cv", config, *words)
    assert code == 6, shown
    assert "the loss of the first weights is not a finite number" in " ".join(shown.split())
    assert statuses(tmp_path / "runs") == ["diverged"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("verb", [["train"], ["cv", "--folds", "2"]], ids=["train", "cv"])
def test_an_ensemble_on_folds(verb, config, tmp_path):
    words = ["--set", "training.l2=1e39", "--set", "folds=2", "--runs", tmp_path / "runs"]
    code, shown = invoked(*verb, config, *words)
    assert code == 6, shown
    assert "the loss of the first weights is not a finite number" in " ".join(shown.split())
