"""The trace of a run's next step is what its training does next, or says how it differs."""

import json
from pathlib import Path

import numpy as np
import pytest
from labeled_runs import invoked
from workflow_runs import read_csv, train_text, write_csv

from bpnet.config.loading import read_config
from bpnet.engine.loop.fit import fit
from bpnet.models.build import build_model
from bpnet.models.model import load_model
from bpnet.preparation.prepare import prepare
from bpnet.workflows.trace import trace_rows

CONFIG = """\
dataset: {path: t.csv, target: y, split: {validation: 4, test: 0}}
architecture:
  layers: [{kind: dense, units: 6}, {kind: batch_normalization, activation: tanh},
           {kind: dropout, rate: 0.3}]
training: {epochs: 12, batch_size: full, learning_rate: 0.3, optimizer: gradient_descent,
           schedule: cosine}
"""


def write_rows(folder: Path) -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(16, 3)).round(3)
    y = (x[:, 0] + random.normal(size=16)).round(3)
    write_csv(folder / "t.csv", ["a", "b", "c", "y"], np.column_stack([x, y]).tolist())


def retrained(run: Path, epochs: int) -> np.ndarray:
    """Return the parameters (P,) after some epochs of the run's training, taken again."""
    prepared = prepare(read_config(run / "config.yaml"))
    network = build_model(prepared).network
    records = fit(
        prepared.config.training, network, prepared.rows["train"], prepared.rows["validation"]
    )
    while next(records).epoch < epochs:
        pass
    return network.theta[0].copy()


@pytest.mark.parametrize("learning_rate", [0.3, 0.02])
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_a_run_s_next_step_is_that_of_its_training(learning_rate, precision, tmp_path):
    """Of an optimizer without state, wherever the kept weights are in the schedule.

    A trace of float32 computes in float64, but drops out what the training does.
    """
    write_rows(tmp_path)
    settings = [f"training.learning_rate={learning_rate}", f"training.precision={precision}"]
    run = train_text(tmp_path, CONFIG, *settings).run
    kept = json.loads((run / "run.json").read_text())["best_epoch"]
    assert kept > 0
    traced = trace_rows(run, "all", 1)
    (step,) = traced.steps
    assert step.epoch == kept + 1
    weights = load_model(run / "model").network.theta[0]
    np.testing.assert_array_equal(retrained(run, kept), weights)
    if kept < 12:
        tolerance = 0 if precision == "float64" else 1e-6
        np.testing.assert_allclose(
            traced.model.network.theta[0], retrained(run, kept + 1), rtol=0, atol=tolerance
        )
    assert any(note.startswith("computed in float64") for note in traced.notes) == (
        precision == "float32"
    )
    assert traced.notes[0] == (
        f"the weights are those that the run keeps, of epoch {kept}: "
        f"step 1 is the first of epoch {kept + 1}"
    )
    assert any("has no such step" in note for note in traced.notes) == (kept == 12)
    assert not any("starts afresh" in note for note in traced.notes)


@pytest.mark.parametrize("optimizer", ["adam", "momentum", "rprop", "rmsprop"])
def test_an_optimizer_that_starts_afresh_is_said_to_in_text_and_json(optimizer, tmp_path):
    write_rows(tmp_path)
    settings = [f"training.optimizer={optimizer}", "training.learning_rate=0.01"]
    if optimizer == "rprop":  # which no schedule is for
        settings.append("training.schedule=constant")
    run = train_text(tmp_path, CONFIG, *settings).run
    said = f"not the step of the training itself: {optimizer} starts afresh here"
    assert said in " ".join(invoked("trace", run, "--row", "all")[1].split())
    document = json.loads(invoked("trace", run, "--row", "all", "--json")[1])
    assert any(note.startswith(said) for note in document["notes"])
    # what the optimizer starts from is the training's: loss and gradient of the next epoch
    kept = json.loads((run / "run.json").read_text())["best_epoch"]
    logged = {row["epoch"]: row for row in read_csv(run / "metrics.csv")}
    if following := logged.get(str(kept + 1)):
        step = document["steps"][0]
        assert step["epoch"] == kept + 1
        assert step["loss"] == pytest.approx(float(following["loss"]), rel=1e-5)
        assert step["gradient_norm"] == pytest.approx(float(following["gradient_norm"]), rel=1e-5)
        assert step["learning_rate"] == pytest.approx(float(following["learning_rate"]))


def test_the_first_step_of_a_config_is_that_of_its_training(tmp_path):
    """Also with an optimizer that keeps a state."""
    write_rows(tmp_path)
    run = train_text(tmp_path, CONFIG, "training.optimizer=adam", "training.precision=float64").run
    traced = trace_rows(read_config(run / "config.yaml"), "all", 3)
    assert not any("afresh" in note for note in traced.notes)
    np.testing.assert_array_equal(traced.model.network.theta[0], retrained(run, 3))


def test_the_rate_of_a_plateau_is_that_of_the_log(tmp_path):
    write_rows(tmp_path)
    schedule = "training.schedule={kind: reduce_on_plateau, patience: 0, decay: 0.5}"
    run = train_text(tmp_path, CONFIG, schedule, "training.keep=last", "replicas=2").run
    (step,) = trace_rows(run, "all", 1).steps
    last = [row for row in read_csv(run / "replicas.csv") if row["replica"] == "1"][-1]
    assert step.learning_rate == pytest.approx(float(last["learning_rate"]))
    assert step.learning_rate < 0.3
    assert "may have been reduced after it" in invoked("trace", run)[1]


def test_batch_normalization_of_one_row_and_of_several_is_explained(tmp_path):
    write_rows(tmp_path)
    (tmp_path / "c.yaml").write_text(CONFIG)
    code, one = invoked("trace", tmp_path / "c.yaml", "--row", "1")
    assert code == 0
    assert "of a single row each value is its own mean" in " ".join(one.split())
    assert "\n  unit 1: mean = " in one
    several = " ".join(invoked("trace", tmp_path / "c.yaml", "--row", "all")[1].split())
    assert "here the 12 traced ones, in training 12" in several
    unscaled = ["--set", "dataset.preprocessing.numeric=none"]
    shown = invoked("trace", tmp_path / "c.yaml", "--row", "all", "--json", *unscaled)[1]
    document = json.loads(shown)
    statistics = document["steps"][0]["layers"][1]["statistics"]
    inputs = np.array(document["steps"][0]["layers"][1]["inputs"])
    for name, expected in (
        ("running_mean", 0.1 * inputs.mean(axis=0)),
        ("running_variance", 0.9 + 0.1 * inputs.var(axis=0, ddof=1)),
    ):
        np.testing.assert_allclose(statistics[name]["after"], expected, rtol=1e-5)


def test_a_run_that_does_not_say_its_epoch_is_not_traced(tmp_path):
    write_rows(tmp_path)
    run = train_text(tmp_path, CONFIG).run
    content = json.loads((run / "run.json").read_text())
    del content["best_epoch"]
    (run / "run.json").write_text(json.dumps(content))
    code, shown = invoked("trace", run)
    assert code == 5
    assert "does not say which epoch the kept weights are of" in " ".join(shown.split())
