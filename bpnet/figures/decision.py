"""The decision map: what a model predicts over two columns."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bpnet.data.decisions import (
    Thresholds,
    decided_names,
    predicted_classes,
    predicted_labels,
)
from bpnet.data.reading.column import Floats
from bpnet.data.targets import AnyTarget, Classes, Quantities
from bpnet.engine.component import Array
from bpnet.figures.figure import Cell, Figure
from bpnet.figures.predictions import decision_notes
from bpnet.figures.vega import (
    COLORS,
    Spec,
    category,
    number,
    records,
    short_name,
    short_names,
    tooltip,
)
from bpnet.inspection.cells import date_text
from bpnet.inspection.decision import DecisionMap, MapAxis, names_of

SIDE = 32
"""Values of a number or a date."""
_MOST_POINTS = 300
_LISTED = 8
"""Values of each column in the table."""


def decision_figure(
    drawn: DecisionMap,
    target: AnyTarget,
    true: Array,
    notes: Sequence[str],
    thresholds: Thresholds = None,
) -> Figure:
    """Return the map with some rows on it, whose true values (N,) or (N, K) are given.

    Of several labels or quantities it is that of the first.
    """
    notes = [*notes, *decision_notes(decided_names(target)[:1], thresholds and thresholds[:1])]
    shade, words, sure = _predicted(drawn, target, thresholds)
    if not isinstance(target, Classes) and len(target.names) > 1:
        notes.append(f"the map is of the first of {len(target.names)} targets, {words[-1]}")
    if drawn.typical:
        named = zip(
            short_names([name for name, _ in drawn.typical[:12]]),
            [short_name(value) for _, value in drawn.typical[:12]],
            strict=True,
        )
        others = ", ".join(f"{name} {value}" for name, value in named)
        more = len(drawn.typical) - 12
        notes.append(
            f"the other columns are at their median or most frequent value: {others}"
            + (f" and {more} more" if more > 0 else "")
        )
    x, y = short_names([drawn.x.column, drawn.y.column])
    colors, points = _colors(target, words), _points(drawn, target, true, words)
    return Figure(
        "decision",
        f"Decision map over {x} and {y}",
        _text(target, shade, words, (x, y)),
        (drawn.x.column, drawn.y.column, "prediction", *(["probability"] if words[1:] else [])),
        _rows(drawn, shade, words, sure),
        [_panel(drawn, (x, y), (shade, sure), (words, colors), points)],
        notes,
    )


def _predicted(
    drawn: DecisionMap, target: AnyTarget, thresholds: Thresholds
) -> tuple[Array, list[str], Floats]:
    """Return what colors the map (G, H), the names of classes or of the target, and how sure it is.

    Of classes it is the number of the predicted one and its probability.
    """
    if isinstance(target, Quantities):
        return drawn.predicted[:, :, 0], short_names(target.names[:1]), np.ones(())
    if isinstance(target, Classes):
        chosen = predicted_classes(drawn.predicted, target.positive_number, thresholds)
        sure = np.take_along_axis(drawn.predicted, chosen[..., None], axis=2)[..., 0]
        return chosen, short_names(target.classes), sure
    share, name = drawn.predicted[:, :, 0], short_names(target.names[:1])[0]
    label = predicted_labels(drawn.predicted, thresholds)[:, :, 0]
    return label.astype(int), [f"not {name}", name], np.where(label, share, 1 - share)


def _colors(target: AnyTarget, words: Sequence[str]) -> Spec:
    if isinstance(target, Quantities):
        return number("shade", words[0], scale={"scheme": "viridis"})
    used = [COLORS[k % len(COLORS)] for k in range(len(words))]
    return category("shade", scale={"domain": list(words), "range": used})


def _text(target: AnyTarget, shade: Array, words: Sequence[str], names: tuple[str, str]) -> str:
    over = f"What the model predicts over {names[0]} and {names[1]}"
    if isinstance(target, Quantities):
        return f"{over}: {words[0]} from {shade.min():.4g} to {shade.max():.4g}. Points are rows."
    shares = np.bincount(shade.ravel(), minlength=len(words)) / shade.size
    percent = _percentages(shares)
    parts = ", ".join(
        f"{words[k]} on {percent[k] or 'less than 1'}%"
        for k in np.argsort(-shares)[:6]
        if shares[k] > 0
    )
    return (
        f"{over}: {parts} of the map. The stronger a color, the more probable the class. Points "
        "are rows, in the color of their true class."
    )


def _percentages(shares: Floats) -> list[int]:
    """Return shares of 1 as whole percentages that add up to 100."""
    whole = np.floor(100 * shares).astype(int)
    # what is missing goes to those that are cut most
    whole[np.argsort(whole - 100 * shares, kind="stable")[: 100 - whole.sum()]] += 1
    return [int(one) for one in whole]


def _rows(
    drawn: DecisionMap, shade: Array, words: Sequence[str], sure: Floats
) -> list[Sequence[Cell]]:
    """Return some of the values of both columns with their predictions."""
    which = [
        np.unique(np.linspace(0, len(axis.values) - 1, min(_LISTED, len(axis.values))).round())
        .astype(int)
        .tolist()
        for axis in (drawn.x, drawn.y)
    ]
    names = [names_of(axis, k) for axis, k in zip((drawn.x, drawn.y), which, strict=True)]
    rows: list[Sequence[Cell]] = []
    for x, i in zip(names[0], which[0], strict=True):
        for y, j in zip(names[1], which[1], strict=True):
            if len(words) > 1:
                rows.append((x, y, words[shade[i, j]], float(sure[i, j])))
            else:
                rows.append((x, y, float(shade[i, j])))
    return rows


def _points(
    drawn: DecisionMap, target: AnyTarget, true: Array, words: Sequence[str]
) -> dict[str, list[Any]]:
    """Return some rows: their places on both axes, and what colors them."""
    on_map = np.ones(len(drawn.x.rows), bool)
    for axis in (drawn.x, drawn.y):
        low, high = axis.values[[0, -1]]
        on_map &= (axis.rows >= low) & (axis.rows <= high)
    rows = np.flatnonzero(on_map)
    if len(rows) > _MOST_POINTS:
        rows = rows[np.linspace(0, len(rows) - 1, _MOST_POINTS).round().astype(int)]
    values = true[rows] if true.ndim == 1 else true[rows, 0]
    shade = values.tolist()
    if not isinstance(target, Quantities):
        shade = [words[int(value)] for value in values]
    return {
        "x": _places(drawn.x, drawn.x.rows[rows]),
        "y": _places(drawn.y, drawn.y.rows[rows]),
        "shade": shade,
        # places in the band of a category, evenly spread over it (Roberts' R2 sequence)
        "dx": (np.arange(1, len(rows) + 1) * 0.7548776662 % 1).tolist(),
        "dy": (np.arange(1, len(rows) + 1) * 0.5698402910 % 1).tolist(),
    }


def _places(axis: MapAxis, values: Floats) -> list[Any]:
    if axis.kind == "number":
        return list(values.tolist())
    if axis.kind == "date":
        return [date_text(value) for value in values]
    short = dict(zip(axis.values.tolist(), short_names(axis.labels), strict=True))
    return [short[value] for value in values.tolist()]


def _within_bands(drawn: DecisionMap) -> Spec:
    """Return the encoding that spreads the rows of a category over its band."""
    return {
        f"{channel}Offset": number(f"d{channel}", "", scale={"domain": [-0.1, 1.1]})
        for channel, axis in (("x", drawn.x), ("y", drawn.y))
        if axis.kind == "category"
    }


def _edges(axis: MapAxis) -> Floats:
    """Return the edges (G + 1,) between the values of an axis."""
    values = axis.values
    if len(values) == 1:
        return np.array([values[0] - 0.5, values[0] + 0.5])
    middles = (values[1:] + values[:-1]) / 2
    return np.array([values[0], *middles, values[-1]])


def _panel(
    drawn: DecisionMap,
    names: tuple[str, str],
    predicted: tuple[Array, Floats],
    colored: tuple[Sequence[str], Spec],
    points: dict[str, list[Any]],
) -> Spec:
    (shade, sure), (words, color) = predicted, colored
    columns: dict[str, list[Any]] = {}
    encoding: Spec = {}
    width, height = shade.shape
    for channel, axis, title in (("x", drawn.x, names[0]), ("y", drawn.y, names[1])):
        place = np.indices((width, height))[0 if channel == "x" else 1].ravel()
        if axis.kind == "category":
            labels = short_names(axis.labels)
            columns[channel] = [labels[k] for k in place]
            encoding[channel] = category(channel, title, scale={"domain": labels})
            continue
        edges = _edges(axis)
        ends = MapAxis(axis.column, axis.kind, edges, (), edges)
        columns[channel] = _places(ends, edges[place])
        columns[f"{channel}2"] = _places(ends, edges[place + 1])
        kind = "temporal" if axis.kind == "date" else "quantitative"
        scale = {"zero": False, "nice": False} if kind == "quantitative" else {"nice": False}
        encoding[channel] = {"field": channel, "type": kind, "title": title, "scale": scale}
        encoding[f"{channel}2"] = {"field": f"{channel}2"}
    several = len(words) > 1
    columns["shade"] = [words[k] for k in shade.ravel()] if several else shade.ravel().tolist()
    if several:
        columns["sure"] = sure.ravel().tolist()
    # by a threshold, a class can be predicted that is not the most probable one
    lowest = min(1 / len(words), float(sure.min()))
    strength = {"domain": [lowest, 1], "range": [0.08, 0.6]}
    shown = [("shade", "prediction"), *([("sure", "probability")] if several else [])]
    opacity = {"fillOpacity": number("sure", "", scale=strength, legend=None)} if several else {}
    return {
        "height": 380,
        # the offsets of points leave the cells whole
        "resolve": {"scale": {"xOffset": "independent", "yOffset": "independent"}},
        "layer": [
            {
                "data": records(**columns),
                "mark": {"type": "rect", "strokeOpacity": 0},
                "encoding": {
                    **encoding,
                    "fill": color,
                    **opacity,
                    "tooltip": tooltip(*shown),
                },
            },
            {
                "data": records(**points),
                "mark": {"type": "point", "size": 36, "stroke": "currentColor", "strokeWidth": 0.7},
                "encoding": {
                    "x": {key: encoding["x"][key] for key in ("field", "type")},
                    "y": {key: encoding["y"][key] for key in ("field", "type")},
                    **_within_bands(drawn),
                    "fill": color,
                    "tooltip": tooltip(("shade", "true"), ("x", names[0]), ("y", names[1])),
                },
            },
        ],
    }
