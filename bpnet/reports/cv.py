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
    from bpnet.scoring.comparison import Comparison
    from bpnet.workflows.cv import CVResult
    from bpnet.workflows.cv_baselines import CVBaselines


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
    if result.baselines is not None:
        yield from _baseline_lines(result, result.baselines)
    if result.class_weighted:
        yield f"\nnote: {CLASS_WEIGHT_NOTE}"
    if result.keeps_model:
        yield from closing_lines("Run directory", result.run, "predict", "DATA.csv")
    else:
        yield f"\n{'Run directory:':<15}{result.run}"
        yield f"{'Next:':<15}bpnet train {command}"


def _baseline_lines(result: "CVResult", baselines: "CVBaselines") -> Iterator[str]:
    """Yield the means of the baselines beside the networks', and what they are compared to."""
    if baselines.estimates:
        rows = []
        for name, estimate in result.estimates.items():
            others = [estimates.get(name) for estimates in baselines.estimates.values()]
            if all(other is None for other in others):  # as of the loss, which only networks have
                continue
            bounded = math.isfinite(metric_range(name)[1])
            means = [one.mean if one else None for one in (estimate, *others)]
            cells = (score_text(mean, bounded=bounded) for mean in means)
            rows.append([metric_label(name, result.positive), *cells])
        rows += _weighted_rows(baselines)
        yield "\nMeans beside those of simple models, fitted to the same training rows\n"
        noun = "network" if result.keeps_model else "ensemble"
        yield from table(["", noun, *baselines.estimates], rows, numbers=True)
        yield ""
        yield from baselines.verdict
    yield from (f"note: {text}" for text in baselines.notes)


def _weighted_rows(baselines: "CVBaselines") -> Iterator[list[str]]:
    """Yield the means of the weighted metrics that the networks are judged by."""
    weighted: dict[str, list[Comparison]] = {}
    for comparison in baselines.comparisons:
        if comparison.weighted:
            weighted.setdefault(comparison.metric, []).append(comparison)
    for metric, each in weighted.items():
        values = [each[0].network_value, *(one.baseline_value for one in each)]
        yield [metric, *map(score_text, values)]
