"""Figures of predicted classes and labels: confusion matrix, scores of each class."""

from collections.abc import Sequence

import numpy as np

from bpnet.figures.figure import Cell, Figure
from bpnet.figures.predictions import PredictedClasses, PredictedLabels, Probable
from bpnet.figures.vega import FILL, bands, category, number, records, short_names, tooltip
from bpnet.messages import counted
from bpnet.scoring.curves import class_scores, confusion_matrix

MOST_CLASSES = 30
"""Classes of a drawing; of more, those with most rows are drawn."""


def confusion_figure(predicted: PredictedClasses) -> Figure:
    """Return the confusion matrix: the rows of each class by the class that was predicted."""
    classes = len(predicted.classes)
    counts = confusion_matrix(predicted.true, predicted.chosen, classes)
    drawn, notes = _most_frequent(counts.sum(axis=1) + counts.sum(axis=0))
    names = np.array(short_names(predicted.classes), object)
    shown = counts[np.ix_(drawn, drawn)]
    totals = np.maximum(counts.sum(axis=1), 1)[drawn]
    true, chosen = np.meshgrid(names[drawn], names[drawn], indexing="ij")
    data = records(
        true=true.ravel(),
        predicted=chosen.ravel(),
        rows=shown.ravel(),
        share=(shown / totals[:, None]).ravel(),
    )
    position = {
        "x": category("predicted", "predicted", axis={"orient": "top", "labelAngle": -40}),
        "y": category("true", "true class"),
    }
    layers: list[dict[str, object]] = [
        {
            "mark": {"type": "rect", "color": FILL, "stroke": "currentColor", "strokeOpacity": 0.1},
            "encoding": {
                **position,
                # over the page's color, so that text is legible on light and dark
                "fillOpacity": number(
                    "share", "", scale={"domain": [0, 1], "range": [0, 0.6]}, legend=None
                ),
                "tooltip": tooltip(
                    ("true", "true class"),
                    ("predicted", "predicted"),
                    ("rows", "rows"),
                    ("share", "share of the class"),
                ),
            },
        }
    ]
    if len(drawn) <= MOST_CLASSES:
        text = {"text": {"field": "rows", "type": "quantitative", "format": ",d"}}
        layers.append({"mark": {"type": "text"}, "encoding": {**position, **text}})
    panel = {
        "data": data,
        "height": bands(len(drawn), 26 if len(drawn) > 6 else 40),
        "layer": layers,
    }
    right = int(np.trace(counts))
    rows: list[Sequence[Cell]] = [
        (predicted.classes[i], predicted.classes[j], int(counts[i, j]))
        for i in range(classes)
        for j in range(classes)
        if classes <= MOST_CLASSES or counts[i, j]
    ]
    return Figure(
        "confusion",
        "Confusion matrix",
        f"{right:,} of {predicted.counted} are predicted as their own class. {_mistakes(predicted)}"
        " The stronger the color of a cell, the larger its share of the true class.",
        ("true class", "predicted", "rows"),
        rows,
        [panel],
        [*predicted.notes_of_decisions, *notes],
    )


def _mistakes(predicted: PredictedClasses) -> str:
    """Return a sentence on the most frequent confusion."""
    counts = confusion_matrix(predicted.true, predicted.chosen, len(predicted.classes))
    np.fill_diagonal(counts, 0)
    if not counts.any():
        return "There is no mistake."
    i, j = np.unravel_index(counts.argmax(), counts.shape)
    names = short_names(predicted.classes)
    return (
        f"Most often confused: {names[i]} predicted as {names[j]}, {counted(counts[i, j], 'row')}."
    )


def scores_figure(predicted: Probable) -> Figure:
    """Return precision, recall and F1 of each class or label."""
    if isinstance(predicted, PredictedLabels):
        names, noun = predicted.names, "label"
        each = [
            class_scores(predicted.true[:, k], predicted.chosen[:, k], 2)[1]
            for k in range(len(names))
        ]
        scores = np.array(each)
    else:
        names, noun = predicted.classes, "class"
        scores = class_scores(predicted.true, predicted.chosen, len(names))
    drawn, notes = _most_frequent(scores[:, 3])
    short = short_names(names)
    measures = ("precision", "recall", "F1")
    data = records(
        name=[short[k] for k in drawn for _ in measures],
        measure=list(measures) * len(drawn),
        score=[float(scores[k, m]) for k in drawn for m in range(3)],
        rows=[int(scores[k, 3]) for k in drawn for _ in measures],
    )
    panel = {
        "data": data,
        "height": bands(len(drawn), 26),
        "mark": {"type": "point", "size": 90},
        "encoding": {
            "x": number("score", "score", scale={"domain": [0, 1]}),
            "y": category("name", axis={"grid": True}),
            "color": category("measure"),
            "shape": category("measure"),
            "tooltip": tooltip(
                ("name", noun), ("measure", "measure"), ("score", "score"), ("rows", "rows")
            ),
        },
    }
    worst = int(np.argmin(np.where(scores[:, 3] > 0, scores[:, 2], np.inf)))
    return Figure(
        "scores",
        f"Scores of each {noun}",
        f"Precision, recall and F1 of each {noun}, on {predicted.counted}. The lowest F1 of those "
        f"that occur is that of {short[worst]}, {scores[worst, 2]:.4f}.",
        (noun, *measures, "rows"),
        [(name, *map(float, scores[k, :3]), int(scores[k, 3])) for k, name in enumerate(names)],
        [panel],
        [*predicted.notes_of_decisions, *notes],
    )


def _most_frequent(rows: np.ndarray) -> tuple[list[int], list[str]]:
    """Return the numbers of the classes to draw, in order, and a note if some are left out."""
    if len(rows) <= MOST_CLASSES:
        return list(range(len(rows))), []
    most = sorted(np.argsort(-rows, kind="stable")[:MOST_CLASSES].tolist())
    return most, [f"drawn are the {MOST_CLASSES} most frequent of {len(rows):,} classes"]
