"""A model as one file of Python that needs NumPy alone: its parts' source, and its numbers."""

import base64
import inspect
import io
import json
import re
import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, fields
from dis import get_instructions
from types import CodeType
from typing import Any

import numpy as np

from bpnet import __version__
from bpnet.data.dates.date_format import ISO
from bpnet.data.encoding import Encoder
from bpnet.data.encoding.added_inputs import PeriodicInputs
from bpnet.data.encoding.columns import EncodedColumn, NumericColumn
from bpnet.data.encoding.dates import DateColumn
from bpnet.data.encoding.scalers import QuantileScaler, RankScaler
from bpnet.data.missing_words import MISSING_WORDS
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.targets import Classes, Labels, Quantities
from bpnet.engine.activations import Activation
from bpnet.engine.component import Array, Component
from bpnet.engine.layers import Layer
from bpnet.integrations.export import numpy_parts
from bpnet.integrations.export.cells import features_of, output_names
from bpnet.integrations.export.kinds import form_of
from bpnet.integrations.export.texts import missing_numbers, text_table
from bpnet.models.ensemble import Ensemble
from bpnet.models.model import Model

FORMAT = "Python"

_HEADER = '''\
"""A model that bpnet {version} has trained: it predicts {target}.

NumPy and the standard library are all that it needs. From Python, `predict(rows)` takes rows as
dictionaries by column name; `python {file} rows.csv` prints the predictions for a table.

Columns: {columns}
A missing number is None, nan or a blank text; a date is a text, or days since 1970-01-01.
"""
'''

_PREDICT = '''\
def predict(rows):
    """Return the predictions for rows, which are dictionaries by column name.

    Raises ValueError for a cell that cannot be used.
    """
    inputs = [encode(encoder, rows, MODEL["precision"]) for encoder in MODEL["encoders"]]
    outputs = [member_outputs(member, inputs[member["encoder"]]) for member in MODEL["members"]]
    return {answer}({combine}(outputs, MODEL), MODEL)


def main(path):
    """Print the predictions for a table of CSV."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    writer = csv.writer(sys.stdout, lineterminator="\\n")
    answers = predict(rows)
    writer.writerow([name for output in answers for name in MODEL["names"][output]])
    for k in range(len(rows)):
        cells = [np.asarray(values)[k].tolist() for values in answers.values()]
        writer.writerow([one for cell in cells for one in (cell if type(cell) is list else [cell])])

'''

_FOOTER = """
MODEL = with_arrays(MODEL, ARRAYS)

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {sys.argv[0]} rows.csv")
    try:
        main(sys.argv[1])
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
"""

_IMPORTS = {
    "re": "import re",
    "unicodedata": "import unicodedata",
    "math": "import math",
    "datetime": "from datetime import UTC, datetime",
    "NormalDist": "from statistics import NormalDist",
}
_WIDTH = 100


def python_file(model: Ensemble, seen: Mapping[str, Collection[str]], file: str) -> bytes:
    """Return a model as a file of Python called `file`.

    `seen` are texts of columns that the file must understand as the model does. Raises UsageError
    if it has a kind of component that has no part.
    """
    writing = ModelWriter(model.description.reading.number_format(), seen)
    features, target = features_of(model), model.description.target
    content = writing.model(model)
    combine, answer = _final(model)
    needed: list[_Function] = [
        numpy_parts.encode,
        numpy_parts.member_outputs,
        numpy_parts.with_arrays,
        *writing.parts.values(),
        combine,
        answer,
    ]
    functions = _with_callees(needed)
    source = "\n\n".join(inspect.getsource(function) for function in functions)
    tables = [_table(name, source, writing.parts) for name in _TABLES]
    words = set(re.findall(r"\w+", source))
    imports = sorted(
        ["import base64", "import csv", "import io", "import json", "import sys"]
        + [line for name, line in _IMPORTS.items() if name in words],
        key=lambda line: (line.startswith("from"), line),
    )
    columns = ", ".join(f"{feature.name} ({feature.kind})" for feature in features)
    header = _HEADER.format(
        version=__version__,
        target=_plain(", ".join(target.names)),
        file=_plain(file),
        columns=textwrap.fill(_plain(columns), 90),
    )
    text = "\n".join(
        [
            header,
            "from __future__ import annotations\n",
            *imports,
            "from collections.abc import Mapping, Sequence",
            "from typing import Any",
            "\nimport numpy as np\n\nArray = np.ndarray\nPart = dict\n\n",
            source,
            "",
            *filter(None, tables),
            "\n",
            _PREDICT.format(answer=answer.__name__, combine=combine.__name__),
            "",
            # in a raw text, since three quotes cannot follow each other in JSON
            f'MODEL = json.loads(r"""\n{_json(content)}\n""")',
            _arrays(writing.arrays),
            _FOOTER,
        ]
    )
    return text.encode("utf-8", "backslashreplace")


