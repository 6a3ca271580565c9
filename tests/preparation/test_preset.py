"""A preset suits the rows, groups and times of its table."""

import numpy as np
import pytest
from workflow_runs import write_csv

from bpnet.config.loading import load_config
from bpnet.config.source import parse_source
from bpnet.errors import DataError
from bpnet.preparation.open import open_dataset
from bpnet.preparation.preset import with_preset
from bpnet.preparation.split import draw_split
from bpnet.preparation.training_folds import draw_rounds, fold_split


def opened(folder, columns, split="", text=""):
    write_csv(folder / "t.csv", list(columns), list(zip(*columns.values(), strict=True)))
    config = f"dataset: {{path: {folder / 't.csv'}, target: y{split}}}\n{text}"
    return open_dataset(load_config(parse_source(config, "c.yaml")))


def columns_of(rows, **others):
    x = np.random.default_rng(0).normal(size=rows)
    return {"x": x, "y": np.where(np.arange(rows) % 3, "no", "yes")} | others


@pytest.mark.parametrize(
    ("columns", "split", "folds"),
    [
        (columns_of(100), "", 8),
        (columns_of(12), ", split: {test: 0}", 8),
        (columns_of(9), ", split: {test: 0}", 6),  # six rows of the larger class
        (columns_of(4), ", split: {test: 0}", 2),
        (columns_of(90, g=np.arange(90) // 30), ", split: {group: g, test: 0}", 3),
        (columns_of(90, g=np.arange(90) // 18), ", split: {time: g, test: 0}", 4),
    ],
)
def test_there_are_no_more_folds_than_rows_groups_or_times_allow(tmp_path, columns, split, folds):
    dataset = with_preset(opened(tmp_path, columns, split))
    assert dataset.loaded.config.folds == folds
    rows = fold_split(draw_split(dataset))["train"]
    assert len(draw_rounds(dataset, rows)[0].folds) == folds


def test_folds_that_the_user_sets_are_not_lowered(tmp_path):
    columns = columns_of(90, g=np.arange(90) // 30)
    given = opened(tmp_path, columns, ", split: {group: g, test: 0}", "preset: default\nfolds: 5\n")
    dataset = with_preset(given)
    assert dataset.loaded.config.folds == 5
    with pytest.raises(DataError, match=r"has 3 groups, too few for folds: 5; lower it: --set"):
        draw_rounds(dataset, np.arange(90))


def test_the_size_of_a_table_is_that_of_its_training_rows(tmp_path):
    """700 rows of which a column names 500 for training: as for 500, there are 8 folds."""
    part = np.where(np.arange(700) < 500, "train", "test")
    dataset = with_preset(opened(tmp_path, columns_of(700, part=part), ", split: {column: part}"))
    assert dataset.loaded.config.folds == 8
    assert with_preset(opened(tmp_path, columns_of(700), "")).loaded.config.folds == 8
    assert with_preset(opened(tmp_path, columns_of(800), "")).loaded.config.folds == 6
