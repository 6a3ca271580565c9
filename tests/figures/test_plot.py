"""`bpnet plot`: files of every kind, all kinds of runs, and what it refuses."""

import json
import re
import shutil
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import ROOT, bpnet
from figured_runs import HOSTILE, hostile_table, train

from bpnet.data.encoding.scalers import LinearScaler
from bpnet.data.targets import Quantities
from bpnet.figures import drawing
from bpnet.figures.curves import Curve, curves_figure
from bpnet.figures.decision import decision_figure
from bpnet.figures.drawing import pictures
from bpnet.figures.figure import Figure
from bpnet.figures.vega import (
    COLORS,
    category,
    lines,
    number,
    records,
    short_names,
    thinned,
    tooltip,
    widened,
)
from bpnet.inspection.decision import DecisionMap, MapAxis
from bpnet.workflows.figure_kinds import KINDS, fitting
from bpnet.workflows.figured_run import FiguredRun

SIGNATURES = {".svg": b"<svg ", ".png": b"\x89PNG", ".pdf": b"%PDF", ".html": b"<!doctype html>"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    made = {name: train(name, folder) for name in ("iris", "replicas", "folds", "no_rows")}
    made["grid"] = train("iris", folder / "grid", "--grid", "training.learning_rate=0.01,0.05")
    said = bpnet("cv", ROOT / "configs/iris.yaml", "--folds", "2", "--runs", folder)
    assert said.code == 0, said.err
    made["cv"] = folder / "iris-cv-001"
    return made


@pytest.mark.parametrize("suffix", SIGNATURES)
def test_every_ending_is_a_file_of_its_kind(
    runs: dict[str, Path], tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"figure{suffix}"
    said = bpnet("plot", runs["no_rows"], "confusion", "-o", path)
    assert (said.code, said.err) == (0, "")
    assert f"Figure:        {path}" in said.out
    assert path.read_bytes().startswith(SIGNATURES[suffix])


def test_without_a_file_it_is_in_the_run(runs: dict[str, Path]) -> None:
    said = bpnet("plot", runs["no_rows"], "curves")
    assert (said.code, said.err) == (0, "")
    ET.parse(runs["no_rows"] / "plots" / "curves.svg")


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("iris", {"layers"}),
        ("replicas", {"replicas", "layers"}),
        ("folds", {"replicas"}),
        ("no_rows", {"layers"}),
        ("grid", {"layers", "grid"}),
        ("cv", {"replicas"}),
    ],
)
def test_every_fitting_figure_is_made(runs: dict[str, Path], name: str, fits: set[str]) -> None:
    of_all = {"curves", "surest", "confusion", "scores", "roc", "precision-recall", "calibration"}
    of_all |= {"decision"} | (set() if name == "no_rows" else {"importance", "dependence"})
    kinds = set(fitting(FiguredRun(runs[name], "")))
    assert kinds == of_all | fits
    for kind in kinds:
        said = bpnet("plot", runs[name], kind, "--json")
        assert said.code == 0, said.err
        figure = json.loads(said.out)
        assert figure["text"]
        assert figure["title"]
        assert all(len(row) == len(figure["columns"]) for row in figure["rows"])
        assert figure["rows"] or kind == "surest"


def test_a_grid_has_a_curve_for_each_point(runs: dict[str, Path]) -> None:
    figure = json.loads(bpnet("plot", runs["grid"], "curves", "--json").out)
    assert {row[0] for row in figure["rows"]} == {"learning_rate=0.01", "learning_rate=0.05"}
    points = json.loads(bpnet("plot", runs["grid"], "grid", "--json").out)
    assert points["columns"][:2] == ["training.learning_rate", "loss"]
    assert [row[1] for row in points["rows"]] == sorted(row[1] for row in points["rows"])


def test_curves_of_several_runs_are_together(runs: dict[str, Path], tmp_path: Path) -> None:
    said = bpnet("plot", runs["iris"], runs["no_rows"], "curves", "--json")
    assert {row[0] for row in json.loads(said.out)["rows"]} == {"iris-001", "no_rows-001"}
    path = tmp_path / "both.svg"
    assert bpnet("plot", runs["iris"], runs["no_rows"], "curves", "-o", path).code == 0
    assert "no_rows-001" in path.read_text()


