"""The report of `bpnet compare`: scores side by side, marked where a difference is clear."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from bpnet.messages import counted, on_one_line
from bpnet.reports.eval import metric_label
from bpnet.reports.progress import curve
from bpnet.reports.tables import LABEL_WIDTH, shortened, table
from bpnet.reports.text import interval_text, rounded, score_text
from bpnet.reports.thresholds import thresholds_text
from bpnet.runs.config_values import value_text
from bpnet.scoring.metrics import metric_range, metric_title
from bpnet.scoring.paired import FEWEST_GROUPS, FEWEST_ROWS, PairedMetric
from bpnet.workflows.compare import ComparedRun, RunsComparison

_BETTER, _WORSE = " *", " -"
_MOST_SETTINGS = 12
_CURVE_WIDTH = 32
_LONGEST_VALUE = 24


def compare_lines(result: RunsComparison) -> Iterator[str]:
    """Yield the scores, what they tell, the settings that differ, and the curves."""
    names = run_names(result)
    lines, positive = _score_lines(result, names)
    yield from lines
    yield ""
    yield from _verdict(result, names)
    yield from (
        f"note: {name} is not compared: {run.reason}"
        for name, run in zip(names, result.runs, strict=True)
        if run.reason
    )
    if result.positive != positive:
        yield f"note: average precision is that of '{on_one_line(result.positive or '')}'"
    yield from _notes(result, names)
    if result.settings:
        yield "\nSettings that differ\n"
        yield from _setting_lines(result, names)
    else:
        yield "\nThe runs' settings are the same."
    yield from _curve_lines(result, names)


def compare_data(result: RunsComparison) -> dict[str, Any]:
    """Return the comparison for `--json`."""
    return {
        "task": result.task,
        "targets": result.targets,
        "positive": result.positive,
        "rows": result.rows,
        "groups": asdict(result.groups) if result.groups else None,
        "runs": [
            {**{key: value for key, value in asdict(run).items() if key != "name"}}
            | {"run": run.name, "curve": asdict(run.curve) if run.curve else None}
            for run in result.runs
        ],
        "metrics": [
            {
                "name": metric.name,
                "values": dict(zip(_paired_names(result), metric.values, strict=True)),
                "best": None if metric.best is None else _paired_names(result)[metric.best],
                "differences": [
                    {
                        "run": _paired_names(result)[one.other],
                        "difference": one.value,
                        "low": one.low,
                        "high": one.high,
                        "clear": one.clear,
                    }
                    for one in metric.differences
                ],
            }
            for metric in result.metrics
        ],
        "settings": result.settings,
        "warnings": result.warnings,
    }


def run_names(result: RunsComparison) -> list[str]:
    """Return short names of the runs: those of their folders, if these differ."""
    last = [run.name.rstrip("/").rpartition("/")[2] for run in result.runs]
    names = last if len(set(last)) == len(last) else [run.name for run in result.runs]
    return shortened([on_one_line(name) for name in names], LABEL_WIDTH)


def _paired_names(result: RunsComparison) -> list[str]:
    return [result.runs[k].name for k in result.paired]


def _score_lines(result: RunsComparison, names: Sequence[str]) -> tuple[list[str], str | None]:
    """Return the table of scores, and the class in it; of two paired runs it has the differences.

    Where it would be wider than 80 columns, it leaves out the class that a metric is about.
    """
    paired = {metric.name: metric for metric in result.metrics}
    both = len(result.runs) == 2 and len(result.paired) == 2
    names_of_metrics = dict.fromkeys(name for run in result.runs for name in run.metrics)
    shown = [name for name in names_of_metrics if _any_value(result.runs, name)]
    rows = [["rows", *(_rows_text(run) for run in result.runs)] + (["", ""] if both else [])]
    for name in shown:
        bounded = math.isfinite(metric_range(name)[1])
        metric = paired.get(name)
        marks = _marks(result, metric)
        cells = [
            f"{score_text(value, bounded=bounded)}{mark}" if value is not None else ""
            for value, mark in zip(_values(result.runs, name), marks, strict=True)
        ]
        rows.append(["", *_level(cells)])
        if both:
            rows[-1] += _difference_cells(metric, bounded=bounded)
    header = ["", *names, *(["difference", "95 % interval"] if both else [])]
    lines: list[str] = []
    for positive in dict.fromkeys((result.positive, None)):
        labels = ["rows", *(metric_label(name, positive) for name in shown)]
        labeled = [[label, *row[1:]] for label, row in zip(labels, rows, strict=True)]
        lines = table(header, labeled, numbers=True)
        if "" not in lines:  # which it has where it is folded
            break
    return lines, positive


def _any_value(runs: Sequence[ComparedRun], name: str) -> bool:
    return any(value is not None for value in _values(runs, name))


def _values(runs: Sequence[ComparedRun], name: str) -> list[float | None]:
    return [run.metrics.get(name) for run in runs]


def _level(cells: Sequence[str]) -> list[str]:
    """Return cells whose marks stand behind the numbers: those without one end with blanks."""
    if not any(cell.endswith((_BETTER, _WORSE)) for cell in cells):
        return list(cells)
    blank = " " * len(_BETTER)
    return [cell if cell.endswith((_BETTER, _WORSE)) else f"{cell}{blank}" for cell in cells]


def _rows_text(run: ComparedRun) -> str:
    if run.part is None:
        return ""
    part = run.part.replace("_", " ")
    return part if run.rows is None else f"{run.rows:,} {part}"


def _marks(result: RunsComparison, metric: PairedMetric | None) -> list[str]:
    """Return the mark of each run: that it is clearly better than all others, or worse."""
    marks = [""] * len(result.runs)
    if metric is None or metric.best is None:
        return marks
    if metric.differences and all(one.clear for one in metric.differences):
        marks[result.paired[metric.best]] = _BETTER
    for one in metric.differences:
        if one.clear and len(result.paired) > 2:
            marks[result.paired[one.other]] = _WORSE
    return marks


def _difference_cells(metric: PairedMetric | None, *, bounded: bool) -> list[str]:
    """Return the difference of the first run from the second, and its interval."""
    if metric is None or not metric.differences:
        return ["", ""]
    one = metric.differences[0]
    return [
        score_text(one.value, bounded=bounded),
        interval_text(one.low, one.high, bounded=bounded),
    ]


def _verdict(result: RunsComparison, names: Sequence[str]) -> Iterator[str]:
    """Yield what the marks mean, or why there are none."""
    if (reason := not_judged(result)) is not None:
        yield reason
        return
    if len(result.paired) > 2:
        yield (
            "* clearly better than every other run, - clearly worse than the best: by the paired "
            f"bootstrap on the same {paired_rows(result)}, with 95 % intervals that hold for all "
            f"{len(result.paired) * (len(result.paired) - 1) // 2} pairs at once, of each metric "
            "by itself."
        )
    else:
        yield (
            "* clearly better: the 95 % interval of the paired bootstrap on the same "
            f"{paired_rows(result)} is above 0. Differences count from the better run, of each "
            "metric by itself."
        )
    yield from conclusions(result, names)


def not_judged(result: RunsComparison) -> str | None:
    """Return why no difference between the runs is judged; None if they are."""
    if not result.paired:
        return (
            "No two of these runs have predicted the same rows, so that no difference is judged: "
            "runs of the same table do, if they are split alike (dataset.split.seed is the seed, "
            "unless it is set)."
        )
    few = f"{paired_rows(result)} are too few to judge a difference: it takes"
    if result.rows < FEWEST_ROWS:
        return f"{few} {FEWEST_ROWS}."
    if result.groups is not None and result.groups.count < FEWEST_GROUPS:
        return f"{few} {FEWEST_GROUPS} groups."
    return None


def paired_rows(result: RunsComparison) -> str:
    """Return the number of rows that runs are compared on, and of their groups."""
    rows = counted(result.rows, "row")
    if result.groups is None or result.rows < FEWEST_ROWS:
        return rows
    return f"{rows} in {counted(result.groups.count, 'group')}"


def conclusions(result: RunsComparison, names: Sequence[str]) -> Iterator[str]:
    """Yield which runs are clearly better than all others, and in which metrics."""
    if not any(one.clear for metric in result.metrics for one in metric.differences):
        several = len(result.paired) > 2
        which = "any run apart from the best" if several else "the runs apart"
        yield f"No difference is clear: {paired_rows(result)} cannot tell {which}."
        return
    best = {metric.best for metric in result.metrics if _is_clear(metric)}
    for number in sorted(k for k in best if k is not None):
        titles = ", ".join(
            metric_title(metric.name)
            for metric in result.metrics
            if _is_clear(metric) and metric.best == number
        )
        yield f"{names[result.paired[number]]} is clearly better in {titles}."


def run_verdict(result: RunsComparison, k: int) -> str:
    """Return in how many metrics run k is clearly better than all others, or worse than the best.

    It is empty where nothing is judged.
    """
    if not_judged(result) is not None:
        return ""
    if k not in result.paired:
        return f"not compared: {result.runs[k].reason}"
    place = result.paired.index(k)
    better = sum(_is_clear(metric) and metric.best == place for metric in result.metrics)
    worse = sum(
        one.clear and one.other == place for metric in result.metrics for one in metric.differences
    )
    counts = ((better, "better"), (worse, "worse"))
    parts = [f"clearly {word} in {count}" for count, word in counts if count]
    if not parts:
        return "not distinguishable"
    return f"{', '.join(parts)} of {counted(len(result.metrics), 'metric')}"


def _is_clear(metric: PairedMetric) -> bool:
    return bool(metric.differences) and all(one.clear for one in metric.differences)


def threshold_note(result: RunsComparison, names: Sequence[str]) -> str | None:
    """Return by which thresholds runs decide, if one is not ½."""
    of_runs = [
        f"{name} predicts by the threshold {thresholds_text(run.thresholds)}"
        for name, run in zip(names, result.runs, strict=True)
        if run.thresholds
    ]
    if not of_runs:
        return None
    count = len(result.runs) - len(of_runs)
    others = "" if not count else "; the other by 0.5" if count == 1 else "; the others by 0.5"
    return f"{'; '.join(of_runs)}, as its model keeps it{others}"


def _notes(result: RunsComparison, names: Sequence[str]) -> Iterator[str]:
    if (decided := threshold_note(result, names)) is not None:
        yield f"note: {decided}"
    keys = ", ".join(result.weighted)
    if result.weights_agree:
        yield (
            f"note: in the weighted metrics rows weigh as in training ({keys}), as the runs were "
            "trained to predict them; in all others they weigh the same"
        )
    elif result.weighted:
        which = "the runs weigh them differently" if result.paired else "a training weighted them"
        yield f"note: all rows weigh the same here, though {which} ({keys})"
    if result.groups is not None:
        yield (
            f"note: whole groups of '{result.groups.column}' are drawn, which the split keeps "
            "together (dataset.split.group)"
        )


def _setting_lines(result: RunsComparison, names: Sequence[str]) -> Iterator[str]:
    keys = list(result.settings)
    rows = [
        [
            key,
            *shortened(
                [on_one_line(value_text(value)) for value in result.settings[key]], _LONGEST_VALUE
            ),
        ]
        for key in keys[:_MOST_SETTINGS]
    ]
    yield from table(["", *names], rows, numbers=True)
    if len(keys) > _MOST_SETTINGS:
        yield f"and {len(keys) - _MOST_SETTINGS} more, in --json"


def _curve_lines(result: RunsComparison, names: Sequence[str]) -> Iterator[str]:
    curves = [(name, run.curve) for name, run in zip(names, result.runs, strict=True) if run.curve]
    if not curves:
        return
    yield "\nLoss by epoch, each on a scale of its own\n"
    rows = [
        [
            name,
            curve(loss.losses, _CURVE_WIDTH, logarithmic=True),
            f"{loss.column} {rounded(loss.losses[0], 3)} … "
            f"{rounded(loss.losses[loss.lowest], 3)} (epoch {loss.epochs[loss.lowest]})",
        ]
        for name, loss in curves
    ]
    yield from table(["", "", "first … lowest"], rows)
