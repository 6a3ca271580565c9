"""The columns that `bpnet predict` adds to a table: predictions, probabilities, disagreement."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TypeAlias

import numpy as np

from bpnet.data.decisions import predicted_classes, predicted_labels
from bpnet.data.targets import Classes, Labels
from bpnet.data.writing import LabelColumn, Numbers
from bpnet.engine.component import Array
from bpnet.errors import RunError
from bpnet.models.ensemble import Ensemble, Inputs

PredictionColumns: TypeAlias = list[tuple[str, LabelColumn | Numbers]]
"""Names, of which two may be equal, each with labels or numbers."""

_FLAGS = "flags"
"""The column of what to mind about a row."""
_NamedColumns: TypeAlias = Iterator[tuple[str, LabelColumn | Numbers]]


def prediction_columns(
    model: Ensemble,
    x: Inputs,
    *,
    top: int | None,
    probabilities: bool,
    levels: Sequence[float] = (),
    raw: bool = False,
) -> PredictionColumns:
    """Return the columns for encoded rows; raises RunError if a prediction is not finite.

    `top` asks for the most probable classes instead of one prediction, `levels` for prediction
    intervals of quantities, `raw` for the outputs of the model's only network as they are.
    """
    each = model.predict_each(x)
    with np.errstate(all="ignore"):  # what is not finite is an error below
        predictions = model.combine(each)
        disagreement = model.disagreement(each, predictions) if model.networks > 1 else None
    if not np.isfinite(predictions).all() or not (
        disagreement is None or np.isfinite(disagreement).all()
    ):
        raise not_finite()
    return [
        *_prediction_columns(model, predictions, top, probabilities),
        *_interval_columns(model, predictions, levels),
        *_disagreement_columns(model, disagreement),
        *(_raw_columns(model, x) if raw else []),
    ]


def added_names(model: Ensemble, names: Sequence[str]) -> list[str]:
    """Return the names of columns that are added to a table, and that of the flags.

    A feature keeps its name: the output is a table that the model can read.
    """
    return distinct([*names, _FLAGS], {*model.wanted, *model.description.target.names})


def not_finite() -> RunError:
    """Return the error for a prediction that is not a finite number."""
    return RunError(
        "a prediction is not a finite number; "
        "the model's weights, or the table's values, are too large"
    )


def distinct(names: Iterable[str], taken: Collection[str] = ()) -> list[str]:
    """Return the names with _2, _3, … after one that is taken, or that an earlier one has."""
    found: dict[str, None] = {}
    for name in names:
        number, free = 1, name
        while free in found or free in taken:
            number += 1
            free = f"{name}_{number}"
        found[free] = None
    return list(found)


def numbers(model: Ensemble, values: Array, *, differences: bool = False) -> list[Numbers]:
    """Return predictions (N, K), or differences between them, as K columns of numbers."""
    values = values.astype(np.float64)
    resolution = model.resolution(values, differences=differences)
    return [Numbers(values[:, k], resolution[:, k]) for k in range(values.shape[1])]


def _prediction_columns(
    model: Ensemble, predictions: Array, top: int | None, probabilities: bool
) -> _NamedColumns:
    target, shares = model.description.target, numbers(model, predictions)
    if isinstance(target, Classes):
        if top is None:
            numbers_of = predicted_classes(predictions, target.positive_number, model.thresholds)
            yield from _class_columns(target, numbers_of, shares if probabilities else [])
        else:
            yield from _top_columns(model, target, predictions, top, probabilities)
    elif isinstance(target, Labels):
        labels = predicted_labels(predictions, model.thresholds)
        yield from _label_columns(target.names, labels, shares, probabilities)
    else:
        yield from ((f"predicted_{name}", shares[k]) for k, name in enumerate(target.names))


def _interval_columns(
    model: Ensemble, predictions: Array, levels: Sequence[float]
) -> _NamedColumns:
    """Yield the lower and upper end of each target's interval of every level."""
    for level in levels:
        ends = [numbers(model, end) for end in model.interval(predictions, level)]
        for name, lower, upper in zip(model.description.target.names, *ends, strict=True):
            yield f"lower_{100 * level:g}_{name}", lower
            yield f"upper_{100 * level:g}_{name}", upper


def _class_columns(
    target: Classes, predicted: Array, probabilities: Sequence[Numbers]
) -> _NamedColumns:
    yield f"predicted_{target.name}", LabelColumn(predicted.tolist(), target.classes)
    for label, values in zip(target.classes, probabilities, strict=False):
        yield f"probability_{label}", values


def _top_columns(
    model: Ensemble, target: Classes, predictions: Array, top: int, probabilities: bool
) -> _NamedColumns:
    order = np.argsort(-predictions, axis=1, kind="stable")[:, :top]  # (N, top) class numbers
    chosen = numbers(model, np.take_along_axis(predictions, order, axis=1))
    for k in range(top):
        yield f"top_{k + 1}_{target.name}", LabelColumn(order[:, k].tolist(), target.classes)
        if probabilities:
            yield f"top_{k + 1}_probability", chosen[k]


def _label_columns(
    names: Sequence[str], labels: Array, shares: Sequence[Numbers], probabilities: bool
) -> _NamedColumns:
    for k, name in enumerate(names):
        yield f"predicted_{name}", LabelColumn(labels[:, k].astype(int).tolist(), ["0", "1"])
    if probabilities:
        for name, values in zip(names, shares, strict=True):
            yield f"probability_{name}", values


def _raw_columns(model: Ensemble, x: Inputs) -> _NamedColumns:
    """Yield the outputs of the only network, before they become probabilities or quantities."""
    (member,), target = model.members, model.description.target
    (scores,) = member.scores(x[0])  # (1, N, O)
    names = target.names
    if isinstance(target, Classes):  # a single output is that of the second class
        names = target.classes[-scores.shape[1] :]
    for k, name in enumerate(names):
        values = scores[:, k]
        resolution = np.spacing(np.abs(values)).astype(np.float64)
        yield f"raw_{name}", Numbers(values.astype(np.float64), resolution)


def _disagreement_columns(model: Ensemble, disagreement: Array | None) -> _NamedColumns:
    if disagreement is None:
        return
    names = model.description.target.names
    columns = numbers(model, disagreement, differences=True)
    if len(columns) == 1:
        yield "disagreement", columns[0]
        return
    for name, values in zip(names, columns, strict=True):
        yield f"disagreement_{name}", values
