"""Grids over ensembles: each point is the run that its config gives by itself, ranked by folds."""

import numpy as np
import pandas as pd
import pytest
from labeled_runs import invoked
from workflow_runs import Watcher, read_csv, read_json, train_text, write_csv

from bpnet.config.overrides import apply_overrides
from bpnet.config.source import parse_source
from bpnet.errors import ConfigError, DivergedError, InterruptedRunError
from bpnet.workflows.grid import train_grid

CONFIG = """\
dataset: {path: t.csv, target: y}
architecture: {hidden: [6]}
training: {epochs: 6, learning_rate: 0.02}
folds: 3
members: [{name: deep}, {name: linear, architecture: {hidden: []}}]
"""


def table(folder):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(70, 2))
    rows = [
        [f"{a:.4f}", f"{b:.4f}", f"{2 * a - b + rng.normal() / 5:.4f}", "yes" if a > b else "no"]
        for a, b in x
    ]
    write_csv(folder / "t.csv", ["a", "b", "y", "z"], rows)


def grid(folder, *grids, text=CONFIG, watcher=None, settings=()):
    table(folder)
    return train_grid(
        apply_overrides(parse_source(text, str(folder / "c.yaml"), folder), settings),
        grids,
        runs=folder / "runs",
        name=None,
        command=["bpnet"],
        watcher=watcher or Watcher(),
    )


@pytest.mark.parametrize(
    ("grids", "settings"),
    [
        (["members.0.training.learning_rate=0.001,0.05", "folds=3,4"], []),
        (["training.l2=0,0.1"], ["dataset.target=z", "pack=2"]),
        (["seed=1,2"], ["replicas=2", "dataset.split.seed=0"]),
    ],
)
def test_each_point_is_what_its_config_gives_alone(tmp_path, grids, settings):
    watcher = Watcher()
    ranked = grid(tmp_path, *grids, settings=settings, watcher=watcher)
    assert ranked.part == "out_of_fold"
    scores = [point.score for point in ranked.points]
    assert scores == sorted(scores)
    for point in ranked.points:
        own = [*settings, *(f"{key}={value}" for key, value in point.values.items())]
        alone = train_text(tmp_path, CONFIG, *own)
        expected = read_json(alone.run / "metrics.json")
        assert read_json(point.run / "metrics.json") == expected
        assert point.score == expected["out_of_fold"][ranked.ranked_by]
    assert watcher.titles[0].startswith(f"point 1 of {len(ranked.points)}, ")
    lines = read_csv(ranked.run / "grid.csv")
    assert [float(line[f"ranked_by_{ranked.ranked_by}"]) for line in lines] == scores


def test_the_split_is_that_of_the_configs_own_seed(tmp_path):
    ranked = grid(tmp_path, "seed=1,2")
    one, other = (pd.read_csv(point.run / "splits.csv")["part"] for point in ranked.points)
    assert one.equals(other)


def test_of_a_preset_each_point_is_an_ensemble(tmp_path):
    table(tmp_path)
    (tmp_path / "c.yaml").write_text(
        "dataset: {path: t.csv, target: y, features: [a]}\npreset: default\ntraining: {epochs: 2}\n"
    )
    arguments = ("train", tmp_path / "c.yaml", "--runs", tmp_path / "runs")
    code, text = invoked(*arguments, "--grid", "folds=2,3")
    assert code == 0, text
    assert "2 points, an ensemble each, one after another" in text
    assert "ranked by the out-of-fold rmse" in text


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("folds=null,3", "--grid folds: the points do not all train on folds"),
        ("dataset.target=y,z", "--grid dataset.target: the points predict different things"),
    ],
)
def test_points_that_cannot_be_ranked_are_refused_before_anything_trains(
    tmp_path, assignment, message
):
    with pytest.raises(ConfigError, match=message):
        grid(tmp_path, assignment, text=CONFIG[: CONFIG.index("members")])
    assert not (tmp_path / "runs").exists()


def test_points_that_diverge_are_last_and_an_error_if_there_are_no_others(tmp_path):
    settings = ["training.optimizer=gradient_descent", "members=null"]
    ranked = grid(tmp_path, "training.learning_rate=1e30,0.01", settings=settings)
    assert [point.score is None for point in ranked.points] == [False, True]
    with pytest.raises(DivergedError, match="diverged at every point"):
        grid(tmp_path, "training.learning_rate=1e30,1e31", settings=settings)


def test_an_interruption_ranks_what_has_trained(tmp_path):
    def interrupt(epoch):
        if watcher.titles[-1].startswith("point 2") and epoch == 2:
            raise KeyboardInterrupt

    watcher = Watcher(after=interrupt)
    with pytest.raises(InterruptedRunError, match="the points that had begun are ranked in"):
        grid(tmp_path, "folds=2,3,4", watcher=watcher)
    assert len(list((tmp_path / "runs").glob("*/run.json"))) == 2
    assert [len(read_csv(path)) for path in (tmp_path / "runs").glob("*/grid.csv")] == [2]
