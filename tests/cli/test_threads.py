"""Whole commands with `--threads N`: any number gives the same files."""

import numpy as np
import pytest
from command_line import bpnet

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