def test_one_of_several_runs_is_refused(runs: dict[str, Path]) -> None:
    said = bpnet("plot", runs["iris"], runs["cv"], "roc")
    assert said.code == 2
    assert said.lacks("'roc' is a figure of one run", "curves") == []


@pytest.mark.parametrize(
    ("words", "code", "parts"),
    [
        (["residuals"], 2, ["is for regression, not classification", "this run has curves"]),
        (["grid"], 2, ["it is for the best run of a grid"]),
        (["decision", "--column", "petal_lenght", "--column", "sepal_width"], 2, ["petal_length"]),
        (["decision", "--column", "sepal_width"], 2, ["is over two columns, not 1 column"]),
        (["curves", "--column", "sepal_width"], 2, ["--column is for the figure decision"]),
        (["calibraton"], 2, ["did you mean 'calibration'?"]),
        (["curves", "-o", "figure.gif"], 2, ["figure.gif: the ending must be one of .svg, .png"]),
        (["curves", "-o", "figure"], 2, ["the ending must be"]),
        (["curves", "-o", "nowhere/figure.svg"], 5, ["the folder does not exist"]),
        (["curves", "-o", "."], 5, ["Is a directory"]),
    ],
)
def test_bad_usage(
    runs: dict[str, Path], tmp_path: Path, words: list[str], code: int, parts: list[str]
) -> None:
    said = bpnet("plot", runs["iris"], *words, cwd=tmp_path)
    assert said.code == code
    assert said.lacks(*parts) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("package", ["vl_convert", "jinja2"])
