"""`bpnet report`: the page of every kind of run, read as HTML, and what it refuses."""

import json
import re
import shutil
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from command_line import ROOT, bpnet
from figured_runs import HOSTILE, hostile_table, train

from bpnet.figures import drawing
from bpnet.figures.drawing import PageDrawing, PanelDrawing
from bpnet.figures.figure import Figure
from bpnet.scoring.comparison import Comparison
from bpnet.workflows import report
from bpnet.workflows.eval_baselines import Compared

MOST_BYTES, MOST_BYTES_OF_ONE = 3_000_000, 1_500_000


class Content(HTMLParser):
    """The parts of a page that a test asks about."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.images: list[str] = []
        self.texts: list[str] = []
        self.scripts = 0
        self._within: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        self._within.append(tag)
        self.addresses += [str(values[name]) for name in ("src", "href") if name in values]
        if values.get("role") == "img":
            self.images.append(values.get("aria-label") or "")

    def handle_endtag(self, tag: str) -> None:
        while self._within and self._within.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self._within[-1:]):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def page_of(*words: str | Path) -> tuple[Content, str]:
    said = bpnet("report", *words, "--json")
    assert said.code == 0, said.err
    page = Path(json.loads(said.out)["file"]).read_text("utf-8")
    several = len([word for word in words if isinstance(word, Path) and word.is_dir()]) > 1
    assert len(page.encode()) < (MOST_BYTES if several else MOST_BYTES_OF_ONE)
    content = Content(page)
    assert [address for address in content.addresses if not address.startswith("#")] == []
    assert all(len(label) > 40 for label in content.images)
    return content, said.err


@pytest.fixture(scope="module")
def iris(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train("iris", tmp_path_factory.mktemp("runs"))


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without drawings, of which each takes seconds, where words are tested."""
    monkeypatch.setattr(PageDrawing, "__enter__", lambda self: self)
    monkeypatch.setattr(PageDrawing, "__exit__", lambda self, *error: None)
    monkeypatch.setattr(
        PageDrawing,
        "finish",
        lambda self, panels: ([PanelDrawing("<svg></svg>")] * len(panels), ""),
    )


def test_a_run_in_words(iris: Path) -> None:
    content, warnings = page_of(iris)
    assert warnings == ""
    check_the_page_allows_only_its_own_scripts((iris / "report.html").read_text("utf-8"))
    for part in (
        "Report of iris-001",
        "classification of the column 'species' from 4 columns of iris.csv",
        "1 network with 131 parameters. Rows: 106 training, 22 validation, 22 test.",
        "It trained for all of its 40 epochs, and keeps the weights of epoch",
        "On 22 test rows: accuracy 0.",
        "logistic regression",
        "Next:",
        f"bpnet verify {iris}",
        "learning_rate: 0.02",
        "SHA-256 of the table 91eb642c",
    ):
        assert part in content.text, part
    kinds = ("Curves of the training", "Confusion matrix", "ROC curve", "Precision and recall")
    for title in (*kinds, "Calibration", "Scores of each class", "Surest errors"):
        assert f"The numbers of this figure: {title}" in content.text
    assert (iris / "report.html").is_file()


def check_the_page_allows_only_its_own_scripts(page: str) -> None:
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    text = policy[1].replace("&#39;", "'")
    assert text.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in text
    assert "'unsafe-inline'" not in text.partition("style-src")[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["replicas", "folds", "no_rows", "regression"])
def test_kinds_of_runs(tmp_path: Path, name: str) -> None:
    content, warnings = page_of(train(name, tmp_path))
    assert warnings == ""
    expected = {
        "replicas": ["3 networks each with 131 parameters", "Spread of the networks"],
        "folds": [
            *("An ensemble on folds", "out of fold", "On 69 test rows"),
            f"{tmp_path / 'folds-001/config.yaml'} --set folds=null --set calibration=none "
            "--set training.diagnose_every=1",
        ],
        "no_rows": ["these rows trained the network, which flatters it", "On 4 training rows"],
        "regression": ["regression of the column 'progression'", "Residuals", "ridge regression"],
    }
    for part in expected[name]:
        assert part in content.text, part


