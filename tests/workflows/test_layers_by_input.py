"""Configs with layers whose parameters belong to single inputs, from YAML to a trained run."""

import json
from pathlib import Path

import numpy as np
import pytest
from workflow_runs import read_csv, train_file, train_text, write_csv

from bpnet.config.loading import read_config
from bpnet.engine.loop.initialization import initialize_by_rows
from bpnet.errors import ConfigError
from bpnet.models.build import build_model
from bpnet.models.model import load_model
from bpnet.preparation.prepare import prepare
from bpnet.reports.trace import trace_lines
from bpnet.workflows.gradcheck import check_config
from bpnet.workflows.trace import trace_rows

CONFIG = """\
dataset: {path: t.csv, target: y, preprocessing: {columns: {city: embedding}}}
architecture:
  layers:
    - {kind: periodic, frequencies: 4, size: 2}
    - scale
    - {kind: dense, units: 8, initializer: data, bias_initializer: data}
    - {kind: parametric, activation: silu}
    - {kind: dense, units: 8, activation: silu, initializer: data, bias_initializer: data}
  output: {initializer: zeros}
training: {epochs: 40, optimizer: adam, learning_rate: 0.02}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    random = np.random.default_rng(1)
    city = random.integers(0, 3, 120)
    x = random.normal(size=(120, 2)).round(3)
    y = (np.sin(3 * x[:, 0]) + x[:, 1] * (city - 1)).round(3)
    rows = [[*(str(v) for v in a), f"c{c}", *(str(v) for v in b), str(t)]
            for a, c, b, t in zip(x[:, :1], city, x[:, 1:], y, strict=True)]  # fmt: skip
    write_csv(tmp_path / "t.csv", ["a", "city", "b", "y"], rows)
    path = tmp_path / "t.yaml"
    path.write_text(CONFIG)
    return path


def test_it_trains_without_alarm_and_predicts_after_loading(config: Path) -> None:
    run = train_text(config.parent, CONFIG).run
    layers = json.loads((run / "model" / "model.json").read_text())["layers"]
    # behind the embedding of the column between them the numbers are the first two inputs
    assert (layers[0]["kind"], layers[1]["inputs"]) == ("embedding", [0, 1])
    losses = [float(row["val_loss"]) for row in read_csv(run / "metrics.csv")]
    assert min(losses) < 0.5 * losses[0]
    diagnosis = json.loads((run / "diagnosis.json").read_text())
    assert not [one for one in diagnosis["findings"] if one["kind"] == "alarm"]
    model = load_model(run / "model")
    assert not model.network.awaits_rows
    # the config with every default trains again to the same weights
    again = train_file(run / "config.yaml", config.parent / "again").run
    assert np.array_equal(load_model(again / "model").network.theta, model.network.theta)


def test_the_first_weights_are_traced_as_they_train(config: Path) -> None:
    traced = trace_rows(read_config(config), None, 1)
    prepared = prepare(read_config(config))
    network = build_model(prepared).network
    drawn = network.theta.copy()
    initialize_by_rows(network, prepared.rows["train"])
    assert not np.array_equal(network.theta, drawn)
    views = network.parameters.part("layers.3")
    # the trace computes in float64, the training in float32
    weight = traced.steps[0].layers[3].before["weight"]
    np.testing.assert_allclose(weight, views["weight"][0], rtol=1e-5, atol=1e-7)
    lines = "\n".join(map(str, trace_lines("t", traced, 4)))
    for equation in (
        "V·cos(2π·w·x + b) + c",
        "a = s·x",
        "unit 1: a = 1·(-0.2757) = -0.2757",
        "a = x + p·(f(x) - x) with f = silu",
    ):
        assert equation in lines
    scaled, parametric = traced.steps[0].layers[2], traced.steps[0].layers[4]
    assert np.array_equal(scaled.outputs, scaled.inputs)
    x = parametric.inputs
    np.testing.assert_allclose(parametric.outputs, x / (1 + np.exp(-x)), rtol=1e-5)


def test_the_gradient_check_gets_past_weights_of_0(config: Path) -> None:
    report = check_config(read_config(config), 16)
    assert report.agrees
    assert all(abs(check.numeric) > 1e-6 for check in report.checks)
    assert any("weights that start at 0" in note for note in report.notes)


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        ("[{kind: periodic, inputs: [aa]}]", "names 'aa', which is not a numeric column; .*'a'"),
        ("[scale, {kind: periodic, inputs: [a]}]", "only the first layer reads columns"),
        ("[{kind: periodic, inputs: [99]}]", r"there are \d+ inputs, from 0 to"),
        ("[{kind: periodic, inputs: [0, a]}]", "give different positions"),
    ],
)
def test_inputs_that_cannot_have_waves(config: Path, layers: str, text: str) -> None:
    loaded = read_config(config).override([f"architecture.layers={layers}"])
    with pytest.raises(ConfigError, match=text):
        build_model(prepare(loaded))


def test_chosen_columns_and_tables_without_numbers(config: Path) -> None:
    loaded = read_config(config)
    chosen = loaded.override(["architecture.layers.0.inputs=[b]"])
    assert prepare(chosen).resolved.layers[1].inputs == [1]
    with pytest.raises(ConfigError, match="there are no numeric columns"):
        prepare(loaded.override(["dataset.features=[city]"]))
