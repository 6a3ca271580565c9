"""The points of a grid, by the metric that ranks them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bpnet.figures.figure import Figure
from bpnet.figures.vega import FILL, bands, category, number, records, short_names, tooltip
from bpnet.messages import counted

MOST_DRAWN = 40


@dataclass(frozen=True)
class GridPoint:
    """A point of a grid: its settings, its score (None if it diverged), and its other columns."""

    settings: Mapping[str, str]
    score: float | None
    others: Mapping[str, str]


def grid_figure(points: Sequence[GridPoint], metric: str) -> Figure:
    """Return the points, best first, by the metric that ranks them."""
    names = short_names([_label(point) for point in points])
    drawn = [(name, p.score) for name, p in zip(names, points, strict=True) if p.score is not None]
    data = records(
        point=[name for name, _ in drawn[:MOST_DRAWN]],
        score=[score for _, score in drawn[:MOST_DRAWN]],
    )
    panel = {
        "data": data,
        "height": bands(min(len(drawn), MOST_DRAWN), 24),
        "mark": {"type": "point", "color": FILL, "size": 90},
        "encoding": {
            "x": number("score", metric, scale={"zero": False}),
            "y": category("point", axis={"grid": True, "labelLimit": 260}),
            "tooltip": tooltip(("point", "settings"), ("score", metric)),
        },
    }
    others = list(points[0].others)
    diverged = len(points) - len(drawn)
    best = f"Best is {names[0]}, {points[0].score:.4g}." if points[0].score is not None else ""
    return Figure(
        "grid",
        "Points of the grid",
        f"{counted(len(points), 'point')} of the grid by {metric}. {best}"
        + (f" {diverged} diverged." if diverged else ""),
        (*points[0].settings, metric, *others),
        [
            (*point.settings.values(), point.score, *map(point.others.get, others))
            for point in points
        ],
        [panel],
        [f"drawn are the best {MOST_DRAWN}"] if len(drawn) > MOST_DRAWN else [],
    )


def _label(point: GridPoint) -> str:
    """Return the settings by the last part of their keys."""
    parts = [f"{key.rpartition('.')[2]}={value}" for key, value in point.settings.items()]
    return ", ".join(parts)
