"""The errors that a model was surest of."""

from collections.abc import Sequence

import numpy as np

from bpnet.figures.figure import Cell, Figure
from bpnet.figures.predictions import (
    AnyPredicted,
    PredictedClasses,
    PredictedQuantities,
    Probable,
)
from bpnet.figures.vega import bands, category, number, records, short_name, short_names, tooltip
from bpnet.messages import counted

MOST = 20
_ADVICE = "Look at these rows first: a true value may be wrong, or a column may be missing."


def surest_figure(predicted: AnyPredicted) -> Figure:
    """Return the wrong predictions of the highest probability, or the largest residuals."""
    if isinstance(predicted, PredictedQuantities):
        return _largest_residuals(predicted)
    wrong = _wrong(predicted)
    shown = sorted(wrong, key=lambda error: -error[3])[:MOST]
    if shown:
        text = (
            f"Of {predicted.counted}, {counted(len(wrong), 'prediction')} "
            f"{'is' if len(wrong) == 1 else 'are'} wrong. The surest is row {shown[0][0]}, with "
            f"the probability {shown[0][3]:.4f}. {_ADVICE}"
        )
    else:
        text = f"Of {predicted.counted}, none is predicted wrong."
    columns = ("row", "true", "predicted", "probability", "probability of the true one")
    data = records(
        row=[_label(error) for error in shown for _ in range(2)],
        value=[share for error in shown for share in error[3:5]],
        of=["predicted", "true"] * len(shown),
        name=[name for error in shown for name in short_names([error[2], error[1]])],
    )
    x = number("value", "probability", scale={"domain": [0, 1]})
    return _figure("Surest errors", text, columns, shown, predicted, (data, x))


def _label(error: tuple[int, str, str, float, float]) -> str:
    row, true, predicted = error[:3]
    return f"row {row}: {short_name(true)}, predicted {short_name(predicted)}"


def _wrong(
    predicted: Probable,
) -> list[tuple[int, str, str, float, float]]:
    """Return the errors: row, true and predicted name, and the probabilities of both."""
    if isinstance(predicted, PredictedClasses):
        chosen, true = predicted.chosen, predicted.true
        return [
            (
                int(predicted.rows[k]),
                predicted.classes[true[k]],
                predicted.classes[chosen[k]],
                float(predicted.probabilities[k, chosen[k]]),
                float(predicted.probabilities[k, true[k]]),
            )
            for k in np.flatnonzero(chosen != true)
        ]
    chosen = predicted.chosen
    wrong = chosen != (predicted.true > 0)
    errors = []
    for k, label in zip(*np.nonzero(wrong), strict=True):
        name, share = predicted.names[label], float(predicted.probabilities[k, label])
        sure = share if chosen[k, label] else 1 - share
        yes, no = name, f"not {name}"
        names = (no, yes) if chosen[k, label] else (yes, no)
        errors.append((int(predicted.rows[k]), *names, sure, 1 - sure))
    return errors


def _largest_residuals(predicted: PredictedQuantities) -> Figure:
    residual = predicted.true - predicted.predicted
    # targets have units of their own: each counts by its own spread
    size = np.abs(residual) / np.maximum(residual.std(axis=0), np.finfo(float).tiny)
    order = np.argsort(-size, axis=None, kind="stable")[:MOST]
    places = [np.unravel_index(k, size.shape) for k in order]
    shown = [
        (
            int(predicted.rows[i]),
            predicted.names[k],
            float(predicted.true[i, k]),
            float(predicted.predicted[i, k]),
            float(residual[i, k]),
        )
        for i, k in places
    ]
    names = short_names(predicted.names)
    data = records(
        row=[f"row {error[0]}" for error in shown for _ in range(2)],
        value=[value for error in shown for value in error[2:4]],
        of=["true", "predicted"] * len(shown),
        name=[names[k] for _, k in places for _ in range(2)],
    )
    first = shown[0]
    text = (
        f"The {len(shown)} largest residuals of {predicted.counted}. The largest is that of row "
        f"{first[0]}: true {first[2]:.4g}, predicted {first[3]:.4g}. {_ADVICE}"
    )
    columns = ("row", "target", "true", "predicted", "true - predicted")
    title = names[0] if len(names) == 1 else "value"
    x = number("value", title, scale={"zero": False})
    return _figure("Largest errors", text, columns, shown, predicted, (data, x))


def _figure(
    title: str,
    text: str,
    columns: Sequence[str],
    shown: Sequence[Sequence[Cell]],
    predicted: AnyPredicted,
    drawn: tuple[dict[str, object], dict[str, object]],
) -> Figure:
    data, x = drawn
    panel = {
        "data": data,
        "height": bands(len({error[0] for error in shown}), 20),
        "encoding": {"y": category("row", axis={"grid": True, "labelLimit": 340})},
        "layer": [
            {
                "mark": {"type": "line", "color": "currentColor", "strokeWidth": 1, "opacity": 0.4},
                "encoding": {"x": x, "detail": category("row")},
            },
            {
                "mark": {"type": "point", "size": 70},
                "encoding": {
                    "x": x,
                    "color": category("of", scale={"domain": ["true", "predicted"]}),
                    "tooltip": tooltip(
                        ("row", "row"), ("of", "of"), ("name", "name"), ("value", "value")
                    ),
                },
            },
        ],
    }
    panels, notes = [panel] if shown else [], predicted.notes_of_decisions
    return Figure("surest", title, text, columns, shown, panels, notes)
