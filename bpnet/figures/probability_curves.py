"""ROC curves, precision-recall curves and calibration of probabilities."""

import math
from collections.abc import Sequence

from bpnet.data.reading.column import Floats
from bpnet.figures.figure import Cell, Figure
from bpnet.figures.predictions import PredictedLabels, Probable, YesOrNo, questions
from bpnet.figures.vega import (
    Spec,
    category,
    lines,
    number,
    records,
    short_names,
    thinned,
    tooltip,
)
from bpnet.scoring.curves import (
    CALIBRATION_BINS,
    calibration_curve,
    precision_recall_curve,
    roc_curve,
)

_SHARE = {"domain": [0, 1], "nice": False}


def roc_figure(predicted: Probable) -> Figure:
    """Return the ROC curve of the positive class, or of each class against the rest."""
    asked, notes = questions(predicted)
    curves = [roc_curve(one.true, one.probability) for one in asked]
    names = [f"{name} ({c.area:.3f})" for name, c in zip(_names(asked), curves, strict=True)]
    rows: list[Sequence[Cell]] = []
    for one, curve in zip(asked, curves, strict=True):
        rows += [
            (one.name, *point)
            for point in _points(curve.false_positive, curve.true_positive, curve.thresholds)
        ]
    return Figure(
        "roc",
        "ROC curve",
        f"How many positive rows are found at each rate of false alarms, of {predicted.counted}. "
        f"The area under the curve is {_listed(asked, [c.area for c in curves])}; "
        "0.5 is chance, 1 is perfect.",
        ("class", "false positive rate", "true positive rate", "threshold"),
        rows,
        [_curve(rows, names, asked, "false positive rate", "true positive rate", chance=True)],
        [*predicted.notes, *notes],
    )


def precision_recall_figure(predicted: Probable) -> Figure:
    """Return the precision-recall curve of the positive class, or of each class."""
    asked, notes = questions(predicted)
    curves = [precision_recall_curve(one.true, one.probability) for one in asked]
    names = [f"{name} ({c.average:.3f})" for name, c in zip(_names(asked), curves, strict=True)]
    rows: list[Sequence[Cell]] = []
    for one, curve in zip(asked, curves, strict=True):
        rows += [
            (one.name, *point) for point in _points(curve.recall, curve.precision, curve.thresholds)
        ]
    shares = [float(one.true.mean()) for one in asked]
    return Figure(
        "precision-recall",
        "Precision and recall",
        "How many of the rows that are called positive are so, by how many of the positive rows "
        f"are found, of {predicted.counted}. The average precision is "
        f"{_listed(asked, [c.average for c in curves])}; chance is the share of the positive rows, "
        f"{_listed(asked, shares)}.",
        ("class", "recall", "precision", "threshold"),
        rows,
        [_curve(rows, names, asked, "recall", "precision", chance=False)],
        [*predicted.notes, *notes],
    )


def calibration_figure(predicted: Probable) -> Figure:
    """Return the reliability of the probabilities: how often what was called 70 % is so."""
    asked, notes = questions(predicted)
    rows: list[Sequence[Cell]] = []
    gaps = []
    for one in asked:
        curve = calibration_curve(one.true, one.probability)
        bins = zip(curve.predicted, curve.observed, curve.rows, strict=True)
        rows += [(one.name, float(p), float(o), int(n)) for p, o, n in bins]
        gaps.append(float(abs(curve.predicted - curve.observed) @ curve.rows / curve.rows.sum()))
    names = dict(zip((one.name for one in asked), _names(asked), strict=True))
    data = records(
        x=[row[1] for row in rows],
        y=[row[2] for row in rows],
        rows=[row[3] for row in rows],
        series=[names[str(row[0])] for row in rows],
    )
    x = number("x", "predicted probability", scale=_SHARE)
    panel = lines(
        data,
        x,
        number("y", "share of rows that are so", scale=_SHARE),
        series=category("series"),
        shown=tooltip(("series", "class"), ("x", "predicted"), ("y", "observed"), ("rows", "rows")),
        behind=[_diagonal()],
        mark={"point": {"filled": True, "size": 40}},
        height=300,
    )
    return Figure(
        "calibration",
        "Calibration",
        f"How often what was called probable is so, in bins of {predicted.counted}. On the "
        "diagonal, probabilities are what they say. The mean distance from it is "
        f"{_listed(asked, gaps)}, in {CALIBRATION_BINS} bins{_other_error(predicted)}.",
        ("class", "mean predicted probability", "share of rows that are so", "rows"),
        rows,
        [panel],
        [*predicted.notes, *notes],
    )


def _other_error(predicted: Probable) -> str:
    """Return how the calibration error among the scores differs."""
    if isinstance(predicted, PredictedLabels):
        return ""
    return "; the calibration error of bpnet eval is of the most probable class, in 15 bins"


def _names(asked: Sequence[YesOrNo]) -> list[str]:
    return short_names([one.name for one in asked])


def _points(x: Floats, y: Floats, thresholds: Floats) -> list[tuple[float, float, float | None]]:
    """Return the points of a curve, thinned out; an infinite threshold is None."""
    return [
        (float(x[k]), float(y[k]), float(thresholds[k]) if math.isfinite(thresholds[k]) else None)
        for k in thinned(len(x))
    ]


def _curve(
    rows: Sequence[Sequence[Cell]],
    names: Sequence[str],
    asked: Sequence[YesOrNo],
    x: str,
    y: str,
    *,
    chance: bool,
) -> Spec:
    short = dict(zip((one.name for one in asked), names, strict=True))
    data = records(
        x=[row[1] for row in rows],
        y=[row[2] for row in rows],
        threshold=[row[3] for row in rows],
        order=range(len(rows)),
        series=[short[str(row[0])] for row in rows],
    )
    panel = lines(
        data,
        number("x", x, scale=_SHARE),
        number("y", y, scale=_SHARE),
        series=category("series"),
        shown=tooltip(("series", "class"), ("x", x), ("y", y), ("threshold", "threshold")),
        behind=[_diagonal()] if chance else [],
        height=300,
    )
    panel["layer"][-2]["encoding"]["order"] = {"field": "order", "type": "quantitative"}
    return panel


def _diagonal() -> Spec:
    """Return the layer of the line from (0, 0) to (1, 1)."""
    return {
        "data": records(x=[0, 1], y=[0, 1]),
        "mark": {"type": "line", "color": "currentColor", "strokeWidth": 1, "strokeDash": [4, 4]},
        "encoding": {"x": number("x", ""), "y": number("y", "")},
    }


def _listed(asked: Sequence[YesOrNo], values: Sequence[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.4f}"
    return ", ".join(
        f"{value:.4f} ({name})" for name, value in zip(_names(asked), values, strict=True)
    )
