"""Grids: each point is the run that its config gives by itself, and the best is kept."""

import json

import numpy as np
import pandas as pd
import pytest
from workflow_runs import ROOT, Watcher, predicted, train_file, train_text, write_csv

from bpnet.config.grid import expand_grid
from bpnet.config.inheritance import read_source
from bpnet.config.loading import read_config
from bpnet.config.overrides import apply_overrides
from bpnet.config.source import parse_source
from bpnet.errors import ConfigError, DataError, DivergedError, InterruptedRunError, UsageError
from bpnet.models.model import load_model
from bpnet.reports.grid import grid_lines
from bpnet.workflows.grid import train_grid

CONFIG = """
seed: 3
dataset:
  path: t.csv
  target: y
  split: {validation_rows: [1, 2, 3, 4, 5, 6], test_rows: [10, 20, 30]}
architecture:
  layers:
    - {kind: dense, units: 6, activation: tanh, initializer: glorot_normal}
    - {kind: dropout, rate: 0.2}
training: {epochs: 8, batch_size: 16, precision: float64, early_stopping: {patience: 4}}
"""
FREE = [
    "training.learning_rate=0.01,0.1",
    "training.optimizer=adam,{kind: momentum, momentum: 0.5}",
    "training.optimizer.beta_1=0.5,0.9",
    "training.schedule=cosine,{kind: step, every_epochs: 2}",
    "training.l1=0,0.01",
    "training.l2=0,0.1,0.2",
    "training.gradient_clipping={norm: 0.1},null",
    "architecture.layers.1.rate=0,0.3",
    "architecture.layers.0.initializer=he_normal,glorot_uniform",
    "architecture.layers.0.initializer.gain=0.5,2",
    "seed=5,6",
]
DIVIDING = [
    "architecture.layers.0.units=4,6",
    "architecture.layers.0.activation=tanh,relu",
    "training.batch_size=8,16",
    "training.epochs=4,8",
    "training.precision=float32,float64",
    "dataset.preprocessing.numeric=robust,min_max",
]


def table(folder):
    write_csv(
        folder / "t.csv",
        ["a", "b", "c", "y"],
        [[k, (k * 7) % 11, k % 5, "yes" if (k * 7) % 11 + k % 3 > 6 else "no"] for k in range(60)],
    )


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
    ("assignment", "passes"), [*((one, 1) for one in FREE), *((one, None) for one in DIVIDING)]
)
def test_each_point_is_what_its_config_gives_alone(tmp_path, assignment, passes):
    ranked = grid(tmp_path, assignment)
    assert ranked.passes == (passes or len(ranked.points))
    assert ranked.dividing_keys == ([] if passes else [assignment.partition("=")[0]])
    scores = [own.score for own in ranked.points]
    assert scores == sorted(scores)
    for own in ranked.points:
        settings = [f"{key}={value}" for key, value in own.values.items()]
        alone = train_text(tmp_path, CONFIG, *settings)
        tolerance = 1e-5 if "precision=float32" in settings[0] else 1e-9
        for part, figures in alone.figures.items():
            assert own.figures[part] == pytest.approx(figures, rel=tolerance, abs=tolerance)
        assert own.best_epoch == alone.best_epoch
        assert own.stop_reason == alone.stop_reason
    best = ranked.points[0]
    again = train_text(tmp_path, (ranked.run / "config.yaml").read_text().replace("../../", ""))
    assert (
        load_model(again.run / "model").description.layers
        == load_model(ranked.run / "model").description.layers
    )
    np.testing.assert_allclose(
        load_model(again.run / "model").network.theta,
        load_model(ranked.run / "model").network.theta,
        rtol=1e-5,
        atol=1e-7,
    )
    assert best.run == ranked.run


