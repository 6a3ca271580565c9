"""A decision map over the epochs: each frame is the map of the network at that time."""

import csv
import io
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import bpnet
from PIL import Image

from bpnet.figures.figure import MOVING
from bpnet.models.checkpoint_model import model_of
from bpnet.models.ensemble import Ensemble
from bpnet.models.saved_ensemble import save_ensemble
from bpnet.runs.snapshots import Snapshots
from bpnet.workflows.plot import plot

CONFIG = """\
dataset: {path: t.csv, target: y, split: {validation: 0.2, test: 0.3}}
architecture: {hidden: [5]}
training: {epochs: 12, snapshots: 4, learning_rate: 0.05}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("animated")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 2))
    lines = [f"{a:.3f},{b:.3f},{'in' if a * a + b * b < 1 else 'out'}" for a, b in x]
    (folder / "t.csv").write_text("\n".join(["a,b,y", *lines]) + "\n")
    (folder / "c.yaml").write_text(CONFIG)
    said = bpnet("train", "c.yaml", cwd=folder)
    assert said.code == 0, said.err
    return folder / "runs" / "c-001"


def test_each_frame_is_what_the_network_predicted_then(run: Path, tmp_path: Path) -> None:
    figure = plot([run], "decision", columns=["a", "b"], animate=True)
    assert figure.frames is not None
    assert list(figure.frames.numbers) == [0, 4, 8, 12]
    snapshots = Snapshots(run / "snapshots")
    for epoch, values in zip(figure.frames.numbers, figure.frames.values, strict=True):
        model = tmp_path / str(epoch)
        single = Ensemble([model_of(snapshots.read(epoch)["model"], snapshots.path(epoch))])
        save_ensemble(single, model)
        points = np.array([[one["x"] + one["x2"], one["y"] + one["y2"]] for one in values]) / 2
        # the outermost values are not in the middle between their edges
        inner = ((points > points.min(axis=0)) & (points < points.max(axis=0))).all(axis=1)
        table = "\n".join(["a,b", *(f"{a!r},{b!r}" for a, b in points[inner].tolist())]) + "\n"
        (tmp_path / "points.csv").write_text(table)
        said = bpnet("predict", model, tmp_path / "points.csv")
        assert said.code == 0, said.err
        rows = list(csv.DictReader(io.StringIO(said.out)))
        shown = [one for one, among in zip(values, inner, strict=True) if among]
        assert len(rows) > 200
        for row, one in zip(rows, shown, strict=True):
            sure = max(float(row["probability_in"]), float(row["probability_out"]))
            assert one["sure"] == pytest.approx(sure, rel=1e-3)
            assert sure < 0.501 or one["shade"] == row["predicted_y"]


def test_the_panel_has_the_last_frame_and_the_table_all(run: Path) -> None:
    figure = plot([run], "decision", animate=True)
    assert figure.frames is not None
    data = figure.panels[0]["layer"][0]["data"]
    assert data == {"name": MOVING, "values": figure.frames.values[-1]}
    assert figure.columns[0] == "epoch"
    assert sorted({row[0] for row in figure.rows}) == [0, 4, 8, 12]


def test_a_gif_has_a_picture_for_each_frame(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "map.gif"
    said = bpnet("plot", run, "decision", "--animate", "-o", path)
    assert (said.code, said.err) == (0, "")
    with Image.open(io.BytesIO(path.read_bytes())) as image:
        assert image.n_frames == 4
        frames = []
        for k in range(4):
            image.seek(k)
            frames.append(np.asarray(image.convert("RGB")))
        assert image.info["duration"] == 2000
    assert all((one != other).any() for one, other in itertools.pairwise(frames))


@pytest.mark.slow
def test_a_page_has_a_slider_over_the_epochs(run: Path) -> None:
    said = bpnet("plot", run, "decision", "--animate")
    assert said.code == 0, said.err
    page = (run / "plots" / "decision.html").read_text(encoding="utf-8")
    assert 'data-numbers="0 4 8 12"' in page
    assert len(page) < 3_000_000


def test_json_has_every_frame(run: Path) -> None:
    said = bpnet("plot", run, "decision", "--animate", "--json")
    assert {row[0] for row in json.loads(said.out)["rows"]} == {0, 4, 8, 12}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("curves", "--animate"), "--animate is for the figure decision"),
        (("decision", "--animate", "-o", "map.png"), "the ending of an animation must be one of"),
        (("decision", "-o", "map.gif"), "--animate makes one"),
    ],
)
def test_what_cannot_be_animated(run: Path, words: tuple[Any, ...], message: str) -> None:
    said = bpnet("plot", run, *words)
    assert said.code == 2
    assert message in said.err


def test_without_snapshots_the_setting_is_named(run: Path) -> None:
    folder = run.parents[1]
    words = ("--set", "training.snapshots=null", "--name", "bare")
    assert bpnet("train", "c.yaml", *words, cwd=folder).code == 0
    said = bpnet("plot", folder / "runs" / "bare-001", "decision", "--animate")
    assert said.code == 2
    assert "--set training.snapshots=30" in said.err
