"""Trainings by an optimizer that takes all rows: their logs, grids, folds, advice and refusals."""

from pathlib import Path

import numpy as np
import pytest
from workflow_runs import ROOT, Watcher, log_of, read_json, train_text, weights_of, write_csv

from bpnet.config.loading import load_config, read_config
from bpnet.config.source import parse_source
from bpnet.errors import ConfigError
from bpnet.workflows.cv import cross_validate
from bpnet.workflows.grid import train_grid
from bpnet.workflows.trace import trace_rows

CONFIG = """
dataset: {path: t.csv, target: y, features: [x, z, k]}
architecture: {hidden: [5], activation: tanh}
training: {optimizer: levenberg_marquardt, epochs: 40}
"""
OPTIMIZERS = ["levenberg_marquardt", "bayesian_regularization", "lbfgs"]
BAYESIAN = ROOT / "configs" / "tutorials" / "bayesian-curve.yaml"


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, (80, 2)).round(3)
    y = np.sin(2 * x[:, 0]) + x[:, 1] ** 2 + rng.normal(0, 0.05, 80)
    kinds = np.where(x[:, 0] > 0, "a", "b")
    rows = list(zip(*x.T, kinds, y, 2 * y - x[:, 0], strict=True))
    write_csv(tmp_path / "t.csv", ["x", "z", "k", "y", "u"], rows)
    return tmp_path


class Folds(Watcher):
    def begin_pass(self, run, first, parameters, number, passes):
        pass


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_run_logs_each_iteration_and_trains_again_as_it_is(folder, optimizer):
    result = train_text(folder, CONFIG, f"training.optimizer={optimizer}")
    rows = log_of(result.run)
    figures = {
        "levenberg_marquardt": ["damping"],
        "bayesian_regularization": ["damping", "effective_parameters"],
        "lbfgs": [],
    }[optimizer]
    assert list(rows[0]) == [
        "epoch", "step", "loss", "rmse", "r2", *figures, "val_loss", "val_rmse", "val_r2",
        "learning_rate", "gradient_norm", "seconds",
    ]  # fmt: skip
    assert {row["learning_rate"] for row in rows} == {"nan"}
    assert float(rows[-1]["loss"]) < 0.1 * float(rows[0]["loss"])
    assert result.stop_reason in ("epochs", "converged")
    written = read_config(result.run / "config.yaml").config.training
    assert (written.batch_size, written.precision) == ("full", "float64")
    again = train_text(folder, (result.run / "config.yaml").read_text().replace("../../", ""))
    for name, values in weights_of(result.run).items():
        np.testing.assert_array_equal(values, weights_of(again.run)[name])


def test_replicas_have_a_damping_each(folder):
    result = train_text(folder, CONFIG, "replicas=3")
    rows = [line.split(",") for line in (result.run / "replicas.csv").read_text().splitlines()]
    place = rows[0].index("damping")
    assert len({row[place] for row in rows[1:] if row[0] == "10"}) == 3
    assert "damping_deviation" in log_of(result.run)[0]


def test_class_and_sample_weights_count(folder):
    text = CONFIG.replace("target: y, features: [x, z, k]", "target: k, features: [z, y]")
    plain = train_text(folder, text, "training.loss=squared_error")
    balanced = train_text(
        folder, text, "training.loss=squared_error", "dataset.class_weight={a: 5}"
    )
    assert plain.figures["train"]["accuracy"] > 0.7
    one, other = (weights_of(result.run) for result in (plain, balanced))
    assert any(not np.allclose(one[name], other[name]) for name in one)


def test_several_targets(folder):
    text = CONFIG.replace("target: y", "target: [y, u]")
    assert train_text(folder, text).figures["train"]["loss"] < 0.05


def test_a_grid_has_other_optimizers_beside_it(folder):
    source = parse_source(CONFIG, str(folder / "c.yaml"), folder)
    ranked = train_grid(
        source, ["training.optimizer=adam,lbfgs,levenberg_marquardt"], runs=folder / "runs",
        name=None, command=["bpnet"], watcher=Watcher(),
    )  # fmt: skip
    assert ranked.points[0].values["training.optimizer"] == "levenberg_marquardt"
    assert ranked.points[-1].values["training.optimizer"] == "adam"


def test_folds_train_side_by_side(folder):
    loaded = load_config(parse_source(CONFIG, str(folder / "c.yaml"), folder))
    result = cross_validate(
        loaded, folds=4, repeats=1, runs=folder / "runs", name=None, command=["bpnet"],
        watcher=Folds(),
    )  # fmt: skip
    assert read_json(result.run / "metrics.json")
    assert "damping" in (result.run / "folds.csv").read_text().splitlines()[0]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_trace_is_refused_and_says_why(folder, optimizer):
    text = CONFIG.replace("levenberg_marquardt", optimizer)
    loaded = load_config(parse_source(text, str(folder / "c.yaml"), folder))
    with pytest.raises(ConfigError, match="tries out steps for all rows at once") as caught:
        trace_rows(loaded, wanted=None, steps=1)
    assert optimizer in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["training.batch_size=16"], "levenberg_marquardt takes all training rows in one step"),
        (["dataset.preprocessing.categorical=embedding"], "preprocessing.categorical=one_hot"),
        (["dataset.target=k", "dataset.features=[x, z]"], "--set training.loss=squared_error"),
        (
            [
                "dataset.target=k",
                "dataset.features=[x, z]",
                "training.optimizer=bayesian_regularization",
            ],
            "weighs errors of numbers against the weights, but the task is classification",
        ),
    ],
)
def test_what_does_not_suit_is_refused_with_what_to_type(folder, settings, message):
    with pytest.raises(ConfigError) as caught:
        train_text(folder, CONFIG, *settings)
    assert message in str(caught.value)


@pytest.mark.parametrize("settings", [[], ["replicas=2"]])
def test_matrices_beyond_the_memory_are_refused_before_they_are_made(folder, settings, monkeypatch):
    monkeypatch.setattr("bpnet.models.build._memory", lambda: 10e9)
    with pytest.raises(ConfigError) as caught:
        train_text(folder, CONFIG, "architecture.hidden=[4000]", *settings)
    # 4 matrices of 8 bytes, 24,001 parameters: 5 inputs and a bias, and one more weight, per unit
    text = str(caught.value)
    assert "24,001 x 24,001 parameters need about 18.4 GB, and this machine has 10.0 GB" in text
    assert "networks of at most 15,811 parameters fit" in text
    assert "--set training.optimizer=lbfgs" in text


def test_advice_names_no_rate_and_no_batches(folder):
    result = train_text(folder, CONFIG, "training.epochs=1", "training.optimizer.damping=1e6")
    settings = [one for finding in result.findings for one in finding["settings"]]
    assert settings
    assert not [one for one in settings if "learning_rate" in one or "batch_size" in one]


def test_the_tutorial_is_what_it_says(tmp_path: Path):
    text = BAYESIAN.read_text("utf-8")
    ours = train_text(tmp_path, text)
    theirs = train_text(tmp_path, text, "training.optimizer=levenberg_marquardt")
    effective = float(log_of(ours.run)[-1]["effective_parameters"])
    assert effective < 61 / 4
    assert ours.figures["test"]["rmse"] < 0.9 * theirs.figures["test"]["rmse"]
