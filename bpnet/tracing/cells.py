"""Equations of the encoding: how the cells of a row became inputs of the network."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bpnet.data.encoding.added_inputs import PeriodicInputs, PiecewiseInputs
from bpnet.data.encoding.columns import (
    BooleanColumn,
    CategoricalColumn,
    EmbeddingColumn,
    EncodedColumn,
    NumericColumn,
    OneHotColumn,
    OrdinalColumn,
    PlusMinusColumn,
)
from bpnet.data.encoding.dates import DateColumn, DatePart
from bpnet.data.encoding.row_flags import RowFlags
from bpnet.data.encoding.scalers import (
    AnyScaler,
    ClippedScaler,
    LinearScaler,
    QuantileScaler,
    RankScaler,
)
from bpnet.data.reading.column import Column
from bpnet.data.reading.column_numbers import numbers_or_bits
from bpnet.engine.component import Array
from bpnet.tracing.expressions import (
    ONE,
    PI,
    TWO,
    ZERO,
    Constant,
    Expression,
    Holds,
    Quantity,
    Symbol,
    call,
    minus,
    over,
    plus,
    root,
    square,
    times,
)

_LONG = 60
"""The length up to which a cell is shown."""


@dataclass(frozen=True)
class Cell:
    """One cell: what it holds, in words, and the equation of each input that it becomes."""

    column: str
    text: str
    equations: Sequence[Expression]


def encoded_cells(column: EncodedColumn, cells: Column) -> list[Cell]:
    """Return each of a column's cells with the equations of its inputs."""
    texts = cells.cells()
    if isinstance(column, NumericColumn):
        each, missing = _numbers(column, cells)
    elif isinstance(column, CategoricalColumn):
        each, missing = _categories(column, cells)
    elif isinstance(column, BooleanColumn):
        each, missing = _words(column, cells)
    else:
        assert isinstance(column, DateColumn)
        each, missing = _dates(column, cells)
    encoded = []
    for row, (note, equations) in enumerate(each):
        if column.indicator:
            equations = [*equations, Constant(float(missing[row]))]
        text = "missing" if missing[row] else _cut(texts[row])
        encoded.append(Cell(column.name, f"{text}{note}", equations))
    return encoded


def _cut(text: str) -> str:
    """Return the beginning of a very long cell."""
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"


_Encoded = tuple[str, list[Expression]]
"""A note on the cell, and the equations of its inputs without the indicator."""


def _numbers(column: NumericColumn, cells: Column) -> tuple[list[_Encoded], Array]:
    values, _ = numbers_or_bits(cells, column.number_format, column.lowest, column.highest)
    missing, each = np.isnan(values), list[_Encoded]()
    for value, absent in zip(values.tolist(), missing.tolist(), strict=True):
        note = ""
        if absent:
            assert column.fill is not None
            value, note = column.fill, f", filled with {column.fill:.10g}"
        cell = Quantity(Symbol(column.name, is_name=True), value)
        equations = [scaled(column.scale, cell)]
        if isinstance(column.added, PeriodicInputs):
            equations += _waves(column.added, cell)
        elif isinstance(column.added, PiecewiseInputs):
            equations += _bins(column.added, cell)
        if column.frequent:
            equations += [
                times(Constant(column.frequent.hot), Holds(cell, "=", Constant(known)))
                for known in column.frequent.values
            ]
        each.append((note, equations))
    return each, missing


def scaled(scale: AnyScaler, cell: Expression) -> Expression:
    """Return the scaled value of a number."""
    if isinstance(scale, LinearScaler):
        return _linear(scale, cell)
    if isinstance(scale, ClippedScaler):
        u = _linear(scale, cell)
        return over(u, root(plus(ONE, square(over(u, Constant(3.0))))))
    if isinstance(scale, QuantileScaler):
        return call("Φ⁻¹", _quantile_share(scale, cell))
    assert isinstance(scale, RankScaler)
    return call("Φ⁻¹", _rank_share(scale, cell))


def _linear(scale: LinearScaler | ClippedScaler, cell: Expression) -> Expression:
    """Return (cell - subtract)/divide, without what changes nothing."""
    centered = minus(cell, Constant(scale.subtract)) if scale.subtract else cell
    return over(centered, Constant(scale.divide) if scale.divide != 1 else ONE)


def _quantile_share(scale: QuantileScaler, cell: Expression) -> Expression:
    """Return the share of training values below a cell, between 1e-7 and 1 - 1e-7."""
    quantiles, value, last = scale.quantiles, cell.value, len(scale.quantiles) - 1
    if quantiles[0] == quantiles[-1]:
        return Constant(0.5)
    if value <= quantiles[0]:
        return Constant(1e-7)
    if value >= quantiles[-1]:
        return minus(ONE, Constant(1e-7))
    first = int(np.searchsorted(quantiles, value, side="left"))
    stop = int(np.searchsorted(quantiles, value, side="right"))
    if first < stop:  # the middle of all quantiles that equal it
        share = over(
            plus(Constant(float(first)), Constant(float(stop - 1))),
            times(TWO, Constant(float(last))),
        )
    else:
        low, high = quantiles[first - 1], quantiles[first]
        way = over(minus(cell, Constant(low)), minus(Constant(high), Constant(low)))
        share = over(plus(Constant(float(first - 1)), way), Constant(float(last)))
    if share.value < 1e-7 or share.value > 1 - 1e-7:
        return call("max", Constant(1e-7), call("min", minus(ONE, Constant(1e-7)), share))
    return share


