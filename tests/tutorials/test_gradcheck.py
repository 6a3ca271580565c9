"""`bpnet gradcheck`: it passes on every shipped config, and fails where a derivative is wrong."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bpnet.cli.app import app
from bpnet.engine.activations import Tanh
from bpnet.engine.layers.dense import BoundDense

ROOT = Path(__file__).parents[2]
CONFIGS = sorted(path.relative_to(ROOT) for path in (ROOT / "configs").rglob("*.yaml"))


@pytest.fixture
def gradcheck(monkeypatch):
    monkeypatch.chdir(ROOT)
    return lambda *arguments: CliRunner().invoke(app, ["gradcheck", *map(str, arguments)])


def test_there_are_configs_to_check():
    assert len(CONFIGS) >= 17


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_every_shipped_config_passes(gradcheck, config):
    result = gradcheck(config, "--rows", 4, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["agrees"] is True
    assert report["rows"] in {1, 4}
    assert all(
        check["relative_error"] <= 1e-6 and check["checked"] > 0 for check in report["checks"]
    )


def test_a_broken_activation_fails_with_exit_code_5_and_names_the_layer(gradcheck, monkeypatch):
    def wrong(self, z, a, delta, scratch):
        np.multiply(delta, 1 - a, out=delta)

    monkeypatch.setattr(Tanh, "backward", wrong)
    result = gradcheck("configs/iris.yaml")
    assert result.exit_code == 5
    assert "the gradients DIFFER" in result.stdout
    assert "layers.0." in result.stderr
    assert "layers.1" not in result.stderr


def test_a_broken_bias_gradient_of_the_last_layer_is_named(gradcheck, monkeypatch):
    backward = BoundDense.backward

    def wrong(self, delta):
        backward(self, delta)
        if self.output.shape[1] == 3:
            self._bias_gradient *= 1.001

    monkeypatch.setattr(BoundDense, "backward", wrong)
    result = gradcheck("configs/iris.yaml", "--json")
    assert result.exit_code == 5
    assert "layers.1.bias" in result.stderr
    errors = {
        check["name"]: check["relative_error"] for check in json.loads(result.stdout)["checks"]
    }
    assert {name for name, error in errors.items() if error > 1e-6} == {"layers.1.bias"}


def test_kinks_are_left_out_and_said(gradcheck):
    """A row of zeros, and biases that start at 0, put every relu at its kink."""
    result = gradcheck("configs/xor.yaml", "--set", "architecture.activation=relu")
    assert result.exit_code == 0, result.output
    assert "kink" in result.stdout


def test_a_wrong_slope_is_no_kink(gradcheck, monkeypatch):
    """relu with a slope of 0.9 must fail, although relu has kinks."""
    from bpnet.engine.activations import Relu

    backward = Relu.backward

    def wrong(self, z, a, delta, scratch):
        backward(self, z, a, delta, scratch)
        delta *= 0.9

    monkeypatch.setattr(Relu, "backward", wrong)
    result = gradcheck("configs/wine.yaml")
    assert result.exit_code == 5
    assert "layers.0" in result.stderr


def test_dropout_is_made_repeatable_and_said(gradcheck):
    dropout = "{kind: dropout, rate: 0.2}"
    layers = f"architecture.layers=[{{kind: dense, units: 128}}, {dropout}, {dropout}]"
    result = gradcheck("configs/digits.yaml", "--rows", 2, "--set", layers)
    assert result.exit_code == 0
    assert result.stdout.count("note: dropout drew the same values") == 1
    assert "2000 entries each were checked" in result.stdout
