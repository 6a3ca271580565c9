"""Leaks: single columns that alone tell the target, which as a rule they cannot know when it is to be predicted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bpnet.engine.component import Array
from bpnet.preparation.target_values import Answers

FEWEST_ROWS = 40
"""Fewer training rows than these are too few to call a column a leak."""

_ACCURACY = 0.99
_ERRORS_LEFT = 0.1
_CORRELATION = 0.999
_R2 = 0.995
_MOST_BINS = 256

Measure = Literal["accuracy", "correlation", "r2"]
_Judged = tuple[Measure, float] | None


@dataclass(frozen=True)
class Leak:
    """A column that predicts a target almost perfectly.

    `accuracy` is that of the commonest class of each level or bin, `r2` that of its mean, both learnt from one half of
    the rows and measured on the other; `correlation` is the larger of Pearson's and the ranks'.
    """

    column: str
    target: str
    measure: Measure
    value: float


def leaks(
    cells: Mapping[str, Array], answers: Answers, rows: Array, rng: np.random.Generator
) -> list[Leak]:
    """The columns, as `cells` (N,), that give a target of the same training rows (indices, N) away."""
    if len(rows) < FEWEST_ROWS:
        return []
    fitting = np.zeros(len(rows), bool)
    fitting[rng.permutation(len(rows))[: len(rows) // 2]] = True
    found = []
    for target, values in _targets(answers, rows):
        for column, own in cells.items():
            judge = _of_quantity if answers.task == "regression" else _of_classes
            if leak := judge(own, values, fitting):
                found.append(Leak(column, target, *leak))
    return found


def _targets(answers: Answers, rows: Array) -> Iterator[tuple[str, Array]]:
    values = answers.values[rows].reshape(len(rows), -1)
    return ((name, values[:, k]) for k, name in enumerate(answers.names))


def _of_classes(cells: Array, classes: Array, fitting: Array) -> _Judged:
    classes = classes.astype(np.int64)
    bins, held = _bins(cells, fitting), ~fitting
    count, most = int(classes.max()) + 1, int(np.bincount(classes[fitting]).argmax())
    commonest = np.full(bins.max() + 1, most)
    pairs, rows = np.unique(bins[fitting] * count + classes[fitting], return_counts=True)
    ascending = pairs[np.argsort(rows, kind="stable")]
    commonest[ascending // count] = (
        ascending % count
    )  # of several in a bin the last, the commonest, stays
    wrong = float((commonest[bins[held]] != classes[held]).mean())
    wrong_by_chance = float((classes[held] != most).mean())
    if wrong < 1 - _ACCURACY and wrong < _ERRORS_LEFT * wrong_by_chance:
        return "accuracy", 1 - wrong
    return None


def _of_quantity(cells: Array, values: Array, fitting: Array) -> _Judged:
    if cells.dtype != object:
        there = ~np.isnan(cells)
        if there.sum() >= max(FEWEST_ROWS, len(cells) / 2):
            own, other = cells[there], values[there]
            correlation = max(abs(_pearson(own, other)), abs(_pearson(_ranks(own), _ranks(other))))
            if correlation > _CORRELATION:
                return "correlation", correlation
    bins, held = _bins(cells, fitting), ~fitting
    rows = np.bincount(bins[fitting], minlength=bins.max() + 1)
    sums = np.bincount(bins[fitting], values[fitting], minlength=bins.max() + 1)
    means = np.where(rows > 0, sums / np.maximum(rows, 1), values[fitting].mean())
    spread = float(((values[held] - values[fitting].mean()) ** 2).sum())
    if spread == 0:
        return None
    r2 = 1 - float(((values[held] - means[bins[held]]) ** 2).sum()) / spread
    return ("r2", r2) if r2 > _R2 else None


def _bins(cells: Array, fitting: Array) -> Array:
    """The number (N,) of each cell's level; of numbers, of the bin that quantiles of the fitting half make."""
    if cells.dtype == object:
        number: dict[str | None, int] = {}
        return np.array([number.setdefault(cell, len(number)) for cell in cells])
    present = cells[fitting & ~np.isnan(cells)]
    values = np.unique(present)
    if len(values) > _MOST_BINS:
        values = np.unique(np.quantile(present, np.linspace(0, 1, _MOST_BINS)))
    edges = values[:-1] / 2 + values[1:] / 2
    return np.where(np.isnan(cells), len(values), np.searchsorted(edges, cells, side="right"))


def _pearson(a: Array, b: Array) -> float:
    """Pearson's correlation; 0 where one of the two is constant, or too large to square."""
    with np.errstate(all="ignore"):
        a, b = a - a.mean(), b - b.mean()
        correlation = float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))
    return correlation if np.isfinite(correlation) else 0.0


def _ranks(values: Array) -> Array:
    """The rank (N,) of each value, the mean rank where several are equal."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place])
