"""Each layer, activation and encoding of an exported model, in ONNX and in NumPy, against bpnet."""

import inspect
import sys
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import pytest
from encoded_tables import column_options, fitted, table
from engine_cases import ACTIVATIONS, LAYERS, named, network_of, stack
from scipy.special import ndtri

from bpnet.data.encoding import Encoder
from bpnet.data.encoding.added_inputs import AnyAddedInputs
from bpnet.data.encoding.columns import OneHotColumn
from bpnet.data.encoding.dates import share_passed
from bpnet.data.encoding.encoder import AnyColumn
from bpnet.data.encoding.frequent_values import FrequentInputs
from bpnet.data.encoding.scalers import AnyScaler, QuantileScaler
from bpnet.data.encoding.settings import (
    Embedded,
    OneHot,
    Ordinal,
    Periodic,
    PiecewiseLinear,
    Quantile,
    QuantileNormal,
    Refuse,
    RobustClip,
    Standardize,
)
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading.chunk import ColumnChunk
from bpnet.data.reading.column import Column, column_from_texts
from bpnet.engine.activations import AnyActivation, Tanh
from bpnet.engine.component import Component
from bpnet.engine.layers import AnyStoredLayer
from bpnet.errors import UsageError
from bpnet.integrations.export import numpy_answers, numpy_columns, numpy_layers
from bpnet.integrations.export.graph import TEXT, Graph, Tensor
from bpnet.integrations.export.kinds import form_of
from bpnet.integrations.export.onnx_columns import (
    ADDED,
    COLUMNS,
    SCALERS,
    Encoding,
    encoded,
    share_of_period,
)
from bpnet.integrations.export.onnx_layers import ACTIVATIONS as ACTIVATION_FORMS
from bpnet.integrations.export.onnx_layers import LAYERS as LAYER_FORMS
from bpnet.integrations.export.onnx_layers import scores_of
from bpnet.integrations.export.python_content import TABLES, ModelWriter
from bpnet.integrations.export.python_source import definitions
from bpnet.integrations.export.runtime import OnnxSession
from bpnet.integrations.export.steps import between_knots, normal_quantile, places
from bpnet.integrations.export.texts import text_table


def run(inputs: dict[str, np.ndarray], make: Any) -> np.ndarray:
    """Return what a graph that `make` builds of named inputs (N, ·) answers."""
    graph = Graph(list(inputs))
    tensors = {
        name: graph.input(name, TEXT if values.dtype == object else values.dtype)
        for name, values in inputs.items()
    }
    output: Tensor = graph.name(make(tensors), "output")
    shapes = [(tensors[name], ["rows", values.shape[1]]) for name, values in inputs.items()]
    session = OnnxSession(graph.model(shapes, [(output, None)], "0", {}))  # type: ignore[list-item]
    (answer,) = session._session.run(["output"], inputs)
    return np.asarray(answer)


def in_numpy(make: Any) -> Any:
    """Return what a part of the exported file is told, as `make` writes it."""
    writing = ModelWriter(NumberFormat(), {})
    return numpy_answers.with_arrays(make(writing), writing.arrays)


# Every kind has a row


@pytest.mark.parametrize(
    ("union", "forms"),
    [
        (AnyStoredLayer, LAYER_FORMS),
        (AnyStoredLayer, numpy_layers.LAYERS),
        (AnyActivation, ACTIVATION_FORMS),
        (AnyActivation, numpy_layers.ACTIVATIONS),
        (AnyColumn, COLUMNS),
        (AnyScaler, SCALERS),
        (AnyScaler, numpy_columns.SCALERS),
        (AnyAddedInputs, ADDED),
        (AnyAddedInputs, numpy_columns.ADDED),
    ],
)
def test_every_kind_has_a_form(union: Any, forms: Any) -> None:
    assert {kind.kind for kind in get_args(union)} == set(forms)


