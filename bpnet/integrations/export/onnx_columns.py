"""Encoded columns in ONNX: from a column of the table to inputs of the network."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bpnet.data.encoding import Encoder
from bpnet.data.encoding.added_inputs import PeriodicInputs, PiecewiseInputs
from bpnet.data.encoding.columns import (
    BooleanColumn,
    EmbeddingColumn,
    EncodedColumn,
    NumericColumn,
    OneHotColumn,
    OrdinalColumn,
    PlusMinusColumn,
)
from bpnet.data.encoding.dates import DateColumn, DatePart
from bpnet.data.encoding.scalers import (
    ClippedScaler,
    LinearScaler,
    QuantileScaler,
    RankScaler,
)
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.engine.component import Component
from bpnet.integrations.export.graph import BOOL, DOUBLE, Tensor
from bpnet.integrations.export.kinds import form_of
from bpnet.integrations.export.steps import looked_up, normal_quantile, places
from bpnet.integrations.export.texts import missing_numbers, text_table

FORMAT = "ONNX"


@dataclass(frozen=True)
class Encoding:
    """How texts are read: the words for a missing value, and the texts that a table has shown."""

    number_format: NumberFormat
    seen: Mapping[str, Collection[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Cells:
    """The cells (N, 1) of a column, and the type of the inputs that they become."""

    cells: Tensor
    dtype: str
    encoding: Encoding


def encoded(
    encoder: Encoder, cells: Mapping[str, Tensor], dtype: str, encoding: Encoding
) -> Tensor:
    """Return the inputs (N, I) of cells (N, 1), of which what is refused is NaN."""
    before = encoder.type_before_scaling(dtype)
    columns = [
        form_of(COLUMNS, column, "encoding of columns", FORMAT)(
            column, Cells(cells[column.name], before, encoding)
        )
        for column in encoder.columns
    ]
    x = columns[0].graph.concat(columns)
    return _with_unit_rows(x, encoder).cast(dtype) if encoder.unit_rows else x


def _with_unit_rows(x: Tensor, encoder: Encoder) -> Tensor:
    """Return the inputs with the numeric ones of each row divided by their length."""
    numeric, graph = list(encoder.numeric.values()), x.graph
    if not numeric:
        return x
    rows = x.take(numeric).cast(DOUBLE)
    largest = rows.apply("Abs").reduce("ReduceMax")
    rows = rows / graph.where(largest.equals(0.0), np.array(1.0), largest)
    length = (rows * rows).reduce("ReduceSum").apply("Sqrt")
    rows = (rows / graph.where(length.equals(0.0), np.array(1.0), length)).cast(x.dtype)
    others = [k for k in range(encoder.width) if k not in set(numeric)]
    if not others:
        return rows
    order = [*others, *numeric]
    return graph.concat([x.take(others), rows]).take(np.argsort(order).tolist())


def _number(column: Any, read: Cells) -> Tensor:
    """Return the inputs of numbers (N, 1), of which NaN is a missing value."""
    assert isinstance(column, NumericColumn)
    dtype = read.dtype
    missing, refused, values = _filled(read, column.fill)
    inputs = [_form(SCALERS, column.scale, "scaling")(column.scale, values).cast(dtype)]
    if column.added and column.added.names(column.name):
        added = _form(ADDED, column.added, "encoding of numbers")
        inputs.append(added(column.added, values, dtype))
    if column.frequent and column.frequent.values:
        frequent = values.equals(np.array([column.frequent.values]))
        inputs.append(frequent.cast(dtype) * column.frequent.hot)
    return _with_missing(column, inputs, missing, refused, dtype)


def _filled(read: Cells, fill: float | None) -> tuple[Tensor, Tensor, Tensor]:
    """Return the masks of missing and of refused numbers, and the numbers with the fill."""
    cells = read.cells
    missing = cells.apply("IsNaN", dtype=BOOL)
    for number in missing_numbers(read.encoding.number_format):  # such as -999
        missing = missing | cells.equals(number)
    infinite = cells.apply("IsInf", dtype=BOOL)
    refused = infinite | missing if fill is None else infinite
    replaced = missing | infinite
    return missing, refused, cells.graph.where(replaced, np.array(fill or 0.0), cells)


def _with_missing(
    column: EncodedColumn, inputs: list[Tensor], missing: Tensor, refused: Tensor, dtype: str
) -> Tensor:
    """Return the inputs, the indicator of missing values, and NaN where a cell is refused."""
    if column.indicator:
        inputs.append(missing.cast(dtype))
    x = missing.graph.concat(inputs)
    return missing.graph.where(refused, np.array(np.nan, dtype), x)


def _linear(scaler: Any, values: Tensor) -> Tensor:
    assert isinstance(scaler, LinearScaler)
    return (values - scaler.subtract) / scaler.divide


def _clipped(scaler: Any, values: Tensor) -> Tensor:
    assert isinstance(scaler, ClippedScaler)
    u = ((values - scaler.subtract) / scaler.divide).clip(-1e150, 1e150)
    length = u / 3.0
    return u / (length * length + 1.0).apply("Sqrt")


def _ranks(scaler: Any, values: Tensor) -> Tensor:
    assert isinstance(scaler, RankScaler)
    return looked_up(scaler.steps, places(values, scaler.bounds))


def _quantiles(scaler: Any, values: Tensor) -> Tensor:
    """Return Φ⁻¹ of the share below: the middle of the shares at either end of equal quantiles."""
    assert isinstance(scaler, QuantileScaler)
    quantiles, unit = scaler.in_units
    values, graph = values / unit, values.graph
    shares = np.linspace(0, 1, len(quantiles))
    if quantiles[0] == quantiles[-1]:
        return values * 0.0
    # between two different neighbors the share rises; on equal ones it is the middle of theirs
    knots, first = np.unique(quantiles, return_index=True)
    last = len(quantiles) - 1 - np.unique(quantiles[::-1], return_index=True)[1]
    k = places(values, knots[1:-1])
    start, end = looked_up(knots[:-1], k), looked_up(knots[1:], k)
    low, high = looked_up(shares[last][:-1], k), looked_up(shares[first][1:], k)
    share = low + (values - start) / (end - start) * (high - low)
    at_knot = values.equals(start)
    middle = looked_up((shares[first] + shares[last])[:-1] / 2, k)
    share = graph.where(at_knot, middle, share)
    share = graph.where(values <= quantiles[0], np.array(0.0), share)
    share = graph.where(values >= quantiles[-1], np.array(1.0), share)
    return normal_quantile(share.clip(1e-7, 1 - 1e-7))


def _waves(added: Any, values: Tensor, dtype: str) -> Tensor:
    assert isinstance(added, PeriodicInputs)
    u = _clipped(added.clip, values)
    angles = (u * (np.pi / 2 * np.array([added.frequencies]))).cast(dtype)
    return u.graph.concat([angles.apply("Cos"), angles.apply("Sin")])


def _bins(added: Any, values: Tensor, dtype: str) -> Tensor:
    """Return the bins by edges e and widths w: 2 clip((value - e) / w, 0, 1) - 1."""
    assert isinstance(added, PiecewiseInputs)
    edges = np.array(added.edges)
    if not np.isfinite(edges[-1] - edges[0]):  # the differences would overflow
        edges, values = edges / 4, values * 0.25
    u = ((values - edges[None, :-1]) / np.diff(edges)[None]).clip(0.0, 1.0)
    return (u * 2.0 - 1.0).cast(dtype)


def _date(column: Any, read: Cells) -> Tensor:
    """Return the inputs of days since 1970-01-01 (N, 1), of which NaN is a missing value."""
    assert isinstance(column, DateColumn)
    dtype = read.dtype
    missing, refused, days = _filled(read, column.fill)
    inputs = []
    for part in column.parts:
        if part == "elapsed":
            inputs.append(((days - column.mean) / column.deviation).cast(dtype))
        else:
            angle = (share_of_period(days, part) * (2 * np.pi)).cast(dtype)
            inputs += [angle.apply("Sin"), angle.apply("Cos")]
    return _with_missing(column, inputs, missing, refused, dtype)


def share_of_period(days: Tensor, part: DatePart) -> Tensor:
    """Return the share of the year, the week or the day that has passed.

    Years begin in March here, so that a leap day ends one (Hinnant, chrono-compatible date
    algorithms).
    """
    whole = _floor(days)
    if part == "hour":
        return days - whole
    if part == "weekday":
        since_monday = whole + 3.0  # 1970-01-01 was a Thursday
        return (since_monday - _floor(since_monday / 7.0) * 7.0) / 7.0
    day = whole + 719_468.0
    era = _floor(day / 146_097.0)
    of_era = day - era * 146_097.0
    leap = _floor(of_era / 1460.0) - _floor(of_era / 36_524.0) + _floor(of_era / 146_096.0)
    year = _floor((of_era - leap) / 365.0)
    of_year = of_era - (year * 365.0 + _floor(year / 4.0) - _floor(year / 100.0))
    month = _floor((of_year * 5.0 + 2.0) / 153.0)  # 0 is March
    is_next = month >= 10.0
    if part == "month":
        return days.graph.where(is_next, month - 10.0, month + 2.0) / 12.0
    year = year + era * 400.0 + is_next.cast(DOUBLE)
    start, end = _first_day(year), _first_day(year + 1.0)
    return (days - start) / (end - start)


def _first_day(year: Tensor) -> Tensor:
    """Return January 1 of a year, in days since 1970-01-01."""
    before = year - 1.0
    leap = _floor(before / 4.0) - _floor(before / 100.0) + _floor(before / 400.0)
    return before * 365.0 + leap - 719_162.0


def _floor(values: Tensor) -> Tensor:
    return values.apply("Floor")


def _text(column: Any, read: Cells) -> Tensor:
    """Return the inputs of texts (N, 1), of which a blank one is a missing value."""
    seen, graph = read.encoding.seen.get(column.name, ()), read.cells.graph
    table = text_table(column, read.encoding.number_format, read.dtype, seen)
    rows = graph.codes(read.cells.squeeze(1), table.rows, table.other)  # (N,)
    inputs = graph.constant(table.inputs)
    return graph.apply("Gather", inputs, rows, axis=0)


COLUMNS: Mapping[str, Callable[[Any, Cells], Tensor]] = {
    NumericColumn.kind: _number,
    OneHotColumn.kind: _text,
    PlusMinusColumn.kind: _text,
    OrdinalColumn.kind: _text,
    EmbeddingColumn.kind: _text,
    BooleanColumn.kind: _text,
    DateColumn.kind: _date,
}
"""What each encoded column becomes."""
SCALERS: Mapping[str, Callable[[Any, Tensor], Tensor]] = {
    LinearScaler.kind: _linear,
    QuantileScaler.kind: _quantiles,
    ClippedScaler.kind: _clipped,
    RankScaler.kind: _ranks,
}
"""What each scaler becomes."""
ADDED: Mapping[str, Callable[[Any, Tensor, str], Tensor]] = {
    PeriodicInputs.kind: _waves,
    PiecewiseInputs.kind: _bins,
}
"""What the inputs beside a scaled number become."""


def _form(forms: Mapping[str, Any], component: Component, noun: str) -> Any:
    return form_of(forms, component, noun, FORMAT)
