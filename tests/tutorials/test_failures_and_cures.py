"""Vanishing and exploding gradients and overfitting: their metrics, the doctor's name, the cure."""

import json
import math
import signal
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from bpnet.cli import main
from bpnet.config.inheritance import read_source
from bpnet.config.loading import read_config
from bpnet.errors import DivergedError
from bpnet.reports.train import train_lines
from bpnet.runs.journal import ReplicaResult
from bpnet.workflows.train import TrainResult, train

CONFIGS = Path(__file__).parents[2] / "configs"
SHIPPED = sorted(CONFIGS.glob("*.yaml"))


class Log:
    """Keeps the rows of metrics.csv, and the warnings, of a training."""

    def __init__(self) -> None:
        self.rows: list[dict] = []
        self.warnings: list[str] = []

    def begin(self, run, prepared, parameters, networks) -> None:
        pass

    def epoch(self, row, kept) -> None:
        self.rows.append(dict(row))

    def warn(self, text) -> None:
        self.warnings.append(text)

    def figure(self, name: str) -> list[float]:
        return [row[name] for row in self.rows]


def diagnosis(run: Path) -> dict:
    return json.loads((run / "diagnosis.json").read_text())


def gradient_norms(look: dict) -> list[float]:
    return [layer["gradient_norm"] for layer in look["layers"]]


# Vanishing gradients.


def test_vanishing_gradients(run_tutorial):
    trained, log = run_tutorial("vanishing-gradients")
    chance = math.log(10)
    assert all(abs(loss - chance) < 0.02 for loss in log.figure("loss")[1:])
    assert trained.figures["test"]["accuracy"] == pytest.approx(0.1, abs=0.02)
    first, last = diagnosis(trained.run)["looks"]
    assert (first["epoch"], last["epoch"]) == (0, 30)
    assert last["chance"] == pytest.approx(chance)
    for look in (first, last):
        norms = gradient_norms(look)
        assert norms == sorted(norms), "each layer has a larger gradient than the one below it"
        assert norms[0] < 1e-4 * norms[-1]
    assert min(log.figure("gradient_norm")) > 0.4, "the whole gradient does not show it"
    advice = trained.advice[0]
    assert advice.startswith("little was learned (the loss ended at 2.3")
    assert "Most likely: vanishing gradients: those of layer 1 are " in advice
    assert advice.endswith(" of layer 9's; try --set architecture.activation=relu")


def test_vanishing_gradients_cured(run_tutorial):
    trained, log = run_tutorial("vanishing-gradients-cured")
    assert log.figure("loss")[-1] < 0.05
    assert trained.figures["test"]["accuracy"] > 0.9
    norms = gradient_norms(diagnosis(trained.run)["looks"][0])
    assert max(norms) < 5 * min(norms)
    assert trained.advice == []


# Exploding gradients.


def test_exploding_gradients(tmp_path):
    log, path = Log(), CONFIGS / "tutorials" / "exploding-gradients.yaml"
    with pytest.raises(DivergedError) as error:
        train(read_config(path), runs=tmp_path, name=None, command=[], watcher=log)
    assert error.value.exit_code == 6
    losses, norms = log.figure("loss"), log.figure("gradient_norm")
    assert 3 <= len(losses) < 20
    assert all(later > 5 * earlier for earlier, later in pairwise(losses) if math.isfinite(later))
    assert all(later > 5 * earlier for earlier, later in pairwise(norms) if math.isfinite(later))
    (told,) = log.warnings
    assert told.startswith("exploding gradients: the gradient's norm grew from 12 to ")
    (run,) = tmp_path.iterdir()
    advice = json.loads((run / "run.json").read_text())["advice"]
    assert advice == diagnosis(run)["advice"]
    assert advice[0] in str(error.value)
    assert advice[0].endswith(
        "try --set training.learning_rate=0.05, or --set 'training.gradient_clipping={norm: 1}'"
    )
    assert advice[1:] == log.warnings


def test_exploding_gradients_cured_by_the_first_advice(run_tutorial):
    trained, _ = run_tutorial("exploding-gradients", "training.learning_rate=0.05")
    assert trained.figures["test"]["r2"] > 0.3


@pytest.mark.parametrize(
    "setting", ["training.gradient_clipping.norm=0.1", "training.gradient_clipping.norm=1"]
)
def test_exploding_gradients_cured(run_tutorial, setting):
    """At the same learning rate; also by the very value that the doctor names, if roughly."""
    trained, log = run_tutorial("exploding-gradients-cured", setting)
    assert log.figure("gradient_norm")[0] > 10, "the gradient is as large as without the cure"
    assert max(log.figure("gradient_norm")) < 30
    assert log.figure("loss")[-1] < 0.6
    as_configured = setting.endswith("=0.1")
    assert trained.figures["test"]["r2"] > (0.38 if as_configured else 0.25)
    if as_configured:
        assert trained.advice == []


# Overfitting.


