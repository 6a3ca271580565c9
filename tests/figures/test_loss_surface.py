"""The loss surface: a parabola for one weight, the normal equations' bowl for two."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import ROOT, bpnet
from figured_runs import train

from bpnet.config.loading import read_config
from bpnet.runs.directory import RunPaths
from bpnet.workflows.loss_surface import loss_surface

LINE = """\
task: regression
dataset:
  columns: [x, y]
  rows: [[0, 1], [1, 3], [2, 4], [4, 9]]
  target: y
  split: {validation: 0, test: 0}
  preprocessing: {numeric: none, target: none}
architecture: {hidden: []}
training:
  loss: {kind: squared_error, half: true, rows: sum}
  optimizer: gradient_descent
  learning_rate: 0.02
  epochs: 20
  batch_size: full
  precision: float64
  snapshots: 5
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("surfaces")


@pytest.fixture(scope="module")
def single(folder: Path) -> Path:
    config = ROOT / "configs/tutorials/single-weight.yaml"
    said = bpnet("train", config, "--set", "training.snapshots=15", "--runs", folder)
    assert said.code == 0, said.err
    return folder / "single-weight-001"


@pytest.fixture(scope="module")
def line(folder: Path) -> Path:
    (folder / "line.yaml").write_text(LINE)
    said = bpnet("train", "line.yaml", cwd=folder)
    assert said.code == 0, said.err
    return folder / "runs" / "line-001"


def surface_of(run: Path, *weights: str) -> Any:
    return loss_surface(RunPaths(run), read_config(run / "config.yaml"), "", weights or None)


def test_the_parabola_of_a_single_weight(single: Path) -> None:
    surface = surface_of(single)
    w = surface.axes[0]
    # half the sum over the inputs 0, 3, 9, 27 of (w x - 2 x)²
    np.testing.assert_allclose(surface.losses, 819 / 2 * (w - 2) ** 2, rtol=1e-12, atol=1e-12)
    assert w[0] < 0 < 4 < w[-1]
    factors = 2 + 2 * (1 - 0.819) ** np.arange(15)
    np.testing.assert_allclose(surface.path[:, 0], factors, rtol=1e-12)


def test_the_texts_table_of_squared_errors(single: Path) -> None:
    figure = json.loads(bpnet("plot", single, "loss-surface", "--json").out)
    first = dict(zip(figure["columns"], figure["rows"][0], strict=True))
    assert first["epoch"] == 0
    assert first["layers.0.weight[0,0]"] == 4
    assert [first[f"output {n}"] for n in (1, 2, 3, 4)] == [0, 12, 36, 108]
    assert [first[f"error {n}"] for n in (1, 2, 3, 4)] == [0, 6, 18, 54]
    assert first["sum of squared errors"] == 3276
    assert first["loss"] == 3276 / 2


def test_two_weights_over_a_grid(line: Path) -> None:
    surface = surface_of(line)
    assert list(surface.names) == ["layers.0.weight[0,0]", "layers.0.bias[0]"]
    x, y = np.array([0, 1, 2, 4.0]), np.array([1, 3, 4, 9.0])
    w, b = np.meshgrid(*surface.axes, indexing="ij")
    expected = ((w[..., None] * x + b[..., None] - y) ** 2).sum(axis=-1) / 2
    np.testing.assert_allclose(surface.losses, expected, rtol=1e-12)
    errors = surface.path @ [x, np.ones(4)] - y
    np.testing.assert_allclose(surface.path_losses, (errors**2).sum(axis=1) / 2, rtol=1e-12)
    np.testing.assert_allclose(surface.errors, errors, rtol=1e-12)
    assert list(surface.epochs) == [0, 5, 10, 15, 20]


def test_a_weight_by_name_is_drawn_with_all_others_at_the_end(line: Path) -> None:
    surface = surface_of(line, "layers.0.bias[0]")
    w = surface_of(line).path[-1, 0]
    x, y = np.array([0, 1, 2, 4.0]), np.array([1, 3, 4, 9.0])
    b = surface.axes[0][:, None]
    np.testing.assert_allclose(surface.losses, ((w * x + b - y) ** 2).sum(axis=1) / 2, rtol=1e-12)


def test_many_rows_and_replicas_are_drawn(folder: Path) -> None:
    run = train("replicas", folder, "--set", "training.snapshots=3")
    said = bpnet("plot", run, "loss-surface", "--json")
    assert (said.code, said.err) == (0, "")
    figure = json.loads(said.out)
    assert len(figure["columns"]) == 4
    assert [row[0] for row in figure["rows"]] == [0, 2, 5]
    assert "other parameters" in figure["notes"][0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("loss-surface", "--weight", "layers.0.weight[0,7]"), "there is no such weight"),
        (
            ("loss-surface", "--weight", "layers.0.bias[0]", "--weight", "layers.0.bias[0]"),
            "two different",
        ),
        (("curves", "--weight", "layers.0.bias[0]"), "--weight is for the figure loss-surface"),
    ],
)
def test_weights_that_cannot_be(line: Path, words: tuple[str, ...], message: str) -> None:
    said = bpnet("plot", line, *words)
    assert said.code == 2
    assert message in said.err


def test_without_snapshots_the_setting_is_named(folder: Path) -> None:
    said = bpnet("plot", train("no_rows", folder), "loss-surface")
    assert said.code == 2
    assert "--set training.snapshots=30" in said.err