def test_no_two_definitions_of_an_exported_file_have_one_name() -> None:
    functions = [
        value
        for module in (numpy_columns, numpy_layers, numpy_answers)
        for value in vars(module).values()
        if inspect.isfunction(value)
    ]
    found, imports = definitions(functions, TABLES)
    names = [each.name for each in found]
    assert {"days_of", "spelled", "_MONTHS", "Array"} < set(names)
    assert len(names) > 80
    assert len(set(names)) == len(names)
    assert {line.split()[1].split(".")[0] for line in imports} <= {
        "numpy",
        *sys.stdlib_module_names,
    }


def test_a_kind_without_a_form_is_named() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Attention(Component):
        kind: Literal["attention"] = "attention"

    with pytest.raises(UsageError, match="the layer 'attention', which cannot be exported as ONNX"):
        form_of(LAYER_FORMS, Attention(), "layer", "ONNX")


# Layers and activations


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("kind", LAYERS, ids=lambda kind: kind.__name__)
def test_a_layer_gives_the_scores_of_the_engine(kind: type, precision: str) -> None:
    network = network_of(stack(kind, Tanh(), 3), seeds=[5], precision=precision)
    rng = np.random.default_rng(1)
    for views in (network.parameters, network.statistics):
        views.flat[:] += 0.1 * rng.random(views.flat.shape)
    x = rng.normal(size=(40, 3)).astype(precision)
    x[:, 1] = np.arange(40) % 3 if kind.__name__ == "Embedding" else x[:, 1]
    network.rows_apart = True
    arrays = [
        {
            name: view[0]
            for part in (network.parameters, network.statistics)
            for name, view in part.part(f"layers.{k}").items()
        }
        for k in range(len(network.layers))
    ]
    expected = network.predict(x)[0]
    layers = in_numpy(
        lambda writing: [
            writing.layer(layer, of_layer)
            for layer, of_layer in zip(network.layers, arrays, strict=True)
        ]
    )
    for given in (
        run({"x": x}, lambda t: scores_of(network.layers, arrays, t["x"], 3)),
        numpy_layers.network(layers, x),
    ):
        assert given.dtype == expected.dtype
        np.testing.assert_allclose(given, expected, atol=1e-5 if precision == "float32" else 1e-12)


@pytest.mark.parametrize("activation", named(ACTIVATIONS))
def test_an_activation_gives_the_values_of_the_engine(activation: Any) -> None:
    z = np.array([-800.0, -90, -30, -3, -0.5, -1e-4, 0, 1e-4, 0.7, 2, 20, 90, 800])
    z = np.stack([z, z[::-1]], axis=1)
    for dtype, tolerance in (("float32", 3e-7), ("float64", 1e-13)):
        typed = z.astype(dtype)
        expected = np.empty_like(typed.T[None])
        with np.errstate(all="ignore"):
            activation.forward(typed.T[None].copy(), expected, activation.scratch(typed.T[None]))
        form = ACTIVATION_FORMS[activation.kind]
        for given in (
            run({"z": typed}, lambda t, form=form: form(activation, t["z"])),
            numpy_layers.activate(typed, asdict(activation)),
        ):
            np.testing.assert_allclose(given, expected[0].T, rtol=tolerance, atol=tolerance)


# Encodings

NUMBERS = np.array(
    [*np.linspace(-3, 40, 21), 0.0, 0, 0, 0, 0, 0, 0, 0, 5, 5, 5, 1e6, -1e6, 2.5], np.float64
)
NUMERIC = {
    "standardize": Standardize(),
    "robust_clip": RobustClip(),
    "quantile": Quantile(quantiles=7),
    "quantile_normal": QuantileNormal(),
    "few ranks": QuantileNormal(values=5),
    "periodic": Periodic(sigma=3.0),
    "piecewise_linear": PiecewiseLinear(bins=6),
}


def number_chunk(values: np.ndarray) -> ColumnChunk:
    return ColumnChunk("t", 0, {"a": Column(NumberFormat(), numbers=values)})


