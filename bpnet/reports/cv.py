"""The report of `bpnet cv`: each metric's mean over the folds."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bpnet.messages import counted
from bpnet.reports.eval import metric_label
from bpnet.reports.tables import table
from bpnet.reports.text import CLASS_WEIGHT_NOTE, closing_lines, interval_text, rounded, score_text
from bpnet.scoring.metrics import metric_range

if TYPE_CHECKING:
    from bpnet.workflows.cv import CVResult


def cv_lines(result: "CVResult", command: str) -> Iterator[str]:
    """Yield each metric's mean, deviation and interval, where the run is, and what to type next.

    `command` has the words after `bpnet train` that train as the config says.
    """
    again = f", {result.repeats} times" if result.repeats > 1 else ""
    networks = counted(len(result.results), "network" if result.keeps_model else "ensemble")
    times = f"{result.training_seconds:.2f} s, {result.seconds:.2f} s in all"
    yield f"\n{networks} of {result.folds} folds{again}, trained in {times}\n"
    rows = [
        [
            metric_label(name, result.positive),
            score_text(estimate.mean, bounded=math.isfinite(metric_range(name)[1])),
            "" if estimate.deviation is None else f"± {rounded(estimate.deviation, 2)}",
            interval_text(
                estimate.low, estimate.high, bounded=math.isfinite(metric_range(name)[1])
            ),
            "" if estimate.folds == len(result.results) else str(estimate.folds),
        ]
        for name, estimate in result.estimates.items()
    ]
    header = ["", "mean", "deviation", "95 % interval", "folds"]
    if not any(row[-1] for row in rows):  # every metric is defined in every fold
        header, rows = header[:-1], [row[:-1] for row in rows]
    yield from table(header, rows, numbers=True)
    if result.class_weighted:
        yield f"\nnote: {CLASS_WEIGHT_NOTE}"
    if result.keeps_model:
        yield from closing_lines("Run directory", result.run, "predict", "DATA.csv")
    else:
        yield f"\n{'Run directory:':<15}{result.run}"
        yield f"{'Next:':<15}bpnet train {command}"
