"""Several networks in one training: each is its seed's own run, and together they predict."""

import json

import numpy as np
import pandas as pd
import pytest
from workflow_runs import ROOT, train_file, train_text, write_csv

from bpnet.errors import ConfigError, DivergedError, UsageError
from bpnet.models.model import load_model
from bpnet.workflows.eval import evaluate

from workflow_runs import predicted  # isort: skip

ROWS = [[k, (k * 7) % 11, k % 5, "yes" if (k * 7) % 11 + k % 3 > 6 else "no"] for k in range(60)]
HEADER = ["a", "b", "c", "y"]
CONFIG = """
seed: {seed}
replicas: {replicas}
dataset:
  path: t.csv
  target: y
  split: {{validation_rows: [1, 2, 3, 4, 5, 6], test_rows: [10, 20, 30]}}
architecture:
  layers: [{{kind: dense, units: 6, activation: tanh}}, {{kind: dropout, rate: 0.2}}]
training:
  epochs: 12
  batch_size: 16
  learning_rate: {rate}
  precision: {precision}
  early_stopping: {{patience: 4}}
"""


def train(folder, replicas=1, seed=3, rate=0.05, precision="float64"):
    write_csv(folder / "t.csv", HEADER, ROWS)
    return train_text(
        folder, CONFIG.format(replicas=replicas, seed=seed, rate=rate, precision=precision)
    )


@pytest.mark.parametrize(("precision", "tolerance"), [("float64", 1e-12), ("float32", 1e-6)])
def test_each_replica_is_what_its_seed_gives_alone(tmp_path, precision, tolerance):
    together = train(tmp_path, replicas=3, precision=precision)
    weights = load_model(together.run / "model").network.theta
    for k in range(3):
        alone = train(tmp_path, seed=3 + k, precision=precision)
        np.testing.assert_allclose(
            weights[k], load_model(alone.run / "model").network.theta[0], rtol=0, atol=tolerance
        )
        assert together.replicas[k].seed == 3 + k
        assert together.replicas[k].best_epoch == alone.best_epoch
        assert together.replicas[k].stop_reason == alone.stop_reason
        for part, figures in alone.figures.items():
            assert together.replicas[k].figures[part] == pytest.approx(
                figures, abs=max(tolerance, 1e-9) * 10
            )


def test_means_deviations_and_each_replicas_own_log(tmp_path):
    run = train(tmp_path, replicas=3)
    each = pd.read_csv(run.run / "replicas.csv").set_index(["epoch", "replica"])
    means = pd.read_csv(run.run / "metrics.csv").set_index("epoch")
    assert each.index.get_level_values("replica").unique().tolist() == [1, 2, 3]
    own = each.val_loss.unstack()
    np.testing.assert_allclose(means.val_loss, own.mean(axis=1))
    np.testing.assert_allclose(means.val_loss_deviation, own.std(axis=1))
    figures = json.loads((run.run / "metrics.json").read_text())
    losses = [replica["test"]["loss"] for replica in figures["replicas"]]
    assert figures["test"]["loss"] == pytest.approx(np.mean(losses))
    assert figures["deviation"]["test"]["loss"] == pytest.approx(np.std(losses, ddof=1))
    content = json.loads((run.run / "run.json").read_text())
    assert [replica["seed"] for replica in content["replicas"]] == [3, 4, 5]


def test_prediction_is_the_average_and_says_how_far_the_replicas_are_apart(tmp_path):
    run = train(tmp_path, replicas=3).run
    alone = [
        np.array(predicted(run, str(tmp_path / "t.csv"), replica=str(k))["probability_yes"])
        for k in (1, 2, 3)
    ]
    together = predicted(run, str(tmp_path / "t.csv"))
    share = np.mean(alone, axis=0)
    np.testing.assert_allclose(together["probability_yes"], share, atol=1e-9)
    otherwise = np.mean([(own > 0.5) != (share > 0.5) for own in alone], axis=0)
    np.testing.assert_allclose(together["disagreement"], otherwise)
    assert "disagreement" not in predicted(run, str(tmp_path / "t.csv"), replica="best")
    best = int(np.argmin(load_model(run / "model").description.losses))
    np.testing.assert_allclose(
        predicted(run, str(tmp_path / "t.csv"), replica="best")["probability_yes"],
        alone[best],
        atol=1e-12,
    )