def given_of(encoder: Encoder, cells: dict[str, np.ndarray], dtype: str) -> np.ndarray:
    """Return the inputs in ONNX, once those in NumPy are seen to be the same."""
    inputs = {name: values[:, None] for name, values in cells.items()}
    given = run(inputs, lambda t: encoded(encoder, t, dtype, Encoding(NumberFormat())))
    content = in_numpy(lambda writing: writing.encoder(encoder, dtype))
    lists = [values.tolist() for values in cells.values()]
    rows = [dict(zip(cells, row, strict=True)) for row in zip(*lists, strict=True)]
    refused = np.isnan(given).any(axis=1)
    usable = [row for row, is_refused in zip(rows, refused, strict=True) if not is_refused]
    x = numpy_columns.encode(content, usable, dtype)
    assert x.dtype == given.dtype
    np.testing.assert_allclose(x, given[~refused], atol=3e-7 if dtype == "float32" else 1e-11)
    for k in np.flatnonzero(refused):
        with pytest.raises(ValueError, match=r"missing value|not a finite number"):
            numpy_columns.encode(content, [rows[k]], dtype)
    return given


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NUMERIC)
def test_a_number_has_the_inputs_of_the_encoder(name: str, dtype: str) -> None:
    cells = ["" if k % 9 == 4 else value for k, value in enumerate(NUMBERS.tolist())]
    encoder = fitted(table(a=cells), column_options("numeric", scaling=NUMERIC[name]))
    (column,) = encoder.columns
    knots = np.array(getattr(column.scale, "values", [0.0]))
    values = np.concatenate(
        [NUMBERS, knots, np.nextafter(knots, 9e9), [np.nan, 1e9, -1e9], NUMBERS + 0.31]
    )
    expected, _ = encoder.encode(number_chunk(values), dtype)
    given = given_of(encoder, {"a": values}, dtype)
    assert given.dtype == expected.dtype
    np.testing.assert_allclose(given, expected, atol=3e-7 if dtype == "float32" else 1e-11)


@pytest.mark.parametrize("scaling", [Standardize(), QuantileNormal(), PiecewiseLinear()])
def test_a_constant_and_frequent_values_have_the_inputs_of_the_encoder(scaling: Any) -> None:
    whole = table(a=[7.0] * 5, b=[*([0.0] * 4), 1])
    encoder = fitted(whole, column_options("numeric", scaling=scaling), column_options("numeric"))
    second = replace(encoder.columns[1], frequent=FrequentInputs(values=[0.0, 1.0], hot=1.5))
    encoder = Encoder(columns=[encoder.columns[0], second], unit_rows=True)
    values = np.array([7.0, 8, 6, np.nan, 0, 1])
    columns = {name: Column(NumberFormat(), numbers=values) for name in "ab"}
    expected, _ = encoder.encode(ColumnChunk("t", 0, columns), "float32")
    given = given_of(encoder, {"a": values, "b": values}, "float32")
    np.testing.assert_allclose(given, expected, atol=1e-7)


@pytest.mark.parametrize("unit_rows", [False, True])
def test_many_columns_keep_their_order(unit_rows: bool) -> None:
    rng = np.random.default_rng(4)
    kinds = [*NUMERIC, "categorical", *reversed(NUMERIC), "categorical"]
    cells: dict[str, list[Any]] = {}
    for k, kind in enumerate(kinds):
        if kind == "categorical":
            cells[f"c{k}"] = rng.choice(["u", "v", ""], 40).tolist()
        else:
            numbers = rng.normal(k, 1 + k, 40).round(2).tolist()
            cells[f"c{k}"] = [
                "" if k % 3 == 0 and row % 7 == 2 else x for row, x in enumerate(numbers)
            ]
    options = [
        column_options("categorical", categorical=OneHot(rare=1))
        if kind == "categorical"
        else column_options("numeric", scaling=NUMERIC[kind])
        for kind in kinds
    ]
    encoder = fitted(table(**cells), *options, unit_rows=unit_rows)
    frequent = FrequentInputs(values=[0.5, 1.0], hot=1.5)
    columns = [
        replace(column, frequent=frequent) if k in (1, 3, 9) else column
        for k, column in enumerate(encoder.columns)
    ]
    encoder = Encoder(columns=columns, unit_rows=unit_rows)
    read = {
        name: Column(NumberFormat(), numbers=np.array([x if x != "" else np.nan for x in values]))
        if "u" not in values
        else column_from_texts(values, NumberFormat())
        for name, values in cells.items()
    }
    expected, _ = encoder.encode(ColumnChunk("t", 0, read), "float32")
    given = given_of(
        encoder,
        {
            name: column.numbers if column.numbers is not None else np.array(cells[name], object)
            for name, column in read.items()
        },
        "float32",
    )
    np.testing.assert_allclose(given, expected, atol=3e-7)