TARGETS = {
    "labels": "target: [l1, l2], features: [x1, x2, kind, day]}\ntask: multilabel\n",
    "quantities": "target: [q1, q2], features: [x1, x2, kind, day]}\n",
    "without_test_rows": "target: q1, features: [x1, kind, day], split: {test: 0}}\npreset: fast\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_labels_and_several_targets_over_dates_and_categories(tmp_path: Path, name: str) -> None:
    x = np.random.default_rng(0).normal(size=(120, 2))
    lines = ["x1,x2,kind,day,l1,l2,q1,q2"]
    for k, (a, b) in enumerate(x.tolist()):
        day = f"20{10 + k % 9}-0{1 + k % 8}-11"
        lines.append(f"{a},{b},{'uvw'[k % 3]},{day},{a > 0:d},{a + b > 0:d},{a - b},{100 * b}")
    (tmp_path / "table.csv").write_text("\n".join(lines) + "\n")
    config = tmp_path / f"{name}.yaml"
    config.write_text(f"dataset: {{path: table.csv, {TARGETS[name]}training: {{epochs: 3}}\n")
    assert bpnet("train", config, "--runs", tmp_path).code == 0
    run = tmp_path / f"{name}-001"
    content, warnings = page_of(run)
    assert warnings == ""
    expected = {
        "labels": ["multilabel of the columns 'l1', 'l2'", "Scores of each label", "ROC curve"],
        "quantities": ["regression of the columns 'q1', 'q2'", "q2: the residuals have the mean"],
        "without_test_rows": ["of 120 out-of-fold rows", "out of fold", "Largest errors"],
    }
    for part in (*expected[name], "Decision map over", "Partial dependence"):
        assert part in content.text, part
    for column in ("kind", "day"):
        words = ["--column", "x1", "--column", column, "-o", tmp_path / "map.svg"]
        assert bpnet("plot", run, "decision", *words).code == 0


@pytest.mark.slow
def test_a_page_without_processes_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train("no_rows", tmp_path)
    page_of(run)
    first = (run / "report.html").read_text()
    monkeypatch.setattr(sys, "executable", "/bin/false")
    page_of(run)
    second = (run / "report.html").read_text()
    # each process counts its own ids
    assert re.sub(r"clip\d+", "clip", second) == re.sub(r"clip\d+", "clip", first)


@pytest.mark.slow
def test_a_cross_validation_of_ensembles_keeps_no_model(tmp_path: Path) -> None:
    words = ["--set", "preset=fast", "--set", "training.epochs=2", "--folds", "2"]
    said = bpnet("cv", ROOT / "configs/penguins.yaml", *words, "--runs", tmp_path)
    assert said.code == 0
    content, warnings = page_of(tmp_path / "penguins-cv-001")
    assert warnings == ""
    for part in ("Estimates over the folds", "Confusion matrix", "trains on all rows"):
        assert part in content.text


@pytest.mark.slow
def test_a_cross_validation_and_a_grid(tmp_path: Path) -> None:
    said = bpnet("cv", ROOT / "configs/iris.yaml", "--folds", "2", "--runs", tmp_path)
    assert said.code == 0
    content, _ = page_of(tmp_path / "iris-cv-001")
    for part in ("A cross-validation of 2 folds", "Estimates over the folds", "Calibration"):
        assert part in content.text
    grid = train("iris", tmp_path, "--grid", "training.learning_rate=0.01,0.05")
    content, _ = page_of(grid)
    for part in ("The best run of a grid", "Points of the grid", "learning_rate=0.05"):
        assert part in content.text


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["train", "cv"])
def test_five_runs_take_less_than_3_megabytes(tmp_path: Path, verb: str) -> None:
    words = ["--folds", "5"] if verb == "cv" else []
    said = bpnet(verb, ROOT / "configs/iris.yaml", *words, "--runs", tmp_path, "--name", "a")
    assert said.code == 0
    runs = [Path(shutil.copytree(tmp_path / "a-001", tmp_path / name)) for name in "bcde"]
    content, _ = page_of(tmp_path / "a-001", *runs, "-o", tmp_path / "five.html")
    assert content.text.count("The numbers of this figure: Partial dependence") == 5


