"""The trace where it is easily wrong: weights, clipping, dropout, a table that has changed."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bpnet.cli.app import app
from bpnet.config.loading import read_config
from bpnet.workflows.trace import trace_rows

ROOT = Path(__file__).parents[2]


def trace(*arguments):
    result = CliRunner().invoke(app, ["trace", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_row_s_weight_is_shown_and_is_in_the_loss():
    config = ROOT / "configs" / "breast_cancer.yaml"
    step = json.loads(trace(config, "--json", "--set", "training.l2=0"))["steps"][0]
    p, t = step["predictions"][0][0], step["targets"][0][0]
    assert step["loss"] == pytest.approx(
        -step["weights"][0] * np.log(p if t == 1 else 1 - p), rel=1e-5
    )
    text = " ".join(trace(config, "--digits", 4).split())
    assert re.search(
        r"its weight, by which its loss is multiplied: w = \d+/\(2·\d+\)[\d./]* = "
        rf"{step['weights'][0]:.4g} ",
        text,
    )


def test_clipping_is_said():
    settings = [
        "--set",
        "training.gradient_clipping={norm: 0.001}",
        "--set",
        "training.optimizer=gradient_descent",
    ]
    text = trace(ROOT / "configs" / "iris.yaml", "--digits", 4, *settings)
    assert "g is clipped before the step\n" in text
    norm = re.search(r"123 smaller terms\)\) = ([\d.]+)\n", text)[1]
    assert f"·(0.001/{norm}) = " in text


def test_dropout_draws_anew_in_each_step_and_every_unit_left_out_is_shown():
    path = ROOT / "configs" / "digits.yaml"
    loaded = read_config(path, ["training.precision=float64"])
    steps = trace_rows(loaded, "1,2", 2).steps
    masks = [step.layers[1].left_out for step in steps]
    assert (masks[0] != masks[1]).any()
    text = trace(path, "--row", "1,2", "--set", "training.precision=float64")
    for step, mask in zip(steps, masks, strict=True):
        # also those whose input, after relu, is 0 anyway
        assert (mask & (step.layers[1].inputs == 0)).any()
        np.testing.assert_array_equal(
            step.layers[1].outputs == 0, mask | (step.layers[1].inputs == 0)
        )
    for row, mask in enumerate(masks[0], start=1):
        units = ", ".join(str(unit) for unit in np.flatnonzero(mask) + 1)
        assert mask.sum() > 10
        said = f"row {row}, units left out, {mask.sum()} of {len(mask)}: {units} "
        assert said in " ".join(text.split())
    document = json.loads(trace(path, "--row", "1,2", "--json"))
    left_out = document["steps"][0]["layers"][1]["left_out"]
    assert np.shape(left_out) == masks[0].shape


def test_a_run_whose_table_has_changed_is_not_traced(tmp_path):
    shutil.copy(ROOT / "datasets" / "iris.csv", tmp_path / "iris.csv")
    (tmp_path / "c.yaml").write_text(
        "dataset: {path: iris.csv, target: species}\ntraining: {epochs: 2}\n"
    )
    done = CliRunner().invoke(app, ["train", str(tmp_path / "c.yaml"), "--runs", str(tmp_path)])
    assert done.exit_code == 0
    with open(tmp_path / "iris.csv", "a") as file:
        file.write("9,9,9,9,setosa\n")
    result = CliRunner().invoke(app, ["trace", str(tmp_path / "c-001")])
    assert result.exit_code == 4
    assert "has changed since the run was trained on it" in result.stderr