def test_overfitting(run_tutorial):
    trained, log = run_tutorial("overfitting")
    validation = log.figure("val_loss")
    best = validation.index(min(validation)) + 1
    assert best < 40
    assert validation[-1] > 1.2 * min(validation)
    assert log.figure("loss")[-1] < 0.05
    assert trained.figures["train"]["r2"] > 0.95
    assert trained.figures["test"]["r2"] < 0.25
    (advice,) = trained.advice
    assert advice.startswith(
        f"overfitting: the validation loss rose from {min(validation):.4g} in epoch {best} to "
        f"{validation[-1]:.4g}, while the training loss came down to {log.figure('loss')[-1]:.4g};"
    )
    assert advice.endswith(
        "try --set training.l2=0.3 --set 'training.early_stopping={patience: 20}' "
        "--set training.keep=best"
    )


def test_overfitting_cured(run_tutorial):
    trained, _ = run_tutorial("overfitting-cured")
    assert trained.stop_reason == "early_stopping"
    assert trained.epochs < 150
    assert trained.figures["test"]["r2"] > 0.4
    assert trained.figures["train"]["r2"] < 0.85
    assert trained.advice == []


def test_a_cure_changes_what_it_is_about_and_nothing_else():
    for name in ("vanishing-gradients", "exploding-gradients", "overfitting"):
        ill, cured = (
            read_source(CONFIGS / "tutorials" / f"{name}{end}.yaml").data for end in ("", "-cured")
        )
        assert ill["dataset"] == cured["dataset"]
        assert ill["seed"] == cured["seed"]
        for key in ("optimizer", "learning_rate", "epochs", "batch_size"):
            assert ill["training"].get(key) == cured["training"].get(key), (name, key)


# The doctor.


@pytest.mark.parametrize("config", SHIPPED, ids=lambda path: path.stem)
@pytest.mark.parametrize("seed", [None, 3])
def test_the_doctor_is_silent_on_the_shipped_configs(config, seed, tmp_path):
    settings = ["training.diagnose_every=10", *([f"seed={seed}"] if seed else [])]
    log = Log()
    trained = train(
        read_config(config, settings), runs=tmp_path, name=None, command=[], watcher=log
    )
    assert trained.advice == [] == log.warnings


def test_the_doctor_speaks_during_training_where_asked_and_once(run_tutorial):
    _, log = run_tutorial("vanishing-gradients", "training.diagnose_every=10", "training.epochs=25")
    (told,) = log.warnings
    assert told.startswith("epoch 10: vanishing gradients: those of layer 1 are ")


def test_every_look_stands_in_diagnosis_json(run_tutorial):
    trained, _ = run_tutorial(
        "vanishing-gradients", "training.diagnose_every=10", "training.epochs=25"
    )
    looks = diagnosis(trained.run)["looks"]
    assert [look["epoch"] for look in looks] == [0, 10, 20, 25]
    assert [layer["layer"] for layer in looks[0]["layers"]] == list(range(1, 10))
    assert looks[0]["layers"][0]["update_ratio"] is None
    assert looks[-1]["layers"][0]["update_ratio"] > 0


def test_a_training_is_the_same_with_looks_and_without(run_tutorial):
    runs = [
        run_tutorial("digits", f"training.diagnose_every={every}", "training.epochs=4")[0]
        for every in ("null", 1)
    ]
    first, second = ((run.run / "model" / "weights.safetensors").read_bytes() for run in runs)
    assert first == second


def test_advice_is_part_of_the_json(tmp_path, capsys, monkeypatch):
    before = signal.getsignal(signal.SIGTERM)
    config = str(CONFIGS / "tutorials" / "vanishing-gradients.yaml")
    words = ["train", config, "--runs", str(tmp_path), "--json", "--set", "training.epochs=3"]
    monkeypatch.setattr(sys, "argv", ["bpnet", *words])
    with pytest.raises(SystemExit) as end:
        main()
    signal.signal(signal.SIGTERM, before)
    assert end.value.code in (0, None)
    said = json.loads(capsys.readouterr().out)
    assert said["advice"] == diagnosis(Path(said["run"]))["advice"]
    assert "vanishing" in said["advice"][0]


def test_advice_is_printed_below_the_table_and_only_where_there_is_any():
    def shown(advice: list[str], remarks: list[str] | None = None) -> str:
        figures = {"train": {"loss": 1.0}, "test": {"loss": 2.0}}
        replicas = [ReplicaResult(0, "epochs", 3, figures)]
        return "\n".join(
            train_lines(
                TrainResult(
                    Path("runs/a-001"),
                    "epochs",
                    3,
                    5,
                    0.1,
                    figures,
                    replicas,
                    advice,
                    remarks or [],
                )
            )
        )

    plain = shown([])
    assert "doctor" not in plain
    told = shown(["change this", "and that"])
    assert told == plain.replace(
        "\nRun directory", "\nThe doctor's advice:\n- change this\n- and that\n\nRun directory"
    )
    assert shown([], ["by the way"]) == plain.replace(
        "\nRun directory", "\nThe doctor's remarks:\n- by the way\n\nRun directory"
    )