_TABLES = ("COLUMNS", "SCALERS", "ADDED", "LAYERS", "ACTIVATIONS")
_Function = Callable[..., Any]


class ModelWriter:
    """What is written of a model: the parts that it needs, and its arrays by name."""

    def __init__(self, number_format: NumberFormat, seen: Mapping[str, Collection[str]]) -> None:
        self._number_format, self._seen = number_format, seen
        self.parts: dict[tuple[str, str], _Function] = {}
        """The function of each kind of component, by the name of its table and the kind."""
        self.arrays: dict[str, Array] = {}

    def model(self, model: Ensemble) -> dict[str, Any]:
        """Return what the parts read of a model."""
        description, target = model.description, model.description.target
        encoders, which = model.encoders
        content: dict[str, Any] = {
            "precision": description.precision,
            "encoders": [self.encoder(encoder, description.precision) for encoder in encoders],
            "members": [
                {"encoder": k, **self._member(member)}
                for k, member in zip(which, model.members, strict=True)
            ],
        }
        predicted = [f"predicted_{name}" for name in target.names]
        if isinstance(target, Classes):
            columns = [predicted, [f"probability_{label}" for label in target.classes]]
            content["classes"] = target.classes
            if model.thresholds is not None:
                content["positive"] = target.positive_number
                content["threshold"] = model.thresholds[0]
        elif isinstance(target, Labels):
            columns = [predicted, [f"probability_{name}" for name in target.names]]
            content["thresholds"] = list(model.thresholds or [0.5] * len(target.names))
        else:
            columns = [predicted]
        # the columns of a table with each output
        content["names"] = dict(zip(output_names(model, features_of(model)), columns, strict=True))
        combination = model.combination
        if combination is not None:
            content["weights"] = combination.weights
            blend: dict[str, Any] = {"temperature": combination.temperature}
            if combination.isotonic is not None:
                blend["isotonic"] = [
                    {"x": self._array(curve.x), "y": self._array(curve.y)}
                    for curve in combination.isotonic
                ]
            if combination.shrinkage is not None:
                blend["shrinkage"] = {
                    field.name: self._array(
                        [getattr(one, field.name) for one in combination.shrinkage]
                    )
                    for field in fields(combination.shrinkage[0])
                }
            content["blend"] = blend
        return content

    def _array(self, values: Any) -> dict[str, str]:
        """Return the place of an array in the file; equal ones are there once."""
        array = np.array(values)
        for name, other in self.arrays.items():
            if other.dtype == array.dtype and np.array_equal(other, array):
                return {"array": name}
        name = f"a{len(self.arrays) + 1}"
        self.arrays[name] = array
        return {"array": name}

    def _part(self, table: str, component: Component, noun: str) -> None:
        forms: Mapping[str, _Function] = getattr(numpy_parts, table)
        self.parts[table, getattr(component, "kind", "")] = form_of(forms, component, noun, FORMAT)

    def encoder(self, encoder: Encoder, dtype: str) -> dict[str, Any]:
        """Return what `encode` reads."""
        before = encoder.type_before_scaling(dtype)
        content: dict[str, Any] = {
            "dtype": before,
            "columns": [self._column(column, before) for column in encoder.columns],
        }
        if encoder.unit_rows:
            content["unit_rows"] = list(encoder.numeric.values())
        return content

    def _column(self, column: Any, dtype: str) -> dict[str, Any]:
        if isinstance(column, NumericColumn):
            return self._number(column, dtype)
        if isinstance(column, DateColumn):
            self._part("COLUMNS", column, "encoding of columns")
            return {
                "name": column.name,
                "kind": column.kind,
                "format": None if column.format == ISO else column.format,
                "parts": list(column.parts),
                "mean": column.mean,
                "deviation": column.deviation,
                **self._missing(column, column.fill),
            }
        table = text_table(column, self._number_format, dtype, self._seen.get(column.name, ()))
        self.parts["COLUMNS", "text"] = numpy_parts.encode_texts
        return {
            "name": column.name,
            "kind": "text",
            "texts": table.rows,
            "other": table.other,
            "inputs": self._array(table.inputs),
        }

    def _missing(self, column: EncodedColumn, fill: float | None) -> dict[str, Any]:
        words = self._number_format
        return {
            "fill": fill,
            "indicator": column.indicator,
            "missing": sorted(words.missing),
            "missing_words": list(MISSING_WORDS),
            "missing_numbers": missing_numbers(words),
        }

    def _number(self, column: NumericColumn, dtype: str) -> dict[str, Any]:
        self._part("COLUMNS", column, "encoding of columns")
        self._part("SCALERS", column.scale, "scaling")
        content: dict[str, Any] = {
            "name": column.name,
            "kind": column.kind,
            "scale": self._scaler(column.scale),
            **self._missing(column, column.fill),
        }
        if column.added and column.added.names(""):
            self._part("ADDED", column.added, "encoding of numbers")
            added = column.added
            if isinstance(added, PeriodicInputs):
                content["added"] = {
                    "kind": added.kind,
                    "dtype": dtype,
                    "clip": asdict(added.clip),
                    "frequencies": self._array(added.frequencies),
                }
            else:
                content["added"] = {"kind": added.kind, "edges": self._array(added.edges)}
        if column.frequent and column.frequent.values:
            content["frequent"] = {
                "hot": column.frequent.hot,
                "values": self._array(column.frequent.values),
            }
        return content

    def _scaler(self, scaler: Component) -> dict[str, Any]:
        if isinstance(scaler, RankScaler):
            bounds, steps = self._array(scaler.bounds), self._array(scaler.steps)
            return {"kind": scaler.kind, "bounds": bounds, "steps": steps}
        if isinstance(scaler, QuantileScaler):
            quantiles, unit = scaler.in_units
            return {"kind": scaler.kind, "quantiles": self._array(quantiles), "unit": unit}
        return asdict(scaler)

    def _member(self, member: Model) -> dict[str, Any]:
        description, target = member.description, member.description.target
        content: dict[str, Any] = {
            "temperature": description.temperature,
            "output": self._activation(description.output_activation),
            "single": isinstance(target, Classes) and member.network.outputs == 1,
            "networks": [
                [
                    self.layer(layer, of_layer)
                    for layer, of_layer in zip(description.layers, arrays, strict=True)
                ]
                for arrays in member.arrays_each()
            ],
        }
        if isinstance(target, Quantities):
            content["divide"] = self._array(target.divisors)
            content["subtract"] = self._array(target.offsets)
        return content

    def layer(self, layer: Layer, arrays: Mapping[str, Array]) -> dict[str, Any]:
        """Return what a layer's part reads: its settings, and the arrays of one network."""
        self._part("LAYERS", layer, "layer")
        content: dict[str, Any] = {}
        for field in fields(layer):
            value = getattr(layer, field.name)
            if isinstance(value, Activation):
                content[field.name] = self._activation(value)
            elif isinstance(value, list):
                content[field.name] = [
                    asdict(each) if isinstance(each, Component) else each for each in value
                ]
            elif value is None or isinstance(value, (str, int, float)):
                content[field.name] = value
            else:  # an initializer, say, which is of training only
                assert isinstance(value, Component)
        content.pop("bias", None)  # whether there is one; the array has the same name
        return content | {name: self._array(array) for name, array in arrays.items()}

    def _activation(self, activation: Activation) -> dict[str, Any]:
        self._part("ACTIVATIONS", activation, "activation")
        return asdict(activation)