def test_disagreement_of_a_regression_is_a_deviation_in_its_unit(tmp_path):
    run = train_file(
        ROOT / "configs" / "diabetes.yaml", tmp_path, "training.epochs=3", "replicas=4"
    ).run
    table = str(ROOT / "datasets" / "diabetes.csv")
    alone = [predicted(run, table, replica=str(k))["predicted_progression"] for k in (1, 2, 3, 4)]
    together = predicted(run, table)
    np.testing.assert_allclose(together["predicted_progression"], np.mean(alone, axis=0), rtol=1e-4)
    np.testing.assert_allclose(
        together["disagreement"], np.std(alone, axis=0, ddof=1), rtol=1e-2, atol=1e-3
    )


def test_eval_of_a_replica_is_that_of_the_run_of_its_seed(tmp_path):
    run = train(tmp_path, replicas=2).run
    alone = train(tmp_path, seed=4).run
    ours = evaluate(run, None, replica="2", baselines=False, resamples=10)
    theirs = evaluate(alone, None, baselines=False, resamples=10)
    assert ours.loss == pytest.approx(theirs.loss, abs=1e-9)
    assert ours.scores.confusion == theirs.scores.confusion
    with pytest.raises(UsageError, match="all, best, or a number from 1 to 2"):
        evaluate(run, None, replica="3")


def test_a_replica_that_diverges_harms_no_other(tmp_path, monkeypatch):
    from bpnet.engine import network

    healthy = load_model(train(tmp_path, replicas=3).run / "model").network.theta
    initialize = network.Network.initialize

    def poisoned(self):
        initialize(self)
        if len(self.seeds) == 3:
            self.theta[1] = np.inf

    monkeypatch.setattr(network.Network, "initialize", poisoned)
    run = train(tmp_path, replicas=3)
    monkeypatch.undo()
    model = load_model(run.run / "model")
    assert model.description.seeds == [3, 5]
    np.testing.assert_array_equal(model.network.theta, healthy[[0, 2]])
    assert [replica.seed for replica in run.replicas] == [3, 5]
    assert np.isfinite(pd.read_csv(run.run / "metrics.csv").to_numpy()).all()


def test_all_diverged(tmp_path):
    write_csv(tmp_path / "t.csv", ["a", "y"], [[k, k * k] for k in range(40)])
    text = "replicas: 3\ndataset: {path: t.csv, target: y}\n"
    with pytest.raises(DivergedError):
        train_text(
            tmp_path,
            text + "training: {learning_rate: 1.0e+30, optimizer: gradient_descent, epochs: 20}\n",
        )


def test_more_replicas_than_the_memory_holds(tmp_path):
    with pytest.raises(
        ConfigError, match=r"replicas is 1000000000, but these networks need about [0-9,.]+ GB"
    ):
        train(tmp_path, replicas=10**9)


def test_a_replica_that_has_stopped_is_no_longer_logged_nor_averaged(tmp_path):
    run = train(tmp_path, replicas=3, rate=0.3)
    each = pd.read_csv(run.run / "replicas.csv")
    lengths = each.groupby("replica").epoch.max()
    assert lengths.nunique() > 1
    for k in range(3):
        alone = train(tmp_path, seed=3 + k, rate=0.3)
        assert lengths[k + 1] == alone.epochs
        assert (
            each[each.replica == k + 1].val_loss.idxmin()
            == each[(each.replica == k + 1) & (each.epoch == run.replicas[k].best_epoch)].index[0]
        )
    means = pd.read_csv(run.run / "metrics.csv").set_index("epoch")
    np.testing.assert_allclose(means.val_loss, each.groupby("epoch").val_loss.mean())