def test_combinations_rank_by_the_loss_without_penalties_and_replicas_count_together(tmp_path):
    ranked = grid(
        tmp_path, "training.learning_rate=0.003,0.1", "training.l2=0,0.3", settings=["replicas=3"]
    )
    assert (ranked.passes, ranked.ranked_by, ranked.part) == (1, "loss", "validation")
    assert sorted(tuple(own.networks) for own in ranked.points) == [
        (1, 2, 3),
        (4, 5, 6),
        (7, 8, 9),
        (10, 11, 12),
    ]
    written = pd.read_csv(ranked.run / "grid.csv")
    assert written["rank"].tolist() == [1, 2, 3, 4]
    assert written["training.learning_rate"].tolist() == [
        float(p.values["training.learning_rate"]) for p in ranked.points
    ]
    np.testing.assert_allclose(written.ranked_by_loss, [own.score for own in ranked.points])
    each = pd.read_csv(ranked.run / "replicas.csv")
    assert sorted(each.replica.unique()) == list(range(1, 13))
    for own in ranked.points:
        alone = train_text(
            tmp_path, CONFIG, "replicas=3", *(f"{key}={value}" for key, value in own.values.items())
        )
        assert own.figures["test"] == pytest.approx(alone.figures["test"], rel=1e-9)
        if own.values["training.l2"] == "0":
            assert own.score == pytest.approx(alone.figures["validation"]["loss"], rel=1e-9)
        else:
            assert own.score < alone.figures["validation"]["loss"]
    model = load_model(ranked.run / "model")
    assert model.description.seeds == [3, 4, 5]
    content = json.loads((ranked.run / "run.json").read_text())
    assert (content["status"], [own["seed"] for own in content["replicas"]]) == (
        "finished",
        [3, 4, 5],
    )
    assert predicted(ranked.run, tmp_path / "t.csv")["disagreement"]


def test_keys_that_divide_and_keys_that_do_not(tmp_path):
    ranked = grid(
        tmp_path, "architecture.layers.0.units=3,5", "training.learning_rate=0.01,0.02,0.03"
    )
    assert (ranked.passes, len(ranked.points)) == (2, 6)
    assert ranked.dividing_keys == ["architecture.layers.0.units"]
    assert {own.run.name for own in ranked.points} == {"c-001", "c-002"}
    assert not (
        tmp_path / "runs" / ({"c-001", "c-002"} - {ranked.run.name}).pop() / "grid.csv"
    ).exists()


def test_an_outputs_initializer_does_not_change_what_the_loss_means(tmp_path):
    ranked = grid(tmp_path, "architecture.output.initializer=glorot_normal,zeros")
    assert (ranked.ranked_by, ranked.passes) == ("loss", 1)


def test_losses_that_cannot_be_compared_are_ranked_by_the_metric(tmp_path):
    ranked = grid(tmp_path, "training.loss=binary_cross_entropy,squared_error")
    assert ranked.ranked_by == "accuracy"
    assert ranked.points[0].score >= ranked.points[1].score


def test_a_point_that_diverges_is_ranked_last(tmp_path):
    source = read_source(ROOT / "configs" / "diabetes.yaml")
    how = {"runs": tmp_path, "name": "d", "command": [], "watcher": Watcher()}
    ranked = train_grid(
        apply_overrides(source, ["training.optimizer=gradient_descent", "training.epochs=20"]),
        ["training.learning_rate=1.0e+30,0.01"],
        **how,
    )
    assert [own.values["training.learning_rate"] for own in ranked.points] == ["0.01", "1.0e+30"]
    assert [own.stop_reason == "diverged" for own in ranked.points] == [False, True]
    assert ranked.points[1].score is None
    assert np.isfinite(load_model(ranked.run / "model").network.theta).all()
    with pytest.raises(DivergedError, match="training diverged at every point"):
        train_grid(
            apply_overrides(source, ["training.optimizer=gradient_descent"]),
            ["training.learning_rate=1.0e+30,1.0e+31"],
            **how,
        )


def test_an_interruption_keeps_the_best_so_far(tmp_path):
    class Impatient(Watcher):
        def epoch(self, row, kept):
            if row["epoch"] == 2:
                raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError, match="the points that had begun are ranked in"):
        grid(tmp_path, "training.learning_rate=0.01,0.02", watcher=Impatient())
    run = tmp_path / "runs" / "c-001"
    assert json.loads((run / "run.json").read_text())["status"] == "interrupted"
    assert len(pd.read_csv(run / "grid.csv")) == 2
    assert predicted(run, tmp_path / "t.csv")["predicted_y"]


def test_values_are_read_as_yaml():
    points = expand_grid(
        parse_source("dataset: {path: t.csv, target: y}"),
        ["architecture.hidden=[8],[16, 8]", "training.optimizer=adam,{kind: adamw, beta_1: 0.5}"],
    )
    assert [list(point.values.values()) for point in points] == [
        ["[8]", "adam"],
        ["[8]", "{kind: adamw, beta_1: 0.5}"],
        ["[16, 8]", "adam"],
        ["[16, 8]", "{kind: adamw, beta_1: 0.5}"],
    ]