def _final(model: Ensemble) -> tuple[_Function, _Function]:
    """Return the parts that combine the networks' outputs, and answer."""
    target, blended = model.description.target, model.combination is not None
    if isinstance(target, Classes):
        combine = numpy_parts.blended_shares if blended else numpy_parts.mean_shares
        return combine, numpy_parts.answer_classes
    if isinstance(target, Labels):
        combine = numpy_parts.blended_labels if blended else numpy_parts.mean_labels
        return combine, numpy_parts.answer_labels
    combine = numpy_parts.blended_values if blended else numpy_parts.mean_values
    return combine, numpy_parts.answer_values


def _with_callees(needed: Sequence[_Function]) -> list[_Function]:
    """Return the functions and those that they call, in the order of the parts' own file."""
    functions = {
        name: value for name, value in vars(numpy_parts).items() if inspect.isfunction(value)
    }
    found: dict[str, _Function] = {}
    waiting = list(needed)
    while waiting:
        function = waiting.pop()
        if function.__name__ in found:
            continue
        found[function.__name__] = function
        waiting += [functions[name] for name in _globals(function.__code__) & functions.keys()]
    order = list(functions)
    return sorted(found.values(), key=lambda function: order.index(function.__name__))


def _globals(code: CodeType) -> set[str]:
    """Return the global names that a function reads, those inside comprehensions included."""
    inner = [each for each in code.co_consts if isinstance(each, CodeType)]
    own = {each.argval for each in get_instructions(code) if each.opname == "LOAD_GLOBAL"}
    return own.union(*map(_globals, inner))


