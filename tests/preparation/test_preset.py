"""A preset suits the rows, groups and times of its table."""

import numpy as np
import pytest
from workflow_runs import write_csv

from bpnet.config.loading import load_config
from bpnet.config.presets.choose import TableSize
from bpnet.config.presets.expand import expand
from bpnet.config.source import parse_source
from bpnet.errors import ConfigError, DataError
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


TEXT = "dataset: {path: t.csv, target: y}\ntraining: {epochs: 9}\npreset: default\n"
LARGE = TableSize(20_000, 9, "classification")


def test_a_key_that_the_preset_has_set_is_not_blamed_on_a_line_of_the_config():
    loaded = expand(load_config(parse_source(TEXT, "c.yaml")), LARGE)
    assert (
        loaded.problem(("training", "lazy_embeddings"), "is true")
        == "c.yaml, line 3, preset default: training.lazy_embeddings is true; set it yourself: "
        "--set training.lazy_embeddings=VALUE"
    )
    advised = loaded.problem(("training", "batch_size"), "is 256: --set training.batch_size=64")
    assert advised.endswith("batch_size is 256: --set training.batch_size=64")
    names = [member.name for member in loaded.config.members]
    piecewise = loaded.of_member(names.index("piecewise"))
    for path in (("architecture", "layers"), ("training", "optimizer", "weight_decay")):
        assert piecewise.problem(path, "is").startswith(
            f"c.yaml, line 3, preset default: {path[0]}."
        )
    # keys of the user's, and defaults
    assert loaded.problem(("training", "epochs"), "is 9") == "c.yaml, line 2: training.epochs is 9"
    assert loaded.problem(("training", "l1"), "is 0").startswith("c.yaml, line 2: ")
    option = loaded.override(["training.lazy_embeddings=false"])
    assert option.problem(("training", "lazy_embeddings"), "is false").startswith("--set training.")


def test_a_preset_that_the_config_does_not_name_is_named():
    loaded = expand(load_config(parse_source(TEXT.splitlines()[0], "c.yaml")), LARGE)
    assert loaded.problem(("folds",), "is 4") == (
        "c.yaml, preset default: folds is 4; set it yourself: --set folds=VALUE"
    )


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("optimizer=lbfgs", r"^c.yaml, line 3, preset default: training.batch_size is 256"),
        ("l2=0.1", r"^--set training.l2=0.1: training.l2 .*--set training.lazy_embeddings=false"),
    ],
)
def test_a_preset_and_a_key_that_contradict_each_other_are_both_placed(key, why):
    given = load_config(parse_source(TEXT, "c.yaml")).override([f"training.{key}"])
    with pytest.raises(ConfigError, match=why):
        expand(given, LARGE)


def test_the_size_of_a_table_is_that_of_its_training_rows(tmp_path):
    """700 rows of which a column names 500 for training: as for 500, there are 8 folds."""
    part = np.where(np.arange(700) < 500, "train", "test")
    dataset = with_preset(opened(tmp_path, columns_of(700, part=part), ", split: {column: part}"))
    assert dataset.loaded.config.folds == 8
    assert with_preset(opened(tmp_path, columns_of(700), "")).loaded.config.folds == 8
    assert with_preset(opened(tmp_path, columns_of(800), "")).loaded.config.folds == 6
