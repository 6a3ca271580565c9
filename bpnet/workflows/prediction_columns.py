"""The columns that `bpnet predict` adds to a table: predictions, probabilities, disagreement."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from bpnet.data.targets import Classes, Labels
from bpnet.engine.component import Array
from bpnet.errors import RunError
from bpnet.models.ensemble import Ensemble, Inputs

PredictionColumns: TypeAlias = dict[str, list[str] | Array]
"""Texts or numbers (N,), by column name."""


def prediction_columns(
    model: Ensemble, x: Inputs, *, top: int | None, probabilities: bool
) -> PredictionColumns:
    """Return the columns for encoded rows; raises RunError if a prediction is not finite.

    `top` asks for the most probable classes instead of one prediction.
    """
    each = model.predict_each(x)
    predictions = model.combine(each)
    if not np.isfinite(predictions).all():
        raise RunError(
            "a prediction is not a finite number; "
            "the model's weights, or the table's values, are too large"
        )
    target = model.description.target
    if isinstance(target, Classes):
        columns = (
            _class_columns(target, predictions, probabilities)
            if top is None
            else _top_columns(target, predictions, top, probabilities)
        )
    elif isinstance(target, Labels):
        columns = _label_columns(target.names, predictions, probabilities)
    else:
        columns = {f"predicted_{name}": predictions[:, k] for k, name in enumerate(target.names)}
    if model.networks > 1:
        columns |= _disagreement_columns(target.names, model.disagreement(each))
    return columns


def _class_columns(target: Classes, predictions: Array, probabilities: bool) -> PredictionColumns:
    labels = [target.classes[k] for k in predictions.argmax(axis=1).tolist()]
    columns: PredictionColumns = {f"predicted_{target.name}": labels}
    if probabilities:
        columns |= {
            f"probability_{label}": predictions[:, k] for k, label in enumerate(target.classes)
        }
    return columns


def _top_columns(
    target: Classes, predictions: Array, top: int, probabilities: bool
) -> PredictionColumns:
    columns: PredictionColumns = {}
    order = np.argsort(-predictions, axis=1, kind="stable")[:, :top]  # (N, top) class numbers
    for k in range(top):
        labels = [target.classes[number] for number in order[:, k].tolist()]
        columns[f"top_{k + 1}_{target.name}"] = labels
        if probabilities:
            chosen = np.take_along_axis(predictions, order[:, k : k + 1], axis=1)
            columns[f"top_{k + 1}_probability"] = chosen[:, 0]
    return columns


def _label_columns(
    names: Sequence[str], predictions: Array, probabilities: bool
) -> PredictionColumns:
    columns: PredictionColumns = {
        f"predicted_{name}": ["1" if p > 0.5 else "0" for p in predictions[:, k].tolist()]
        for k, name in enumerate(names)
    }
    if probabilities:
        columns |= {f"probability_{name}": predictions[:, k] for k, name in enumerate(names)}
    return columns


def _disagreement_columns(names: Sequence[str], disagreement: Array) -> PredictionColumns:
    if disagreement.shape[1] == 1:
        return {"disagreement": disagreement[:, 0]}
    return {f"disagreement_{name}": disagreement[:, k] for k, name in enumerate(names)}
