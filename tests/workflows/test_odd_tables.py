"""Presets on tables of unusual shape; and what a held-out row may tell its network: nothing."""

import json

import numpy as np
import pytest
from odd_tables import ODD_TABLES
from sklearn import metrics as sk
from workflow_runs import Watcher, predicted, read_csv, read_json, train_text, write_csv

from bpnet.models.saved_ensemble import load_ensemble
from bpnet.reports.train_folds import folds_lines

FAST = ("training.epochs=12", "folds=3", "training.early_stopping=null")


def written(folder, columns, name="t.csv"):
    return write_csv(folder / name, list(columns), list(zip(*columns.values(), strict=True)))


def config_of(table, **others):
    return json.dumps(
        {"dataset": {"path": "t.csv", "target": table.target} | table.dataset} | others
    )


@pytest.mark.parametrize(
    "name",
    ["rows 8", "rows 12", "rows 20, numbers", "groups", "labels", "quantities", "weights",
     "holes", "constants", "duplicates", "two numbers", "periods"],
)  # fmt: skip
def test_the_default_trains_and_predicts(tmp_path, name):
    table = ODD_TABLES[name](0)
    written(tmp_path, table.train)
    settings = [s for s in FAST if s != "folds=3"] if name.startswith("rows") else FAST
    result = train_text(tmp_path, config_of(table, preset="default"), *settings)
    for figure in result.metrics["out_of_fold"].values():
        assert figure is None or np.isfinite(figure)
    columns = predicted(result.run, written(tmp_path, table.test, "new.csv"))
    assert all(len(cells) == len(table.test["x1"]) for cells in columns.values())


@pytest.mark.parametrize("name", ["noise", "noise, classes"])
def test_of_noise_nothing_is_learned_and_it_says_so(tmp_path, name):
    table = ODD_TABLES[name](0)
    written(tmp_path, table.train)
    result = train_text(tmp_path, config_of(table), "folds=4", "training.epochs=30")
    assert not result.constant.learned
    assert not read_json(result.run / "metrics.json")["constant"]["loss"] < 0.98 * (
        result.constant.constant
    )
    assert any(line.startswith("\nnothing was learned: ") for line in folds_lines(result))
    columns = predicted(result.run, written(tmp_path, table.test, "new.csv"))
    if name == "noise":  # near the mean of 5
        assert np.std(np.array(columns["predicted_y"], float)) < 0.5
    else:
        p = np.array([columns[f"probability_class {k}"] for k in range(3)], float).T
        classes = [f"class {k}" for k in range(3)]
        assert sk.log_loss(table.test["y"], p / p.sum(1, keepdims=True), labels=classes) < 1.12


def test_of_a_rule_something_is_learned(tmp_path):
    table = ODD_TABLES["weights"](0)
    written(tmp_path, table.train)
    result = train_text(tmp_path, config_of(table, preset="default"), *FAST)
    assert result.constant.learned


def test_groups_that_differ_in_level_hide_no_signal(tmp_path):
    """Of 8 groups with other shares of a class, where a feature tells as much in each."""
    rng = np.random.default_rng(11)
    group = np.arange(240) % 8
    x = rng.normal(size=240)
    score = 1.5 * x + np.array([-1, 1, -2, 2, 1, -1, 2, -2])[group] + rng.logistic(size=240)
    columns = {"site": [f"s{k}" for k in group], "x": x.round(3), "y": np.where(score > 0, 1, 0)}
    written(tmp_path, columns)
    text = "dataset: {path: t.csv, target: y, split: {group: site, test: 0}}\npreset: fast\n"
    result = train_text(tmp_path, text, "training.epochs=30")
    metrics = read_json(result.run / "metrics.json")["constant"]
    assert metrics["by_fold"]
    assert 0 < metrics["gain_by_chance"] < 0.01
    assert result.constant.learned
    written(tmp_path, columns | {"x": rng.normal(size=240).round(3)})
    noise = train_text(tmp_path, text, "training.epochs=30")
    assert not noise.constant.learned
    shown = " ".join(folds_lines(noise))
    assert "chance explains, even if the level of each fold's groups were known (their" in shown


def test_a_group_of_more_than_half_of_the_rows_always_trains(tmp_path):
    table = ODD_TABLES["groups"](0)
    written(tmp_path, table.train)
    watcher = Watcher()
    result = train_text(
        tmp_path, config_of(table, preset="default"), *FAST, "dataset.split.test=0", watcher=watcher
    )
    sites = np.asarray(table.train["site"])
    held_out = {sites[int(row["row"]) - 1] for row in read_csv(result.run / "predictions.csv")}
    assert held_out == set(sites) - {"s0"}
    assert any(
        text.endswith("in no fold, so that no score is of them") for text in watcher.warnings
    )


