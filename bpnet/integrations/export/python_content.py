"""What an exported file of Python is told of a model: dictionaries, arrays, and functions."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from bpnet.data.dates.advice import expected_date
from bpnet.data.dates.date_format import date_format
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
from bpnet.integrations.export import numpy_columns, numpy_layers
from bpnet.integrations.export.cells import features_of, output_names
from bpnet.integrations.export.kinds import form_of
from bpnet.integrations.export.texts import missing_numbers, text_table
from bpnet.models.ensemble import Ensemble
from bpnet.models.model import Model

FORMAT = "Python"
Function = Callable[..., Any]
TABLES = {
    "COLUMNS": numpy_columns,
    "SCALERS": numpy_columns,
    "ADDED": numpy_columns,
    "LAYERS": numpy_layers,
    "ACTIVATIONS": numpy_layers,
}
"""The tables of functions by kind, and the modules that they are in."""


class ModelWriter:
    """What is written of a model: the parts that it needs, and its arrays by name."""

    def __init__(self, number_format: NumberFormat, seen: Mapping[str, Collection[str]]) -> None:
        self._number_format, self._seen = number_format, seen
        self.parts: dict[tuple[str, str], Function] = {}
        """The function of each kind of component, by the name of its table and the kind."""
        self.arrays: dict[str, Array] = {}
        self._names: dict[tuple[str, tuple[int, ...], bytes], str] = {}

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
        name = self._names.setdefault(
            (array.dtype.str, array.shape, array.tobytes()), f"a{len(self._names) + 1}"
        )
        self.arrays[name] = array
        return {"array": name}

    def _part(self, table: str, component: Component, noun: str) -> None:
        forms: Mapping[str, Function] = getattr(TABLES[table], table)
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
            form = date_format(column.format)
            return {
                "name": column.name,
                "kind": column.kind,
                "pattern": form.pattern,
                "timed": form.timed,
                "zone": form.zone(form.example),
                "digits": form.example.isdigit(),
                "iso": column.reads_iso,
                "expected": expected_date(column.format),
                "zones": column.zones,
                "parts": list(column.parts),
                "mean": column.mean,
                "deviation": column.deviation,
                **self._missing(column, column.fill),
            }
        table = text_table(column, self._number_format, dtype, self._seen.get(column.name, ()))
        self.parts["COLUMNS", "text"] = numpy_columns.encode_texts
        return {
            "name": column.name,
            "kind": "text",
            "texts": table.rows,
            "other": table.other,
            "all_numbers": table.all_numbers,
            "yes_and_no": table.yes_and_no,
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
            "commas": column.number_format is not None and column.number_format.decimal == ",",
            "bits": {column.lowest, column.highest} <= {0.0, 1.0},
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
