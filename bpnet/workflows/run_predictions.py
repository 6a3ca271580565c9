"""The predictions of a run that its figures are about: for rows that it has not seen, if any."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bpnet.data.decisions import Thresholds, thresholds_of
from bpnet.data.splitting import Part
from bpnet.data.targets import AnyTarget, Classes, Labels
from bpnet.engine.component import Array
from bpnet.engine.randomness import Purpose, generator
from bpnet.figures.predictions import (
    AnyPredicted,
    PredictedClasses,
    PredictedLabels,
    PredictedQuantities,
)
from bpnet.models.ensemble import Ensemble
from bpnet.runs.directory import RunPaths
from bpnet.runs.predictions import SavedPredictions
from bpnet.workflows.evaluation_set import read_evaluation_set
from bpnet.workflows.row_groups import group_column
from bpnet.workflows.scored_model import ScoredModel
from bpnet.workflows.training_table import TrainingTable, open_training_table

MOST_ROWS = 20_000
"""Rows that are predicted for figures; of more, a sample is drawn."""

_PARTS: Sequence[Part] = ("test", "validation", "train")
_NOTES = {
    "validation": "no test rows were held out: these rows chose the epoch, which flatters the "
    "network a little",
    "train": "no other rows were held out: these rows trained the network, which flatters it",
}


@dataclass(frozen=True)
class SeenRows:
    """Rows of a run's table with what its model predicts for them."""

    part: Part
    predicted: AnyPredicted
    model: Ensemble
    table: TrainingTable
    mask: Array
    """The rows (N,) of the table that are predicted."""
    scored: ScoredModel


def predict_rows(paths: RunPaths, model: Ensemble, command: str) -> SeenRows:
    """Return the predictions of a model for test rows, or else validation or training rows.

    Raises DataError or RunError if the table is not as it was; `command` is what is typed again
    with a table on standard input.
    """
    table = open_training_table(paths.folder, command=command)
    part = next(part for part in _PARTS if table.mask(part).any())
    mask, notes = sampled(table.mask(part), model.description.seeds[0])
    words = "training rows" if part == "train" else f"{part} rows"
    notes = [*([_NOTES[part]] if part in _NOTES else []), *notes]
    warnings: list[str] = []
    rows = read_evaluation_set(model, table.table, mask, warnings, group_column(paths.folder))
    scored = ScoredModel(model, rows)
    numbers = np.flatnonzero(mask) + 1
    target = model.description.target
    predicted = _predicted(
        target, numbers, words, notes, rows.values, scored.predicted, model.thresholds
    )
    return SeenRows(part, predicted, model, table, mask, scored)


def sampled(mask: Array, seed: int, most: int = MOST_ROWS) -> tuple[Array, list[str]]:
    """Return the mask (N,) of at most `most` of a mask's rows, and a note if they are a sample."""
    rows = np.flatnonzero(mask)
    if len(rows) <= most:
        return mask, []
    picked = generator(seed, Purpose.RESAMPLING, 3).choice(rows, most, replace=False)
    sample = np.zeros(len(mask), bool)
    sample[picked] = True
    return sample, [f"a sample of {most:,} of {len(rows):,} rows, drawn by the seed"]


def _predicted(
    target: AnyTarget,
    rows: Array,
    part: str,
    notes: Sequence[str],
    true: Array,
    predicted: Array,
    thresholds: Thresholds,
) -> AnyPredicted:
    if isinstance(target, Classes):
        positive = target.positive_number
        return PredictedClasses(
            rows, part, notes, target.name, target.classes, positive, true, predicted, thresholds
        )
    if isinstance(target, Labels):
        return PredictedLabels(rows, part, notes, target.names, true, predicted, thresholds)
    return PredictedQuantities(rows, part, notes, target.names, true, predicted)


def out_of_fold(
    saved: SavedPredictions, positive: str | None, thresholds: Mapping[str, float]
) -> AnyPredicted:
    """Return saved predictions, each by networks that have not seen the row.

    The thresholds are those that the run's model keeps, by class or label.
    """
    target = saved.target_with(positive)
    notes = ["each row is predicted by networks that have not seen it"]
    part = "out-of-fold rows"
    kept = thresholds_of(target, thresholds)
    return _predicted(target, saved.rows + 1, part, notes, saved.true, saved.predicted, kept)
