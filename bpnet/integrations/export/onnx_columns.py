"""Encoded columns in ONNX: from a column of the table to inputs of the network."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

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
from bpnet.data.reading.column import Floats
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


class Block(NamedTuple):
    """Inputs (N, ·), and their positions among all."""

    positions: Sequence[int]
    inputs: Tensor


@dataclass(frozen=True)
class Columns:
    """Columns of one kind, each with the position of its first input, and what they read.

    Their cells (N, 1) are found by name; `dtype` is the type of the inputs that they become.
    """

    columns: Sequence[tuple[int, Any]]
    cells: Mapping[str, Tensor]
    dtype: str
    encoding: Encoding


def encoded(
    encoder: Encoder, cells: Mapping[str, Tensor], dtype: str, encoding: Encoding
) -> Tensor:
    """Return the inputs (N, I) of cells (N, 1), of which what is refused is NaN.

    Columns of a kind go through each operation at once: a runtime takes time for each node.
    """
    before = encoder.type_before_scaling(dtype)
    of_kind: dict[str, list[tuple[int, EncodedColumn]]] = {}
    for column in encoder.columns:
        of_kind.setdefault(column.kind, []).append((encoder.slices[column.name].start, column))
    blocks: list[Block] = []
    for columns in of_kind.values():
        form = form_of(COLUMNS, columns[0][1], "encoding of columns", FORMAT)
        blocks += form(Columns(columns, cells, before, encoding))
    x = _in_order(blocks)
    return _with_unit_rows(x, encoder).cast(dtype) if encoder.unit_rows else x


def _in_order(blocks: Sequence[Block]) -> Tensor:
    """Return the inputs of all blocks by position."""
    positions = [position for block in blocks for position in block.positions]
    x = blocks[0].inputs.graph.concat([block.inputs for block in blocks])
    order = np.argsort(positions).tolist()
    return x if order == list(range(len(order))) else x.take(order)


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
    blocks = [Block(numeric, rows), *([Block(others, x.take(others))] if others else [])]
    return _in_order(blocks)


def _numbers(read: Columns) -> Iterator[Block]:
    """Yield the inputs of numbers, of which NaN is a missing value."""
    columns: list[tuple[int, NumericColumn]] = list(read.columns)
    missing, refused, values = _filled(read)
    for numbers in _by_kind([column.scale for _, column in columns]).values():
        scalers = [columns[k][1].scale for k in numbers]
        scaled = _form(SCALERS, scalers[0], "scaling")(scalers, values.take(numbers))
        starts = [columns[k][0] for k in numbers]
        yield Block(starts, _refusing(scaled.cast(read.dtype), refused))
    beside = [
        (start + 1, k, column.added)
        for k, (start, column) in enumerate(columns)
        if column.added and column.added.names(column.name)
    ]
    for group in _by_kind([added for _, _, added in beside]).values():
        parts = [(beside[k][0], beside[k][2]) for k in group]
        numbers = [beside[k][1] for k in group]
        form = _form(ADDED, parts[0][1], "encoding of numbers")
        yield from form(parts, values.take(numbers), read.dtype)
    frequent = [
        (k, position, value, column.frequent.hot)
        for k, (start, column) in enumerate(columns)
        if column.frequent
        for position, value in enumerate(
            column.frequent.values,
            start + len(column.value_inputs) - len(column.frequent.values),
        )
    ]
    if frequent:
        numbers, positions, known, hot = map(list, zip(*frequent, strict=True))
        is_one = values.take(numbers).equals(np.array([known], np.float64))
        yield Block(positions, is_one.cast(read.dtype) * np.array([hot], read.dtype))
    yield from _indicators(read, missing)


def _by_kind(parts: Sequence[Component]) -> dict[str, list[int]]:
    """Return the numbers of the components of each kind."""
    numbers: dict[str, list[int]] = {}
    for k, part in enumerate(parts):
        numbers.setdefault(getattr(part, "kind", ""), []).append(k)
    return numbers


def _filled(read: Columns) -> tuple[Tensor, Tensor, Tensor]:
    """Return masks of missing numbers (N, K) and of refused rows (N, 1), and filled numbers."""
    cells = [read.cells[column.name] for _, column in read.columns]
    graph, fills = cells[0].graph, [column.fill for _, column in read.columns]
    numbers = graph.concat(cells)
    missing = numbers.apply("IsNaN", dtype=BOOL)
    for number in missing_numbers(read.encoding.number_format):  # such as -999
        missing = missing | numbers.equals(number)
    infinite = numbers.apply("IsInf", dtype=BOOL)
    refused = infinite
    if None in fills:
        refused = infinite | (missing & np.array([[fill is None for fill in fills]]))
    usual = np.array([[0.0 if fill is None else fill for fill in fills]])
    values = graph.where(missing | infinite, usual, numbers)
    return missing, refused.reduce("ReduceMax") > 0, values


def _refusing(inputs: Tensor, refused: Tensor) -> Tensor:
    """Return inputs (N, K) with NaN in rows that are refused."""
    return inputs.graph.where(refused, np.array(np.nan, inputs.dtype), inputs)


def _indicators(read: Columns, missing: Tensor) -> Iterator[Block]:
    """Yield the indicators of missing values."""
    numbers = [k for k, (_, column) in enumerate(read.columns) if column.indicator]
    if numbers:
        last = [start + len(column.inputs) - 1 for start, column in read.columns]
        yield Block([last[k] for k in numbers], missing.take(numbers).cast(read.dtype))


def _linear(scalers: Sequence[Any], values: Tensor) -> Tensor:
    return (values - _each(scalers, "subtract")) / _each(scalers, "divide")


def _clipped(scalers: Sequence[Any], values: Tensor) -> Tensor:
    u = _linear(scalers, values).clip(-1e150, 1e150)
    length = u / 3.0
    return u / (length * length + 1.0).apply("Sqrt")


def _each(parts: Sequence[Any], name: str) -> Floats:
    """Return an attribute of each part (1, K)."""
    return np.array([[getattr(part, name) for part in parts]], np.float64)


def _ranks(scalers: Sequence[RankScaler], values: Tensor) -> Tensor:
    return values.graph.concat(
        [
            looked_up(scaler.steps, places(values.take([k]), scaler.bounds))
            for k, scaler in enumerate(scalers)
        ]
    )


def _quantiles(scalers: Sequence[QuantileScaler], values: Tensor) -> Tensor:
    shares = [_share_below(scaler, values.take([k])) for k, scaler in enumerate(scalers)]
    return normal_quantile(values.graph.concat(shares).clip(1e-7, 1 - 1e-7))


def _share_below(scaler: QuantileScaler, values: Tensor) -> Tensor:
    """Return the share (N, 1) below: the middle of the shares at either end of equal quantiles."""
    quantiles, unit = scaler.in_units
    values, graph = values / unit, values.graph
    shares = np.linspace(0, 1, len(quantiles))
    if quantiles[0] == quantiles[-1]:
        return values * 0.0 + 0.5
    # between two different neighbors the share rises; on equal ones it is the middle of theirs
    knots, first = np.unique(quantiles, return_index=True)
    last = len(quantiles) - 1 - np.unique(quantiles[::-1], return_index=True)[1]
    k = places(values, knots[1:-1])
    start, end = looked_up(knots[:-1], k), looked_up(knots[1:], k)
    low, high = looked_up(shares[last][:-1], k), looked_up(shares[first][1:], k)
    share = low + (values - start) / (end - start) * (high - low)
    middle = looked_up((shares[first] + shares[last])[:-1] / 2, k)
    share = graph.where(values.equals(start), middle, share)
    share = graph.where(values <= quantiles[0], np.array(0.0), share)
    return graph.where(values >= quantiles[-1], np.array(1.0), share)


def _waves(
    parts: Sequence[tuple[int, PeriodicInputs]], values: Tensor, dtype: str
) -> Iterator[Block]:
    """Yield the cosines of all columns' frequencies, then the sines."""
    counts = [len(added.frequencies) for _, added in parts]
    u = _clipped([added.clip for _, added in parts], values).take(_repeated(counts))
    frequencies = np.concatenate([added.frequencies for _, added in parts])
    angles = (u * (np.pi / 2 * frequencies)[None]).cast(dtype)
    for wave, shift in (("Cos", 0), ("Sin", 1)):
        positions = [
            first + shift * count + k
            for (first, _), count in zip(parts, counts, strict=True)
            for k in range(count)
        ]
        yield Block(positions, angles.apply(wave))


