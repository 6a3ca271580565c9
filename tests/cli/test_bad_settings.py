"""Settings and options that are refused or warned of: one clear message, and no traceback."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from bpnet.cli.app import app

ROOT = Path(__file__).parents[2]
IRIS, XOR = str(ROOT / "configs" / "iris.yaml"), str(ROOT / "configs" / "tutorials" / "xor.yaml")
DIABETES = str(ROOT / "configs" / "diabetes.yaml")


def run(*words):
    result = CliRunner().invoke(app, list(map(str, words)))
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.mark.parametrize(
    ("words", "code", "parts"),
    [
        (
            ["train", IRIS, "--set", f"dataset.split.test_rows=[{10**23}]"],
            3,
            ["test_rows.0", "at most 1000000000000"],
        ),
        (
            ["train", IRIS, "--set", "dataset.split.test_rows=[1, 1]"],
            3,
            ["--set", "test_rows names row 1 twice"],
        ),
        (
            ["train", IRIS, "--set", "dataset.split={test_rows: [1, 2], validation_rows: [2, 3]}"],
            3,
            ["--set", "names row 2", "validation_rows"],
        ),
        (
            ["train", IRIS, "--set", "dataset.split.test_rows=[151]"],
            4,
            ["names row 151", "150 rows"],
        ),
        (["train", XOR, "--set", "dataset.rows.1=[0, 1]"], 3, ["2 cells in row 2", "3 names"]),
        (
            ["train", XOR, "--set", "dataset.columns=[a, a, y]"],
            3,
            ["--set", "dataset.columns names 'a' twice"],
        ),
        (["train", XOR, "--set", "dataset.rows.1=[]"], 3, ["dataset.rows.1 is empty"]),
        (["train", XOR, "--set", "dataset.rows=null"], 3, ["dataset.rows is missing"]),
        (
            [
                "train",
                IRIS,
                "--set",
                "training.optimizer={kind: rprop, smallest_step: 1, largest_step: 0.1}",
            ],
            3,
            ["smallest_step", "largest_step"],
        ),
        (
            ["train", IRIS, "--set", "training.optimizer=rprop"],
            3,
            ["training.schedule is cosine", "rprop"],
        ),
        (
            [
                "train",
                IRIS,
                "--set",
                "architecture={output: null, layers: [{kind: dense, units: 3}, {kind: dropout}]}",
            ],
            3,
            ["architecture.output is null", "dropout"],
        ),
        (
            [
                "train",
                str(ROOT / "configs" / "digits.yaml"),
                "--set",
                "training.optimizer=perturbation",
            ],
            3,
            ["perturbation", "dropout"],
        ),
        (
            ["train", IRIS, "--set", "dataset.class_weight=balanced",
             "--set", "training.loss={kind: cross_entropy, rows: sum}"],
            3,
            ["training.loss", "rows: mean"],
        ),
        (["trace", IRIS, "--row", "9" * 5000], 2, ["--row", "1 to 150"]),
        (["trace", IRIS, "--row", "1,1"], 2, ["names a row twice"]),
        (["trace", "runs/nope"], 5, ["runs/nope", "no such run directory"]),
        (
            [
                "trace",
                DIABETES,
                "--set",
                "training.learning_rate=1e30",
                "--set",
                "training.optimizer=gradient_descent",
                "--steps",
                "5",
            ],
            6,
            ["no longer a finite number"],
        ),
    ],
)  # fmt: skip
def test_message_and_exit_code(tmp_path, monkeypatch, words, code, parts):
    monkeypatch.chdir(tmp_path)
    result = run(*words)
    assert result.exit_code == code, result.output
    for part in parts:
        assert part in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_trace_says_that_a_layer_did_not_settle_and_that_a_row_is_held_out():
    recurrent = "recurrent_initializer: {kind: normal, deviation: 5}"
    swinging = f"{{kind: equilibrium, units: 8, max_steps: 50, activation: tanh, {recurrent}}}"
    result = run("trace", IRIS, "--set", f"architecture={{layers: [{swinging}]}}")
    assert "did not settle in 50 steps" in result.stderr
    held_out = run("trace", ROOT / "configs" / "tutorials" / "iris-4-2-3.yaml", "--row", "3")
    assert "held out from training" in held_out.stderr


def test_an_output_that_cannot_reach_the_target_is_warned_of(tmp_path):
    settings = [
        "dataset.preprocessing.target=none",
        "architecture.output.activation=sigmoid",
        "training.epochs=1",
    ]
    words = [word for setting in settings for word in ("--set", setting)]
    result = run("train", DIABETES, "--runs", tmp_path, *words)
    assert result.exit_code == 0
    assert (
        "the target goes from 25 to 346, but the output's sigmoid only reaches 0 to 1"
        in result.stderr
    )
