"""The rows of the surest errors, with their cells: the most telling columns first."""

from dataclasses import dataclass

import numpy as np

from bpnet.data.targets import Classes, Labels, Quantities
from bpnet.engine.randomness import Purpose, generator
from bpnet.inspection.budget import draw_rows
from bpnet.inspection.predictor import InspectedRows, Predictor
from bpnet.inspection.surest_errors import surest_errors, telling_columns
from bpnet.models.threads import shared_work
from bpnet.scoring.row_losses import RowLosses
from bpnet.workflows.inspect_run import inputs_and_cells, model_features
from bpnet.workflows.scored_model import ScoredModel

_OTHERS, _FEWEST_OTHERS = 20, 3
"""Rows whose cells are put in place of those of an error."""
_WORK = 2e10
"""Multiplications, about, that it takes at most to find the telling columns."""


@dataclass(frozen=True)
class ErrorRow:
    """A wrong prediction: its row in the file, what is true and predicted, and the row's cells."""

    row: int
    """The number of the row in the table, from 1."""
    place: str
    target: str
    true: str | float
    predicted: str | float
    probability: float | None
    """That of what is predicted; None of quantities."""
    error: float | None
    """Predicted - true, of quantities."""
    cells: dict[str, str]
    """The cells of the columns that the model reads, as they are in the file; those first whose
    exchange changes the prediction most."""


@dataclass(frozen=True)
class ErrorRows:
    """The surest errors, and the number of all wrong predictions."""

    count: int
    listed: list[ErrorRow]


def find_error_rows(scored: ScoredModel, most: int) -> ErrorRows:
    """Return the rows of at most so many errors of a model on its evaluation set."""
    model, rows = scored.model, scored.rows
    target = model.description.target
    found = surest_errors(target, rows.values, scored.predicted, model.thresholds, most)
    if not len(found.rows):
        return ErrorRows(found.count, [])
    columns = model_features(model)
    cells = _cells(scored, columns, found.rows)
    ordered = _ordered(scored, columns, found.rows, found.outputs)
    listed = []
    errors = zip(found.rows.tolist(), found.outputs.tolist(), found.sureness.tolist(), strict=True)
    for k, (row, output, sureness) in enumerate(errors):
        true, predicted = rows.values[row], scored.predicted[row]
        said: tuple[str | float, str | float]
        if isinstance(target, Classes):
            name, said = target.name, (target.classes[true], target.classes[output])
        elif isinstance(target, Labels):
            name = target.names[output]
            said = str(int(true[output])), str(int(1 - true[output]))
        else:
            name, said = target.names[output], (float(true[output]), float(predicted[output]))
        listed.append(
            ErrorRow(
                row=int(rows.numbers[row]) + 1,
                place=rows.where(row),
                target=name,
                true=said[0],
                predicted=said[1],
                probability=None if isinstance(target, Quantities) else sureness,
                error=sureness if isinstance(target, Quantities) else None,
                cells={column: cells[row][column] for column in ordered[k]},
            )
        )
    return ErrorRows(found.count, listed)


def _cells(
    scored: ScoredModel, columns: list[str], errors: np.ndarray
) -> dict[int, dict[str, str]]:
    """Return the cells of each error's row by column, as they are in the file."""
    table = scored.rows.table
    numbers = {int(scored.rows.numbers[row]): int(row) for row in errors}
    mask = np.zeros(len(table), bool)
    mask[list(numbers)] = True
    cells: dict[int, dict[str, str]] = {}
    for chunk, chunk_rows in table.selected(dict.fromkeys(columns, "text"), mask):
        texts = [chunk.column(name).written_cells() for name in columns]
        for number, line in zip(chunk_rows.tolist(), zip(*texts, strict=True), strict=True):
            cells[numbers[number]] = dict(zip(columns, line, strict=True))
    return cells


def _ordered(
    scored: ScoredModel, columns: list[str], errors: np.ndarray, outputs: np.ndarray
) -> list[list[str]]:
    """Return the columns in the order of each error."""
    model, rows = scored.model, scored.rows
    cost = sum(member.network.theta.size for member in model.members)
    affordable = _WORK / (max(cost, 1) * len(columns) * len(errors))
    count = int(np.clip(affordable, _FEWEST_OTHERS, _OTHERS))
    draws = generator(model.description.seeds[0], Purpose.INSPECTION, 4)
    others = draw_rows(np.arange(len(rows.values)), count, draws)
    read = np.unique(np.concatenate([errors, others]))
    mask = np.zeros(len(rows.table), bool)
    mask[rows.numbers[read]] = True
    inputs, cells = inputs_and_cells(model, rows.table, mask)
    losses = RowLosses(model.description.target, rows.values[read])
    predictor = Predictor(model, InspectedRows(rows.numbers[read], inputs, cells, losses))
    sources = np.searchsorted(read, others)
    with shared_work():
        return telling_columns(predictor, columns, np.searchsorted(read, errors), sources, outputs)