def _bins(
    parts: Sequence[tuple[int, PiecewiseInputs]], values: Tensor, dtype: str
) -> Iterator[Block]:
    """Yield the bins by edges e and widths w: 2 clip((value - e) / w, 0, 1) - 1."""
    each = [np.array(added.edges) for _, added in parts]
    # where a difference would overflow, a quarter of all
    with np.errstate(over="ignore"):
        units = [1.0 if np.isfinite(edges[-1] - edges[0]) else 0.25 for edges in each]
    each = [edges * unit for edges, unit in zip(each, units, strict=True)]
    counts = [len(edges) - 1 for edges in each]
    if min(units) < 1:
        values = values * np.array([units])
    lower = np.concatenate([edges[:-1] for edges in each])[None]
    widths = np.concatenate([np.diff(edges) for edges in each])[None]
    u = ((values.take(_repeated(counts)) - lower) / widths).clip(0.0, 1.0)
    positions = [
        first + k for (first, _), count in zip(parts, counts, strict=True) for k in range(count)
    ]
    yield Block(positions, (u * 2.0 - 1.0).cast(dtype))


def _repeated(counts: Sequence[int]) -> list[int]:
    """Return each position as many times as its count says."""
    return np.repeat(np.arange(len(counts)), counts).tolist()


def _dates(read: Columns) -> Iterator[Block]:
    """Yield the inputs of days since 1970-01-01, of which NaN is a missing value."""
    missing, refused, values = _filled(read)
    for k, (start, column) in enumerate(read.columns):
        days, inputs = values.take([k]), []
        for part in column.parts:
            if part == "elapsed":
                inputs.append(((days - column.mean) / column.deviation).cast(read.dtype))
            else:
                angle = (share_of_period(days, part) * (2 * np.pi)).cast(read.dtype)
                inputs += [angle.apply("Sin"), angle.apply("Cos")]
        if inputs:
            block = days.graph.concat(inputs)
            yield Block(range(start, start + len(column.value_inputs)), _refusing(block, refused))
    yield from _indicators(read, missing)


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


