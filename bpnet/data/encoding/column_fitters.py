"""Column fitters: from the training rows of a column to the encoded column, one for each role."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from bpnet.data.cell_kinds import are_of_digits, with_leading_zero
from bpnet.data.dates.advice import training_dates_advice
from bpnet.data.encoding.added_inputs import AnyAddedInputs, fit_added_inputs
from bpnet.data.encoding.column_options import ColumnOptions
from bpnet.data.encoding.column_stats import CategoryStats, NumericStats, TableTotals
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
from bpnet.data.encoding.dates import (
    PERIODS,
    DateColumn,
    DatePart,
    Zones,
    read_days,
    read_zones,
    share_passed,
)
from bpnet.data.encoding.frequent_values import fit_frequent_values
from bpnet.data.encoding.scalers import fit_scaler
from bpnet.data.encoding.settings import (
    AnyMissing,
    AutoCategories,
    Cycle,
    Embedded,
    Impute,
    OneHot,
    Ordinal,
    Periodic,
    PiecewiseLinear,
    scaling_named,
)
from bpnet.data.missing_words import missing_option
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading.chunk import CellType, number_cell_type
from bpnet.data.reading.column import CellParseError, Column, Floats
from bpnet.data.reading.column_numbers import numbers_or_bits
from bpnet.data.spelling import FALSE_AND_TRUE, KnownValues, meaning, sort_values
from bpnet.engine.component import Array
from bpnet.errors import DataError
from bpnet.messages import set_option

_MOST_RARE = 5_000
"""Pooled categories that model.json lists by name."""

_SPANNED = 0.5
"""The share of a cycle that the training rows must span for `cycles: auto` of later rows."""


class ColumnFitter(Protocol):
    """Gathers statistics of a column, chunk by chunk."""

    cell_type: CellType

    def add(self, column: Column, rows: Array, sampled: Array) -> None:
        """Add the cells of a mask of rows (N,); those of the mask `sampled` (N,) may be kept."""

    def encoded_column(self, name: str, totals: TableTotals) -> EncodedColumn:
        """Return the encoded column; raise DataError if the cells do not suit."""


def column_fitter(options: ColumnOptions) -> ColumnFitter:
    """Return the fitter for a column's role."""
    if options.role == "numeric":
        return NumericFitter(options)
    if options.role == "date":
        return DateFitter(options)
    return BooleanFitter(options) if options.role == "boolean" else CategoryFitter(options)


class NumericFitter:
    """Fits a column of numbers."""

    def __init__(self, options: ColumnOptions) -> None:
        self.cell_type = number_cell_type(options.number_format)
        self._options, self._stats = options, NumericStats()
        self._digits = options.digits
        if options.digits and self.cell_type == "number":
            self.cell_type = "any"  # which keeps leading zeros
        self._number_format: NumberFormat | None = None

    def add(self, column: Column, rows: Array, sampled: Array) -> None:
        """Add the cells of a mask of rows (N,)."""
        # all cells are parsed, so that a bad one in any used row is an error
        stats = self._stats
        known = (stats.lowest, stats.highest) if stats.count else (0.0, 1.0)
        values, number_format = numbers_or_bits(column, self._options.number_format, *known)
        if self._digits:
            self._refuse_codes(column, values, rows)
        self._stats.add(values[rows], sampled[rows])
        if self._number_format is None and rows.any():
            self._number_format = number_format.without_words

    def _refuse_codes(self, column: Column, values: Floats, rows: Array) -> None:
        """Raise CellParseError if a number has a leading zero, where all are of digits only."""
        if column.codes is None:
            present = values[rows & ~np.isnan(values)]
            self._digits = bool(((present >= 0) & (present % 1 == 0)).all())
            return
        texts = column.take(np.flatnonzero(rows)).present_texts()
        self._digits, code = are_of_digits(texts), with_leading_zero(texts)
        if self._digits and code is not None:
            with_code = column.codes == column.categories.index(code)
            raise CellParseError(
                [code],
                np.flatnonzero(with_code & rows)[:1],
                "like the numbers in the rows before it, for it has a leading zero, as codes have",
                lambda name: (
                    f"if they are codes, add {set_option('dataset.roles', 'categorical', name)}; "
                    f"if they are amounts, add {set_option('dataset.roles', 'numeric', name)}"
                ),
            )

    @property
    def varies(self) -> bool:
        """True if the numbers so far are not all the same."""
        return self._stats.count > 0 and not self._stats.constant

    def encoded_column(self, name: str, totals: TableTotals) -> NumericColumn:
        """Return the encoded column."""
        stats, missing, options = self._stats, self._options.missing, self._options.numeric
        if not stats.count:
            raise _no_values(name)
        fill = None
        if isinstance(missing, Impute):
            fill = _median(stats) if missing.numeric == "median" else stats.most_frequent
        added: AnyAddedInputs | None = None
        if isinstance(options, Periodic | PiecewiseLinear):
            added = fit_added_inputs(options, stats, name, totals)
            options = scaling_named(options.scale)
        frequent = self._options.frequent_values
        return NumericColumn(
            name=name,
            indicator=_needs_indicator(missing, stats.missing),
            scale=fit_scaler(options, stats, name, totals.varying),
            fill=fill,
            lowest=stats.lowest,
            highest=stats.highest,
            number_format=self._number_format,
            added=added,
            frequent=None if frequent is None else fit_frequent_values(frequent, stats),
        )