def test_validation_rows_that_a_column_names_train_with_a_warning(tmp_path):
    table = ODD_TABLES["constants"](0)
    part = np.resize(["train", "train", "validation", "test"], 300)
    written(tmp_path, table.train | {"part": part})
    watcher = Watcher()
    text = "dataset: {path: t.csv, target: y, split: {column: part}}\npreset: default\n"
    result = train_text(tmp_path, text, *FAST, watcher=watcher)
    assert result.rows == {"out_of_fold": 225, "test": 75}
    (warning,) = [text for text in watcher.warnings if "names 75 validation rows" in text]
    assert warning.startswith("dataset.split.column ")
    assert warning.endswith("--set folds=null")


PLANTED = """\
dataset:
  path: t.csv
  target: y
  preprocessing: {numeric: standardize, categorical: {kind: one_hot, rare: 1}}
  split: {test: 0}
folds: 3
architecture: {hidden: [8]}
training: {epochs: 15, keep: last}
"""


def planted_table(folder, change=lambda columns: None):
    rng = np.random.default_rng(4)
    x = rng.normal(size=90)
    columns = {
        "x": x.round(3).astype(object),
        "c": rng.choice(["p", "q"], 90).astype(object),
        "y": np.where(x + rng.normal(0, 0.5, 90) > 0, "yes", "no").astype(object),
    }
    change(columns)
    return written(folder, columns)


def test_an_absurd_value_reaches_only_the_encoder_that_all_folds_share(tmp_path):
    """Of a row of fold 2: the medians and categories of all training rows are shared, as stated.

    With the encoder's statistics held still, the network of fold 2 is the same bit for bit.
    """
    planted_table(tmp_path)
    before = train_text(tmp_path, PLANTED)
    rows = {row["fold"]: int(row["row"]) - 1 for row in read_csv(before.run / "predictions.csv")}
    place = rows["2"]

    def plant(columns):
        columns["x"][place], columns["c"][place] = 1e6, "planted"

    planted_table(tmp_path, plant)
    shared = train_text(tmp_path, PLANTED)
    names = [
        load_ensemble(run.run / "model").members[0].description.encoder.inputs
        for run in (before, shared)
    ]
    assert names[0] == ["x", "c=p", "c=q"]
    assert names[1] == ["x", "c=p", "c=planted", "c=q"]

    still = PLANTED.replace("numeric: standardize", "numeric: none").replace(
        "kind: one_hot, rare: 1", "kind: one_hot, rare: 5"
    )
    runs = []
    for change in (lambda columns: None, lambda columns: columns["x"].__setitem__(place, 77.0)):
        planted_table(tmp_path, change)
        runs.append(train_text(tmp_path, still))
    one, other = (load_ensemble(run.run / "model").members[0].network.theta for run in runs)
    assert (one == other).all(axis=1).tolist() == [False, True, False]


def test_a_target_of_a_held_out_row_reaches_epoch_and_temperature_of_all_but_no_weights(tmp_path):
    """Flip the targets of a fold's rows: its network trains on, bit for bit, as before.

    The pooled loss that chooses the epoch, and the temperature, are of held-out rows: they change.
    """
    stratified = PLANTED.replace("split: {test: 0}", "split: {test: 0, stratify: false}")
    planted_table(tmp_path)
    before = train_text(tmp_path, stratified)
    lines = read_csv(before.run / "predictions.csv")
    rows = [int(row["row"]) - 1 for row in lines if row["fold"] == "2"]

    def flip(columns):
        columns["y"][rows] = np.where(columns["y"][rows] == "yes", "no", "yes")

    planted_table(tmp_path, flip)
    after = train_text(tmp_path, stratified)
    assert {row["row"] for row in lines if row["fold"] == "2"} == {
        row["row"] for row in read_csv(after.run / "predictions.csv") if row["fold"] == "2"
    }
    one, other = (load_ensemble(run.run / "model") for run in (before, after))
    same = (one.members[0].network.theta == other.members[0].network.theta).all(axis=1)
    assert same.tolist() == [False, True, False]
    losses = [
        [row["oof_loss"] for row in read_csv(run.run / "metrics.csv")] for run in (before, after)
    ]
    assert losses[0] != losses[1]
    assert one.members[0].description.temperature < other.members[0].description.temperature