def test_a_missing_package_is_named(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    said = bpnet("plot", runs["iris"], "curves", "-o", tmp_path / "curves.html")
    assert said.code == 2
    assert said.lacks("install it with: pip install 'bpnet-cli[plots]'") == []


def test_words_in_another_order_are_answered(runs: dict[str, Path]) -> None:
    run = runs["iris"]
    for words, parts in (
        ([run], [f"bpnet plot {run} curves", "there are curves, confusion, scores"]),
        (["roc", run], [f"the figure comes after the run: bpnet plot {run} roc"]),
        (["roc"], ["name a run, and then its figure"]),
        ([], ["name a run, and then its figure"]),
        ([run, run], ["name the figure after the run", "there are curves"]),
        ([run / "none"], ["there is no figure", "the figures are curves"]),
    ):
        said = bpnet("plot", *words)
        assert said.code == 2
        assert said.lacks(*parts) == []


def damaged(run: Path, folder: Path) -> Path:
    return Path(shutil.copytree(run, folder / "copy"))


def test_a_run_in_training_has_curves_of_its_log(runs: dict[str, Path], tmp_path: Path) -> None:
    run = damaged(runs["iris"], tmp_path)
    content = json.loads((run / "run.json").read_text())
    content |= {"status": "running", "best_epoch": None}
    (run / "run.json").write_text(json.dumps(content))
    lines = (run / "metrics.csv").read_text().splitlines(keepends=True)
    (run / "metrics.csv").write_text("".join(lines[:6]) + "6,24,0.3")  # a line half written
    figure = json.loads(bpnet("plot", run, "curves", "--json").out)
    assert [row[0] for row in figure["rows"]] == [1, 2, 3, 4, 5]
    assert figure["notes"] == ["the training of the run was cut off"]
    shutil.rmtree(run / "model")
    figure = json.loads(bpnet("plot", run, "confusion", "--json").out)  # that of a checkpoint
    assert sum(row[2] for row in figure["rows"]) == 22


def test_a_log_without_an_epoch_is_drawn(runs: dict[str, Path], tmp_path: Path) -> None:
    run = damaged(runs["iris"], tmp_path)
    header = (run / "metrics.csv").read_text().splitlines()[0]
    (run / "metrics.csv").write_text(header + "\n")
    said = bpnet("plot", run, "curves", "-o", tmp_path / "curves.svg")
    assert (said.code, said.err) == (0, "")


@pytest.mark.parametrize("text", ["", "epoch,loss\n1,x\n", "epoch,loss\n1\n", "a,b\n1,2\n"])
def test_a_damaged_log_is_named(runs: dict[str, Path], tmp_path: Path, text: str) -> None:
    run = damaged(runs["iris"], tmp_path)
    (run / "metrics.csv").write_text(text)
    said = bpnet("plot", run, "curves", "--json")
    assert said.code == 5
    assert said.lacks("metrics.csv, line ", "restore the file") == []


def test_without_its_table_a_run_has_curves_only(runs: dict[str, Path], tmp_path: Path) -> None:
    table = Path(shutil.copy(ROOT / "datasets" / "xor.csv", tmp_path))
    config = tmp_path / "case.yaml"
    text = (ROOT / "configs" / "xor.yaml").read_text().replace("../datasets/", "")
    config.write_text(text)
    assert bpnet("train", config, "--set", "training.epochs=2", "--runs", tmp_path).code == 0
    table.unlink()
    run = next(tmp_path.glob("*-001"))
    assert bpnet("plot", run, "curves", "--json").code == 0
    said = bpnet("plot", run, "confusion", "--json")
    assert said.code == 4
    assert said.lacks("the run was trained on it") == []


@pytest.mark.slow
def test_hostile_names_are_text(tmp_path: Path) -> None:
    config = hostile_table(tmp_path)
    assert bpnet("train", config, "--runs", tmp_path).code == 0
    run = tmp_path / "hostile-001"
    for kind in fitting(FiguredRun(run, "")):
        path = tmp_path / f"{kind}.svg"
        said = bpnet("plot", run, kind, "-o", path)
        assert said.code == 0, said.err
        root = ET.parse(path).getroot()
        assert [element.tag for element in root.iter() if element.tag.endswith("script")] == []
        assert "Error" not in "".join(root.itertext())
        if kind in ("scores", "confusion", "roc", "decision", "dependence"):
            shown = {text.strip() for text in root.itertext()}
            assert any(text.startswith("constructor") for text in shown)
            assert any(text.startswith("__proto__") for text in shown)
    words = {row[0] for row in json.loads(bpnet("plot", run, "scores", "--json").out)["rows"]}
    assert words <= set(HOSTILE)
    assert len(words) == 4


JAVASCRIPT = (
    *("constructor", "toString", "valueOf", "hasOwnProperty", "__proto__", "isPrototypeOf"),
    *("propertyIsEnumerable", "toLocaleString", "__defineGetter__", "__defineSetter__"),
    *("__lookupGetter__", "__lookupSetter__", "prototype", "length", "if", "for", "null", "NaN"),
    *("undefined", "datum", "item", "event", "width", "title", "image", "a.b", "a[0]", "it's"),
    *('"', "back\\slash", "'' + 1", "zoom", "hover"),
)


def named_figure(name: str) -> Figure:
    """Return a figure with the name wherever a figure has names of the table."""
    data = records(x=[1, 2, 3], y=[2, 1, 3], name=[name, "other", name])
    series = category("name", name, scale={"domain": [name, "other"]}, legend={"values": [name]})
    x, y = number("x", name), category("name", name)
    shown = tooltip(("name", name), ("x", "x"))
    line = lines(data, x, number("y", name), series=series, dash=series, shown=shown)
    points = {"data": data, "mark": "point", "encoding": {"x": x, "y": y, "tooltip": shown}}
    return Figure("named", name, "", (), (), [line, points], [name])


@pytest.mark.slow
def test_names_of_javascript_are_drawn() -> None:
    figures = [named_figure(name) for name in JAVASCRIPT]
    for name, svg in zip(JAVASCRIPT, pictures(figures, ".svg"), strict=True):
        texts = [text for text in ET.fromstring(svg.decode()).itertext() if text.strip()]
        # title, note, 4 axes, a category, a legend with its title
        assert texts.count(name) == 9, (name, texts)


@pytest.mark.parametrize("value", [0.3, 0.5, 1e-6, 12345.0, -0.25])
def test_an_axis_of_one_value_names_it(value: float) -> None:
    panel = lines(
        records(x=[1, 2], y=[value, value]),
        number("x", "x"),
        number("y", "rate", scale={"zero": False}),
    )
    low, high = widened(panel)["layer"][0]["encoding"]["y"]["scale"]["domain"]
    assert low < value < high
    figure = Figure("rate", "rate", "", (), (), [{**panel, "height": 120}])
    root = ET.fromstring(pictures([figure], ".svg")[0].decode())
    texts = [text.replace("−", "-").replace(",", "") for text in root.itertext() if text.strip()]
    numbers = [float(text) for text in texts if text != "rate" and text != "x"]
    assert any(abs(one - value) < abs(value) / 3 for one in numbers), numbers


def test_an_axis_of_several_values_stays_as_it_is() -> None:
    panel = lines(
        records(x=[1, 2], y=[3, 4]), number("x", "x"), number("y", "y", scale={"zero": False})
    )
    assert widened(panel) == panel


def test_curves_of_several_runs_have_some_of_each_and_no_note_without_reason() -> None:
    epochs = np.arange(1, 5)

    def curve(source: str, part: str) -> Curve:
        return Curve(source, "loss", part, epochs, np.array([4.0, np.nan, 2.0, 3.0]))

    parts = [curve("a", "training"), curve("a", "validation"), curve("b", "training")]
    figure = curves_figure(parts)
    assert figure.notes == []
    assert "The lowest validation loss is 2 at epoch 3 (a)." in figure.text
    assert "The lowest training loss is 2 at epoch 3 (b)." in figure.text


def test_a_map_repeats_values_as_they_are_and_spreads_the_rows_of_a_category() -> None:
    x = MapAxis("x", "category", np.arange(2.0), ("u", "v"), np.array([0.0, 0, 0, 1]))
    y = MapAxis("y", "number", np.array([0.0, 1, 2]), (), np.array([0.0, 1, 1, 2]))
    typical = (("a", "none"), ("b", "none"), ("c", "3"), ("d", "3"))
    drawn = DecisionMap(x, y, np.zeros((2, 3, 1)), typical)
    target = Quantities(names=["q"], scales=[LinearScaler(by="none", subtract=0.0, divide=1.0)])
    figure = decision_figure(drawn, target, np.zeros((4, 1)), [])
    assert figure.notes[0].endswith("most frequent value: a none, b none, c 3, d 3")
    cells, points = (layer["data"]["values"] for layer in figure.panels[0]["layer"])
    assert min(cell["y"] for cell in cells) == 0  # no row is below
    assert max(cell["y2"] for cell in cells) == 2
    assert len({point["dx"] for point in points}) == 4


@pytest.mark.parametrize("suffix", SIGNATURES)
def test_what_cannot_be_drawn_is_one_message(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(drawing, "_RESERVED", re.compile("(?!)(.)"))
    monkeypatch.setattr("bpnet.workflows.figure_kinds.curves_figure", undrawable)
    path = tmp_path / f"figure{suffix}"
    said = bpnet("plot", runs["no_rows"], "curves", "-o", path)
    assert said.code == 5
    assert said.err.startswith(
        "error: the figure 'named' cannot be drawn: Vega-Lite says 'Operator"
    )
    assert said.err.count("\n") <= 2
    assert not path.exists()


def undrawable(*_: Any, **options: Any) -> Figure:
    return named_figure("constructor")


def test_every_kind_is_in_the_guide() -> None:
    page = (ROOT / "bpnet" / "guide" / "figures.md").read_text()
    assert re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE) == list(KINDS)


def luminance(color: str) -> float:
    parts = [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("color", COLORS)
def test_colors_stand_out_from_the_light_and_the_dark_page(color: str) -> None:
    style = (ROOT / "bpnet" / "reports" / "page" / "style.css").read_text()
    papers = re.findall(r"--paper: (#\w{6})", style)
    assert len(papers) == 2
    for paper in papers:
        high, low = sorted((luminance(color), luminance(paper)), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 3


def test_short_names_differ_and_show_control_characters() -> None:
    names: Any = ["a" * 100, "a" * 101, "b", "\u202eevil", "", "new\nline"]
    short = short_names(names)
    assert len(set(short)) == len(names)
    assert max(map(len, short)) <= 32
    assert short[2:] == ["b", "\\u202eevil", "(blank)", "new line"]


def test_thinned_keeps_the_ends_and_what_it_must() -> None:
    assert thinned(5) == [0, 1, 2, 3, 4]
    picked = thinned(10_000, keep=[77], most=100)
    assert len(picked) in (100, 101)
    assert {0, 77, 9999} <= set(picked)
