"""Presets on tables that are large in one direction: rows, columns, classes, or names."""

import importlib.util
import json
import re
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from odd_tables import ODD_TABLES
from table_files import WRITERS
from terminal import on_terminal
from workflow_runs import parse_source, predicted, train_text, write_csv

from bpnet.config.loading import load_config
from bpnet.workflows.check import check_dataset

sys.path.append(str(Path(__file__).parents[1]))

from test_large_tables import peak_megabytes, table

pytestmark = pytest.mark.slow
BPNET = Path(sys.executable).with_name("bpnet")
SECONDS = 300
"""Many times what a free machine needs."""


def written(folder, columns, name="t.csv"):
    return write_csv(folder / name, list(columns), list(zip(*columns.values(), strict=True)))


@pytest.mark.parametrize(
    ("name", "preset", "settings"),
    [
        ("columns 10000", "fast", ["training.epochs=4"]),
        ("columns 10000", "default", ["training.epochs=2", "folds=2"]),
        ("classes 200", "fast", ["training.epochs=6"]),
    ],
)
def test_many_columns_and_many_classes(tmp_path, name, preset, settings):
    made = ODD_TABLES[name](0)
    written(tmp_path, made.train)
    config = {"dataset": {"path": "t.csv", "target": "y", "split": {"test": 0}}, "preset": preset}
    begun = time.perf_counter()
    result = train_text(tmp_path, json.dumps(config), *settings)
    assert time.perf_counter() - begun < SECONDS
    columns = predicted(result.run, written(tmp_path, made.test, "new.csv"))
    right = np.mean(np.array(columns["predicted_y"]) == np.asarray(made.test["y"]))
    assert right > (20 / 200 if name == "classes 200" else 0.6)


@pytest.mark.parametrize(
    ("rows", "folds", "networks"), [(199_999, 3, 9), (200_000, None, 2), (1_000_000, None, 2)]
)
def test_folds_fall_away_from_200_000_training_rows_on(tmp_path, rows, folds, networks):
    x = np.random.default_rng(0).normal(size=(rows, 2)).round(3)
    (tmp_path / "t.csv").write_text(
        "x,y\n"
        + "\n".join(f"{a},{b}" for a, b in zip(x[:, 0], x.sum(axis=1).round(3), strict=True))
    )
    text = "dataset: {path: t.csv, target: y, split: {test: 0}}\n"
    found = check_dataset(load_config(parse_source(text, str(tmp_path / "c.yaml"), tmp_path)))
    assert (found.preset, found.folds, found.networks) == ("default", folds, networks)
    assert found.cost.seconds_per_epoch > 0


def test_a_million_rows_in_bounded_time_and_memory(tmp_path):
    table(tmp_path / "t.csv", 1_000_000, 6)
    (tmp_path / "c.yaml").write_text("dataset: {path: t.csv, target: target}\npreset: default\n")
    begun = time.perf_counter()
    limited = ("--set", "training.epochs=1")
    peak = peak_megabytes(tmp_path, str(BPNET), "train", "c.yaml", *limited)
    assert time.perf_counter() - begun < SECONDS
    assert peak < 1000


@pytest.mark.skipif(not importlib.util.find_spec("python_calamine"), reason="needs calamine")
def test_a_workbook_is_the_table_of_its_numbers(tmp_path):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3000, 20)).round(4)
    y = (x[:, 0] - x[:, 1] + rng.logistic(size=3000) > 0).astype(int)
    columns = {f"x{k}": x[:, k].tolist() for k in range(20)} | {"y": y.tolist()}
    losses = []
    for name in ("book.xlsx", "comma.csv"):
        WRITERS[name](columns, tmp_path / name)
        text = f"dataset: {{path: {name}, target: y}}\npreset: fast\n"
        result = train_text(tmp_path, text, "training.epochs=4")
        losses.append(result.metrics["test"]["log_loss"])
    assert losses[0] == losses[1] < 0.6


LONG = "a member whose name is longer than a line of a terminal of eighty columns, number {}"


@pytest.mark.parametrize("members", ["of a preset", "of long names"])
def test_long_names_and_200_classes_on_a_terminal_of_80_columns(tmp_path, members):
    made = ODD_TABLES["classes 200"](0)
    names = [f"a rather long name of a measured quantity, number {k}" for k in range(1, 9)]
    target = "the species to which the observed animal belongs, as experts say"
    cells = [np.asarray(cells)[:1200] for cells in made.train.values()]
    written(tmp_path, dict(zip([*names, target], cells, strict=True)))
    config = {"dataset": {"path": "t.csv", "target": target}, "training": {"epochs": 2}, "folds": 2}
    config |= (
        {"preset": "default"}
        if members == "of a preset"
        else {"members": [{"name": LONG.format(k), "architecture": {"hidden": []}} for k in (1, 2)]}
    )
    (tmp_path / "c.yaml").write_text(json.dumps(config))
    shown = on_terminal("train", "c.yaml", cwd=tmp_path, term="xterm-256color")
    assert "Traceback" not in shown
    lines = [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", one) for one in re.split(r"[\r\n]", shown)]
    assert max(map(len, lines)) <= 80, max(lines, key=len)
    # each drawing of the lines that follow a training is whole; in the last one nothing is left
    drawn = [one.rstrip() for one in lines if one.startswith("epoch ")]
    assert drawn
    under_way, last = (
        rf"epoch {epochs}/2  [━╌]+(  {left}[0-9,]+ rows/s)?"
        for epochs, left in (("[01]", ".* left  "), ("2", "(.* left  )?"))
    )
    assert all(re.fullmatch(f"{under_way}|{last}", one) for one in drawn)
    count = 4 if members == "of a preset" else 2
    assert all(f"member {k} of {count}, " in shown for k in range(1, count + 1))
    if members == "of long names":  # whole where they train, cut visibly in the table
        assert LONG.format(2) in re.sub(r"\s+", " ", " ".join(lines))
        assert [one[:37].rstrip() for one in lines if "…" in one] == [
            f"a member whose nam…columns, number {k}" for k in (1, 2)
        ]
