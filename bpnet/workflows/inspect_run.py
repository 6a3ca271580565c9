"""Inspection of a run: the importance of its columns, and the partial dependence on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bpnet.config.reading_overrides import override_reading
from bpnet.data.reading import Table
from bpnet.data.splitting import Indices
from bpnet.engine.component import Array
from bpnet.engine.randomness import Purpose, generator
from bpnet.errors import UsageError
from bpnet.inspection.budget import WORK, Budget, draw_rows, plan_budget
from bpnet.inspection.cells import Cells, joined_cells, read_cells
from bpnet.inspection.dependence import MOST_CURVES, PartialDependence, partial_dependence
from bpnet.inspection.importance import (
    Importance,
    column_groups,
    draw_permutations,
    measure_importance,
    most_moving,
)
from bpnet.inspection.predictor import InspectedRows, Predictor
from bpnet.messages import did_you_mean, quoted_list, shell_path
from bpnet.models.ensemble import Ensemble
from bpnet.models.run_model import open_run_model
from bpnet.models.threads import shared_work
from bpnet.scoring.row_losses import RowLosses
from bpnet.workflows.evaluation_set import read_evaluation_set
from bpnet.workflows.inspected_rows import ChosenRows, RowsOf, choose_inspected_rows
from bpnet.workflows.row_groups import DrawnGroups, RowGroups

MOST_DEPENDENCES = 4
"""The most important columns whose partial dependence is measured, where none is named."""
_ROWS_OF_DEPENDENCE = 500
_FEWEST_ROWS_OF_DEPENDENCE = 50
_GRID = 20


@dataclass(frozen=True)
class Inspection:
    """What a run's model relies on, and how its predictions depend on single columns."""

    run: str
    table: Table
    """The table of the rows."""
    rows_of: RowsOf
    """The part of the run's rows, or `table` for rows of a table that were not held out by it."""
    rows: int
    """The rows that were looked at."""
    of_rows: int
    """The rows that there are: more, if some were drawn from them."""
    task: str
    networks: int
    importance: Importance | None
    dependences: tuple[PartialDependence, ...]
    warnings: tuple[str, ...]
    groups: DrawnGroups | None = None
    """The groups of rows that intervals draw whole, if they do."""


@dataclass(frozen=True)
class InspectedModel:
    """A model with the rows that it is asked about."""

    chosen: ChosenRows
    predictor: Predictor
    of_rows: int
    true: Array
    """The target values of the predictor's rows: class numbers (N,), labels or quantities (N, K).
    """
    groups: RowGroups | None
    """The groups of these rows that the run's split keeps together."""


def inspect_run(
    run: Path,
    data: str | None = None,
    *,
    importance: bool = True,
    dependence_on: Sequence[str] | None = None,
    all_rows: bool = False,
    replica: str = "all",
    reading: Sequence[str] = (),
    work: float = WORK,
) -> Inspection:
    """Ask the model of a run, or of a folder copied out of one, about the columns of a table.

    Parameters
    ----------
    run, data, all_rows, replica, reading
        As for `evaluate`, but without test rows the rows are those that networks of folds held out,
        or the validation rows.
    importance
        Whether to measure the importance of all columns.
    dependence_on
        The columns whose partial dependence is measured; by default the most important ones.
    work
        About how many multiplications it may take: more columns, or larger networks, are asked
        about on fewer rows.

    Raises
    ------
    RunError
        The run is damaged, or a prediction is not finite.
    DataError
        The table cannot be read, does not suit the model, or has no rows that were held out.
    UsageError, ConfigError
        A column is not one of the model's, or the settings of reading are not valid.
    """
    option = "--importance" if importance else "--partial-dependence COLUMN"
    if data is None and reading:
        raise UsageError(
            f"--set is for a table that is named: bpnet eval {shell_path(run)} DATA {option}; "
            "the run's own table is read as in training"
        )
    opened = open_run_model(run)
    model, warnings = opened.model.select(replica), list(opened.notes)
    features = model_features(model)
    for name in dependence_on or ():
        _check_column(name, features, model)
    chosen = choose_inspected_rows(
        run,
        data,
        override_reading(model.description.reading, reading),
        model,
        all_rows=all_rows,
        option=option,
        warnings=warnings,
    )
    asked = read_rows(model, chosen, work, warnings)
    # on one thread, as `predict` does, since the shares of several begin in other places
    with shared_work():
        measured = importance_of(asked, work) if importance else None
        columns = dependence_on
        if columns is None:
            columns = [] if measured is None else most_important(measured)
        dependences = [dependence_of(asked, name, work) for name in dict.fromkeys(columns)]
    return Inspection(
        run=str(run),
        table=chosen.table,
        rows_of=chosen.rows_of,
        rows=len(asked.predictor.rows),
        of_rows=asked.of_rows,
        task=model.description.task,
        networks=model.networks,
        importance=measured,
        dependences=tuple(dependences),
        warnings=tuple(warnings),
        groups=None if asked.groups is None else asked.groups.drawn,
    )


def most_important(importance: Importance, most: int = MOST_DEPENDENCES) -> list[str]:
    """Return the columns, at most so many, that matter most by themselves or in a group."""
    first = [name for each in importance.ranked for name in _by_value(importance, each.columns)]
    return first[:most]