def _table(name: str, source: str, parts: Mapping[tuple[str, str], _Function]) -> str:
    """Return the source of a table of parts by kind, with those that are needed."""
    if f"{name}[" not in source:
        return ""
    lines = [
        f'    "{kind}": {function.__name__},\n'
        for (table, kind), function in parts.items()
        if table == name
    ]
    return f"{name} = {{\n{''.join(lines)}}}" if lines else f"{name} = {{}}"


def _json(value: Any, line: str = "\n") -> str:
    """Return JSON in which what is short is on one line."""
    text = json.dumps(value)
    if len(text) <= _WIDTH - len(line) or not isinstance(value, (dict, list)):
        return text
    inner = line + " "
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}: {_json(each, inner)}" for key, each in value.items()]
        return f"{{{inner}{f',{inner}'.join(items)}{line}}}"
    return f"[{inner}{f',{inner}'.join(_json(each, inner) for each in value)}{line}]"


def _arrays(arrays: Mapping[str, Array]) -> str:
    """Return the source of the arrays, compressed, as text."""
    stream = io.BytesIO()
    np.savez_compressed(stream, **dict(arrays))  # type: ignore[arg-type]
    encoded = base64.b64encode(stream.getvalue()).decode()
    lines = "\n".join(encoded[k : k + _WIDTH] for k in range(0, len(encoded), _WIDTH))
    return f'ARRAYS = np.load(io.BytesIO(base64.b64decode("""\n{lines}\n""")))'


def _plain(text: str) -> str:
    """Return a text that can be in a docstring."""
    return "".join(one if one.isprintable() and one not in '"\\' else "?" for one in text)
