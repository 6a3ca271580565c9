"""Leaks: single columns that predict the target almost perfectly, and may not be known in time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bpnet.engine.component import Array
from bpnet.preparation.target_values import TargetValues

MIN_ROWS = 40
"""With fewer training rows than these, no column is called a leak."""

_MIN_ACCURACY = 0.99
_MAX_ERROR_RATIO = 0.1  # to the errors of always predicting the most common class
_MIN_CORRELATION = 0.999
_MIN_R2 = 0.995
_MAX_BINS = 256

Measure = Literal["accuracy", "correlation", "r2"]
_Evidence = tuple[Measure, float] | None


@dataclass(frozen=True)
class Leak:
    """A column that predicts a target almost perfectly.

    `accuracy` is that of predicting the most common class of each category or bin, `r2` that of
    predicting its mean, both fitted to one half of the rows and measured on the other;
    `correlation` is the larger of Pearson's and Spearman's.
    """

    column: str
    target: str
    measure: Measure
    value: float


def find_leaks(
    cells: Mapping[str, Array], target_values: TargetValues, rows: Array, rng: np.random.Generator
) -> list[Leak]:
    """Return the columns, with cells (N,), that predict a target of the same training rows (N,)."""
    if len(rows) < MIN_ROWS:
        return []
    fitting = np.zeros(len(rows), bool)
    fitting[rng.permutation(len(rows))[: len(rows) // 2]] = True
    evidence_of = _class_evidence if target_values.task != "regression" else _quantity_evidence
    return [
        Leak(column, target, *evidence)
        for target, values in _targets(target_values, rows)
        for column, column_cells in cells.items()
        if (evidence := evidence_of(column_cells, values, fitting))
    ]


def _targets(target_values: TargetValues, rows: Array) -> Iterator[tuple[str, Array]]:
    """Return the name and the values (N,) of each target, in the rows (N,)."""
    values = target_values.values[rows].reshape(len(rows), -1)
    return ((name, values[:, k]) for k, name in enumerate(target_values.names))


def _class_evidence(cells: Array, classes: Array, fitting: Array) -> _Evidence:
    """Return the accuracy by which the cells (N,) predict the classes (N,), if it shows a leak."""
    classes = classes.astype(np.int64)
    bins, held_out = _bins(cells, fitting), ~fitting
    count, commonest = int(classes.max()) + 1, int(np.bincount(classes[fitting]).argmax())
    predicted = np.full(bins.max() + 1, commonest)
    # a pair as one number: bin · classes + class
    pairs, rows = np.unique(bins[fitting] * count + classes[fitting], return_counts=True)
    ascending = pairs[np.argsort(rows, kind="stable")]
    # of several classes in a bin the last assigned stays, which is the most common
    predicted[ascending // count] = ascending % count
    errors = float((predicted[bins[held_out]] != classes[held_out]).mean())
    errors_by_chance = float((classes[held_out] != commonest).mean())
    if errors < 1 - _MIN_ACCURACY and errors < _MAX_ERROR_RATIO * errors_by_chance:
        return "accuracy", 1 - errors
    return None


def _quantity_evidence(cells: Array, values: Array, fitting: Array) -> _Evidence:
    """Return the correlation or R² by which cells (N,) predict values (N,), if it shows a leak."""
    if cells.dtype != object:
        present = ~np.isnan(cells)
        if present.sum() >= max(MIN_ROWS, len(cells) / 2):
            x, y = cells[present], values[present]
            correlation = max(abs(_pearson(x, y)), abs(_pearson(_ranks(x), _ranks(y))))
            if correlation > _MIN_CORRELATION:
                return "correlation", correlation
    bins, held_out = _bins(cells, fitting), ~fitting
    mean = values[fitting].mean()
    rows = np.bincount(bins[fitting], minlength=bins.max() + 1)
    sums = np.bincount(bins[fitting], values[fitting], minlength=bins.max() + 1)
    means = np.where(rows > 0, sums / np.maximum(rows, 1), mean)
    variation = float(((values[held_out] - mean) ** 2).sum())
    if variation == 0:
        return None
    r2 = 1 - float(((values[held_out] - means[bins[held_out]]) ** 2).sum()) / variation
    return ("r2", r2) if r2 > _MIN_R2 else None


def _bins(cells: Array, fitting: Array) -> Array:
    """Return the number (N,) of each cell's category, or of its bin between quantiles.

    The quantiles are those of the numbers in the half that is fitted to.
    """
    if cells.dtype == object:
        number: dict[str | None, int] = {}
        return np.array([number.setdefault(cell, len(number)) for cell in cells])
    present = cells[fitting & ~np.isnan(cells)]
    values = np.unique(present)
    if len(values) > _MAX_BINS:
        values = np.unique(np.quantile(present, np.linspace(0, 1, _MAX_BINS)))
    edges = values[:-1] / 2 + values[1:] / 2  # halved first, so that the sum cannot overflow
    # missing values are a bin of their own, the last
    return np.where(np.isnan(cells), len(values), np.searchsorted(edges, cells, side="right"))


def _pearson(a: Array, b: Array) -> float:
    """Return Pearson's correlation; 0 where one is constant, or too large to square."""
    with np.errstate(all="ignore"):
        a, b = a - a.mean(), b - b.mean()
        correlation = float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))
    return correlation if np.isfinite(correlation) else 0.0


def _ranks(values: Array) -> Array:
    """Return the rank (N,) of each value, the mean rank of those that are equal."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    # n equal values have the ranks from cumsum - n + 1 to cumsum
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place])
