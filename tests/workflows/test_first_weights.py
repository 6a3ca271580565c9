"""`train --from`: the layers that begin with another run's weights, and why others do not."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from workflow_runs import IRIS, Watcher, train_text, write_csv

from bpnet.config.loading import load_config
from bpnet.config.overrides import apply_overrides
from bpnet.config.source import parse_source
from bpnet.errors import RunError, UsageError
from bpnet.models.model import load_model
from bpnet.runs import weights
from bpnet.workflows.resume import resume
from bpnet.workflows.train import TrainResult, train

CONFIG = f"""\
name: iris
dataset: {{path: {IRIS}, target: species}}
architecture: {{hidden: [4]}}
training: {{epochs: 3, learning_rate: 0.01, keep: last}}
"""
STILL = "training.learning_rate=1e-30"
"""A rate at which no weight moves, so that a run ends with its first weights."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_text(tmp_path_factory.mktemp("source"), CONFIG, "replicas=2").run


def started(
    folder: Path, start_from: Path, *settings: str, text: str = CONFIG
) -> tuple[TrainResult, Watcher]:
    watcher = Watcher()
    given = apply_overrides(parse_source(text, "c.yaml", folder), settings)
    result = train(
        load_config(given),
        runs=folder / "runs",
        name=None,
        command=["bpnet"],
        watcher=watcher,
        start_from=start_from,
    )
    assert isinstance(result, TrainResult)
    return result, watcher


def arrays(run: Path) -> dict[str, np.ndarray]:
    return weights.read_weights(run / "model" / "weights.safetensors")


def story(run: Path) -> dict[str, object]:
    return json.loads((run / "run.json").read_text())["first_weights"]


def test_every_replica_begins_with_one_of_the_run_in_turn(tmp_path: Path, source: Path) -> None:
    result, watcher = started(tmp_path, source, "replicas=3", STILL)
    ours, theirs = arrays(result.run), arrays(source)
    for name, array in theirs.items():
        assert ours[name].tobytes() == array[[0, 1, 0]].tobytes()
    assert watcher.warnings == []
    assert story(result.run) == {
        "from": str(source),
        "taken": ["layer 1 (dense)", "layer 2 (dense)"],
        "left": {},
    }
    assert "of its 2 networks in turn" in str(result.first_weights)


def test_a_copied_model_will_do(tmp_path: Path, source: Path) -> None:
    shutil.copytree(source / "model", tmp_path / "model")
    result, _ = started(tmp_path, tmp_path / "model", STILL)
    assert arrays(result.run)["layers.0.weight"].tobytes() == (
        arrays(source)["layers.0.weight"][:1].tobytes()
    )


def test_layers_of_other_shapes_draw_their_weights_and_are_named(
    tmp_path: Path, source: Path
) -> None:
    result, watcher = started(tmp_path, source, "architecture.hidden=[4,5]", STILL)
    plain = train_text(tmp_path, CONFIG, "architecture.hidden=[4,5]", STILL).run
    ours, drawn = arrays(result.run), arrays(plain)
    assert ours["layers.0.weight"].tobytes() == arrays(source)["layers.0.weight"][:1].tobytes()
    for name in ("layers.1.weight", "layers.2.weight"):
        assert ours[name].tobytes() == drawn[name].tobytes()
    (warning,) = watcher.warnings
    assert "not layer 2 (dense): weight is (5, 4) here, (3, 4) there" in warning
    assert "not layer 3 (dense): there is no such layer there" in warning


def test_inputs_are_taken_only_if_the_columns_agree_by_name(tmp_path: Path, source: Path) -> None:
    names = "[petal_width, sepal_length, sepal_width, petal_length]"
    result, watcher = started(tmp_path, source, f"dataset.features={names}", STILL)
    assert (
        "layer 1 (dense): the columns are the same, but in another order there"
        in (watcher.warnings[0])
    )
    assert arrays(result.run)["layers.1.weight"].tobytes() == (
        arrays(source)["layers.1.weight"][:1].tobytes()
    )
    names = "[sepal_length, sepal_width, petal_length]"
    _, watcher = started(tmp_path, source, f"dataset.features={names}")
    assert "layer 1 (dense): weight is (4, 3) here, (4, 4) there" in watcher.warnings[0]


