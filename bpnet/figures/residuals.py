"""Residuals: true minus predicted quantities."""

from collections.abc import Sequence

import numpy as np

from bpnet.figures.figure import Cell, Figure
from bpnet.figures.predictions import PredictedQuantities
from bpnet.figures.vega import FILL, Spec, number, records, short_names, tooltip, zoom
from bpnet.messages import counted

MOST_POINTS = 1000
MOST_TARGETS = 6


def residuals_figure(predicted: PredictedQuantities, most: int = MOST_POINTS) -> Figure:
    """Return the true values and the residuals over the predictions, at most `most` points."""
    picked = np.linspace(0, len(predicted.rows) - 1, min(most, len(predicted.rows)))
    which = np.unique(picked.round().astype(int))
    notes = list(predicted.notes)
    if len(which) < len(predicted.rows):
        notes.append(f"drawn are {len(which):,} of the points, evenly spaced")
    if len(predicted.names) > MOST_TARGETS:
        notes.append(f"the first {MOST_TARGETS} of {counted(len(predicted.names), 'target')}")
    names = short_names(predicted.names)
    residual = predicted.true - predicted.predicted
    panels: list[Spec] = []
    rows: list[Sequence[Cell]] = []
    texts = []
    for k, name in enumerate(predicted.names[:MOST_TARGETS]):
        true, guess, rest = (
            values[which, k] for values in (predicted.true, predicted.predicted, residual)
        )
        numbers = predicted.rows[which]
        rows += [
            (int(row), name, float(t), float(p), float(r))
            for row, t, p, r in zip(numbers, true, guess, rest, strict=True)
        ]
        data = records(row=numbers, true=true, predicted=guess, residual=rest)
        low, high = float(min(true.min(), guess.min())), float(max(true.max(), guess.max()))
        x = number("predicted", f"{names[k]}, predicted", scale={"zero": False})
        panels.append(
            _points(data, x, "true", f"{names[k]}, true", [(low, low), (high, high)], zero=False)
        )
        level = [(float(guess.min()), 0.0), (float(guess.max()), 0.0)]
        panels.append(_points(data, x, "residual", "true - predicted", level, zero=True))
        texts.append(
            f"{names[k]}: the residuals have the mean {residual[:, k].mean():.4g} and the standard "
            f"deviation {residual[:, k].std():.4g}; half of them are within "
            f"{np.median(np.abs(residual[:, k])):.4g}."
        )
    return Figure(
        "residuals",
        "Residuals",
        f"True values and residuals over predictions, of {predicted.counted}. " + " ".join(texts),
        ("row", "target", "true", "predicted", "true - predicted"),
        rows,
        panels,
        notes,
    )


def _points(
    data: Spec, x: Spec, y: str, title: str, line: Sequence[tuple[float, float]], *, zero: bool
) -> Spec:
    """Return a panel of points beside the line where they would be without errors."""
    vertical = number(y, title, scale={"zero": zero})
    ends = records(predicted=[x for x, _ in line], **{y: [value for _, value in line]})
    shown = (("row", "row"), ("true", "true"), ("predicted", "predicted"), ("residual", "residual"))
    return {
        "data": data,
        "height": 240,
        "layer": [
            {
                "data": ends,
                "mark": {"type": "line", "color": "currentColor", "strokeWidth": 1},
                "encoding": {"x": x, "y": vertical},
            },
            {
                "params": [zoom("x", "y")],
                "mark": {"type": "point", "color": FILL, "opacity": 0.6, "size": 28, "clip": True},
                "encoding": {"x": x, "y": vertical, "tooltip": tooltip(*shown)},
            },
        ],
    }
