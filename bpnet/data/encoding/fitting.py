"""Fitting: from one pass over the training rows to the encoded columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from bpnet.data.category_order import sort_categories
from bpnet.data.encoding.cell_errors import CellErrors
from bpnet.data.encoding.column_stats import SAMPLE_SIZE, CategoryStats, NumericStats
from bpnet.data.encoding.columns import (
    FALSE_AND_TRUE,
    BooleanColumn,
    EmbeddingColumn,
    EncodedColumn,
    NumericColumn,
    OneHotColumn,
    OrdinalColumn,
)
from bpnet.data.encoding.dates import DateColumn, DatePart, parse_date, year_week_day_turn
from bpnet.data.encoding.encoder import Encoder
from bpnet.data.encoding.scalers import fit_scaler
from bpnet.data.encoding.settings import (
    AnyCategorical,
    AnyMissing,
    AnyScaling,
    Embedded,
    Impute,
    OneHot,
    Ordinal,
)
from bpnet.data.reading.chunk import CellType
from bpnet.data.reading.column import Column
from bpnet.data.reading.table import Table
from bpnet.engine.component import Array
from bpnet.errors import DataError

Role = Literal["numeric", "categorical", "boolean", "date", "ignored"]

_MOST_RARE = 5_000
"""Pooled levels that are listed by name."""

_MOST_SAMPLED = 20_000_000
"""Numbers that the samples of all columns hold together: 160 MB."""


@dataclass(frozen=True)
class ColumnOptions:
    """What is to become of a column."""

    role: Role
    scaling: AnyScaling
    categorical: AnyCategorical
    missing: AnyMissing
    date_format: str | None = None


_TURNING: tuple[DatePart, ...] = ("month", "weekday", "hour")


class _Fit(Protocol):
    kind: CellType

    def add(self, column: Column, rows: Array, sampled: Array) -> None:
        """Take in the cells that `rows` (N,) says; `sampled` (N,) are those whose values may be kept."""

    def column(self, name: str) -> EncodedColumn:
        """What was learnt."""


def fit_encoder(
    table: Table,
    plans: Mapping[str, ColumnOptions],
    train: Array,
    *,
    unit_rows: bool,
    rng: np.random.Generator,
    used: Array | None = None,
) -> Encoder:
    """Learn how the columns are encoded from the rows that `train` (N,) says, in one pass; raises DataError.

    Cells of rows that are not `used` (N,) may be anything; by default all rows are.
    """
    fits: dict[str, _Fit] = {name: _fit_of(plan) for name, plan in plans.items()}
    sampled = _sampled(train, len(plans), rng)
    looked_at = np.ones(len(train), bool) if used is None else used
    for chunk, rows in table.selected({name: fit.kind for name, fit in fits.items()}, looked_at):
        for name, fit in fits.items():
            with CellErrors(chunk, name):
                fit.add(chunk.column(name), train[rows], sampled[rows])
    columns, problems = [], []
    for name, fit in fits.items():
        try:
            columns.append(fit.column(name))
        except DataError as error:
            problems += [f"{table.name}: {problem}" for problem in error.problems]
    if problems:
        raise DataError(problems)
    return Encoder(columns=columns, unit_rows=unit_rows)  # type: ignore[arg-type]


def _sampled(train: Array, columns: int, rng: np.random.Generator) -> Array:
    """Which training rows medians and quantiles are read off: all, or as many as fit the memory."""
    most = min(SAMPLE_SIZE, max(1000, _MOST_SAMPLED // max(columns, 1)))
    rows = np.flatnonzero(train)
    if len(rows) <= most:
        return train
    picked = np.zeros(len(train), bool)
    picked[rng.choice(rows, most, replace=False)] = True
    return picked


def _fit_of(plan: ColumnOptions) -> _Fit:
    if plan.role == "numeric":
        return _NumericFit(plan)
    if plan.role == "date":
        return _DateFit(plan)
    return _BooleanFit(plan) if plan.role == "boolean" else _CategoryFit(plan)


class _NumericFit:
    kind: CellType = "number"

    def __init__(self, plan: ColumnOptions) -> None:
        self._plan, self._summary = plan, NumericStats()

    def add(self, column: Column, rows: Array, sampled: Array) -> None:
        self._summary.add(column.as_numbers()[rows], sampled[rows])

    def column(self, name: str) -> NumericColumn:
        summary, missing = self._summary, self._plan.missing
        if not summary.count:
            raise _no_values(name)
        fill = None
        if isinstance(missing, Impute):
            fill = (
                float(summary.quantiles(np.array([0.5]))[0])
                if missing.numeric == "median"
                else summary.most_frequent
            )
        return NumericColumn(
            name=name,
            indicator=_indicates(missing, summary.missing),
            scale=fit_scaler(self._plan.scaling, summary, name),
            fill=fill,
            lowest=summary.lowest,
            highest=summary.highest,
        )


class _CategoryFit:
    kind: CellType = "text"

    def __init__(self, plan: ColumnOptions) -> None:
        self._plan, self._summary = plan, CategoryStats()

    def add(self, column: Column, rows: Array, sampled: Array) -> None:
        self._summary.add(column, rows)

    def column(self, name: str) -> EncodedColumn:
        summary, options, missing = self._summary, self._plan.categorical, self._plan.missing
        counts = summary.counts
        if not counts:
            raise _no_values(name)
        fill, refuses = summary.most_frequent, not isinstance(missing, Impute)
        indicator = _indicates(missing, summary.missing)
        if isinstance(options, Ordinal):
            absent = [
                category for category in counts if options.order and category not in options.order
            ]
            if absent:
                raise DataError(
                    f"column '{name}': the level '{absent[0]}' is not in the order that "
                    f"dataset.preprocessing.columns.{name}.order gives; add it there"
                )
            categories = options.order or sort_categories(list(counts))
            return OrdinalColumn(
                name=name,
                indicator=indicator,
                levels=categories,
                fill=fill,
                refuses_gaps=refuses,
            )
        common = sorted(
            (category for category in counts if counts[category] >= options.rare),
            key=lambda k: (-counts[k], k),
        )
        if isinstance(options, OneHot):
            common = common[: options.most]
        kept = sort_categories(common or [summary.most_frequent])
        rare = sorted(set(counts) - set(kept))
        made = OneHotColumn(
            name=name,
            indicator=indicator,
            levels=kept,
            fill=fill,
            refuses_gaps=refuses,
            pools=bool(rare),
            rare=rare[:_MOST_RARE],
            names_all_rare=len(rare) <= _MOST_RARE,
        )
        if isinstance(options, Embedded):
            size = options.size or min(600, round(1.6 * made.code_count**0.56))
            return EmbeddingColumn(**{**vars(made), "kind": "embedding"}, size=size)
        return made


class _BooleanFit:
    kind: CellType = "text"

    def __init__(self, plan: ColumnOptions) -> None:
        self._plan, self._summary = plan, CategoryStats()

    def add(self, column: Column, rows: Array, sampled: Array) -> None:
        self._summary.add(column.without_missing_words(), rows)

    def column(self, name: str) -> BooleanColumn:
        summary = self._summary
        if not summary.counts:
            raise _no_values(name)
        words = {category.lower() for category in summary.counts}
        pair = next(((no, yes) for no, yes in FALSE_AND_TRUE.items() if words <= {no, yes}), None)
        if pair is None:
            raise DataError(
                f"column '{name}', a boolean, holds {', '.join(repr(word) for word in sorted(words)[:4])}; it must be "
                f"one of {', '.join(f'{no}/{yes}' for no, yes in FALSE_AND_TRUE.items())}; or give it another role in "
                "dataset.roles"
            )
        rows = sum(summary.counts.values())
        true = sum(
            count for category, count in summary.counts.items() if category.lower() == pair[1]
        )
        fill = float(2 * true > rows) if isinstance(self._plan.missing, Impute) else None
        return BooleanColumn(
            name=name,
            indicator=_indicates(self._plan.missing, summary.missing),
            false=pair[0],
            true=pair[1],
            fill=fill,
            varies=len(words) > 1,
        )


class _DateFit:
    kind: CellType = "text"

    def __init__(self, plan: ColumnOptions) -> None:
        assert plan.date_format is not None
        self._plan, self._format, self._summary = plan, plan.date_format, NumericStats()
        self._turns: dict[DatePart, tuple[float, float]] = {}

    def add(self, column: Column, rows: Array, sampled: Array) -> None:
        days = column.parse(
            lambda text: parse_date(text, self._format), f"a date ({self._format})"
        )[rows]
        self._summary.add(days, sampled[rows])
        there = days[~np.isnan(days)]
        if len(there):
            for part in _TURNING:
                turn = year_week_day_turn(there, part)
                low, high = self._turns.get(part, (np.inf, -np.inf))
                self._turns[part] = min(low, float(turn.min())), max(high, float(turn.max()))

    def column(self, name: str) -> DateColumn:
        summary, missing = self._summary, self._plan.missing
        if not summary.count:
            raise _no_values(name)
        varying: list[DatePart] = [part for part, (low, high) in self._turns.items() if high > low]
        return DateColumn(
            name=name,
            indicator=_indicates(missing, summary.missing),
            format=self._format,
            parts=varying if summary.constant else ["elapsed", *varying],
            mean=summary.mean,
            deviation=1.0 if summary.constant else summary.deviation,
            fill=float(summary.quantiles(np.array([0.5]))[0])
            if isinstance(missing, Impute)
            else None,
            lowest=summary.lowest,
            highest=summary.highest,
        )


def _indicates(missing: AnyMissing, gaps: int) -> bool:
    return isinstance(missing, Impute) and missing.indicator and gaps > 0


def _no_values(name: str) -> DataError:
    return DataError(
        f"column '{name}' is blank in every training row; set dataset.roles.{name} to ignored, or fill it in"
    )
