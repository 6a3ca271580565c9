"""Runs and models that are damaged."""

import json
import shutil
from pathlib import Path

import pytest
from workflow_runs import (
    IRIS,
    predicted,
)

from bpnet.errors import (
    RunError,
)
from bpnet.workflows.eval import evaluate


def edited(path: Path, change: dict[str, object]) -> None:
    content = json.loads(path.read_text())
    for dotted, value in change.items():
        *parts, last = dotted.split(".")
        holder = content
        for part in parts:
            holder = holder[int(part)] if isinstance(holder, list) else holder[part]
        if value is None:
            del holder[int(last) if isinstance(holder, list) else last]
        else:
            holder[int(last) if isinstance(holder, list) else last] = value
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    "change",
    [
        {"format": 1},
        {"format": 6},
        {"format": True},
        {"temperature": -1.0},
        {"combination": {"weights": [0.5]}},
        {"format": "2"},
        {"format": None},
        {"task": None},
        {"task": "regression"},
        {"extra": 1},
        {"precision": "float64"},
        {"seeds": [0, 1]},
        {"layers": []},
        {"layers.0.units": 5},
        {"layers.0.units": 10**12},
        {"layers.0.kind": "conv"},
        {"layers.1.units": 2},
        {"encoder.columns": []},
        {"encoder.columns.3": None},
        {"encoder.columns.1.name": "sepal_length"},
        {"encoder.columns.1.kind": "date"},
        {"encoder.columns.1.indicator": True},
        {"encoder.columns.1.indicator": 7},
        {"encoder.columns.1.scale.divide": 0.0},
        {"encoder.columns.1.scale.divide": None},
        {"encoder.columns.1.scale.kind": "cubic"},
        {"encoder.columns.1.lowest": "low"},
        {"encoder.unit_rows": 7},
        {"reading.separator": "ab"},
        {"target.kind": "quantities"},
        {"target.classes": ["setosa", "virginica"]},
        {"target.classes": ["setosa", "virginica", "versicolor", "more"]},
        {"target.classes": ["setosa", "setosa", "virginica"]},
        {"l2": -1.0},
        {"class_weight": {"setosa": 1.0}},
    ],
    ids=lambda change: " ".join(f"{key}={value}"[:40] for key, value in change.items()),
)
def test_an_edited_model_is_refused(change, iris, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(iris.run, run)
    edited(run / "model" / "model.json", change)
    for attempt in (lambda: predicted(run, IRIS), lambda: evaluate(run, str(IRIS))):
        with pytest.raises(RunError) as caught:
            attempt()
        assert "model" in str(caught.value)
        assert caught.value.exit_code == 5


@pytest.mark.parametrize("name", ["model/weights.safetensors", "model/model.json"])
@pytest.mark.parametrize("share", [0, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused(name, share, iris, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(iris.run, run)
    content = (run / name).read_bytes()
    (run / name).write_bytes(content[: int(len(content) * share)])
    with pytest.raises(RunError) as caught:
        predicted(run, IRIS)
    assert str(run / name) in str(caught.value)


@pytest.mark.parametrize("name", ["config.yaml", "run.json", "splits.csv"])
@pytest.mark.parametrize("content", ["", "[]", "{", "\x00", "row,part\n1,test\n"])
def test_eval_refuses_a_damaged_run_and_predict_does_not_need_those_files(
    name, content, iris, tmp_path
):
    run = tmp_path / "run"
    shutil.copytree(iris.run, run)
    (run / name).write_text(content)
    with pytest.raises(RunError) as caught:
        evaluate(run, None)
    assert name in str(caught.value)
    assert predicted(run, str(IRIS)) == predicted(iris.run, str(IRIS))


@pytest.mark.parametrize(
    "missing",
    ["run.json", "model/model.json", "model/weights.safetensors", "splits.csv", "config.yaml"],
)
def test_what_a_run_lacks_is_named(missing, iris, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(iris.run, run)
    (run / missing).unlink()
    with pytest.raises(RunError, match=missing):
        evaluate(run, None)
