"""MLflow's files beside a model: MLflow loads, checks and serves it."""

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from untrained_models import LABELS, QUANTITIES, THREE, TWO, describe, untrained
from workflow_runs import train_text, write_csv

import bpnet
from bpnet.data.encoding import Encoder
from bpnet.data.encoding.columns import BooleanColumn, OneHotColumn
from bpnet.data.encoding.dates import DateColumn
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.integrations.mlflow import LOADER, _load_pyfunc, mlflow_files
from bpnet.models.ensemble import Ensemble
from bpnet.models.model import Model
from bpnet.workflows.model_folder import save_model_folder

needs_mlflow = pytest.mark.skipif(
    importlib.util.find_spec("mlflow") is None, reason="MLflow is not installed: the extra mlflow"
)
NUMBER = describe(TWO).encoder.columns[0]


def numeric(**changes):
    return replace(NUMBER, **changes)


def category(*levels):
    return OneHotColumn(name="x", levels=list(levels), fill=levels[0])


def date(form):
    return DateColumn(
        name="x",
        format=form,
        parts=["elapsed"],
        mean=0.0,
        deviation=1.0,
        fill=None,
        lowest=0.0,
        highest=1.0,
    )


def model_of(*columns):
    description = describe(TWO)
    description = replace(description, encoder=Encoder(columns=list(columns)))
    return Ensemble([Model(description, description.network())])


def signature(model, added=None):
    content = yaml.safe_load(mlflow_files(model, added or {})["MLmodel"])
    assert content["flavors"]["python_function"]["loader_module"] == LOADER
    return {key: json.loads(content["signature"][key]) for key in ("inputs", "outputs")}


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (numeric(lowest=0.5, highest=3.0), "double"),
        (numeric(lowest=0.5, highest=3.0, indicator=True), "double"),
        (numeric(lowest=1.0, highest=3.0), "any"),
        (numeric(lowest=0.5, highest=3.0, number_format=NumberFormat()), "double"),
        (numeric(lowest=0.5, highest=3.0, number_format=NumberFormat(unit="%")), "any"),
        (numeric(lowest=0.5, highest=3.0, number_format=NumberFormat(decimal=",")), "any"),
        (category("red", "green"), "string"),
        (category("1", "2"), "any"),
        (category("1", "many"), "string"),
        (category("007", "008"), "string"),
        (category("True", "False"), "any"),
        (BooleanColumn(name="x", false="no", true="yes", varies=True, fill=None), "string"),
        (BooleanColumn(name="x", false="0", true="1", varies=True, fill=None), "any"),
        (date("%Y-%m-%d"), "any"),
        (date("ISO 8601"), "any"),
        (date("%Y%m%d"), "any"),
        (date("%d.%m.%Y"), "string"),
        (date("%b %Y"), "string"),
    ],
)
def test_the_type_of_a_column(column, kind):
    assert signature(model_of(column))["inputs"] == [{"type": kind, "name": "x", "required": True}]


def test_the_example_is_a_usual_row():
    model = model_of(
        numeric(name="a", fill=0.25, lowest=0.5),
        numeric(name="b", fill=3.0, lowest=1.0, highest=7.0),
        replace(category("red", "green"), name="c"),
        BooleanColumn(name="d", false="no", true="yes", varies=True, fill=None),
    )
    files = mlflow_files(model, {})
    assert json.loads(files["input_example.json"]) == {
        "columns": ["a", "b", "c", "d"],
        "data": [[0.25, 3, "red", "yes"]],
    }
    assert files["requirements.txt"] == f"bpnet-cli=={model.description.bpnet}\n"


@pytest.mark.parametrize("name", ["a: b", '"', "'", "\n", "\x1b", "\u202e", "\U0001f600", "1e3"])
def test_a_hostile_name_is_read_back(name):
    model = model_of(numeric(name=name))
    assert signature(model)["inputs"][0]["name"] == name
    assert json.loads(mlflow_files(model, {})["input_example.json"])["columns"] == [name]


