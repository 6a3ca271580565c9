"""The report of `bpnet cv`: each metric's mean over the folds."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bpnet.reports.text import counted, score_text, table
from bpnet.scoring.metrics import metric_title

if TYPE_CHECKING:
    from bpnet.workflows.cv import CVResult


def cross_validated_lines(found: "CVResult") -> Iterator[str]:
    """Each figure's mean over the folds with its deviation and interval, where the run is, and what is next."""
    again = f", {found.repeats} times" if found.repeats > 1 else ""
    yield (
        f"\n{counted(len(found.results), 'network')} of {found.folds} folds{again}, trained in "
        f"{found.training_seconds:.2f} s, {found.seconds:.2f} s in all\n"
    )
    rows = [
        [
            metric_title(name),
            score_text(own.mean),
            "" if own.deviation is None else f"± {own.deviation:.2g}",
            ""
            if own.low is None or own.high is None
            else f"{score_text(own.low)} … {score_text(own.high)}",
            "" if own.folds == len(found.results) else str(own.folds),
        ]
        for name, own in found.estimates.items()
    ]
    partial = any(row[-1] for row in rows)
    yield from table(
        ["", "mean", "deviation", "95 % interval", *(["folds"] if partial else [])],
        rows if partial else [row[:-1] for row in rows],
        numbers=True,
    )
    yield f"\nRun directory: {found.run}\nNext:          bpnet predict {found.run} DATA.csv"