@pytest.mark.parametrize(
    ("grids", "error", "text"),
    [
        (
            ["training.learning_rate"],
            UsageError,
            "is not of the form KEY.PATH=VALUE,VALUE,…, such as --grid",
        ),
        (["training.learning_rate="], UsageError, "is not of the form"),
        (["training.learning_rate=0.1,[2"], UsageError, "is not of the form"),
        (
            [f"{key}={','.join(map(str, range(1, 101)))}" for key in "abcde"],
            UsageError,
            "10,000,000,000 combinations are more than 10,000; give fewer values",
        ),
        (["training.l1=0,0.1,0.1"], UsageError, "names 0.1 twice; give each value once"),
        (
            ["training.l1=0", "training.l1=0.1"],
            UsageError,
            "training.l1 is given twice; give all of its",
        ),
        (
            ["training.learning_rat=0.1,0.2"],
            ConfigError,
            "--grid training.learning_rat=0.1: unknown key .*rate",
        ),
        (
            ["training.learning_rate=0.1,fast"],
            ConfigError,
            "--grid training.learning_rate=fast: .* must be a number",
        ),
    ],
)
def test_grids_that_make_no_sense(tmp_path, grids, error, text):
    with pytest.raises(error, match=text):
        grid(tmp_path, *grids)
    assert not (tmp_path / "runs").exists()


def test_a_key_that_is_set_too(tmp_path):
    with pytest.raises(
        UsageError, match=r"--grid training\.l1=0,1: the key is given to --set, too; remove one"
    ):
        grid(tmp_path, "training.l1=0,1", settings=["training.l1=0.5"])


def test_a_grid_of_the_preset_fast_ranks_what_it_trains(tmp_path):
    text = "dataset: {path: t.csv, target: y}\npreset: fast\ntraining: {epochs: 2}\n"
    for more, part, folds in (("", "out_of_fold", 4), ("folds: null\n", "validation", None)):
        ranked = grid(tmp_path, "training.learning_rate=0.01,0.02", text=text + more)
        config = read_config(ranked.run / "config.yaml").config
        assert (config.folds, config.preset, ranked.part) == (folds, None, part)
        assert config.training.optimizer.beta_2 == 0.95


def test_a_name_is_no_point(tmp_path):
    with pytest.raises(
        UsageError, match="name only names the run; give keys that change the training"
    ):
        grid(tmp_path, "name=a,b")


def test_a_grid_of_one_point_is_a_training(tmp_path):
    ranked = grid(tmp_path, "training.learning_rate=0.02")
    assert (ranked.passes, len(ranked.points)) == (1, 1)
    assert not (ranked.run / "replicas.csv").exists()
    alone = train_file(tmp_path / "runs" / "c-001" / "config.yaml", tmp_path)
    np.testing.assert_array_equal(
        load_model(alone.run / "model").network.theta,
        load_model(ranked.run / "model").network.theta,
    )
    assert read_config(ranked.run / "config.yaml").config.training.learning_rate == 0.02


@pytest.mark.parametrize(
    ("assignment", "text"),
    [
        (
            "dataset.target=y,a",
            "--grid dataset.target: the points predict different things, and cannot be ranked",
        ),
        ("task=classification,regression", "the points predict different things"),
        (
            "dataset.split={validation_rows: [1, 2], test_rows: [3]},"
            "{validation: 0, test_rows: [3]}",
            "--grid dataset.split: the points do not all have validation rows, "
            "and cannot be ranked",
        ),
        (
            "training.early_stopping.monitor=val_loss,val_rmse",
            "is 'val_rmse', which this run does not measure",
        ),
        (
            "replicas=1,1000000000",
            "--grid replicas=1000000000: replicas is 1000000000, but these networks need about",
        ),
        ("dataset.features=[a],[nope]", "nope"),
        ("dataset.path=t.csv,gone.csv", "gone.csv"),
    ],
)
def test_every_point_is_checked_before_any_trains(tmp_path, assignment, text):
    table(tmp_path)
    numbers = (tmp_path / "t.csv").read_text().replace("yes", "1").replace("no", "0")
    (tmp_path / "n.csv").write_text(numbers)
    settings = ["dataset.path=n.csv"] if assignment.startswith("task") else []
    with pytest.raises((ConfigError, DataError), match=text):
        grid(tmp_path, assignment, settings=settings)
    assert not (tmp_path / "runs").exists()


