"""Permutation importance: how much worse a model predicts if a column's cells are shuffled.

The importance of a column is the mean rise of the rows' losses (`bpnet.scoring.row_losses`) over
several shuffles of its cells among the rows (Breiman, Random Forests, 2001, section 10; Fisher,
Rudin and Dominici, All Models are Wrong, but Many are Useful, 2019). A column of the table is
shuffled as one, whatever inputs are made of it.

Columns that tell of each other share what they tell: each alone may seem to matter little, since
the model still has the others. So associated columns are shuffled together, too, by the same
shuffle, which leaves what binds them to each other in place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from bpnet.data.reading.column import Floats
from bpnet.data.splitting import Indices
from bpnet.inspection.association import association_groups
from bpnet.inspection.predictor import Predictor
from bpnet.scoring.bootstrap import CONFIDENCE, Means, bootstrap

Permutations = Sequence[Indices]
"""Shuffles: row i gets the cell of row `permutation[i]`."""


@dataclass(frozen=True)
class ShuffledColumns:
    """The importance of a column, or of columns that are shuffled together."""

    columns: tuple[str, ...]
    value: float
    """The rise of the mean loss: above 0 if the model relies on the columns."""
    low: float | None
    high: float | None
    """The limits of the 95 % interval over rows, by a paired bootstrap: as if other rows had been
    drawn, both those that lose their cells and those that give theirs; None of a single row."""
    shuffle_error: float | None
    """The standard error of the value over shuffles; None of a single shuffle."""
    by_shuffle: tuple[float, ...]
    """The rise of the mean loss in each shuffle."""

    @property
    def clear(self) -> bool:
        """True if the whole interval is above 0."""
        return self.low is not None and self.low > 0


@dataclass(frozen=True)
class Importance:
    """The importance of each column of a table to a model, on some rows."""

    score: str
    """The proper score by its key: log_loss, r2 or squared_error."""
    score_title: str
    score_value: float
    """The score of the rows as they are. Importance is its rise, of R² its fall."""
    weighted: bool
    """True if rows count by their weights in training."""
    rows: int
    shuffles: int
    columns: tuple[ShuffledColumns, ...]
    """The columns that the model reads, one by one, the most important first."""
    groups: tuple[ShuffledColumns, ...]
    """The groups of associated columns, each shuffled as one, the most important first."""
    unused: tuple[str, ...] = ()
    """The columns of the table that the model does not read: they have no importance."""
    left_out: tuple[str, ...] = ()
    """The columns that were not shuffled, for lack of time: those that moved predictions least."""

    @property
    def ranked(self) -> list[ShuffledColumns]:
        """The groups, and the columns in no group, the most important first.

        A group counts as its most important column does, if that is more.
        """
        values = {each.columns[0]: each.value for each in self.columns}
        grouped = {name for group in self.groups for name in group.columns}
        single = [column for column in self.columns if column.columns[0] not in grouped]
        return sorted(
            [*self.groups, *single],
            key=lambda each: -max(each.value, *(values[name] for name in each.columns)),
        )

    def stands_out(self, each: ShuffledColumns) -> bool:
        """Return whether a value is apart from 0 by more than the noise of as many columns makes.

        Of 40 columns that mean nothing one is outside its 95 % interval by chance. Here the chance
        of 5 % is that of all columns together (Bonferroni), for about normal noise.
        """
        if each.low is None or each.high is None:
            return False
        normal = NormalDist()
        chance = (1 - CONFIDENCE) / 2
        wider = normal.inv_cdf(1 - chance / len(self.columns)) / normal.inv_cdf(1 - chance)
        if each.value > 0:
            return each.value > wider * (each.value - each.low)
        return each.value < wider * (each.value - each.high)

    def of(self, column: str) -> ShuffledColumns:
        """Return the importance of a column by itself; raises KeyError if it was not shuffled."""
        return {each.columns[0]: each for each in self.columns}[column]


def draw_permutations(rows: int, shuffles: int, generator: np.random.Generator) -> list[Indices]:
    """Return shuffles of rows."""
    return [generator.permutation(rows) for _ in range(shuffles)]


def column_groups(predictor: Predictor, columns: Sequence[str]) -> list[tuple[str, ...]]:
    """Return groups of associated columns, by name."""
    cells = [predictor.rows.cells[name] for name in columns]
    return [tuple(columns[k] for k in group) for group in association_groups(cells)]


def most_moving(
    predictor: Predictor, columns: Sequence[str], most: int, rows: int, permutation: Indices
) -> list[str]:
    """Return the columns, at most so many, that move predictions most, in their order.

    It looks at the predictions of a few rows in one shuffle, not at their targets, so that what is
    chosen does not seem more important than it is.
    """
    if len(columns) <= most:
        return list(columns)
    looked_at = np.unique(np.linspace(0, len(permutation) - 1, rows).astype(np.intp))
    scale = predictor.predicted.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    moves = []
    for name in columns:
        predicted = predictor.exchanged((name,), looked_at, permutation[looked_at])
        moves.append(np.abs((predicted - predictor.predicted[looked_at]) / scale).mean())
    chosen = np.sort(np.argsort(-np.array(moves), kind="stable")[:most])
    return [columns[k] for k in chosen]


def measure_importance(
    predictor: Predictor,
    columns: Sequence[str],
    groups: Sequence[tuple[str, ...]],
    permutations: Permutations,
    generator: np.random.Generator,
    *,
    row_groups: Indices | None = None,
    unused: Sequence[str] = (),
    left_out: Sequence[str] = (),
) -> Importance:
    """Return the importance of columns, and of groups of them, by given shuffles of N rows.

    The generator draws the resamples of rows, the same ones for all columns; `row_groups` (N,),
    numbers from 0, are drawn whole.
    """
    losses = predictor.rows.losses
    base = losses.of(predictor.predicted)  # (N,)
    shuffled = [*((name,) for name in columns), *groups]
    by_row, by_shuffle = np.empty((len(base), len(shuffled))), []
    for k, names in enumerate(shuffled):
        rises = _rises(predictor, names, permutations, base)
        by_row[:, k] = _shares(rises * losses.weights, permutations)
        by_shuffle.append(losses.mean(rises))
    intervals = _intervals(by_row, generator, row_groups)
    each = [
        _importance(names, values, low, high)
        for names, values, (low, high) in zip(shuffled, by_shuffle, intervals, strict=True)
    ]
    by_value = sorted(each[: len(columns)], key=lambda one: -one.value)
    return Importance(
        score=losses.score.name,
        score_title=losses.score.title,
        score_value=losses.value(base),
        weighted=losses.weighted,
        rows=len(losses),
        shuffles=len(permutations),
        columns=tuple(by_value),
        groups=tuple(sorted(each[len(columns) :], key=lambda one: -one.value)),
        unused=tuple(unused),
        left_out=tuple(left_out),
    )


def _rises(
    predictor: Predictor, columns: tuple[str, ...], permutations: Permutations, base: Floats
) -> Floats:
    """Return the rise (S, N) of each row's loss in each shuffle: 0 where no input changes."""
    rises = np.zeros((len(permutations), len(base)))
    places = np.stack([predictor.changed(columns, source) for source in permutations]).nonzero()
    rows, source = places[1], np.stack(permutations)[places]
    if len(rows):
        predicted = predictor.exchanged(columns, rows, source)
        rises[places] = predictor.rows.losses.of(predicted, rows) - base[rows]
    return rises


