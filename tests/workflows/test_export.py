"""`bpnet export`: whole models in ONNX and Python against `predict`, and what is refused."""

import builtins
import csv
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from command_line import bpnet
from mixed_tables import FEATURES, write_mixed
from untrained_models import LABELS, QUANTITIES, THREE, TWO, describe, untrained
from workflow_runs import ROOT, predicted, read_csv, train_file, train_text

from bpnet.data.encoding import Encoder
from bpnet.data.encoding.columns import OneHotColumn, PlusMinusColumn
from bpnet.data.targets import AnyTarget, Classes
from bpnet.engine.activations import Tanh
from bpnet.engine.layers import Dense
from bpnet.errors import RunError, UsageError
from bpnet.integrations.export import numpy_layers, onnx_layers, python_file
from bpnet.models.combination import Combination, Shrinkage
from bpnet.models.curve import Curve
from bpnet.models.ensemble import Ensemble
from bpnet.models.model import Model
from bpnet.models.saved_ensemble import save_ensemble, save_thresholds
from bpnet.workflows.export import export

EPOCH = date(1970, 1, 1)
RISEN = Curve(x=[0.1, 0.3, 0.9], y=[0.0, 0.5, 0.8])
SHRUNK = [
    Shrinkage(center=100.0, slope=0.8, lowest=95.0, highest=104.0),
    Shrinkage(center=-2.0, slope=0.5, lowest=-2.1, highest=-1.9),
]


