"""The folder of a run's model describes the model: for every kind of run, and as it changes."""

import shutil

import numpy as np
import pytest
import yaml
from workflow_runs import Watcher, predicted, read_json, train_text, write_csv

from bpnet.config.loading import load_config
from bpnet.config.overrides import apply_overrides
from bpnet.config.source import parse_source
from bpnet.models.run_model import open_run_model
from bpnet.workflows.cv import cross_validate
from bpnet.workflows.model_folder import keep_thresholds
from bpnet.workflows.resume import resume

CONFIG = """\
name: ill
dataset: {path: t.csv, target: y, split: {validation: 0.2, test: 0.2}}
architecture: {hidden: [3]}
training: {epochs: 2}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("described")
    rng = np.random.default_rng(3)
    rows = [
        [f"{a:.3f}", "rgb"[k % 3], f"2024-01-{1 + k % 28:02d}", "no" if a > 0 else "yes"]
        for k, a in enumerate(rng.normal(size=90))
    ]
    write_csv(folder / "t.csv", ["a", "color", "day", "y"], rows)
    return folder


def cross_validated(folder, *settings):
    source = apply_overrides(parse_source(CONFIG, str(folder / "c.yaml"), folder), settings)
    return cross_validate(
        load_config(source),
        folds=3,
        repeats=1,
        runs=folder / "runs",
        name=None,
        command=[],
        watcher=Watcher(),
    ).run


RUNS = {
    "one": lambda folder: train_text(folder, CONFIG).run,
    "replicas": lambda folder: train_text(folder, CONFIG, "replicas=2").run,
    "folds": lambda folder: train_text(folder, CONFIG, "folds=3").run,
    "members": lambda folder: (
        train_text(
            folder, CONFIG, "folds=2", "members=[{architecture: {hidden: []}}, {name: deep}]"
        ).run
    ),
    "cv": cross_validated,
}
HELD_OUT = {"folds": "test", "members": "test", "cv": "cross_validation"}


@pytest.fixture(scope="module", params=RUNS)
def run(request, folder):
    return request.param, RUNS[request.param](folder)


def test_every_kind_of_run_has_a_card(run):
    kind, path = run
    card = (path / "model" / "README.md").read_text("utf-8")
    content = yaml.safe_load(card.split("---\n")[1])
    (model,) = content["model-index"]
    (result,) = model["results"]
    part = HELD_OUT.get(kind, "test")
    assert model["name"] == ("ill-cv" if kind == "cv" else "ill")
    assert result["dataset"]["split"] == part
    assert len(result["metrics"]) >= 2
    saved = read_json(path / "metrics.json")["test"]
    assert {one["type"]: one["value"] for one in result["metrics"]} == {
        name: value for name, value in saved.items() if value is not None
    }
    for line in ("| `color` | categories: `", "| `day` | dates such as `", "| `a` | numbers from"):
        assert line in card
    assert read_json(path / "run.json")["data_sha256"] in card
    assert f"{open_run_model(path).model.networks} network" in card


def test_the_card_of_a_repetition_is_the_same(folder):
    cards = [(RUNS["one"](folder) / "model" / "README.md").read_bytes() for _ in range(2)]
    assert cards[0] == cards[1]


def test_a_kept_threshold_is_in_the_card(folder, tmp_path):
    copy = tmp_path / "model"
    shutil.copytree(RUNS["one"](folder) / "model", copy)
    model = open_run_model(copy).model
    keep_thresholds(copy, model.with_thresholds([0.25]))
    assert "above 0.25" in (copy / "README.md").read_text("utf-8")
    keep_thresholds(copy, model)
    assert "The most probable class is predicted." in (copy / "README.md").read_text("utf-8")


def test_a_model_without_a_card_is_one(folder, tmp_path):
    run = RUNS["one"](folder)
    copy = tmp_path / "model"
    shutil.copytree(run / "model", copy)
    (copy / "README.md").unlink()
    keep_thresholds(copy, open_run_model(copy).model.with_thresholds([0.25]))
    assert not (copy / "README.md").exists()
    assert open_run_model(copy).model.thresholds == [0.25]
    assert predicted(copy, folder / "t.csv", threshold=0.5) == predicted(run, folder / "t.csv")


def test_a_resumed_run_has_the_card_of_its_last_weights(folder):
    run = train_text(folder, CONFIG).run
    before = (run / "model" / "README.md").read_text("utf-8")
    settings = ["training.epochs=9"]
    resume(run, settings, force=False, command=[], watcher=Watcher())
    after = (run / "model" / "README.md").read_text("utf-8")
    assert after != before
    assert f"{read_json(run / 'metrics.json')['test']['loss']:.4g} |" in after
