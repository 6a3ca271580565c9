"""The surest errors: the wrong predictions that a model gave most of its probability."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bpnet.data.decisions import Thresholds, predicted_classes, predicted_labels
from bpnet.data.reading.column import Floats
from bpnet.data.splitting import Indices
from bpnet.data.targets import AnyTarget, Classes, Labels
from bpnet.engine.component import Array
from bpnet.inspection.predictor import Predictor


@dataclass(frozen=True)
class SurestErrors:
    """The `count` wrong predictions, of which the surest ones are listed: E of them.

    `rows` (E,) counts from 0; `outputs` (E,) is the predicted class, or the number of the label or
    the quantity. `sureness` (E,) is the probability of the wrong class or value, or the error of a
    quantity, predicted - true. Rows count alike, whatever their weights.
    """

    count: int
    rows: Indices
    outputs: Indices
    sureness: Floats


def surest_errors(
    target: AnyTarget, true: Array, predicted: Floats, thresholds: Thresholds, most: int
) -> SurestErrors:
    """Return the surest of the wrong predictions (N, K), or those of the largest errors.

    True are class numbers (N,), labels or quantities (N, K). The errors of several quantities are
    compared as shares of the deviation of each one in these rows.
    """
    if isinstance(target, Classes):
        said = predicted_classes(predicted, target.positive_number, thresholds)
        sureness = predicted[np.arange(len(said)), said]
        wrong = said != true
        order = _largest(np.where(wrong, sureness, -np.inf), most, int(wrong.sum()))
        return SurestErrors(int(wrong.sum()), order, said[order], sureness[order])
    if isinstance(target, Labels):
        labels = predicted_labels(predicted, thresholds)
        sureness = np.where(labels, predicted, 1 - predicted)
        wrong = labels != (true > 0)
        rank = np.where(wrong, sureness, -np.inf)
        count = int(wrong.sum())
    else:
        sureness = predicted - true
        deviation = true.std(axis=0)
        with np.errstate(all="ignore"):  # of the largest floats the rank is infinite
            rank = np.abs(sureness) / np.where(deviation > 0, deviation, 1.0)
        count = int((sureness != 0).sum())
    width = sureness.shape[1]
    order = _largest(rank.ravel(), most, count)
    return SurestErrors(count, order // width, order % width, sureness.ravel()[order])


def telling_columns(
    predictor: Predictor,
    columns: Sequence[str],
    rows: Indices,
    others: Indices,
    outputs: Indices,
) -> list[list[str]]:
    """Return the columns of each row (E,), those first that its prediction hangs on most.

    That is how much its output (E,) changes with the cells of the rows `others` (D,), on average.
    """
    own, source = np.repeat(rows, len(others)), np.tile(others, len(rows))
    output = np.repeat(outputs, len(others))
    before = predictor.predicted[own, output]
    every = np.arange(len(own))
    changes = np.column_stack(
        [
            np.abs(predictor.exchanged([name], own, source)[every, output] - before)
            .reshape(len(rows), -1)
            .mean(axis=1)
            for name in columns
        ]
    )  # (E, C)
    return [[columns[k] for k in order] for order in np.argsort(-changes, axis=1, kind="stable")]


def _largest(values: Floats, most: int, count: int) -> Indices:
    """Return the positions of the largest values, at most `count` of them."""
    return np.argsort(-values, kind="stable")[: min(most, count)]