def _rank_share(scale: RankScaler, cell: Expression) -> Expression:
    """Return the mid-rank of a cell among the training values, as a share."""
    n = scale.at_most[-1]
    values, value = scale.values, cell.value
    first = int(np.searchsorted(values, value, side="left"))
    if first < len(values) and values[first] == value:
        counts = scale.below[first], scale.at_most[first]
    else:
        counts = (
            scale.at_most[first - 1] if first else 0,
            scale.below[first] if first < len(values) else n,
        )
    share = over(
        plus(Constant(float(counts[0])), Constant(float(counts[1]))),
        times(TWO, Constant(float(n))),
    )
    least = 0.5 / n
    if share.value < least:
        return over(Constant(0.5), Constant(float(n)))
    if share.value > 1 - least:
        return minus(ONE, over(Constant(0.5), Constant(float(n))))
    return share


def _waves(added: PeriodicInputs, cell: Expression) -> list[Expression]:
    """Return cos(½π·w·u) of each frequency, then sin."""
    u = scaled(added.clip, cell)
    return [
        call(wave, times(over(PI, TWO), Constant(frequency), u))
        for wave in ("cos", "sin")
        for frequency in added.frequencies
    ]


def _bins(added: PiecewiseInputs, cell: Expression) -> list[Expression]:
    """Return 2·clip((cell - e)/(e' - e), 0, 1) - 1 of each bin."""
    bins: list[Expression] = []
    for low, high in zip(added.edges, added.edges[1:], strict=False):
        way = over(minus(cell, Constant(low)), minus(Constant(high), Constant(low)))
        within = call("max", ZERO, call("min", ONE, way))
        bins.append(minus(times(TWO, within), ONE))
    return bins


def _categories(column: CategoricalColumn, cells: Column) -> tuple[list[_Encoded], Array]:
    codes, missing = column.category_codes(cells, RowFlags())
    each = []
    for code, absent in zip(codes.tolist(), missing.tolist(), strict=True):
        unseen = code < 0
        fill = column.levels.index(column.fill) if column.fill in column.levels else 0
        note = f": category {code + 1} of {column.code_count}"
        if absent:
            note = f", filled: category {code + 1} of {column.code_count}"
        if unseen:
            note = ": a category that no training row has"
            if isinstance(column, OrdinalColumn | EmbeddingColumn):
                note += f", as which category {fill + 1} stands"
                code = fill
        place = Quantity(Symbol("category"), float(code + 1))
        each.append((note, _category_inputs(column, place, absent, unseen)))
    return each, missing


def _category_inputs(
    column: CategoricalColumn, place: Quantity, absent: bool, unseen: bool
) -> list[Expression]:
    """Return the equations of a category's inputs; `place` counts from 1, and is 0 if unseen."""
    if isinstance(column, OneHotColumn):
        hot = Constant(column.hot)
        return [
            times(hot, Holds(place, "=", Constant(float(k))))
            for k in range(1, column.code_count + 1)
        ]
    if isinstance(column, PlusMinusColumn):
        if absent or unseen:
            return [ZERO]
        return [minus(times(TWO, minus(place, ONE)), ONE)]
    if isinstance(column, OrdinalColumn):
        steps = max(len(column.levels) - 1, 1)
        return [over(minus(place, ONE), Constant(float(steps)) if steps > 1 else ONE)]
    return [minus(place, ONE)]  # the code of an embedding, from 0


def _words(column: BooleanColumn, cells: Column) -> tuple[list[_Encoded], Array]:
    x = np.empty((len(cells), 1))
    missing = column.write(cells, x, RowFlags())
    each = []
    for value, absent in zip(x[:, 0].tolist(), missing.tolist(), strict=True):
        if not column.plus_minus or absent or value == 0:
            equation: Expression = Constant(value)
        else:
            word = Quantity(Symbol(column.name, is_name=True), (value + 1) / 2)
            equation = minus(times(TWO, word), ONE)
        note = ", filled" if absent else ""
        each.append((note, [equation]))
    return each, missing


def _dates(column: DateColumn, cells: Column) -> tuple[list[_Encoded], Array]:
    values = column.days(cells)
    missing, each = np.isnan(values), list[_Encoded]()
    for value, absent in zip(values.tolist(), missing.tolist(), strict=True):
        note = ""
        if absent:
            assert column.fill is not None
            value, note = column.fill, ", filled"
        days = Quantity(Symbol("days"), value)
        equations: list[Expression] = []
        for part in column.parts:
            if part == "elapsed":
                centered = minus(days, Constant(column.mean))
                equations.append(over(centered, Constant(column.deviation)))
            else:
                angle = times(TWO, PI, _share_passed(days, part))
                equations += [call("sin", angle), call("cos", angle)]
        each.append((f"{note}: {value:.10g} days since 1970-01-01", equations))
    return each, missing


def _share_passed(days: Quantity, part: DatePart) -> Expression:
    """Return the share of the year, week or day that has passed."""
    whole = call("floor", days)
    if part == "hour":
        return minus(days, whole)
    if part == "weekday":  # 1970-01-01 was a Thursday
        weeks = over(plus(whole, Constant(3.0)), Constant(7.0))
        return minus(weeks, call("floor", weeks))
    date = np.floor(days.value).astype("datetime64[D]")
    if part == "month":
        month = int(date.astype("datetime64[M]").astype(np.int64) % 12)
        return over(Constant(float(month)), Constant(12.0))
    year = date.astype("datetime64[Y]")
    start, end = (float((year + k).astype("datetime64[D]").astype(np.int64)) for k in (0, 1))
    return over(minus(whole, Constant(start)), minus(Constant(end), Constant(start)))


def unit_rows(equations: Sequence[Expression]) -> Iterator[Expression]:
    """Yield the numeric inputs of a row, scaled to length 1."""
    length = root(plus(*(square(each) for each in equations)))
    if length.value == 0:
        yield from equations
        return
    yield from (over(each, length) for each in equations)
