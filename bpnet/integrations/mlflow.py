"""MLflow's files beside a model, and the loader that they name: `mlflow.pyfunc.load_model`.

Neither needs MLflow. Formats: https://mlflow.org/docs/latest/ml/model/
"""

import json
import math
import platform
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from bpnet.data.dates.date_format import ISO
from bpnet.data.encoding.columns import BooleanColumn, CategoricalColumn, NumericColumn
from bpnet.data.encoding.encoder import AnyColumn
from bpnet.data.spelling import number_spelling
from bpnet.data.writing import LabelColumn, Numbers
from bpnet.models.ensemble import Ensemble
from bpnet.models.model_card import QuotedText

LOADER = "bpnet.integrations.mlflow"
_TYPES = {bool: "boolean", int: "long", float: "double", str: "string"}
"""MLflow's types of columns by Python's."""


def mlflow_files(
    model: Ensemble, added: Mapping[str, LabelColumn | Numbers | None]
) -> dict[str, str]:
    """Return MLflow's files for a model's folder, by name.

    `added` are the columns that predictions add to a table, each with values of its kind, or None
    for text. The signature has the columns that the model reads. The type of one is left open if
    tables may have it as several: a whole number is an integer or, beside missing values, a
    fraction (MLflow refuses one for `long`, and the other for `double`), a category that is a
    number is a number or text, and a date is a date or text.
    """
    columns = list(_columns(model).values())
    signature = {
        "inputs": json.dumps([_field(column.name, _type(column)) for column in columns]),
        "outputs": json.dumps([_field(name, _output_type(one)) for name, one in added.items()]),
        "params": None,
    }
    example = _example(columns)
    content: dict[str, Any] = {
        "flavors": {
            "python_function": {
                "loader_module": LOADER,
                "python_version": platform.python_version(),
                "env": {"virtualenv": "python_env.yaml"},
            }
        },
        "signature": signature,
    }
    environment = {
        "python": platform.python_version(),
        "build_dependencies": ["pip"],
        "dependencies": ["-r requirements.txt"],
    }
    found = {
        "python_env.yaml": _yaml(environment),
        "requirements.txt": f"bpnet-cli=={model.description.bpnet}\n",
    }
    if example is not None:
        content["saved_input_example_info"] = {
            "artifact_path": "input_example.json",
            "type": "dataframe",
            "pandas_orient": "split",
        }
        found["input_example.json"] = json.dumps(example) + "\n"
    return {**found, "MLmodel": _yaml(content)}


class PredictingRun:
    """A run as MLflow calls it: data frames in, the columns of predictions out."""

    def __init__(self, path: str) -> None:
        # as any program does that uses bpnet, since MLflow is one; deferred: it imports everything
        import bpnet

        self._run = bpnet.load(path)

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Return the columns that `bpnet predict` adds to a table, as a data frame."""
        return self._run.predictions(model_input)


def _load_pyfunc(path: str) -> PredictingRun:
    """Return the model of a folder, for MLflow."""
    return PredictingRun(path)


def _columns(model: Ensemble) -> dict[str, AnyColumn]:
    """Return the columns that the members read, by name."""
    found: dict[str, AnyColumn] = {}
    for member in model.members:
        for column in member.description.encoder.columns:
            found.setdefault(column.name, column)
    return found


def _field(name: str, kind: str) -> dict[str, Any]:
    return {"type": kind, "name": name, "required": True}


def _type(column: AnyColumn) -> str:
    """Return MLflow's type of a column, `any` where tables may have it as several."""
    if isinstance(column, NumericColumn):
        form = column.number_format
        plain = form is None or (form.decimal == "." and not form.thousands and not form.unit)
        fractions = not (column.lowest.is_integer() and column.highest.is_integer())
        return "double" if plain and fractions else "any"
    if isinstance(column, CategoricalColumn):
        return _text_type([*column.levels, *column.rare])
    if isinstance(column, BooleanColumn):
        return _text_type([column.false, column.true])
    return _date_type(column.format)


def _text_type(words: Sequence[str]) -> str:
    """Return the type of a column with these words, which may all be numbers, or true and false."""
    numbers = all(number_spelling(word) for word in words)
    return "any" if numbers or {word.lower() for word in words} <= {"true", "false"} else "string"


def _date_type(form: str) -> str:
    """Return the type of dates: text, but where tables may have numbers or dates of their own."""
    of_digits = re.fullmatch("(%[A-Za-z])+", form)  # 20190105
    return "any" if of_digits or form == ISO or form.startswith("%Y-%m-%d") else "string"


def _output_type(values: LabelColumn | Numbers | None) -> str:
    if values is None:
        return "string"
    if isinstance(values, Numbers):
        return "double"
    kinds = {type(value) for value in values.values}
    return "double" if kinds == {int, float} else _TYPES[kinds.pop()]


def _example(columns: Sequence[AnyColumn]) -> dict[str, Any] | None:
    """Return a row of the values that are most usual, split; None if a column has no such value."""
    row: list[str | float] = []
    for column in columns:
        if isinstance(column, NumericColumn):
            value = column.lowest if column.fill is None else column.fill
            whole = _type(column) == "any" and value.is_integer()
            row.append(int(value) if whole else value)
        elif isinstance(column, CategoricalColumn):
            row.append(column.fill if column.fill in column.levels else column.levels[0])
        elif isinstance(column, BooleanColumn):
            row.append(column.true)
        else:
            return None
    return {"columns": [column.name for column in columns], "data": [row]}


def _yaml(content: Mapping[str, Any]) -> str:
    return yaml.dump(
        content, Dumper=QuotedText, sort_keys=False, allow_unicode=True, width=math.inf
    )
