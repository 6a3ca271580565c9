"""`bpnet trace`: its text, its JSON, its omissions, and its numbers, those of a training step."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bpnet.cli.app import app
from bpnet.config.loading import read_config
from bpnet.models.model import load_model
from bpnet.workflows.trace import trace_rows
from bpnet.workflows.train import train

ROOT = Path(__file__).parents[2]
SIGMOID = "configs/tutorials/sigmoid-2-2-1.yaml"
BPNET = str(Path(sys.executable).with_name("bpnet"))


@pytest.fixture
def trace(monkeypatch):
    monkeypatch.chdir(ROOT)

    def run(*arguments, code=0):
        result = CliRunner().invoke(app, ["trace", *map(str, arguments)])
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result.stdout if code == 0 else result.stderr

    return run


def test_the_text_of_the_worked_example(trace):
    assert trace(SIGMOID) == (Path(__file__).parent / "sigmoid-2-2-1.trace.txt").read_text()


def test_the_text_has_every_quantity_of_the_reference_to_the_digits_shown(trace, reference):
    expected = reference["000"]["worked_example"]["expected"]
    text = trace(SIGMOID, "--digits", 10)
    for name, value in expected.items():
        # the reference has changes, and deltas of the other sign, where the text has gradients
        flipped = name.startswith(("delta", "d_"))
        shown = f"{-value if flipped else value:.10g}"
        assert shown in text, name


def test_the_json_has_every_number(trace, reference):
    expected = reference["000"]["worked_example"]["expected"]
    (step,) = json.loads(trace(SIGMOID, "--json"))["steps"]
    hidden, output = step["layers"]
    assert hidden["sums"][0] == pytest.approx([expected["a1"], expected["a2"]], abs=1e-14)
    assert output["deltas"][0][0] == pytest.approx(-expected["delta5"], abs=1e-14)
    assert step["predictions_after"][0][0] == pytest.approx(expected["y5_2"], abs=1e-14)
    assert output["parameters"]["weight"]["after"][0] == pytest.approx(
        [expected["w13_new"], expected["w23_new"]], abs=1e-14
    )
    assert step["loss"] == pytest.approx(expected["half_sq_error"], abs=1e-14)


def test_markdown_puts_the_equations_into_code_blocks(trace):
    text = trace(SIGMOID, "--markdown")
    assert text.startswith("# configs/tutorials/sigmoid-2-2-1.yaml: row 1\n")
    assert text.count("```") % 2 == 0
    assert (
        "### Layer 1 (dense, 2 units, sigmoid)\n\n```\nz = Σ w·x, a = sigmoid(z)\n"
        "unit 1: z = 0.2·0.35 + 0.2·0.7 = 0.21\n" in text
    )


def test_a_large_network_shows_its_largest_contributions_and_says_what_is_left_out(trace):
    text = " ".join(trace("configs/digits.yaml", "--digits", 3).split())
    assert "from 56 smaller terms)" in text
    assert "(120 more units with smaller outputs are left out)" in text
    assert "(8176 more entries of weight with smaller gradients are left out)" in text
    assert len(text.splitlines()) < 300


@pytest.mark.parametrize(
    ("config", "settings"),
    [
        ("configs/xor.yaml", ["training.epochs=3", "training.target_loss=null"]),
        ("configs/tutorials/recurrent-xor.yaml", ["training.epochs=3"]),
        (
            "configs/xor.yaml",
            [
                "training.epochs=3",
                "training.target_loss=null",
                "training.l2=0.1",
                "training.l1=0.01",
            ],
        ),
        (
            "configs/xor.yaml",
            [
                "training.epochs=3",
                "training.gradient_clipping={norm: 0.1}",
                "training.schedule=cosine",
            ],
        ),
        (
            "configs/xor.yaml",
            ["training.epochs=3", "training.optimizer=adam", "architecture.activation=gelu"],
        ),
        (
            "configs/xor.yaml",
            ["training.epochs=2", "architecture.activation=mish", "dataset.class_weight={'1': 3}"],
        ),
    ],
)
def test_every_number_is_what_training_does(tmp_path, config, settings):
    """Weights before and after each traced step, and losses, are those of training on the rows."""
    path = ROOT / config
    loaded = read_config(path, [*settings, "training.precision=float64"])
    rows = []

    class Keep:
        def begin(self, run, prepared, parameters, networks):
            self.total = parameters

        def epoch(self, row, kept):
            rows.append(row)

        def warn(self, text):
            raise AssertionError(text)

    trained = train(loaded, runs=tmp_path, name=None, command=[], watcher=Keep())
    steps = trace_rows(loaded, "all", len(rows)).steps
    assert [step.loss for step in steps] == pytest.approx([row["loss"] for row in rows], rel=1e-14)
    assert [step.loss_after for step in steps[:-1]] == pytest.approx(
        [step.loss for step in steps[1:]], rel=1e-14
    )
    network = load_model(trained.run / "model").network
    for k, layer in enumerate(steps[-1].layers):
        for name, after in layer.after.items():
            np.testing.assert_allclose(
                network.parameters.views[f"layers.{k}.{name}"][0], after, rtol=0, atol=1e-15
            )
    for row, step in zip(rows, steps, strict=True):
        gradient = np.concatenate(
            [g.ravel() for layer in step.layers for g in layer.gradients.values()]
        )
        assert np.linalg.norm(gradient) == pytest.approx(row["gradient_norm"], rel=1e-12)
        assert step.learning_rate == pytest.approx(row["learning_rate"], rel=1e-15)


@pytest.mark.parametrize(
    "activation", ["sigmoid", "tanh", "gelu", "silu", "mish", "elu", "softplus", "leaky_relu"]
)
def test_deltas_are_slopes_times_what_arrives(activation):
    path = ROOT / "configs" / "iris.yaml"
    settings = [f"architecture.activation={activation}", "training.precision=float64"]
    (step,) = trace_rows(read_config(path, settings), "1,60,120", 1).steps
    hidden, output = step.layers
    np.testing.assert_allclose(
        hidden.slopes * hidden.output_gradients, hidden.deltas, rtol=1e-13, atol=1e-17
    )
    np.testing.assert_allclose(
        output.deltas @ output.before["weight"], hidden.output_gradients, rtol=1e-13, atol=1e-17
    )
    np.testing.assert_allclose(
        hidden.deltas.T @ hidden.inputs, hidden.gradients["weight"], rtol=1e-12, atol=1e-17
    )
    np.testing.assert_allclose(
        hidden.inputs @ hidden.before["weight"].T + hidden.before["bias"], hidden.sums, rtol=1e-13
    )
    step_up = 1e-6
    higher = {
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
        "tanh": np.tanh,
        "softplus": lambda z: np.log1p(np.exp(z)),
    }
    if activation in higher:
        f = higher[activation]
        slopes = (f(hidden.sums + step_up) - f(hidden.sums - step_up)) / (2 * step_up)
        np.testing.assert_allclose(hidden.slopes, slopes, rtol=1e-7)


def test_a_run_is_traced_from_the_weights_it_has_learnt(trace, tmp_path):
    done = subprocess.run(
        [BPNET, "train", "configs/iris.yaml", "--runs", tmp_path, "--set", "training.epochs=3"],
        cwd=ROOT, capture_output=True, check=True,
    )  # fmt: skip
    assert done.returncode == 0
    run = tmp_path / "iris-001"
    (step,) = json.loads(trace(run, "--row", 51, "--json"))["steps"]
    weight = load_model(run / "model").network.parameters.views["layers.0.weight"][0]
    np.testing.assert_array_equal(
        np.float32(step["layers"][0]["parameters"]["weight"]["before"]), weight
    )


@pytest.mark.parametrize(
    ("arguments", "code", "parts"),
    [
        (["configs/iris.yaml", "--row", "151"], 2, ["--row 151", "no row 151", "1 to 150"]),
        (["configs/iris.yaml", "--row", "0"], 2, ["--row 0", "1 to 150"]),
        (["configs/iris.yaml", "--row", "two"], 2, ["--row two", "row number"]),
        (["configs/iris.yaml", "--row", "all"], 2, ["106 rows are too many", "at most 64"]),
        (["configs/iris.yaml", "--json", "--markdown"], 2, ["--json", "--markdown"]),
        (["configs/none.yaml"], 3, ["configs/none.yaml", "no such config file"]),
        (["configs"], 5, ["configs", "is not a run directory"]),
        (
            ["configs/tutorials/perturbation-xor.yaml", "--set", "training.optimizer=lbfgs"],
            3,
            ["training.optimizer", "lbfgs", "rather than follow a gradient"],
        ),
        (
            [SIGMOID, "--set", "architecture.layers.0.initializer.values=[[1, 2, 3], [4, 5, 6]]"],
            3,
            ["layer 1, weight", "(2, 3)", "(2, 2)"],
        ),
        (
            [SIGMOID, "--set", "architecture.layers.0.initializer.values=[[1, 2], [4]]"],
            3,
            ["layer 1, weight", "rows of different lengths"],
        ),
    ],
)
def test_bad_input(trace, arguments, code, parts):
    message = trace(*arguments, code=code)
    for part in parts:
        assert part in message
