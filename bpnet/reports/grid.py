"""The report of `bpnet train --grid`: the points, best first."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bpnet.messages import counted
from bpnet.reports.tables import table
from bpnet.reports.text import closing_lines, rounded

if TYPE_CHECKING:
    from bpnet.workflows.grid import GridResult
    from bpnet.workflows.grid_ranking import PointResult

_MOST = 5
"""Largest number of points whose advice is shown."""


def grid_lines(result: "GridResult") -> Iterator[str]:
    """Yield the points, best first, with the metrics that ranked them, and what to type next."""
    name = result.ranked_by + (" without penalties" if result.ranked_by == "loss" else "")
    part = result.part.replace("_", "-")
    yield f"\n{_passes_text(result)}: {result.seconds:.2f} s; ranked by the {part} {name}\n"
    points = result.points
    metrics = [name for point in points for name in point.figures[result.part]]
    others = list(dict.fromkeys(name for name in metrics if name != result.ranked_by))
    header = ["", *points[0].values, result.ranked_by, *others, "epoch", "run"]
    rows = [
        [
            str(rank),
            *point.values.values(),
            _score_text(point),
            *(_metric_text(point, result.part, name) for name in others),
            str(point.best_epoch),
            point.run.name,
        ]
        for rank, point in enumerate(points, start=1)
    ]
    yield from table(header, rows, numbers=True)
    yield from _advice(points)
    yield from closing_lines("Best run", result.run, "eval")


def _advice(points: Sequence["PointResult"]) -> Iterator[str]:
    """Yield the doctor's advice on the best point, and the first of it on a few others."""
    others = [(rank, point) for rank, point in enumerate(points, start=1) if point.alarms][:_MOST]
    if not others:
        return
    yield "\nThe doctor's advice, by point:"
    for rank, point in others:
        yield from (
            f"- {rank}: {text}" for text in (point.alarms if rank == 1 else point.alarms[:1])
        )
    left = sum(bool(point.alarms) for point in points) - len(others)
    if left:
        yield f"- and on {counted(left, 'point')} more, in diagnosis.json of their runs"


def _passes_text(result: "GridResult") -> str:
    """Return the number of passes, and why there are several."""
    points = counted(len(result.points), "point")
    if result.ensembles:
        return f"{points}, an ensemble each, one after another"
    if result.passes == 1:
        return f"{points} in one pass"
    if result.dividing_keys:
        keys = ", ".join(result.dividing_keys)
        why = f"{keys} changes more than the numbers of a step"
    else:
        why = "the memory holds no more at once"
    return f"{points} in {result.passes} passes: {why}"


def _score_text(point: "PointResult") -> str:
    """Return the metric that ranks a point, and how many of its networks diverged."""
    if point.score is None:
        return "diverged"
    diverged = len(point.networks) - len(point.survivors)
    note = f" ({diverged} of {len(point.networks)} diverged)" if diverged else ""
    return f"{rounded(point.score, 4)}{note}"


def _metric_text(point: "PointResult", part: str, name: str) -> str:
    """Return a metric, the mean over the point's networks, with their standard deviation."""
    metrics, spread = point.figures[part], point.deviation and point.deviation[part]
    if name not in metrics or not point.survivors:
        return ""
    return rounded(metrics[name], 4) + (f" ± {rounded(spread[name], 2)}" if spread else "")
