"""Golden rows: cells that an exported model is tried with, and what the model predicts for them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from bpnet.data.dates.moments import iso_text
from bpnet.data.decisions import predicted_classes, predicted_labels
from bpnet.data.encoding.added_inputs import PiecewiseInputs
from bpnet.data.encoding.columns import BooleanColumn, CategoricalColumn, NumericColumn
from bpnet.data.encoding.dates import DateColumn
from bpnet.data.encoding.scalers import QuantileScaler, RankScaler
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading.chunk import Chunk, ChunkSelection, ColumnChunk
from bpnet.data.reading.column import Column, Floats, column_from_texts
from bpnet.data.targets import Classes, Labels
from bpnet.engine.component import Array
from bpnet.errors import BpnetError
from bpnet.integrations.export.cells import Cells, Feature, Outputs, features_of, output_names
from bpnet.models.ensemble import Ensemble
from bpnet.runs import directory
from bpnet.workflows.prediction_columns import not_finite
from bpnet.workflows.training_table import reopen_table

_OF_TABLE, _DRAWN = 100, 150
"""Rows of the run's table, and rows whose cells are drawn."""
_MISSING_SHARE = 0.1
_EPOCH = datetime(1970, 1, 1)
_FIRST_DAY, _LAST_DAY = -719_162.0, 2_932_896.0
"""The first day of the year 1, and the last of the year 9999."""


@dataclass(frozen=True)
class GoldenRows:
    """Cells (N,) of each column, and what the model predicts for these rows.

    `of_table` is the number of rows that are the run's own, and `seen` holds the texts of its
    columns.
    """

    features: Sequence[Feature]
    cells: Cells
    outputs: Outputs
    of_table: int
    seen: dict[str, list[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.cells.values())))

    def lines(self) -> str:
        """Return the rows as JSON, one a line; a missing number is null."""
        return "".join(
            json.dumps(
                {
                    "inputs": {name: _plain(values[k]) for name, values in self.cells.items()},
                    "outputs": {name: _plain(values[k]) for name, values in self.outputs.items()},
                },
                ensure_ascii=False,
            )
            + "\n"
            for k in range(len(self))
        )


def golden_rows(run: Path, model: Ensemble) -> GoldenRows:
    """Return rows of the run's table, if it is there, and rows whose cells are drawn."""
    features = features_of(model)
    drawn = _drawn_rows(features, model.description.reading.number_format())
    chunks: list[Chunk] = [drawn]
    seen: dict[str, list[str]] = {}
    whole = _first_rows(run, model)
    if whole is not None:
        positions = np.unique(np.linspace(0, len(whole) - 1, _OF_TABLE).astype(np.intp))
        chunks.insert(0, ChunkSelection(whole, positions))
        for feature in features:
            if feature.kind == "text":
                seen[feature.name] = list(whole.column(feature.name).as_text()[1])
    outputs = [predicted(model, chunk, features) for chunk in chunks]
    cells = {
        feature.name: np.concatenate([feature.cells(chunk) for chunk in chunks])
        for feature in features
    }
    return GoldenRows(
        features,
        cells,
        {name: np.concatenate([each[name] for each in outputs]) for name in outputs[0]},
        len(chunks[0]) if whole is not None else 0,
        seen,
    )


def predicted(model: Ensemble, chunk: Chunk, features: Sequence[Feature]) -> Outputs:
    """Return what a model predicts for a chunk's rows, by the names of an exported model."""
    x, _ = model.encode(chunk)
    with np.errstate(all="ignore"):  # what is not finite is an error below
        predictions = model.combine(model.predict_each(x))
    if not np.isfinite(predictions).all():
        raise not_finite()
    target, names = model.description.target, output_names(model, features)
    if isinstance(target, Classes):
        numbers = predicted_classes(predictions, target.positive_number, model.thresholds)
        labels: Array = np.array(target.classes, np.object_)[numbers]
    elif isinstance(target, Labels):
        labels = predicted_labels(predictions, model.thresholds).astype(np.int64)
    else:
        return {names[0]: predictions}
    return dict(zip(names, [labels, predictions.astype(np.float64)], strict=True))


def _first_rows(run: Path, model: Ensemble) -> Chunk | None:
    """Return the first rows of the run's table, None if it is gone or cannot be read."""
    paths = directory.run_of(run)
    if paths is None:
        return None
    try:
        table = reopen_table(paths)
        model.check_columns(table)
        chunk = next(iter(table.chunks(model.wanted)))
        model.encode(chunk)
    except (BpnetError, StopIteration):
        return None
    return chunk if len(chunk) else None