def golden(path: Path) -> list[dict[str, Any]]:
    """Return the golden rows beside an exported model."""
    lines = path.with_name(f"{path.stem}.golden.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def answers(path: Path, columns: Mapping[str, list[Any]]) -> dict[str, np.ndarray]:
    """Return what onnxruntime answers with a file for columns of cells, None for a missing one."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    texts = {each.name for each in session.get_inputs() if each.type == "tensor(string)"}
    feeds = {
        name: np.array(cells, object if name in texts else np.float64)[:, None]
        for name, cells in columns.items()
    }
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


# Whole runs


MIXED = """\
dataset: {{path: t.csv, target: {target}}}
architecture: {{hidden: [6]}}
training: {{epochs: 3}}
"""


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a table of numbers, texts, dates and missing values, with three networks."""
    folder = tmp_path_factory.mktemp("mixed")
    write_mixed(folder / "t.csv", [*FEATURES, "risk"])
    return train_text(folder, MIXED.format(target="risk"), "replicas=3").run


def test_a_file_answers_for_a_table_as_predict_does(mixed: Path, tmp_path: Path) -> None:
    result = export(mixed, tmp_path / "m.onnx")
    table = mixed.parents[1] / "t.csv"
    read = {
        "number": lambda cell: None if cell in ("", "NA") else float(cell),
        "date": lambda cell: (date.fromisoformat(cell) - EPOCH).days if cell else None,
        "text": str,
    }
    rows = read_csv(table)
    columns = {
        name: [read[kind](row[name]) for row in rows] for name, kind in result.inputs.items()
    }
    assert set(result.inputs.values()) == {"number", "date", "text"}
    given, expected = answers(tmp_path / "m.onnx", columns), predicted(mixed, table)
    assert given["label"].tolist() == expected["predicted_risk"]
    for k, name in enumerate(["high", "low", "mid"]):
        np.testing.assert_allclose(
            given["probabilities"][:, k], expected[f"probability_{name}"], atol=1e-6
        )


def test_a_file_of_python_prints_what_predict_writes(mixed: Path, tmp_path: Path) -> None:
    export(mixed, tmp_path / "m.py")
    table = mixed.parents[1] / "t.csv"
    done = subprocess.run(
        [sys.executable, "-I", tmp_path / "m.py", table], capture_output=True, text=True, check=True
    )
    rows, expected = list(csv.DictReader(done.stdout.splitlines())), predicted(mixed, table)
    assert [row.pop("predicted_risk") for row in rows] == expected["predicted_risk"]
    assert list(rows[0]) == ["probability_high", "probability_low", "probability_mid"]
    for name in rows[0]:
        p = [float(row[name]) for row in rows]
        np.testing.assert_allclose(p, expected[name], atol=1e-6)


def test_a_file_of_python_needs_numpy_alone(mixed: Path, tmp_path: Path) -> None:
    export(mixed, tmp_path / "m.py")
    code = (
        "import numpy, sys; before = set(sys.modules); sys.path.insert(0, sys.argv[1]); import m; "
        "print(*{name.split('.')[0] for name in set(sys.modules) - before})"
    )
    command = [sys.executable, "-I", "-c", code, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) - sys.stdlib_module_names <= {"m", "numpy"}


BAD_CELLS = [
    ({}, "row 1 lacks the column 'x'"),
    (
        {"x": "much"},
        "column 'x': row 1 has 'much': a number has a decimal point and no other marks",
    ),
    ({"x": 1e300}, "row 1 has a value that is too large"),
    ({"x": "1e999"}, "column 'x': row 1 has '1e999': it is not a finite number"),
]


def exported(path: Path, name: str = "predict") -> Any:
    """Return a function of an exported file of Python."""
    names: dict[str, Any] = {"__name__": "m"}
    exec(path.read_text("utf-8"), names)
    return names[name]


def test_a_file_of_python_names_a_bad_cell(three: Path, tmp_path: Path) -> None:
    export(three, tmp_path / "m.py")
    predict = exported(tmp_path / "m.py")
    for cells, problem in BAD_CELLS:
        with pytest.raises(ValueError, match=re.escape(problem)):
            predict([cells])
    gap = predict([{"x": None}])["probabilities"]
    np.testing.assert_array_equal(predict([{"x": pd.NA}])["probabilities"], gap)
    assert predict([])["probabilities"].shape == (0, 3)
    for rows in ({"x": [1.0]}, [1.0], "x"):
        with pytest.raises(ValueError, match="rows are a list of dictionaries"):
            predict(rows)
    tables = {
        "x\nmuch\n": BAD_CELLS[1][1],
        "x,y\n1\n": "line 2 has not a cell for each column",
        "x,y\n1,2\n1,2,3\n": "line 3 has not a cell for each column",
        "x,x\n1,2\n": "rows.csv has the column 'x' twice",
        "": "rows.csv has no rows",
    }
    main, rows = exported(tmp_path / "m.py", "main"), tmp_path / "rows.csv"
    for text, problem in tables.items():
        rows.write_text(text)
        with pytest.raises(ValueError, match=re.escape(problem)):
            main(str(rows))
    rows.write_text('x\n"' + "9" * 200_000)
    command = [sys.executable, "m.py", "rows.csv"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    problem = "error: field larger than field limit (131072)\n"
    assert (done.returncode, done.stderr) == (1, problem)


@pytest.mark.parametrize("target", [THREE, QUANTITIES])
def test_a_prediction_that_is_not_finite_is_refused(target: AnyTarget, tmp_path: Path) -> None:
    outputs = len(target.classes if isinstance(target, Classes) else target.names)
    description = replace(describe(target), layers=[Dense(units=outputs)])
    model = Model(description, description.network())
    model.network.theta[:] = 1e200
    save_ensemble(Ensemble([model]), tmp_path / "model")
    export(tmp_path / "model", tmp_path / "m.py")
    (tmp_path / "t.csv").write_text("x\n0.5\n1e150\n")
    with pytest.raises(RunError, match="a prediction is not a finite number"):
        predicted(tmp_path / "model", tmp_path / "t.csv")
    with pytest.raises(ValueError, match="the prediction for row 2 is not a finite number"):
        exported(tmp_path / "m.py")([{"x": 0.5}, {"x": 1e150}])


@pytest.mark.parametrize("text", ["array", "texts"])
def test_a_category_may_be_called_as_parts_of_the_file_are(text: str, tmp_path: Path) -> None:
    column = PlusMinusColumn(name="x", levels=[text], fill=text, pools=True)
    description = replace(describe(THREE), encoder=Encoder(columns=[column]))
    save_ensemble(Ensemble([Model(description, description.network())]), tmp_path / "model")
    assert export(tmp_path / "model", tmp_path / "m.py").largest < 1e-12


def test_golden_rows_hold_missing_and_unseen_cells_and_agree(mixed: Path, tmp_path: Path) -> None:
    result = export(mixed, tmp_path / "m.onnx")
    rows = golden(tmp_path / "m.onnx")
    assert len(rows) == result.rows >= 200
    assert result.of_table == 100
    cells = {name: [row["inputs"][name] for row in rows] for name in rows[0]["inputs"]}
    assert list(cells) == FEATURES
    assert sum(value is None for value in cells["age"]) > 10
    assert sum(value is None for value in cells["joined"]) > 5
    assert sum(value == "" for value in cells["city"]) > 10
    assert "unseen" in cells["city"]
    given = answers(tmp_path / "m.onnx", cells)
    assert given["label"].tolist() == [row["outputs"]["label"] for row in rows]
    p = np.array([row["outputs"]["probabilities"] for row in rows])
    assert np.abs(given["probabilities"] - p).max() == pytest.approx(result.largest, abs=1e-9)
    assert result.largest < 1e-6
    assert len({tuple(row["outputs"]["probabilities"]) for row in rows}) > 150


def test_a_run_whose_table_is_gone_has_golden_rows_of_its_own(mixed: Path, tmp_path: Path) -> None:
    shutil.copytree(mixed / "model", tmp_path / "model")
    result = export(tmp_path / "model", tmp_path / "m.onnx")
    assert (result.of_table, result.rows) == (0, 150)


def test_a_network_by_itself_is_exported(mixed: Path, tmp_path: Path) -> None:
    export(mixed, tmp_path / "all.onnx")
    export(mixed, tmp_path / "two.onnx", replica="2")
    cells = {
        name: [row["inputs"][name] for row in golden(tmp_path / "two.onnx")] for name in FEATURES
    }
    both = [answers(tmp_path / f"{name}.onnx", cells)["probabilities"] for name in ("all", "two")]
    assert np.abs(both[0] - both[1]).max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("config", sorted((ROOT / "configs").rglob("*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_config_is_exported(config: Path, tmp_path: Path) -> None:
    run = train_file(config, tmp_path, "training.epochs=3").run
    for name in ("m.onnx", "m.py"):
        assert export(run, tmp_path / name).largest < 1e-5


# Every kind of model, with weights that were never trained


def with_categories(target: AnyTarget, seeds: list[int], precision: Any, **how: Any) -> Model:
    """Return untrained networks of a number and a category."""
    description = describe(target, seeds, **how)
    (number,) = description.encoder.columns
    city = OneHotColumn(
        name="label", levels=["a", "b"], fill="a", pools=True, rare=["c"], indicator=True
    )
    encoder = Encoder(columns=[replace(number, indicator=True), city])
    description = replace(description, encoder=encoder, precision=precision)
    return Model(description, description.network())


CASES = {
    "classes": (THREE, {}, None),
    "two classes of one output": (TWO, {"outputs": 1}, None),
    "labels": (LABELS, {}, None),
    "quantities": (QUANTITIES, {}, None),
    "classes with isotonic": (
        THREE,
        {},
        Combination(weights=[0.7, 0.3], temperature=0.5, isotonic=[RISEN] * 3),
    ),
    "two classes of one output, blended": (
        TWO,
        {"outputs": 1},
        Combination(weights=[0.4, 0.6], temperature=2.0),
    ),
    "labels with isotonic": (
        LABELS,
        {},
        Combination(weights=[1.0, 0.0], temperature=0.5, isotonic=[RISEN] * 2),
    ),
    "quantities, shrunk": (QUANTITIES, {}, Combination(weights=[0.5, 0.5], shrinkage=SHRUNK)),
}


@pytest.mark.parametrize(
    ("file", "precision"), [("m.onnx", "float32"), ("m.onnx", "float64"), ("m.py", "float32")]
)
@pytest.mark.parametrize("name", CASES)
def test_a_model_of_each_kind_agrees(name: str, file: str, precision: str, tmp_path: Path) -> None:
    target, how, combination = CASES[name]
    members = [with_categories(target, seeds, precision, **how) for seeds in ([1, 2], [3])]
    if target.kind != "quantities":
        members = [member.described(temperature=1.7) for member in members]
    save_ensemble(Ensemble(members, combination), tmp_path / "model")
    result = export(tmp_path / "model", tmp_path / file)
    assert result.largest < (1e-6 if precision == "float32" else 1e-13)
    if file == "m.onnx":
        onnx.checker.check_model(tmp_path / file, full_check=True)
    rows = golden(tmp_path / file)
    assert len({str(row["outputs"]) for row in rows}) > 20
    if target.kind == "classes":
        assert {row["outputs"]["label_"] for row in rows} <= set(target.classes)


@pytest.mark.parametrize(("target", "count"), [(TWO, 1), (LABELS, 2)])
def test_thresholds_of_the_model_decide(target: AnyTarget, count: int, tmp_path: Path) -> None:
    plain = Ensemble([untrained(target, [1], outputs=count)])
    save_ensemble(plain, tmp_path / "model")
    export(tmp_path / "model", tmp_path / "plain.onnx")
    p = np.array([row["outputs"]["probabilities"] for row in golden(tmp_path / "plain.onnx")])
    thresholds = np.quantile(p[:, -count:], 0.8, axis=0).tolist()
    save_thresholds(tmp_path / "model", thresholds)
    export(tmp_path / "model", tmp_path / "m.onnx")
    x = [row["inputs"]["x"] for row in golden(tmp_path / "m.onnx")]
    given = answers(tmp_path / "m.onnx", {"x": x})
    above = p[:, -count:] > np.array(thresholds)
    if count == 1:
        assert given["label"].tolist() == [TWO.classes[int(one)] for (one,) in above]
    else:
        assert (given["labels"] == above).all()
    export(tmp_path / "model", tmp_path / "m.py")  # which agrees, too
    assert 0.1 < above.mean() < 0.3


def test_what_predict_refuses_is_nan_and_its_label_blank(tmp_path: Path) -> None:
    for name, target in (("three", THREE), ("labels", LABELS), ("numbers", QUANTITIES)):
        save_ensemble(Ensemble([untrained(target)]), tmp_path / name)
        export(tmp_path / name, tmp_path / f"{name}.onnx")
        given = answers(tmp_path / f"{name}.onnx", {"x": [0.5, np.inf, 1e200]})
        *labels, numbers = given.values()
        assert np.isnan(numbers).any(axis=1).tolist() == [False, True, True]
        for label in labels:
            refused = label[1:].ravel().tolist()
            assert refused == ([""] * 2 if name == "three" else [-1] * 4)


def test_members_that_read_a_column_differently_are_refused(tmp_path: Path) -> None:
    first, second = untrained(TWO), with_categories(TWO, [1], "float64")
    city = second.description.encoder.columns[1]
    encoder = Encoder(columns=[replace(city, name="x")])
    description = replace(second.description, encoder=encoder)
    save_ensemble(Ensemble([first, Model(description, description.network())]), tmp_path / "m")
    with pytest.raises(UsageError, match=r"'x' as number and as text, .* --replica 1"):
        export(tmp_path / "m", tmp_path / "m.onnx")
    export(tmp_path / "m", tmp_path / "m.onnx", replica="1")


# Refusals


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """The folder of a model of three classes."""
    save_ensemble(Ensemble([untrained(THREE)]), tmp_path / "three")
    return tmp_path / "three"


def test_a_file_that_does_not_agree_is_not_written(
    three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forms = {**onnx_layers.ACTIVATIONS, Tanh.kind: lambda _, z: z.apply("Tanh") + 1e-3}
    monkeypatch.setattr(onnx_layers, "ACTIVATIONS", forms)
    (tmp_path / "m.onnx").write_bytes(b"before")
    with pytest.raises(RunError, match=r"m.onnx: is not written, .* differs from `bpnet predict`"):
        export(three, tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_bytes() == b"before"
    assert not (tmp_path / "m.golden.jsonl").exists()


@pytest.mark.parametrize(("module", "file"), [(onnx_layers, "m.onnx"), (numpy_layers, "m.py")])
def test_a_layer_that_a_format_lacks_is_named(
    three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, file: str
) -> None:
    monkeypatch.setattr(module, "LAYERS", {})
    said = bpnet("export", three, "-o", tmp_path / file)
    assert (said.code, said.out) == (2, "")
    name = "Python" if file == "m.py" else "ONNX"
    assert said.err == (
        f"error: the model has the layer 'dense', which cannot be exported as {name}; "
        "train without it, or predict with `bpnet predict`\n"
    )


def test_a_file_of_python_that_fails_is_not_written(
    three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(python_file, "_FOOTER", "\n1 / 0\n")
    with pytest.raises(RunError, match="does not run: ZeroDivisionError: division by zero"):
        export(three, tmp_path / "m.py")
    assert not (tmp_path / "m.py").exists()


HOSTILE = ('"""', "\\", "a\nb", "{x}", "\u202e🐧", "é" * 300, "import os")


@pytest.mark.parametrize("file", ["m.onnx", "m.py"])
def test_hostile_names_and_texts_are_data(file: str, tmp_path: Path) -> None:
    columns = [
        OneHotColumn(name=name, levels=[*HOSTILE, "NA"], fill="NA", indicator=True)
        for name in HOSTILE
    ]
    target = Classes(name=HOSTILE[0], classes=[*HOSTILE])
    description = replace(describe(target), encoder=Encoder(columns=columns))
    save_ensemble(Ensemble([Model(description, description.network())]), tmp_path / "model")
    result = export(tmp_path / "model", tmp_path / file)
    assert (list(result.inputs), result.rows) == ([*HOSTILE], 150)
    assert len({row["outputs"]["label"] for row in golden(tmp_path / file)}) > 2


@pytest.mark.parametrize("file", ["m.onnx", "m.py"])
def test_a_number_that_means_a_missing_value_is_one(file: str, tmp_path: Path) -> None:
    model = with_categories(THREE, [1], "float64")
    reading = replace(model.description.reading, missing=["-999", "unknown"])
    save_ensemble(Ensemble([model.described(reading=reading)]), tmp_path / "model")
    export(tmp_path / "model", tmp_path / file)
    cells = {"x": [-999.0, None], "label": ["unknown", ""]}
    if file == "m.onnx":
        p = answers(tmp_path / file, cells)["probabilities"]
    else:
        rows = [{"x": -999, "label": "unknown"}, {"x": None, "label": None}]
        p = exported(tmp_path / file)(rows)["probabilities"]
    assert (p[0] == p[1]).all()


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_missing_package_is_named_in_one_line(
    three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    imported = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".")[0] == package:
            raise ImportError(name)
        return imported(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    said = bpnet("export", three, "-o", tmp_path / "m.onnx")
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        f"error: a model in ONNX needs {package}, which is not installed; "
        "install it with: pip install 'bpnet-cli[onnx]'\n"
    )


@pytest.mark.parametrize(
    ("words", "code", "parts"),
    [
        (["-o", "m.pb"], 2, ["--output m.pb: the name of an exported model ends in .onnx or .py"]),
        (["-o", "nowhere/m.onnx"], 5, ["nowhere/m.onnx", "mkdir -p nowhere"]),
        (["-o", "three"], 5, ["three: cannot be written: Is a directory"]),
        (["--replica", "4"], 2, ["--replica 4: must be all, best, or a number from 1 to 1"]),
        (["--format", "pmml"], 2, ["pmml", "onnx"]),
        (["--format", "python", "-o", "m.onnx"], 2, ["model as python ends in .py"]),
    ],
)
def test_bad_words_are_refused(three: Path, words: list[str], code: int, parts: list[str]) -> None:
    said = bpnet("export", three, *words, cwd=three.parent)
    assert said.lacks(*parts) == []
    assert (said.code, said.out) == (code, "")
    assert sorted(path.name for path in three.parent.iterdir()) == ["three"]


def test_the_report_names_the_files_and_the_inputs(three: Path) -> None:
    said = bpnet("export", three)
    assert said.lacks("model.onnx", "model.golden.jsonl", "150 rows", "x (number)", "label") == []
    said = bpnet("export", three, "-o", three / "m.onnx", "--json")
    content = json.loads(said.out)
    assert content["inputs"] == {"x": "number"}
    assert content["outputs"] == ["label", "probabilities"]
    assert Path(content["path"]).exists()
    assert Path(content["golden"]).exists()