CITIES = ["Oslo", "Rome", "Lima", "", "Oslo", "Bonn", "Bonn", "Rome", "Oslo", "1", "1"]
CATEGORICAL = {
    "one_hot": OneHot(rare=2, hot=1.5),
    "one_hot of all": OneHot(rare=1),
    "ordinal": Ordinal(),
    "embedding": Embedded(rare=1),
    "embedding with rare": Embedded(rare=2),
}


@pytest.mark.parametrize("name", CATEGORICAL)
def test_a_text_has_the_inputs_of_the_encoder(name: str) -> None:
    encoder = fitted(table(a=CITIES), column_options("categorical", categorical=CATEGORICAL[name]))
    texts = [*CITIES, "Paris", "oslo", "NA", "NaN", "1.0", "unseen", "Lima"]
    chunk = ColumnChunk("t", 0, {"a": column_from_texts(texts, NumberFormat())})
    expected, _ = encoder.encode(chunk, "float32")
    given = given_of(encoder, {"a": np.array(texts, object)}, "float32")
    np.testing.assert_array_equal(given, expected)
    content = in_numpy(lambda writing: writing.encoder(encoder, "float32"))
    spaced = [{"a": f" {text}\u00a0"} for text in texts]
    np.testing.assert_array_equal(numpy_columns.encode(content, spaced, "float32"), expected)


@pytest.mark.parametrize("binary", ["one_hot", "plus_minus"])
@pytest.mark.parametrize("cells", [["yes", "no", "", "yes"], ["T", "F", "F", "T"]])
def test_a_boolean_has_the_inputs_of_the_encoder(cells: list[str], binary: Any) -> None:
    options = column_options("boolean", categorical=OneHot(binary=binary))
    encoder = fitted(table(a=cells), options)
    texts = [*cells, "YES", "No", "TRUE", "false", "1", "0", "perhaps", "", "n/a", "-", "on"]
    chunk = ColumnChunk("t", 0, {"a": column_from_texts(texts, NumberFormat())})
    expected, _ = encoder.encode(chunk, "float32")
    given = given_of(encoder, {"a": np.array(texts, object)}, "float32")
    np.testing.assert_array_equal(given, expected)


@pytest.mark.parametrize(
    "cells",
    [
        ["2024-02-29 13:30", "1999-12-31 23:59", "", "2000-03-01 00:00", "1968-01-01 06:00"],
        ["29.02.2024", "31.12.1999", "01.03.2000", "28.02.1900", "01.01.2101"],
    ],
)
def test_a_date_has_the_inputs_of_the_encoder(cells: list[str]) -> None:
    form = "ISO 8601" if "-" in cells[0] else "%d.%m.%Y"
    whole = table(a=cells)
    (column,) = fitted(whole, column_options("date", form=form)).columns
    parts = ["elapsed", "day_of_year", "month", "weekday", "hour"]
    encoder = Encoder(columns=[replace(column, parts=parts)])
    (chunk,) = whole.chunks(encoder.column_types)
    expected, _ = encoder.encode(chunk, "float64")
    days = encoder.columns[0].days(chunk.column("a"))
    given = given_of(encoder, {"a": days}, "float64")
    np.testing.assert_allclose(given, expected, atol=1e-9)