CONFIG = """\
name: t
dataset: {path: t.csv, target: y, split: {validation: 0.2, test: 0.2}}
architecture: {hidden: [3]}
training: {epochs: 2}
"""
ROWS = [
    [f"{k % 7 + 0.5}", k % 5, "rgb"[k % 3], f"2024-01-{k % 28 + 1:02d}", "no" if k % 4 else "yes"]
    for k in range(80)
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mlflow")
    write_csv(folder / "t.csv", ["a", "n", "color", "day", "y"], ROWS)
    return train_text(folder, CONFIG).run / "model", pd.read_csv(folder / "t.csv")


@pytest.mark.filterwarnings("ignore:.*rows that trained the model")
def test_the_loader_predicts_as_bpnet_does(trained):
    folder, table = trained
    found = _load_pyfunc(str(folder)).predict(table)
    pd.testing.assert_frame_equal(found, bpnet.load(folder).predictions(table))


@pytest.mark.filterwarnings("ignore:.*rows that trained the model")
@pytest.mark.parametrize("settings", [(), ("folds=2",), ("replicas=2",)])
def test_outputs_are_the_columns_that_predictions_add(trained, settings):
    folder, table = trained
    if settings:
        folder = train_text(folder.parents[2], CONFIG, *settings).run / "model"
    content = yaml.safe_load((folder / "MLmodel").read_text("utf-8"))
    added = _load_pyfunc(str(folder)).predict(table)
    kinds = {"double": "f", "string": "OU", "long": "i"}
    outputs = json.loads(content["signature"]["outputs"])
    assert [one["name"] for one in outputs] == list(added.columns)
    for one in outputs:
        values = np.array(added[one["name"]].tolist())
        assert values.dtype.kind in kinds[one["type"]]


@pytest.mark.parametrize("target", [TWO, THREE, LABELS, QUANTITIES])
def test_every_kind_of_target_has_outputs(target, tmp_path):
    from bpnet.data.reading import open_table  # the table of the model
    from bpnet.runs.directory import RunPaths

    table = open_table(write_csv(tmp_path / "t.csv", ["x"], [[1]]))
    save_model_folder(Ensemble([untrained(target)]), RunPaths(tmp_path), table, {}, {})
    content = yaml.safe_load((tmp_path / "model" / "MLmodel").read_text("utf-8"))
    outputs = {one["name"]: one["type"] for one in json.loads(content["signature"]["outputs"])}
    first = {"classes": "string", "labels": "long", "quantities": "double"}[target.kind]
    assert outputs.pop("flags") == "string"
    assert outputs.pop(f"predicted_{target.names[0]}") == first
    assert set(outputs.values()) <= {"double", "long"}


@needs_mlflow
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_mlflow_loads_a_model_and_checks_its_columns(trained):
    from mlflow.exceptions import MlflowException
    from mlflow.pyfunc import load_model

    folder, table = trained
    model = load_model(str(folder))
    table = table.drop(columns="y")
    pd.testing.assert_frame_equal(model.predict(table), bpnet.load(folder).predictions(table))
    for wrong, text in [
        (table.drop(columns="color"), r"missing inputs \['color'\]"),
        (table.assign(a="many"), "Incompatible input types for column a"),
        (table.assign(color=1), "Incompatible input types for column color"),
    ]:
        with pytest.raises(MlflowException, match=text):
            model.predict(wrong)


@needs_mlflow
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_mlflow_reads_the_example(tmp_path):
    from mlflow.pyfunc import load_model

    write_csv(tmp_path / "t.csv", ["a", "n", "color", "y"], [[*row[:3], row[4]] for row in ROWS])
    folder = train_text(tmp_path, CONFIG).run / "model"
    model = load_model(str(folder))
    assert model.input_example.columns.tolist() == ["a", "n", "color"]
    assert len(model.predict(model.input_example)) == 1


@needs_mlflow
@pytest.mark.slow
def test_mlflow_serves_a_model(trained, tmp_path):
    folder, table = trained
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["models", "serve", "-m", folder, "--env-manager", "local", "-h", "127.0.0.1"]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "MLFLOW_TRACKING_URI": (tmp_path / "mlruns").as_uri(),
    }
    with open(tmp_path / "log", "wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *map(str, words), "-p", str(port)],
            cwd=tmp_path,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(f"{address}/ping", server, tmp_path / "log")
        row = table.drop(columns="y").head(1)
        body = {"dataframe_split": row.to_dict("split", index=False)}
        scored = posted(f"{address}/invocations", body)["predictions"]
        expected = bpnet.load(folder).predictions(row).to_dict("records")
        assert scored == expected
        with pytest.raises(urllib.error.HTTPError, match="400"):
            posted(f"{address}/invocations", {"dataframe_split": {"columns": ["a"], "data": [[1]]}})
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def wait_for(address, server, log):
    for _ in range(600):
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(log.read_text())


def posted(address, body):
    request = urllib.request.Request(
        address, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_spark_predicts_as_bpnet_does(trained, monkeypatch):
    for package in ("mlflow", "pyspark", "pyarrow"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    if shutil.which("java") is None:
        pytest.skip("Java is not installed")
    from mlflow.pyfunc import spark_udf
    from pyspark.sql import SparkSession

    folder, table = trained
    table = table.drop(columns="y")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    options = {"spark.ui.enabled": "false", "spark.driver.memory": "1g"}
    spark = SparkSession.builder.master("local[1]").config(map=options).getOrCreate()
    try:
        predict = spark_udf(spark, str(folder), env_manager="local")
        rows = spark.createDataFrame(table).withColumn("predicted", predict())
        found = rows.select("predicted.*").toPandas()
    finally:
        spark.stop()
    pd.testing.assert_frame_equal(found, bpnet.load(folder).predictions(table), check_dtype=False)