def test_inputs_that_are_scaled_otherwise_are_not_taken(tmp_path: Path, source: Path) -> None:
    setting = "dataset.preprocessing.columns.petal_width=min_max"
    _, watcher = started(tmp_path, source, setting)
    assert "layer 1 (dense): encoded otherwise there: 'petal_width'" in watcher.warnings[0]


def test_other_columns_are_named(tmp_path: Path) -> None:
    rows = [[k % 7, k * k % 11, k * 1.3 % 10] for k in range(60)]
    write_csv(tmp_path / "aby.csv", "aby", rows)
    write_csv(tmp_path / "acy.csv", "acy", rows)
    text = "name: t\ndataset: {{path: {}, target: y}}\narchitecture: {{hidden: [4]}}\n"
    first = train_text(tmp_path, text.format("aby.csv"), "training.epochs=2").run
    _, watcher = started(tmp_path, first, "training.epochs=2", text=text.format("acy.csv"))
    assert "the columns differ: 'c' only here, 'b' only there" in watcher.warnings[0]


def test_outputs_are_taken_only_if_the_classes_are_the_same(tmp_path: Path, source: Path) -> None:
    table = tmp_path / "iris.csv"
    table.write_text(IRIS.read_text().replace("setosa", "zosa"))
    _, watcher = started(tmp_path, source, f"dataset.path={table}")
    assert "not layer 2 (dense): its classes are 'setosa'" in watcher.warnings[0]


def test_nothing_that_suits_is_an_error(tmp_path: Path, source: Path) -> None:
    with pytest.raises(RunError, match="no layer suits the config"):
        started(tmp_path, source, "architecture.hidden=[7]")
    assert not (tmp_path / "runs").exists()


def test_an_ensemble_is_refused_on_both_sides(tmp_path: Path, source: Path) -> None:
    with pytest.raises(UsageError, match=r"trains an ensemble on folds.*--set preset=null"):
        started(tmp_path, source, "folds=3")
    members = "members=[{name: a}, {name: b, architecture: {hidden: [5]}}]"
    ensemble = train_text(tmp_path, CONFIG, "folds=3", members).run
    with pytest.raises(UsageError, match=r"has 2 members; name one.*member-001"):
        started(tmp_path, ensemble)
    result, _ = started(tmp_path, ensemble / "model" / "member-001", STILL)
    assert story(result.run)["left"] == {}


def test_weights_that_wait_for_rows_are_not_drawn_over_those_taken(tmp_path: Path) -> None:
    layers = "architecture={layers: [{kind: dense, units: 4, initializer: data}]}"
    first = train_text(tmp_path, CONFIG, layers).run
    result, _ = started(tmp_path, first, layers, STILL)
    assert arrays(result.run)["layers.0.weight"].tobytes() == (
        arrays(first)["layers.0.weight"].tobytes()
    )


def test_a_run_that_began_so_goes_on_from_the_same_weights(tmp_path: Path, source: Path) -> None:
    whole, _ = started(tmp_path, source)
    dead = whole.run.with_name("dead-001")
    shutil.copytree(whole.run, dead)
    shutil.rmtree(dead / "checkpoints")  # it died before the first
    shutil.rmtree(dead / "model")
    content = json.loads((dead / "run.json").read_text())
    (dead / "run.json").write_text(json.dumps({**content, "status": "running", "epochs": None}))
    resume(dead, [], force=False, command=["bpnet"], watcher=Watcher())
    assert (
        arrays(dead)["layers.0.weight"].tobytes() == arrays(whole.run)["layers.0.weight"].tobytes()
    )
    assert story(dead) == story(whole.run)
    assert load_model(dead / "model").description.seeds == [0]
