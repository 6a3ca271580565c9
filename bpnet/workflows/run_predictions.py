"""The predictions of a run that its figures are about: for rows that it has not seen, if any."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bpnet.data.splitting import Part
from bpnet.data.targets import AnyTarget, Classes, Labels
from bpnet.engine.component import Array
from bpnet.engine.randomness import Purpose, generator
from bpnet.errors import RunError
from bpnet.figures.predictions import (
    AnyPredicted,
    PredictedClasses,
    PredictedLabels,
    PredictedQuantities,
)
from bpnet.models.ensemble import Ensemble
from bpnet.runs.directory import RunPaths
from bpnet.runs.files import open_text, short_lines
from bpnet.workflows.evaluation_set import read_evaluation_set
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


def predict_rows(paths: RunPaths, model: Ensemble) -> SeenRows:
    """Return the predictions of a model for test rows, or else validation or training rows.

    Raises DataError or RunError if the table is not as it was.
    """
    table = open_training_table(paths.folder)
    part = next(part for part in _PARTS if table.mask(part).any())
    mask, notes = sampled(table.mask(part), model.description.seeds[0])
    words = "training rows" if part == "train" else f"{part} rows"
    notes = [*([_NOTES[part]] if part in _NOTES else []), *notes]
    warnings: list[str] = []
    rows = read_evaluation_set(model, table.table, mask, warnings)
    scored = ScoredModel(model, rows)
    numbers = np.flatnonzero(mask) + 1
    target = model.description.target
    predicted = _predicted(target, numbers, words, notes, rows.values, scored.predicted)
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
) -> AnyPredicted:
    if isinstance(target, Classes):
        positive = target.positive_number
        return PredictedClasses(
            rows, part, notes, target.name, target.classes, positive, true, predicted
        )
    if isinstance(target, Labels):
        return PredictedLabels(rows, part, notes, target.names, true, predicted)
    return PredictedQuantities(rows, part, notes, target.names, true, predicted)


def out_of_fold(
    paths: RunPaths, targets: Sequence[str], task: str, positive: str | None
) -> AnyPredicted:
    """Return the predictions of predictions.csv, each by networks that have not seen the row.

    Of several repetitions it is the first. Raises RunError.
    """
    with open_text(paths.predictions) as file:
        lines = csv.DictReader(short_lines(file, paths.predictions))
        header = list(lines.fieldnames or ())
        lines_of_first = [line for line in lines if line.get("repeat") == "1"]
    try:
        return _read(header, lines_of_first, targets, task, positive)
    except (KeyError, ValueError, TypeError):
        raise RunError(
            f"{paths.predictions}: is not as bpnet wrote it; restore it from a copy, or train again"
        ) from None


def _read(
    header: Sequence[str],
    lines: Sequence[Mapping[str, str]],
    targets: Sequence[str],
    task: str,
    positive: str | None,
) -> AnyPredicted:
    rows = np.array([int(line["row"]) for line in lines])
    part, notes = "out-of-fold rows", ["each row is predicted by networks that have not seen it"]

    def numbers(names: Sequence[str]) -> Array:
        return np.array([[float(line[name]) for name in names] for line in lines])

    if task == "regression":
        true = numbers([f"true_{name}" for name in targets])
        guess = numbers([f"predicted_{name}" for name in targets])
        return PredictedQuantities(rows, part, notes, targets, true, guess)
    names = [name for name in header if name.startswith("probability_")]
    probabilities = numbers(names)
    if task == "multilabel":
        labels = numbers([f"true_{name}" for name in targets])
        return PredictedLabels(rows, part, notes, targets, labels, probabilities)
    classes = [name.removeprefix("probability_") for name in names]
    number = {name: k for k, name in enumerate(classes)}
    true = np.array([number[line[f"true_{targets[0]}"]] for line in lines])
    chosen = 1 if positive is None else number[positive]
    return PredictedClasses(rows, part, notes, targets[0], classes, chosen, true, probabilities)
