"""Columns that count the rows: left out, unless nothing else is there or the config names them."""

from pathlib import Path

import pytest
from command_line import bpnet
from workflow_runs import write_csv

from bpnet.config.loading import load_config
from bpnet.config.overrides import apply_overrides
from bpnet.config.source import parse_source
from bpnet.errors import DataError
from bpnet.preparation.encode import EncodedDataset
from bpnet.preparation.prepare import prepare

CONFIG = """\
dataset: {path: t.csv, target: y, split: {validation: 0, test: 0.2}}
architecture: {hidden: [3]}
training: {epochs: 2}
"""


def prepared(folder: Path, *settings: str) -> EncodedDataset:
    """Return what training would learn from."""
    return prepare(
        load_config(apply_overrides(parse_source(CONFIG, "case.yaml", folder), settings))
    )


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table that is sorted by its target, with an index, as pandas writes it."""
    rows = [[k, (k * 7) % 13, 0.5 * k] for k in range(60)]
    write_csv(tmp_path / "t.csv", ["Unnamed: 0", "x", "y"], rows)
    return tmp_path


def test_a_counter_is_left_out_with_the_option_that_uses_it(table):
    data = prepared(table)
    assert data.encoder.features == ["x"]
    (warning,) = data.warnings
    assert warning.startswith("left out: 'Unnamed: 0' (it looks like an ID")
    option = warning.rpartition("--set ")[2].strip("'")
    assert prepared(table, option).encoder.features == ["Unnamed: 0", "x"]


def test_a_counter_that_the_config_names_is_a_feature(table):
    assert prepared(table, "dataset.features=['Unnamed: 0', x]").warnings == []


def test_a_counter_that_splits_the_rows_by_time_is_left_out_unless_it_has_a_role(table):
    by_time = "dataset.split.time='Unnamed: 0'"
    assert prepared(table, by_time).encoder.features == ["x"]
    named = prepared(table, by_time, "dataset.roles={'Unnamed: 0': numeric}")
    assert named.encoder.features == ["Unnamed: 0", "x"]


def test_a_counter_that_is_called_a_time_may_split_the_rows(tmp_path):
    write_csv(
        tmp_path / "t.csv", ["week", "n", "x", "y"], [[k, k, k * k, k % 7] for k in range(60)]
    )
    (warning,) = prepared(tmp_path).warnings
    assert warning.startswith("left out: 'week', 'n' (each counts the rows")
    option = warning.partition("; if 'week' is the time, split the rows by it: --set ")[2]
    assert option == "dataset.split.time=week"
    assert "counts the time of the split" in prepared(tmp_path, option).warnings[0]


def test_a_counter_is_used_if_it_is_the_only_column(tmp_path):
    write_csv(tmp_path / "t.csv", ["t", "y"], [[k, k * k / 7] for k in range(60)])
    data = prepared(tmp_path)
    assert data.encoder.features == ["t"]
    assert data.warnings == [
        "column 't': it counts the rows: a whole number of its own in each, 0 to 59; "
        "it is used because no other column is left to learn from"
    ]


def test_a_counter_that_the_config_leaves_out_is_not_used_though_it_is_the_only_column(tmp_path):
    write_csv(tmp_path / "t.csv", ["t", "y"], [[k, k * k / 7] for k in range(60)])
    with pytest.raises(DataError, match="no column is left to learn from"):
        prepared(tmp_path, "dataset.roles.t=ignored")


def test_of_two_counters_the_one_with_a_name_is_used(tmp_path):
    write_csv(tmp_path / "t.csv", ["", "t", "y"], [[k, k, k * k / 7] for k in range(60)])
    assert prepared(tmp_path).encoder.features == ["t"]


def test_names_of_rows_are_no_feature_and_the_option_that_uses_them_works(tmp_path):
    write_csv(tmp_path / "t.csv", ["", "y"], [[k * k, k / 7] for k in range(60)])
    with pytest.raises(DataError, match="'column_1': it names the rows") as caught:
        prepared(tmp_path)
    option = caught.value.problems[0].rpartition("--set ")[2]
    assert option == "dataset.roles.column_1=numeric"
    assert prepared(tmp_path, option).encoder.features == ["column_1"]


@pytest.mark.parametrize(
    ("targets", "part"),
    [
        (range(60), "the target 'y': it counts the rows"),
        ([f"c{k}" for k in range(60)], "the target 'y' is another one in every row, as an ID is"),
        ([["FR", "fr", "DE"][k % 3] for k in range(60)], "'FR' and 'fr' differ only in case"),
    ],
)
def test_a_target_that_is_hardly_one_is_warned_of(targets, part, tmp_path):
    rows = [[k * 7 % 13, y] for k, y in enumerate(targets)]
    write_csv(tmp_path / "t.csv", ["x", "y"], rows)
    warnings = prepared(tmp_path, "dataset.split.test=0").warnings
    assert [part in warning for warning in warnings] == [True]


def test_init_says_which_columns_count_the_rows(table):
    done = bpnet("init", "t.csv", "--target", "y", cwd=table)
    assert done.code == 0
    assert "left out: 'Unnamed: 0'" in " ".join(done.err.split())
    assert bpnet("train", "t.yaml", "--set", "training.epochs=1", cwd=table).code == 0
