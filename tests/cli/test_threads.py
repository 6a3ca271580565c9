"""Whole commands with `--threads N` or OPENBLAS_NUM_THREADS=N: any number gives the same files."""

import csv
from pathlib import Path

import numpy as np
import pytest
from command_line import ROOT, bpnet, bpnet_apart

from bpnet.engine.loop.slices import SlicedBatch

CONFIG = """\
name: wide
dataset: {path: t.csv, target: y, split: {test: 0, validation: 0.2}}
architecture: {hidden: [256, 256], activation: relu}
training: {epochs: 3, batch_size: 256}
"""
"""Its steps are large enough to be cut."""


@pytest.mark.slow  # trains four times
def test_any_number_of_threads_writes_the_same_files(tmp_path, monkeypatch):
    cut = []
    forward = SlicedBatch.assess
    monkeypatch.setattr(SlicedBatch, "assess", lambda self: cut.append(1) or forward(self))
    values = np.random.default_rng(0).normal(size=(700, 5))
    np.savetxt(tmp_path / "t.csv", values, "%.4f", ",", header="a,b,c,d,y", comments="")
    (tmp_path / "c.yaml").write_text(CONFIG)
    for threads in (1, 2, 4):
        (tmp_path / f"of{threads}").mkdir()
        words = ["train", "c.yaml", "--runs", f"of{threads}", "--threads", threads]
        assert bpnet(*words, cwd=tmp_path).code == 0
    short = ["train", "c.yaml", "--set", "training.epochs=1", "--runs", "short", "--threads", 2]
    assert bpnet(*short, cwd=tmp_path).code == 0
    longer = ["resume", "short/wide-001", "--set", "training.epochs=3", "--threads", 1]
    assert bpnet(*longer, cwd=tmp_path).code == 0
    assert cut
    written = []
    for folder, threads in (("of1", 2), ("of2", 1), ("of4", 3), ("short", 4)):
        run = tmp_path / folder / "wide-001"
        weights = (run / "model" / "weights.safetensors").read_bytes()
        said = bpnet("predict", run, "t.csv", "--threads", threads, cwd=tmp_path)
        assert said.code == 0
        written.append((weights, said.out))
    assert all(each == written[0] for each in written)


@pytest.mark.parametrize("threads", ["0", "-1", "two", "1.5", "1025"])
def test_a_bad_number_of_threads_has_a_message(threads):
    said = bpnet("predict", "nowhere", "t.csv", "--threads", threads)
    assert said.code == 2
    assert "--threads" in said.err


FAST = """\
dataset: {path: t.csv, target: y}
preset: fast
training: {epochs: 1}
"""
SEARCHED = """\
dataset: {path: t.csv, target: y}
architecture: {hidden: [64]}
training: {epochs: 2, batch_size: 128}
search:
  folds: 2
  trials: 4
  space:
    training.learning_rate: {low: 0.001, high: 0.1, log: true}
    architecture.hidden: [[64], [32, 16]]
"""
COMMANDS = {
    "train": ["train", "fast.yaml", "--set", "folds=2"],
    "cv": ["cv", "fast.yaml", "--folds", "2"],
    "search": ["search", "searched.yaml"],
}
WEIGHED = ("*.safetensors", "predictions.csv", "out_of_fold.csv", "metrics.json")
TIMES = {"seconds", "worker"}


@pytest.mark.slow  # nine commands in processes of their own
@pytest.mark.parametrize("verb", COMMANDS)
def test_the_threads_that_blas_was_given_change_no_bit(verb, tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(6000, 8))
    y = np.sin(2 * x[:, :1]) + x[:, 1:2] * x[:, 2:3] + 0.3 * rng.normal(size=(6000, 1))
    header = "a,b,c,d,e,f,g,h,y"
    np.savetxt(tmp_path / "t.csv", np.hstack([x, y]), "%.4f", ",", header=header, comments="")
    (tmp_path / "fast.yaml").write_text(FAST)
    (tmp_path / "searched.yaml").write_text(SEARCHED)
    written = []
    for count in (None, "1", "2"):
        monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
        if count is not None:
            monkeypatch.setenv("OPENBLAS_NUM_THREADS", count)
        runs = tmp_path / f"with-{count}"
        words = [*COMMANDS[verb], "--runs", runs.name, "--name", "r"]
        said = bpnet_apart(*words, cwd=tmp_path, timeout=600)
        assert said.code == 0, said.err
        written.append(contents(runs))
    assert any(name.endswith("predictions.csv") for name in written[0])
    for other in written[1:]:
        assert other.keys() == written[0].keys()
        assert [name for name in other if other[name] != written[0][name]] == []


def contents(folder: Path) -> dict[str, object]:
    """Return what training has come to, by file."""
    files = [path for pattern in WEIGHED for path in folder.rglob(pattern)]
    found: dict[str, object] = {str(path.relative_to(folder)): path.read_bytes() for path in files}
    for path in folder.rglob("*.csv"):
        with path.open(newline="") as lines:
            rows = list(csv.DictReader(lines))
        found[str(path.relative_to(folder))] = [
            {key: cell for key, cell in row.items() if key not in TIMES} for row in rows
        ]
    return found


COMPUTE_NOTHING = {"example", "explain", "guide", "runs", "schema", "show"}


def test_every_verb_that_computes_limits_blas_from_its_beginning():
    texts = {path.stem: path.read_text() for path in (ROOT / "bpnet" / "cli").glob("*.py")}
    verbs = {name: text for name, text in texts.items() if "    with exit_codes()" in text}
    del verbs["app"]  # which lists them
    assert len(verbs) > 15
    begins = "    with exit_codes(), on_threads("
    assert {name for name, text in verbs.items() if begins not in text} == COMPUTE_NOTHING
