"""Runs in MLflow: its client finds curves, settings and model; no server is waited for."""

import importlib.util
import json
import os
import socket
import time

import numpy as np
import pytest
from workflow_runs import Watcher, log_of, read_json, train_text, weights_of, write_csv

from bpnet.workflows.resume import resume
from bpnet.workflows.tracking import scalar_name

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("mlflow") is None,
        reason="MLflow is not installed: the extra mlflow",
    ),
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
]
CONFIG = """\
name: t
dataset: {path: t.csv, target: y, split: {validation: 0.2, test: 0.2}}
architecture: {hidden: [3]}
training: {epochs: 12, batch_size: 16}
logging: [mlflow]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    rows = [[f"{a:.3f}", f"{b:.3f}", "yes" if a > b else "no"] for a, b in rng.normal(size=(80, 2))]
    write_csv(tmp_path / "t.csv", ["a", "b", "y"], rows)
    monkeypatch.chdir(tmp_path)
    # a folder as a store, for which the small client suffices
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    return tmp_path


def client():
    from mlflow.tracking import MlflowClient

    return MlflowClient()


def history(run_id, name):
    """The values of a metric by step, each of which is there once."""
    found = [(metric.step, metric.value) for metric in client().get_metric_history(run_id, name)]
    assert len(dict(found)) == len(found), name
    return dict(found)


def check_curves(run, run_id):
    rows = log_of(run)
    for column in ("loss", "val_loss", "val_accuracy", "learning_rate", "gradient_norm"):
        logged = {int(row["epoch"]): float(row[column]) for row in rows}
        assert history(run_id, scalar_name(column)) == logged


def test_a_run_has_curves_settings_scores_and_the_model(folder):
    import mlflow

    watcher, before = Watcher(), dict(os.environ)
    run = train_text(folder, CONFIG, watcher=watcher).run
    assert watcher.warnings == []
    # what shortens the client's patience is not left to the user's own use of MLflow
    assert not [name for name in os.environ.keys() - before if "HTTP" in name]
    run_id = read_json(run / "mlflow.json")["run_id"]
    check_curves(run, run_id)
    logged = client().get_run(run_id)
    assert logged.info.run_name == run.name
    assert logged.info.status == "FINISHED"
    assert logged.data.params["training.epochs"] == "12"
    assert logged.data.params["training.optimizer.kind"] == "adam"
    assert client().get_experiment(logged.info.experiment_id).name == "bpnet"
    scores = read_json(run / "metrics.json")
    assert logged.data.metrics["final/accuracy/test"] == scores["test"]["accuracy"]
    model = mlflow.pyfunc.load_model(f"runs:/{run_id}/model")
    assert len(model.predict(model.input_example)) == 1


def test_a_training_that_goes_on_stays_one_run(folder):
    run = train_text(folder, CONFIG).run
    resume(run, ["training.epochs=20"], force=False, command=[], watcher=Watcher())
    run_id = read_json(run / "mlflow.json")["run_id"]
    assert len(log_of(run)) == 20
    check_curves(run, run_id)
    assert client().get_run(run_id).info.status == "FINISHED"


def test_networks_have_curves_of_their_own(folder):
    run = train_text(folder, CONFIG, "replicas=2").run
    run_id = read_json(run / "mlflow.json")["run_id"]
    assert len(history(run_id, "replica-2/loss/train")) == 12
    check_curves(run, run_id)


def test_a_run_that_mlflow_has_lost_is_begun_again(folder):
    run = train_text(folder, CONFIG).run
    (run / "mlflow.json").write_text(json.dumps({"run_id": "0" * 32}))
    resume(run, ["training.epochs=20"], force=False, command=[], watcher=Watcher())
    run_id = read_json(run / "mlflow.json")["run_id"]
    assert set(history(run_id, "loss/train")) == set(range(12, 21))


def test_a_server_that_is_not_there_is_one_warning(folder, monkeypatch):
    expected = weights_of(train_text(folder, CONFIG, "logging=[]").run)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    watcher, start = Watcher(), time.perf_counter()
    run = train_text(folder, CONFIG, watcher=watcher).run
    assert time.perf_counter() - start < 60
    (warning,) = watcher.warnings
    assert warning.startswith("mlflow: ")
    assert warning.endswith("; the training goes on without it")
    found = weights_of(run)
    assert all((found[name] == expected[name]).all() for name in expected)
    assert read_json(run / "run.json")["status"] == "finished"


def test_a_server_that_goes_away_is_one_warning(folder, monkeypatch):
    from mlflow.tracking import MlflowClient

    def failing(*_args, **_options):
        raise ConnectionError("the server is gone")

    monkeypatch.setattr("bpnet.workflows.tracking._MAX_DELAY", 0)
    watcher = Watcher(
        after=lambda epoch: epoch == 4 and monkeypatch.setattr(MlflowClient, "log_batch", failing)
    )
    run = train_text(folder, CONFIG, watcher=watcher).run
    assert watcher.warnings == ["mlflow: the server is gone; the training goes on without it"]
    assert len(log_of(run)) == 12
