"""Curves of a training: loss and metrics over epochs, with the epoch whose weights are kept."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bpnet.data.reading.column import Floats
from bpnet.engine.component import Array
from bpnet.figures.figure import Cell, Figure
from bpnet.figures.vega import (
    MOST_POINTS,
    MOST_SERIES,
    Spec,
    category,
    lines,
    number,
    records,
    short_names,
    thinned,
    tooltip,
)
from bpnet.messages import counted
from bpnet.scoring.metrics import metric_title

_FEWEST_POINTS = 40
_MOST_NAMED = 6
"""Series whose lowest loss the text gives."""
_PARTS = ("training", "validation", "out-of-fold")
_MINOR = ("learning_rate", "gradient_norm")


@dataclass(frozen=True)
class Curve:
    """A metric of a part of the rows over epochs (E,); the source is a run, a fold or a member.

    `kept` is the epoch whose weights are kept; None where it is unknown. Values that were not
    measured are NaN.
    """

    source: str
    metric: str
    part: str
    epochs: Array
    values: Floats
    kept: int | None = None


def curves_figure(
    curves: Sequence[Curve], notes: Sequence[str] = (), most: int = MOST_POINTS
) -> Figure:
    """Return the curves, a panel for each metric, of at most about `most` points in all."""
    sources = list(dict.fromkeys(curve.source for curve in curves))
    notes = list(notes)
    if len(sources) > MOST_SERIES:
        notes.append(f"drawn are the first {MOST_SERIES} of {len(sources)}: {sources[0]} and on")
        sources = sources[:MOST_SERIES]
        curves = [curve for curve in curves if curve.source in sources]
    short = dict(zip(sources, short_names(sources), strict=True))
    metrics = list(dict.fromkeys(curve.metric for curve in curves))
    metrics.sort(key=lambda metric: metric in _MINOR)
    most = max(_FEWEST_POINTS, most // max(1, len(sources)))
    picked = [_picked(curve, most) for curve in curves]
    measured = [int(np.isfinite(curve.values).sum()) for curve in curves]
    if any(len(which) < count for which, count in zip(picked, measured, strict=True)):
        notes.append(f"lines are drawn through about {most} of their epochs, evenly spaced")
    panels = []
    for metric in metrics:
        of_metric = [
            (curve, which)
            for curve, which in zip(curves, picked, strict=True)
            if curve.metric == metric
        ]
        panels.append(_panel(metric, of_metric, short))
    return Figure(
        "curves",
        "Curves of the training",
        _text(curves, metrics, short),
        *_table(curves, picked, sources),
        panels,
        notes,
    )


def _picked(curve: Curve, most: int) -> list[int]:
    """Return the positions of the epochs to draw: about `most`, and the one that is kept."""
    measured = np.flatnonzero(np.isfinite(curve.values))
    if not len(measured):
        return []
    kept = np.flatnonzero(curve.epochs[measured] == curve.kept).tolist()
    chosen: list[int] = measured[thinned(len(measured), kept, most)].tolist()
    return chosen


def _panel(metric: str, curves: Sequence[tuple[Curve, list[int]]], short: dict[str, str]) -> Spec:
    """Return the panel of a metric: lines by source, or by part where there is one source."""
    several = len(short) > 1
    each = [(curve, k) for curve, which in curves for k in which]
    data = records(
        epoch=[int(curve.epochs[k]) for curve, k in each],
        value=[float(curve.values[k]) for curve, k in each],
        source=[short[curve.source] for curve, _ in each],
        part=[curve.part for curve, _ in each],
    )
    x = number("epoch", "epoch", axis={"tickMinStep": 1, "format": "~s"}, scale={"nice": False})
    # the rings at the ends of the axis are seen whole
    scale = {"zero": False, "nice": False, "padding": 6}
    y = number("value", metric_title(metric), scale=scale)
    # a series has the same color in every panel, and stands in the legends of its own
    domain = list(short.values()) if several else list(_PARTS)
    drawn = {short[curve.source] if several else curve.part for curve, _ in curves}
    names = category(
        "source" if several else "part",
        scale={"domain": domain},
        # the only line of a learning rate or a gradient norm is of no part of the rows
        legend={"values": [name for name in domain if name in drawn]}
        if several or metric not in _MINOR
        else None,
    )
    kept = [
        (curve, int(k))
        for curve, which in curves
        for k in np.flatnonzero(curve.epochs == curve.kept)
        if k in which and curve.part == _deciding(curves)
    ]
    shown = [("source", "of")] * several + [
        ("part", "rows"),
        ("epoch", "epoch"),
        ("value", metric_title(metric)),
    ]
    panel = lines(
        data,
        x,
        y,
        series=names,
        dash=category("part") if several and len({c.part for c, _ in curves}) > 1 else None,
        shown=tooltip(*shown),
        # a line through one epoch is not seen
        mark={"point": {"size": 30}}
        if max((len(which) for _, which in curves), default=0) < 3
        else None,
        height=120 if metric in _MINOR else 240,
    )
    if kept:
        marks = records(
            epoch=[int(curve.epochs[k]) for curve, k in kept],
            value=[float(curve.values[k]) for curve, k in kept],
            source=[short[curve.source] for curve, _ in kept],
            part=[curve.part for curve, _ in kept],
        )
        panel["layer"].insert(
            1,
            {
                "data": marks,
                "mark": {"type": "point", "size": 90, "filled": False, "strokeWidth": 2},
                "encoding": {"x": x, "y": y, "color": names},
            },
        )
    return panel


def _deciding(curves: Sequence[tuple[Curve, list[int]]]) -> str:
    """Return the part of the rows on which the kept epoch is marked: the last that is logged."""
    return curves[-1][0].part


def _text(curves: Sequence[Curve], metrics: Sequence[str], short: dict[str, str]) -> str:
    epochs = max((int(curve.epochs[-1]) for curve in curves if len(curve.epochs)), default=0)
    sentences = [
        f"{', '.join(map(metric_title, metrics))} over {counted(epochs, 'epoch')}{_kept(curves)}."
    ]
    lowest: dict[str, list[str]] = {}
    measured = [
        curve for curve in curves if curve.metric == metrics[0] and np.isfinite(curve.values).any()
    ]
    if len(short) > 1:  # of each the part that decides, which is its last one
        measured = list({curve.source: curve for curve in measured}.values())
    for curve in measured:
        best = int(np.nanargmin(np.where(np.isfinite(curve.values), curve.values, np.nan)))
        of = f" ({short[curve.source]})" if len(short) > 1 else ""
        lowest.setdefault(curve.part, []).append(
            f"{curve.values[best]:.4g} at epoch {int(curve.epochs[best])}{of}"
        )
    for part, each in lowest.items():
        named, more = ", ".join(each[:_MOST_NAMED]), len(each) - _MOST_NAMED
        sentences.append(
            f"The lowest {part} {metric_title(metrics[0])} is {named}"
            + (f"; the table has {more} more." if more > 0 else ".")
        )
    text = " ".join(sentences)
    return text[:1].upper() + text[1:]


def _kept(curves: Sequence[Curve]) -> str:
    """Return words on the epoch whose weights are kept, which a ring marks."""
    kept = {curve.kept for curve in curves} - {None}
    if len(kept) == 1:
        return f"; a ring marks epoch {kept.pop()}, whose weights are kept"
    return "; a ring marks the epoch whose weights are kept" if kept else ""


def _table(
    curves: Sequence[Curve], picked: Sequence[list[int]], sources: Sequence[str]
) -> tuple[list[str], list[Sequence[Cell]]]:
    """Return the columns and rows: an epoch of a source in each row."""
    columns = list(dict.fromkeys((curve.metric, curve.part) for curve in curves))
    cells: dict[tuple[str, int], dict[tuple[str, str], float]] = {}
    for curve, which in zip(curves, picked, strict=True):
        for k in which:
            key = (curve.source, int(curve.epochs[k]))
            cells.setdefault(key, {})[curve.metric, curve.part] = float(curve.values[k])
    order = {source: k for k, source in enumerate(sources)}
    rows: list[Sequence[Cell]] = [
        (*([source] if len(sources) > 1 else []), epoch, *map(cells[source, epoch].get, columns))
        for source, epoch in sorted(cells, key=lambda key: (order[key[0]], key[1]))
    ]
    titles = [f"{part} {metric_title(metric)}" for metric, part in columns]
    return [*(["of"] if len(sources) > 1 else []), "epoch", *titles], rows
