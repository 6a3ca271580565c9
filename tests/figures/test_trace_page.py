"""The page of `bpnet trace --html`: its numbers are those of --json, and it stays small."""

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import ROOT, bpnet
from figured_runs import HOSTILE, hostile_table

from bpnet.config.loading import read_config
from bpnet.reports.page import trace_page
from bpnet.workflows.trace import trace_rows
from bpnet.workflows.unit_surfaces import unit_surfaces

TUTORIALS = ROOT / "configs/tutorials"


def page_of(config: Path, *words: str) -> str:
    said = bpnet("trace", config, "--html", *words)
    assert said.code == 0, said.err
    return said.out


def data_of(page: str) -> Any:
    packed = re.search(r'id="data">([^<]*)<', page)
    assert packed
    return json.loads(gzip.decompress(base64.b64decode(packed[1])))


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (TUTORIALS / "sigmoid-2-2-1.yaml", ("--steps", "10")),
        (TUTORIALS / "iris-4-5-3.yaml", ("--steps", "3")),
        (TUTORIALS / "recurrent-xor.yaml", ()),
        (TUTORIALS / "perturbation-xor.yaml", ()),
        (ROOT / "configs/xor.yaml", ("--row", "all", "--steps", "10")),
        (ROOT / "configs/penguins.yaml", ()),
    ],
)
def test_every_number_is_that_of_the_json(config: Path, words: tuple[str, ...]) -> None:
    page = page_of(config, *words)
    assert len(page.encode()) <= trace_page.MOST_BYTES
    data = data_of(page)
    assert data["trace"] == json.loads(bpnet("trace", config, "--json", *words).out)


def test_the_same_trace_is_the_same_page() -> None:
    assert page_of(TUTORIALS / "sigmoid-2-2-1.yaml") == page_of(TUTORIALS / "sigmoid-2-2-1.yaml")


def test_what_can_be_read_without_scripts() -> None:
    page = page_of(TUTORIALS / "sigmoid-2-2-1.yaml")
    assert "unit 1: z = 0.2·0.35 + 0.2·0.7 = 0.21" in page
    assert page.count('<g class="node"') == 5
    assert page.count('<line class="edge"') == 6


def test_layers_without_weights_and_with_many_units() -> None:
    settings = ("--set", "architecture.hidden=[16]", "--set", "architecture.dropout=0.5")
    page = page_of(ROOT / "configs/iris.yaml", *settings)
    assert "and 6 more" in page
    assert page.count('<line class="edge plain"') == 10
    assert page.count('<line class="edge"') == 4 * 10 + 10 * 3


def test_the_surfaces_are_the_networks_outputs() -> None:
    config = TUTORIALS / "sigmoid-2-2-1.yaml"
    traced = trace_rows(read_config(config, ()), None, 2)
    surfaces = unit_surfaces(traced.model.network, traced.steps, traced.train_inputs)
    assert surfaces is not None
    a, b = np.meshgrid(*surfaces.axes)
    for step, layers in zip(traced.steps, surfaces.layers, strict=True):
        first, second = (layer.before["weight"] for layer in step.layers)
        hidden = [1 / (1 + np.exp(-(w[0] * a + w[1] * b))) for w in first]
        output = 1 / (1 + np.exp(-(second[0, 0] * hidden[0] + second[0, 1] * hidden[1])))
        np.testing.assert_allclose(layers[0], hidden, rtol=1e-12)
        np.testing.assert_allclose(layers[1], [output], rtol=1e-12)


def test_other_numbers_of_inputs_have_no_surfaces() -> None:
    assert data_of(page_of(TUTORIALS / "iris-4-5-3.yaml"))["surfaces"] is None


def test_hostile_names_are_text(tmp_path: Path) -> None:
    page = page_of(hostile_table(tmp_path))
    assert "<script>alert" not in page
    assert "</style><b>" not in page
    assert "\u202e" not in page
    assert HOSTILE[0].replace("<", "&lt;").replace(">", "&gt;") in page


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--html", "--json"), "--html and --json cannot be combined"),
        (("--html", "--bug", "double-derivative"), "--bug and --html cannot be combined"),
    ],
)
def test_what_cannot_be_combined(words: tuple[str, ...], message: str) -> None:
    said = bpnet("trace", TUTORIALS / "iris-4-5-3.yaml", *words)
    assert (said.code, said.out) == (2, "")
    assert message in said.err


def test_a_page_that_would_be_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("trace", TUTORIALS / "iris-4-5-3.yaml", "--html", "--steps", "9")
    size = len(bpnet(*words).out.encode())
    monkeypatch.setattr(trace_page, "MOST_BYTES", size - 1000)
    said = bpnet(*words)
    assert (said.code, said.out) == (2, "")
    assert "take fewer --steps" in said.err