def _by_value(importance: Importance, columns: Sequence[str]) -> list[str]:
    return sorted(columns, key=lambda name: -importance.of(name).value)


def model_features(model: Ensemble) -> list[str]:
    """Return the columns that any member reads, in the order of the first that does."""
    every = (name for member in model.members for name in member.description.encoder.features)
    return list(dict.fromkeys(every))


def _check_column(name: str, features: Sequence[str], model: Ensemble) -> None:
    if name in features:
        return
    what = "is its target" if name in model.description.target.names else "is none of them"
    raise UsageError(
        f"--partial-dependence {name}: must be a column that the model reads, and '{name}' {what}"
        f"{did_you_mean(name, features)}; the columns are {quoted_list(features)}"
    )


def _seed(model: Ensemble) -> int:
    return model.description.seeds[0]


def _generator(model: Ensemble, use: int) -> np.random.Generator:
    """Return the generator of one use: 0 rows, 1 shuffles, 2 resamples, 3 curves."""
    return generator(_seed(model), Purpose.INSPECTION, use)


def read_rows(
    model: Ensemble, chosen: ChosenRows, work: float, warnings: list[str]
) -> InspectedModel:
    """Read as many of the chosen rows as can be asked about."""
    model.check_columns(chosen.table)
    rows = np.flatnonzero(chosen.mask)
    budget = budget_of(model, chosen, work)
    drawn = draw_rows(rows, budget.rows, _generator(model, 0))
    mask = np.zeros(len(chosen.mask), bool)
    mask[drawn] = True
    evaluated = read_evaluation_set(model, chosen.table, mask, warnings, chosen.group)
    mask[:] = False
    mask[evaluated.numbers] = True
    inputs, cells = inputs_and_cells(model, chosen.table, mask)
    losses = RowLosses(model.description.target, evaluated.values, evaluated.weights)
    inspected = InspectedRows(evaluated.numbers, inputs, cells, losses)
    unseen = chosen.unseen
    if unseen is not None:
        unseen = [masks[:, evaluated.numbers] for masks in unseen]
    predictor = Predictor(model, inspected, unseen)
    return InspectedModel(chosen, predictor, len(rows), evaluated.values, evaluated.groups)


def budget_of(model: Ensemble, chosen: ChosenRows, work: float) -> Budget:
    """Return how many of the chosen rows are asked about, and how often columns are shuffled."""
    cost = sum(member.network.theta.size for member in model.members)
    if chosen.unseen is not None:
        cost //= min(len(masks) for masks in chosen.unseen)
    return plan_budget(int(chosen.mask.sum()), len(model_features(model)), max(cost, 1), work)


def inputs_and_cells(
    model: Ensemble, table: Table, mask: Array
) -> tuple[list[Array], dict[str, Cells]]:
    """Return the inputs of the rows of a mask for each encoder, and the cells of each column."""
    encoders, _ = model.encoders
    columns = {column.name: column for encoder in encoders[::-1] for column in encoder.columns}
    inputs: list[list[Array]] = [[] for _ in encoders]
    cells: dict[str, list[Cells]] = {name: [] for name in columns}
    for chunk, _ in table.selected(model.wanted, mask):
        for encoder, parts in zip(encoders, inputs, strict=True):
            parts.append(encoder.encode_cells(chunk, model.description.precision)[0])
        for name, column in columns.items():
            cells[name].append(read_cells(column, chunk.column(name)))
    joined = [np.ascontiguousarray(np.concatenate(parts)) for parts in inputs]
    return joined, {name: joined_cells(parts) for name, parts in cells.items()}


def importance_of(asked: InspectedModel, work: float) -> Importance:
    """Return the importance of the columns that the model reads."""
    features = model_features(asked.predictor.model)
    predictor = asked.predictor
    model, count = predictor.model, len(predictor.rows)
    budget = plan_budget(count, len(features), predictor.cost, work)
    permutations = draw_permutations(count, budget.shuffles, _generator(model, 1))
    looked_at = int(np.clip(work / (len(features) * predictor.cost), 8, 50))
    columns = most_moving(predictor, features, budget.columns, looked_at, permutations[0])
    others = {*model.description.target.names, model.description.sample_weight, *features}
    shuffled = set(columns)
    return measure_importance(
        predictor,
        columns,
        column_groups(predictor, columns),
        permutations,
        _generator(model, 2),
        row_groups=None if asked.groups is None else asked.groups.numbers,
        unused=[name for name in asked.chosen.table.columns if name not in others],
        left_out=[name for name in features if name not in shuffled],
    )


def dependence_of(asked: InspectedModel, column: str, work: float) -> PartialDependence:
    """Return the partial dependence on a column."""
    predictor = asked.predictor
    draws = _generator(predictor.model, 3)
    affordable = work / 10 / predictor.cost / _GRID
    most = int(np.clip(affordable, _FEWEST_ROWS_OF_DEPENDENCE, _ROWS_OF_DEPENDENCE))
    rows = draw_rows(np.arange(len(predictor.rows)), most, draws)
    curves: Indices = draw_rows(rows, MOST_CURVES, draws)
    whole = predictor
    if asked.chosen.unseen is not None:  # of all networks, as it predicts: no target has a part
        whole = Predictor(predictor.model, predictor.rows)
    return partial_dependence(whole, column, rows, curves)