@pytest.mark.slow
def test_several_runs_are_judged_as_compare_does(tmp_path: Path) -> None:
    good = train("regression", tmp_path)
    same = Path(shutil.copytree(good, tmp_path / "same"))
    bad = train("regression", tmp_path / "bad", "--set", "training.epochs=1")
    said = bpnet("compare", good, bad).out
    (verdict,) = [line for line in said.splitlines() if "is clearly better in" in line]
    content, _ = page_of(good, bad, "-o", tmp_path / "differ.html")
    # of the same name, they are told apart by their folders
    assert f"is clearly better in {verdict.partition(' in ')[2]}" in content.text
    metrics = len(json.loads(bpnet("compare", good, bad, "--json").out)["metrics"])
    assert f"clearly worse in {verdict.count(',') + 1} of {metrics} metrics" in content.text
    content, _ = page_of(good, same, "-o", tmp_path / "alike.html")
    assert content.text.count("not distinguishable") == 2
    assert "No difference is clear" in content.text


@pytest.mark.slow
def test_several_runs_of_different_tasks(iris: Path, tmp_path: Path) -> None:
    other = train("regression", tmp_path)
    content, _ = page_of(iris, other, "-o", tmp_path / "both.html")
    for part in ("Report of 2 runs", "not all of one task", "Runs and their scores", "Residuals"):
        assert part in content.text
    ids = re.findall(r'id="([^"]+)"', (tmp_path / "both.html").read_text("utf-8"))
    assert len(ids) == len(set(ids))


@pytest.mark.slow
def test_hostile_names_are_text(tmp_path: Path) -> None:
    config = hostile_table(tmp_path)
    assert bpnet("train", config, "--runs", tmp_path).code == 0
    content, _ = page_of(tmp_path / "hostile-001")
    assert content.tags.count("script") == 2  # the data and the page's own
    assert "b" not in content.tags
    for name in HOSTILE[:4]:
        assert name in " ".join(content.texts)
    assert "\u202e" not in " ".join(content.texts)
    assert "\\u202eevil" in content.text
    assert "49" not in re.findall(r"\w+", content.text.partition("The config")[0][:2000])


@pytest.mark.slow
def test_a_figure_that_cannot_be_drawn_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train("no_rows", tmp_path)
    broken = Figure(
        "curves", "constructor", "Words " * 9, ("a",), [(1,)], [{"title": "constructor"}]
    )
    monkeypatch.setattr(drawing, "_RESERVED", re.compile("(?!)(.)"))
    monkeypatch.setattr("bpnet.workflows.figure_kinds.curves_figure", lambda *_, **options: broken)
    content, warnings = page_of(run)
    assert "curves could not be drawn: " in warnings
    assert "could not be drawn: Vega-Lite says '" in content.text
    assert "The numbers of this figure: constructor" in content.text
    assert len(content.images) == content.text.count("The numbers of this figure") - 1


@pytest.mark.usefixtures("undrawn")
def test_without_its_table_the_rest_is_there(iris: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(iris, tmp_path / "copy"))
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(re.sub(r"path: \S*iris.csv", "path: gone.csv", text))
    content, warnings = page_of(run)
    assert "gone.csv" in warnings
    assert "Not shown: confusion, scores, roc" in content.text
    assert "Curves of the training" in content.text
    assert "Final metrics of the training" in content.text


@pytest.mark.parametrize(("status", "word"), [("running", "was cut off"), ("failed", "an error")])
@pytest.mark.usefixtures("undrawn")
def test_a_run_that_has_not_ended(iris: Path, tmp_path: Path, status: str, word: str) -> None:
    run = Path(shutil.copytree(iris, tmp_path / "copy"))
    content = json.loads((run / "run.json").read_text())
    content |= {"status": status, "best_epoch": None, "stop_reason": None, "seconds": None}
    (run / "run.json").write_text(json.dumps(content))
    shutil.rmtree(run / "model")
    (run / "metrics.json").unlink()
    page, warnings = page_of(run)
    assert warnings == ""
    assert word in page.text
    assert "Confusion matrix" in page.text  # of the last checkpoint