def test_the_config_of_the_best_seed_trains_again_to_the_same_weights(tmp_path):
    text = CONFIG.replace(
        "split: {validation_rows: [1, 2, 3, 4, 5, 6], test_rows: [10, 20, 30]}", "split: {}"
    )
    ranked = grid(tmp_path, "seed=5,9,11", text=text)
    splits = (ranked.run / "splits.csv").read_text()
    again = train_file(ranked.run / "config.yaml", tmp_path)
    assert (again.run / "splits.csv").read_text() == splits
    theirs, ours = load_model(again.run / "model"), load_model(ranked.run / "model")
    best = int(ranked.points[0].values["seed"])
    assert theirs.description.seeds == ours.description.seeds == [best]
    assert json.loads((ranked.run / "run.json").read_text())["seed"] == best
    np.testing.assert_allclose(theirs.network.theta, ours.network.theta, rtol=1e-9)


def test_points_that_measure_different_figures(tmp_path):
    ranked = grid(
        tmp_path,
        "training.metrics=[closeness],[]",
        settings=["training.loss=squared_error", "training.epochs=2"],
    )
    assert sum("closeness" in own.figures["validation"] for own in ranked.points) == 1
    assert any("closeness" in line for line in grid_lines(ranked))
    assert pd.read_csv(ranked.run / "grid.csv").validation_closeness.isna().sum() == 1


def test_networks_of_a_point_that_diverge_are_named(tmp_path, monkeypatch):
    from bpnet.engine import network

    initialize = network.Network.initialize

    def poisoned(self):
        initialize(self)
        if len(self.seeds) == 4:
            self.theta[1] = np.inf

    monkeypatch.setattr(network.Network, "initialize", poisoned)
    watcher = Watcher()
    ranked = grid(
        tmp_path, "training.learning_rate=0.01,0.02", settings=["replicas=2"], watcher=watcher
    )
    (own,) = [point for point in ranked.points if point.values["training.learning_rate"] == "0.01"]
    assert (own.networks, own.survivors, own.stop_reason) == ([1, 2], [1], "epochs")
    assert (
        "network 2 (training.learning_rate=0.01, seed 4) diverged and is left out"
        in watcher.warnings
    )
    assert any("(1 of 2 diverged)" in line for line in grid_lines(ranked))


def test_an_interruption_between_passes_ranks_what_is_done(tmp_path, monkeypatch):
    from bpnet.workflows import grid as grid_workflow

    encode = grid_workflow.encode_dataset
    calls = []

    def interrupted(*given):
        calls.append(given)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return encode(*given)

    monkeypatch.setattr(grid_workflow, "encode_dataset", interrupted)
    with pytest.raises(InterruptedRunError, match="the points that had begun are ranked in"):
        grid(tmp_path, "architecture.layers.0.units=3,4")
    assert len(pd.read_csv(tmp_path / "runs" / "c-001" / "grid.csv")) == 1


def test_an_interruption_while_a_pass_is_saved_waits(tmp_path, monkeypatch):
    import signal

    from bpnet.workflows.replica_session import ReplicaSession

    inner = ReplicaSession.save_model

    def interrupted(*given):
        signal.raise_signal(signal.SIGINT)
        inner(*given)

    monkeypatch.setattr(ReplicaSession, "save_model", interrupted)
    with pytest.raises(InterruptedRunError):
        grid(tmp_path, "architecture.layers.0.units=3,4")
    run = tmp_path / "runs" / "c-001"
    assert json.loads((run / "run.json").read_text())["status"] == "finished"
    assert len(pd.read_csv(run / "grid.csv")) == 1
    assert predicted(run, tmp_path / "t.csv")["predicted_y"]


def test_the_doctor_advises_on_each_point(tmp_path):
    """On the config's file: a rate that is too low, and one that learns, with two replicas."""
    table(tmp_path)
    source = apply_overrides(
        parse_source(CONFIG, str(tmp_path / "c.yaml"), tmp_path),
        ["training.epochs=60", "training.early_stopping=null", "replicas=2"],
    )
    result = train_grid(
        source,
        ["training.learning_rate=1e-8,0.05"],
        runs=tmp_path / "runs",
        name=None,
        command=[],
        watcher=Watcher(),
    )
    best, worst = result.points
    assert best.alarms == []
    assert worst.findings[0]["cause"] == "learning rate too low"
    shown = "\n".join(grid_lines(result))
    assert f"The doctor's advice, by point:\n- 2: {worst.alarms[0]}\n" in shown
    diagnosis = json.loads((result.run / "diagnosis.json").read_text())
    assert diagnosis["advice"] == []
    assert [point["findings"] for point in diagnosis["points"]] == [worst.findings, best.findings]