def test_every_day_of_four_centuries_has_its_share_of_the_year() -> None:
    days = np.arange(-75_000.0, 75_000.0)
    for part in ("day_of_year", "month", "weekday"):
        given = run({"days": days[:, None]}, lambda t, part=part: share_of_period(t["days"], part))
        np.testing.assert_array_equal(given[:, 0], share_passed(days, part))


def test_a_cell_that_predict_refuses_is_nan() -> None:
    whole = table(a=[1.0, 2, 3], b=["x", "y", "x"])
    encoder = fitted(
        whole,
        column_options("numeric", scaling=QuantileNormal(), missing=Refuse()),
        column_options("categorical", missing=Refuse()),
    )
    cells = {
        "a": np.array([1.0, np.nan, np.inf, -np.inf, 2]),
        "b": np.array(["x", "y", "x", "x", ""], object),
    }
    given = given_of(encoder, cells, "float32")
    assert np.isnan(given).any(axis=1).tolist() == [False, True, True, True, True]


# Functions of numbers


@pytest.mark.parametrize("count", [0, 1, 2, 63, 64, 65, 66, 1000, 4001])
def test_places_are_those_of_searchsorted(count: int) -> None:
    rng = np.random.default_rng(count)
    bounds = np.sort(rng.normal(size=count))
    values = np.concatenate([bounds, rng.normal(size=50), [np.inf, -np.inf, -9, 9, np.nan]])
    given = run({"v": values[:, None]}, lambda t: places(t["v"], bounds))[:, 0]
    expected = np.searchsorted(bounds, values, side="right")
    assert (given == expected)[:-1].all()
    assert given[-1] == 0  # of nan


def test_a_curve_is_that_of_numpy() -> None:
    x, y = np.array([0.1, 0.4, 0.5, 0.9]), np.array([0.0, 0.2, 0.7, 1.0])
    values = np.linspace(-0.2, 1.2, 57)
    given = run({"v": values[:, None]}, lambda t: between_knots(t["v"], x, y))[:, 0]
    np.testing.assert_allclose(given, np.interp(values, x, y), atol=1e-15)
    given = run({"v": values[:, None]}, lambda t: between_knots(t["v"], x[:1], y[1:2]))
    assert set(given[:, 0].tolist()) == {0.2}


def test_the_normal_quantile_is_that_of_scipy() -> None:
    p = np.concatenate([np.geomspace(1e-7, 0.5, 200), 1 - np.geomspace(1e-7, 0.5, 200)])
    given = run({"p": p[:, None]}, lambda t: normal_quantile(t["p"]))[:, 0]
    np.testing.assert_allclose(given, ndtri(p), rtol=1e-13, atol=1e-15)


def test_quantiles_of_tiny_numbers_are_those_of_the_encoder() -> None:
    scaler = QuantileScaler(quantiles=[0.0, 1e-300, 1e-300, 4e-300])
    values = np.array([-1e-300, 0, 5e-301, 1e-300, 2e-300, 4e-300, 5e-300])
    given = run({"v": values[:, None]}, lambda t: SCALERS[scaler.kind]([scaler], t["v"]))
    np.testing.assert_allclose(given[:, 0], scaler.apply(values), atol=1e-9)


def test_an_equal_constant_is_in_the_file_once() -> None:
    graph = Graph()
    first, second = (graph.constant(np.arange(3.0)) for _ in range(2))
    assert first.name == second.name
    assert graph.constant(np.arange(3)).name != first.name


def test_a_category_is_known_with_composed_and_decomposed_letters():
    column = OneHotColumn(name="x", levels=["café", "tea"], fill="tea")
    table = text_table(column, NumberFormat(), "float64")
    rows = {table.rows.get(text, table.other) for text in ("caf\u00e9", "cafe\u0301")}
    assert rows == {table.rows["café"]} != {table.other}