class CategoryFitter:
    """Fits a column of categories."""

    cell_type: CellType = "text"

    def __init__(self, options: ColumnOptions) -> None:
        self._options, self._stats = options, CategoryStats()

    def add(self, column: Column, rows: Array, sampled: Array) -> None:
        """Add the cells of a mask of rows (N,)."""
        self._stats.add(column, rows)

    def encoded_column(self, name: str, totals: TableTotals) -> CategoricalColumn:
        """Return the encoded column."""
        stats, options = self._stats, self._options.categorical
        if not stats.counts:
            raise _no_values(name)
        stats.merge_spellings()
        if isinstance(options, Ordinal):
            return self._ordinal(name, options)
        if isinstance(options, AutoCategories):
            options = options.of(sum(n >= options.rare for n in stats.counts.values()))
        pooled = self._pooled(name, options)
        codes = len(pooled["levels"]) + pooled["pools"]
        if isinstance(options, Embedded):
            # the rule of fastai: see Embedded
            size = options.size or min(600, round(1.6 * codes**0.56))
            return EmbeddingColumn(**pooled, size=size)
        if options.binary == "plus_minus" and codes == 2:
            return PlusMinusColumn(**pooled)
        return OneHotColumn(**pooled, hot=options.hot)

    def _ordinal(self, name: str, options: Ordinal) -> OrdinalColumn:
        stats, missing = self._stats, self._options.missing
        levels, fill = sort_values(stats.counts), stats.most_frequent
        if options.order:
            levels, known = options.order, KnownValues(options.order)
            unlisted = [c for c in stats.counts if known.find(c) is None]
            if unlisted:
                raise _unlisted(name, unlisted[0])
            fill = levels[known.find(fill) or 0]
        return OrdinalColumn(
            name=name,
            indicator=_needs_indicator(missing, stats.missing),
            levels=levels,
            fill=fill,
            refuses_gaps=not isinstance(missing, Impute),
        )

    def _pooled(self, name: str, options: OneHot | Embedded) -> dict[str, Any]:
        """Return the fields of a column with rare categories pooled; the most frequent never is."""
        stats, missing = self._stats, self._options.missing
        common = [c for c, count in stats.counts.items() if count >= options.rare]
        # the most frequent first, equals by the alphabet, for the cut at `most`
        common.sort(key=lambda category: (-stats.counts[category], category))
        if isinstance(options, OneHot):
            common = common[: options.most]
        levels = sort_values(common or [stats.most_frequent])
        rare = sorted(set(stats.counts) - set(levels))
        return {
            "name": name,
            "indicator": _needs_indicator(missing, stats.missing),
            "levels": levels,
            "fill": stats.most_frequent,
            "refuses_gaps": not isinstance(missing, Impute),
            "pools": bool(rare),
            "rare": rare[:_MOST_RARE],
            "names_all_rare": len(rare) <= _MOST_RARE,
        }


class BooleanFitter:
    """Fits a column of a pair of words such as no and yes."""

    cell_type: CellType = "text"

    def __init__(self, options: ColumnOptions) -> None:
        self._options, self._stats = options, CategoryStats()

    def add(self, column: Column, rows: Array, sampled: Array) -> None:
        """Add the cells of a mask of rows (N,)."""
        self._stats.add(column.without_missing_words(), rows)

    def encoded_column(self, name: str, totals: TableTotals) -> BooleanColumn:
        """Return the encoded column; raise DataError if its words are not a pair."""
        stats, options = self._stats, self._options.categorical
        if not stats.counts:
            raise _no_values(name)
        stats.merge_spellings()
        words = {category.lower() for category in stats.counts}
        pair = next((pair for pair in FALSE_AND_TRUE.items() if words <= set(pair)), None)
        if pair is None:
            raise DataError(
                f"column '{name}', a boolean, holds "
                f"{', '.join(repr(word) for word in sorted(words)[:4])}; it must be one of "
                f"{', '.join(f'{false}/{true}' for false, true in FALSE_AND_TRUE.items())}; "
                f"or let it be text: {set_option('dataset.roles', 'categorical', name)}"
            )
        rows = sum(stats.counts.values())
        true = sum(count for word, count in stats.counts.items() if meaning(word) == "true")
        # the more frequent word; false if both are as frequent
        fill = float(2 * true > rows) if isinstance(self._options.missing, Impute) else None
        return BooleanColumn(
            name=name,
            indicator=_needs_indicator(self._options.missing, stats.missing),
            false=pair[0],
            true=pair[1],
            fill=fill,
            varies=len(words) > 1,
            plus_minus=isinstance(options, OneHot | AutoCategories)
            and options.binary == "plus_minus",
        )


