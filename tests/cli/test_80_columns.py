"""Every report fits a terminal of 80 columns: many classes, long names, many keys, tiny numbers."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from labeled_runs import invoked
from terminal import on_terminal
from workflow_runs import write_csv

from bpnet.reports.tables import display_width

CONFIG = """\
dataset: {path: t.csv, target: TARGET, split: {validation: 0.2, test: 0.3}}
architecture: {layers: [{kind: dense, units: 12}, {kind: batch_normalization},
                        {kind: dropout, rate: 0.3}]}
training: {epochs: 3, learning_rate: 0.01}
"""
LONG = "a class whose name is longer than many lines of text are wide, number {}"
PATH = re.compile(r"runs/|^Next:|^Run directory:|^Best run:")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A table with 30 classes of long names, two classes, and three quantities."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    name = "a quantity with a name that is long, in the unit of {}"
    header = ["a", "many", "two", *(name.format(unit) for unit in ("m", "kg", "s"))]
    rows = [
        [
            k % 30 + k / 999,
            LONG.format(k % 30),
            LONG.format("ab"[k % 3 > 0]),
            *random.normal(size=3),
        ]
        for k in range(120)
    ]
    rows = [[*row[:3], *(f"{value * 1e-6:.4e}" for value in row[3:])] for row in rows]
    write_csv(tmp_path / "t.csv", header, rows)
    for target, names in (("many", "many"), ("two", "two"), ("three", json.dumps(header[3:]))):
        (tmp_path / f"{target}.yaml").write_text(CONFIG.replace("TARGET", names))
    return tmp_path


def too_wide(shown: str) -> list[str]:
    """Return the lines of a report that are wider than 80 columns, those with paths apart."""
    return [
        line for line in shown.splitlines() if display_width(line) > 80 and not PATH.search(line)
    ]


def tables(shown: str) -> str:
    """Return the lines that are not sentences, which a terminal wraps."""
    return "\n".join(line for line in shown.splitlines() if "  " in line or line.startswith(" "))


@pytest.mark.parametrize("target", ["many", "two", "three"])
def test_tables_are_at_most_80_columns_wide(target, folder):
    """Also where they are written to a file, where nothing is wrapped."""
    grid = ["training.learning_rate=0.01,0.02", "training.l2=0,0.001", "training.batch_size=16,32"]
    for words in (
        ["train", f"{target}.yaml", *(word for key in grid for word in ("--grid", key))],
        ["eval", f"runs/{target}-001"],
        ["cv", f"{target}.yaml", "--folds", "2"],
        ["trace", f"runs/{target}-001", "--row", "1,2"],
    ):
        code, shown = invoked(*words)
        assert code == 0, shown
        assert too_wide(tables(shown)) == []


def test_tiny_errors_keep_their_digits(folder):
    assert invoked("train", "three.yaml")[0] == 0
    shown = invoked("eval", "runs/three-001")[1]
    rmse = next(line for line in shown.splitlines() if line.startswith("RMSE"))
    assert re.search(r"RMSE +\d\.\d+e-0\d ", rmse)
    document = json.loads(invoked("eval", "runs/three-001", "--json")[1])
    assert f"{document['figures'][0]['value']:.4g}" in rmse


@pytest.mark.slow
@pytest.mark.parametrize("target", ["many", "two", "three"])
def test_a_terminal_of_80_columns_shows_everything_within_it(target, folder):
    def shown(*words: str) -> str:
        return on_terminal(*words, cwd=Path.cwd(), columns=80)

    for words in (
        ["train", f"{target}.yaml"],
        ["eval", f"runs/{target}-001"],
        ["train", f"{target}.yaml", "--grid", "training.learning_rate=0.01,0.02"],
        ["cv", f"{target}.yaml", "--folds", "2"],
        ["trace", f"runs/{target}-001", "--row", "1,2,3"],
    ):
        text = shown(*words)
        assert not re.search(r"^error|Traceback", text, re.MULTILINE), text
        assert too_wide(text) == []