def _texts(read: Columns) -> Iterator[Block]:
    """Yield the inputs of texts, of which a blank one is a missing value."""
    for start, column in read.columns:
        seen, cells = read.encoding.seen.get(column.name, ()), read.cells[column.name]
        table = text_table(column, read.encoding.number_format, read.dtype, seen)
        rows = cells.graph.codes(cells.squeeze(1), table.rows, table.other)  # (N,)
        inputs = cells.graph.apply("Gather", cells.graph.constant(table.inputs), rows, axis=0)
        yield Block(range(start, start + len(column.inputs)), inputs)


COLUMNS: Mapping[str, Callable[[Columns], Iterator[Block]]] = {
    NumericColumn.kind: _numbers,
    OneHotColumn.kind: _texts,
    PlusMinusColumn.kind: _texts,
    OrdinalColumn.kind: _texts,
    EmbeddingColumn.kind: _texts,
    BooleanColumn.kind: _texts,
    DateColumn.kind: _dates,
}
"""What each encoded column becomes."""
SCALERS: Mapping[str, Callable[[Any, Tensor], Tensor]] = {
    LinearScaler.kind: _linear,
    QuantileScaler.kind: _quantiles,
    ClippedScaler.kind: _clipped,
    RankScaler.kind: _ranks,
}
"""What each scaler becomes."""
ADDED: Mapping[str, Callable[[Any, Tensor, str], Iterator[Block]]] = {
    PeriodicInputs.kind: _waves,
    PiecewiseInputs.kind: _bins,
}
"""What the inputs beside a scaled number become."""


def _form(forms: Mapping[str, Any], component: Component, noun: str) -> Any:
    return form_of(forms, component, noun, FORMAT)