class DateFitter:
    """Fits a column of dates of one format."""

    cell_type: CellType = "text"

    def __init__(self, options: ColumnOptions) -> None:
        assert options.date_format is not None
        self._options, self._format = options, options.date_format
        self._stats = NumericStats()
        self._ranges: dict[Cycle, tuple[float, float]] = {}
        self._cycles: Sequence[Cycle] = ("month", "weekday", "hour")
        # with trend: true all is as where the rows are not split by time
        self._advances = options.advances and options.date.trend is not True
        if options.date.cycles != "auto":
            self._cycles = options.date.cycles
        elif self._advances:
            self._cycles = ("day_of_year", "weekday", "hour")
        self._zones: set[float] = set()

    def add(self, column: Column, rows: Array, sampled: Array) -> None:
        """Add the cells of a mask of rows (N,)."""
        try:
            days = read_days(column, self._format)[rows]
        except CellParseError as error:
            texts = column.present_texts()
            missing = missing_option(error.texts, column.number_format.missing)
            error.advice = lambda name: training_dates_advice(
                name, self._format, texts, missing, given=self._options.names_date
            )
            raise
        zones = read_zones(column, self._format)[rows]
        self._zones.update(np.unique(zones[~np.isnan(zones)]).tolist())
        self._stats.add(days, sampled[rows])
        present = days[~np.isnan(days)]
        if len(present):
            for part in self._cycles:
                shares = share_passed(present, part)
                low, high = self._ranges.get(part, (np.inf, -np.inf))
                self._ranges[part] = min(low, float(shares.min())), max(high, float(shares.max()))

    def encoded_column(self, name: str, totals: TableTotals) -> DateColumn:
        """Return the encoded column, with those parts of the dates that vary."""
        stats, missing = self._stats, self._options.missing
        if not stats.count:
            raise _no_values(name)
        # a part that is the same in every training row carries no information
        varying = [part for part, (low, high) in self._ranges.items() if high > low]
        if self._advances and self._options.date.cycles == "auto":
            varying = [part for part in varying if self._spans(part)]
        parts: list[DatePart] = ["elapsed"] if self._has_trend() else []
        return DateColumn(
            name=name,
            indicator=_needs_indicator(missing, stats.missing),
            format=self._format,
            parts=[*parts, *varying],
            mean=stats.mean,
            deviation=1.0 if stats.constant else stats.deviation,
            fill=_median(stats) if isinstance(missing, Impute) else None,
            lowest=stats.lowest,
            highest=stats.highest,
            zones=self._zones_of_all(),
        )

    def _has_trend(self) -> bool:
        trend = self._options.date.trend
        wanted = trend
        if trend == "auto":
            wanted = not self._advances or self._options.trend_confirmed
        return wanted and not self._stats.constant

    def _spans(self, cycle: Cycle) -> bool:
        """Return whether the training rows, but for the outermost, span the cycle."""
        first, last = self._stats.quantiles(np.array([0.01, 0.99])).tolist()
        return bool(last - first >= _SPANNED * PERIODS[cycle])

    def _zones_of_all(self) -> Zones | None:
        if not self._zones:
            return None
        return "some" if len(self._zones) > 1 else "all" if 1.0 in self._zones else "none"


def _median(stats: NumericStats) -> float:
    return float(stats.quantiles(np.array([0.5]))[0])


def _needs_indicator(options: AnyMissing, missing: int) -> bool:
    return isinstance(options, Impute) and options.indicator and missing > 0


def _unlisted(name: str, category: str) -> DataError:
    return DataError(
        f"column '{name}': the category '{category}' is not in the order that "
        f"dataset.preprocessing.columns.{name}.order gives; add it there"
    )


def _no_values(name: str) -> DataError:
    return DataError(
        f"column '{name}' is blank in every training row; "
        f"fill it in, or leave it out: {set_option('dataset.roles', 'ignored', name)}"
    )
