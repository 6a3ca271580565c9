"""The report of `bpnet train --grid`: the points, best first."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bpnet.reports.text import counted, table

if TYPE_CHECKING:
    from bpnet.workflows.grid import GridResult


def ranked_lines(ranked: "GridResult") -> Iterator[str]:
    """The points, the best first, with their figures on the rows that judged them, and what is next."""
    points, part = ranked.points, ranked.part
    way = f"{counted(len(points), 'point')} in one pass"
    if ranked.passes > 1:
        keys = ", ".join(ranked.dividing_keys)
        why = (
            f"{keys} changes more than the numbers of a step"
            if keys
            else "the memory holds no more at once"
        )
        way = f"{counted(len(points), 'point')} in {ranked.passes} passes, one after another, for {why}"
    name = ranked.ranked_by + (" without penalties" if ranked.ranked_by == "loss" else "")
    yield f"\n{way}: {ranked.seconds:.2f} s; ranked by the {part} {name}\n"
    names = list(
        dict.fromkeys(
            name for own in points for name in own.figures[part] if name != ranked.ranked_by
        )
    )
    rows = []
    for rank, own in enumerate(points, start=1):
        figures, spread = own.figures[part], own.deviation and own.deviation[part]
        cells = [
            (f"{figures[name]:.4g}" + (f" ± {spread[name]:.2g}" if spread else ""))
            if name in figures
            else ""
            for name in names
        ]
        score = f"{own.score:.4g}" if own.score is not None else "diverged"
        left = len(own.networks) - len(own.survivors)
        if left and own.score is not None:
            score += f" ({left} of {len(own.networks)} diverged)"
        rows.append(
            [
                str(rank),
                *own.values.values(),
                score,
                *(cells if own.survivors else [""] * len(names)),
            ]
        )
        rows[-1] += [str(own.best_epoch), own.run.name]
    yield from table(
        ["", *points[0].values, ranked.ranked_by, *names, "epoch", "run"], rows, numbers=True
    )
    yield f"\nBest run:      {ranked.run}\nNext:          bpnet eval {ranked.run}"
