"""The trend of dates under a split by time: an input only where later training rows confirm it."""

import datetime

import numpy as np
import pytest
from workflow_runs import write_csv

from bpnet.config.loading import load_config
from bpnet.config.source import parse_source
from bpnet.preparation.fit import fit_dataset
from bpnet.preparation.open import open_dataset
from bpnet.preparation.split import split_dataset

START = datetime.date(2020, 1, 1)


def inputs(folder, target, rows=600, settings="", task="regression"):
    """Return the inputs of a table with a row for each day, a number a and a target."""
    rng = np.random.default_rng(0)
    a, noise = rng.normal(size=rows), rng.normal(size=rows) / 2
    y = target(np.arange(rows), a, noise)
    cells = [[START + datetime.timedelta(days=k), f"{a[k]:.4f}", y[k]] for k in range(rows)]
    order = rng.permutation(rows)
    write_csv(folder / "t.csv", ["day", "a", "y"], [cells[k] for k in order])
    text = f"dataset: {{path: t.csv, target: y, split: {{time: day}}{settings}}}\ntask: {task}\n"
    loaded = load_config(parse_source(text + "training: {epochs: 1}", "c.yaml", folder))
    return fit_dataset(split_dataset(open_dataset(loaded))).encoder.inputs


def test_a_target_that_grows_confirms_the_trend(tmp_path):
    names = inputs(tmp_path, lambda day, a, noise: a + day / 50 + noise)
    assert names[:3] == ["day elapsed", "day day_of_year sin", "day day_of_year cos"]


def test_so_does_a_class_that_becomes_more_frequent(tmp_path):
    def label(day, a, noise):
        return np.where(a + day / 150 - 2 + noise > 0, "yes", "no")

    assert "day elapsed" in inputs(tmp_path, label, task="classification")


@pytest.mark.parametrize(
    "target",
    [
        lambda day, a, noise: a + noise,
        lambda day, a, noise: a + 3 * np.sin(2 * np.pi * day / 365.25) + noise,
    ],
    ids=["none", "season"],
)
def test_other_targets_do_not(tmp_path, target):
    assert "day elapsed" not in inputs(tmp_path, target)


@pytest.mark.parametrize("grows", [True, False])
def test_a_number_that_counts_the_time_is_kept_only_if_it_helps(tmp_path, grows):
    rng = np.random.default_rng(1)
    rows = [
        [START + datetime.timedelta(days=3 * k), 2020 + k // 120, f"{a:.3f}", grows * k / 50 + a]
        for k, a in enumerate(rng.normal(size=600))
    ]
    write_csv(tmp_path / "t.csv", ["day", "year", "a", "y"], rows)
    text = "dataset: {path: t.csv, target: y, split: {time: day}, roles: {day: ignored}}\n"
    loaded = load_config(parse_source(text + "training: {epochs: 1}", "c.yaml", tmp_path))
    split = split_dataset(open_dataset(loaded))
    assert ("year" in split.column_roles.features) is grows


def test_too_few_rows_confirm_nothing(tmp_path):
    assert "day elapsed" not in inputs(tmp_path, lambda day, a, noise: a + day + noise, rows=60)


@pytest.mark.parametrize("trend", ["true", "false"])
def test_the_config_decides_first(tmp_path, trend):
    settings = f", preprocessing: {{columns: {{day: {{kind: date, trend: {trend}}}}}}}"
    names = inputs(tmp_path, lambda day, a, noise: a + day / 50 + noise, settings=settings)
    assert ("day elapsed" in names) == (trend == "true")