def _drawn_rows(features: Sequence[Feature], number_format: NumberFormat) -> Chunk:
    """Return rows of cells that each column may have: usual and extreme, missing and unseen."""
    rng = np.random.default_rng(0)
    columns = {feature.name: _drawn(feature, rng, number_format) for feature in features}
    return ColumnChunk("golden rows", 0, columns)


def _drawn(feature: Feature, rng: np.random.Generator, number_format: NumberFormat) -> Column:
    if feature.kind == "number":
        return Column(NumberFormat(), numbers=_drawn_numbers(feature, rng))
    if feature.kind == "date":
        return column_from_texts(_drawn_dates(feature, rng), number_format)
    return column_from_texts(_drawn_texts(feature, rng), number_format)


def _drawn_numbers(feature: Feature, rng: np.random.Generator) -> Floats:
    columns = [column for column in feature.columns if isinstance(column, NumericColumn)]
    lowest = min(column.lowest for column in columns)
    highest = max(column.highest for column in columns)
    with np.errstate(all="ignore"):
        margin = min(highest - lowest, float(np.finfo(np.float64).max)) / 2
        bounds = np.array([lowest, highest, lowest - margin, highest + margin])
        values = lowest + rng.random(_DRAWN) * 2 * margin
    knots = [knot for column in columns for knot in _knots(column)]
    fills = [column.fill for column in columns if column.fill is not None]
    special = np.array([*bounds[np.isfinite(bounds)], *knots, *fills])
    chosen = rng.random(_DRAWN) < 0.4
    values[chosen] = rng.choice(special, int(chosen.sum()))
    if len(fills) == len(columns):
        values[rng.random(_DRAWN) < _MISSING_SHARE] = np.nan
    return np.where(np.isinf(values), highest, values)


def _knots(column: NumericColumn) -> list[float]:
    """Return the numbers at which the inputs jump or bend."""
    knots: list[float] = []
    if isinstance(column.scale, RankScaler):
        knots += column.scale.values
    elif isinstance(column.scale, QuantileScaler):
        knots += column.scale.quantiles
    if isinstance(column.added, PiecewiseInputs):
        knots += column.added.edges
    return [*knots, *(column.frequent.values if column.frequent else [])]


def _drawn_dates(feature: Feature, rng: np.random.Generator) -> list[str]:
    columns = [column for column in feature.columns if isinstance(column, DateColumn)]
    first = columns[0]
    span = max(first.highest - first.lowest, 365.0)
    days = first.lowest - span / 4 + rng.random(_DRAWN) * span * 1.5
    if first.zones is None and "hour" not in first.parts:
        days = np.floor(days)
    days = np.clip(days, _FIRST_DAY, _LAST_DAY)
    texts = [_date_text(first, day) for day in days.tolist()]
    if all(column.fill is not None for column in columns):
        for k in np.flatnonzero(rng.random(_DRAWN) < _MISSING_SHARE):
            texts[k] = ""
    return texts


def _date_text(column: DateColumn, day: float) -> str:
    """Return a day as a text that the column reads."""
    if not column.reads_iso:
        return (_EPOCH + timedelta(days=np.floor(day))).strftime(column.format)
    text = iso_text(day)
    return f"{text}+00:00" if ":" in text and column.zones == "all" else text


def _drawn_texts(feature: Feature, rng: np.random.Generator) -> list[str]:
    known: dict[str, None] = {}
    may_miss = True
    for column in feature.columns:
        if isinstance(column, CategoricalColumn):
            known |= dict.fromkeys([*column.levels, *column.rare[:_DRAWN]])
            may_miss = may_miss and not column.refuses_gaps
        elif isinstance(column, BooleanColumn):
            known |= dict.fromkeys([column.false, column.true])
            may_miss = may_miss and column.fill is not None
    texts = [*known, "unseen", "something else"]
    chosen = [texts[k] for k in rng.permutation(_DRAWN) % len(texts)]
    if may_miss:
        for k in np.flatnonzero(rng.random(_DRAWN) < _MISSING_SHARE):
            chosen[k] = ""
    return chosen


def _plain(value: object) -> object:
    """Return a value of an array as JSON has it, NaN as null."""
    if isinstance(value, np.ndarray):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