@pytest.mark.usefixtures("undrawn")
def test_a_kept_threshold_decides_in_all_of_the_page(tmp_path: Path) -> None:
    run = train("two_classes", tmp_path)
    words = ("--threshold", "0.02", "--save", "--no-baselines", "--json")
    said = bpnet("eval", run, *words)
    accuracy = next(one for one in json.loads(said.out)["figures"] if one["name"] == "accuracy")
    right = round(accuracy["value"] * 85)
    assert right < 80  # by 0.5 it is right in more rows
    content, _ = page_of(run)
    for part in (
        f"On 85 test rows: accuracy {accuracy['value']:.4f}",
        "Predictions, the baselines' too, are by the threshold 0.02 of 'malignant'",
        "Accuracy is not judged",
        f"{right} of 85 test rows are predicted as their own class",
        f"{85 - right} predictions are wrong",
        "Final metrics of the training, as metrics.json has them: scores of the training are by "
        "the threshold 0.5",
    ):
        assert part in content.text


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("outcome", "advice"),
    [("better", "predicts for new rows"), ("worse", "looks for what holds a network back")],
)
def test_the_next_step_follows_the_comparison_with_baselines(
    iris: Path, monkeypatch: pytest.MonkeyPatch, outcome: str, advice: str
) -> None:
    comparison = Comparison("the mean", "accuracy", False, 0.9, 0.8, outcome)
    compared = Compared([], [comparison], ["a verdict"])
    monkeypatch.setattr(report, "compare_with_baselines", lambda *_: compared)
    content, _ = page_of(iris, "-o", iris / f"{outcome}.html")
    assert advice in content.text


@pytest.mark.usefixtures("undrawn")
def test_a_run_of_one_epoch(tmp_path: Path) -> None:
    content, warnings = page_of(train("no_rows", tmp_path))
    assert warnings == ""
    assert "all of its 1 epoch" in content.text


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["-o", "page.pdf"], 2, "a report is a page; give -o FILE.html"),
        (["-o", "nowhere/page.html"], 5, "the folder does not exist"),
    ],
)
def test_bad_usage(iris: Path, tmp_path: Path, words: list[str], code: int, part: str) -> None:
    said = bpnet("report", iris, *words, cwd=tmp_path)
    assert (said.code, said.lacks(part)) == (code, [])
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_a_run_is_refused(tmp_path: Path) -> None:
    said = bpnet("report", tmp_path)
    assert said.code == 5
    assert said.lacks("is not a run directory") == []


def test_a_missing_package_is_named(iris: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    said = bpnet("report", iris)
    assert said.code == 2
    assert said.lacks("pip install 'bpnet-cli[plots]'") == []


@pytest.mark.usefixtures("undrawn")
def test_train_makes_it_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = train("no_rows", tmp_path, "--report")
    assert "Report of no_rows-001" in (run / "report.html").read_text("utf-8")
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    words = ["train", ROOT / "configs/xor.yaml", "--runs", tmp_path / "other", "--report"]
    said = bpnet(*words)
    assert said.code == 2
    assert not (tmp_path / "other").exists()  # before a training that may take hours


@pytest.mark.slow
def test_a_run_of_a_million_rows_in_20_seconds_and_3_megabytes(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(1_000_000, 6))
    y = (x @ generator.normal(size=6) + generator.normal(size=1_000_000) > 0).astype(int)
    np.savetxt(
        tmp_path / "large.csv",
        np.column_stack([x, y]),
        delimiter=",",
        header="a,b,c,d,e,f,y",
        comments="",
        fmt=["%.4f"] * 6 + ["%d"],
    )
    config = tmp_path / "large.yaml"
    config.write_text(
        "dataset: {path: large.csv, target: y}\narchitecture: {hidden: [8]}\n"
        "training: {epochs: 2, batch_size: 1024}\n"
    )
    assert bpnet("train", config, "--runs", tmp_path).code == 0
    start = time.perf_counter()
    content, _ = page_of(tmp_path / "large-001")
    seconds = time.perf_counter() - start
    assert "a sample of 20,000 of 150,000 rows" in content.text
    assert seconds < 60, f"{seconds:.1f} s; 20 s on two free cores"