def _shares(rises: Floats, permutations: Permutations) -> Floats:
    """Return what each row adds (N,) to the mean rise, for rises (S, N) of the rows' losses.

    Another sample of rows would have other losses, and other cells to shuffle. A row's part is the
    rise of its own loss, and that of the rows which got its cells: to first order the mean varies
    as the mean of the sum does (Hájek's projection of a U-statistic).
    """
    of_cells = np.zeros(rises.shape[1])
    for rise, source in zip(rises, permutations, strict=True):
        of_cells[source] += rise
    return np.asarray(rises.mean(axis=0) + of_cells / len(permutations) - rises.mean())


def _intervals(
    rises: Floats, generator: np.random.Generator, row_groups: Indices | None
) -> list[tuple[float | None, float | None]]:
    """Return the 95 % interval of the mean of each column of rises (N, U).

    There is none of one row, nor of one group of them.
    """
    count = rises.shape[1]
    if len(rises) < 2 or not count:
        return [(None, None)] * count
    names = [str(k) for k in range(count)]
    means = {name: float(mean) for name, mean in zip(names, rises.mean(axis=0), strict=True)}
    scores = bootstrap(Means(names, rises), means, generator, groups=row_groups).scores
    return [(score.low, score.high) for score in scores]


def _importance(
    columns: tuple[str, ...], by_shuffle: Floats, low: float | None, high: float | None
) -> ShuffledColumns:
    count = len(by_shuffle)
    return ShuffledColumns(
        columns=columns,
        value=float(by_shuffle.mean()),
        low=low,
        high=high,
        shuffle_error=float(by_shuffle.std(ddof=1) / np.sqrt(count)) if count > 1 else None,
        by_shuffle=tuple(by_shuffle.tolist()),
    )
