"""The table of the scores that a run has saved: its own, those of baselines, and a constant's."""

import math
from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from bpnet.messages import counted, on_one_line
from bpnet.models.threshold_choice import choices_text
from bpnet.reports.eval import metric_label
from bpnet.reports.tables import table
from bpnet.reports.text import MAX_WIDTH, rounded, score_text
from bpnet.reports.thresholds import thresholds_text
from bpnet.runs.entry import BY_HALF, SCORED_PARTS
from bpnet.scoring.metrics import metric_range
from bpnet.workflows.show import ShownRun


def saved_score_lines(shown: ShownRun) -> Iterator[str]:
    """Yield the metrics of metrics.json, a column for each part, and for each baseline."""
    metrics, scores = shown.entry.metrics, shown.entry.scores
    parts = [part for part in reversed(SCORED_PARTS) if _of_part(scores, part)]
    if not parts:
        if shown.entry.status == "done":
            yield "\nno metrics.json"
        return
    names = list(dict.fromkeys(name for part in parts for name in _of_part(scores, part)))
    positive = metrics.get("positive")
    label = positive if isinstance(positive, str) else None
    baselines = _baselines(metrics)
    rows = [
        [
            metric_label(on_one_line(name), label),
            *(_cell(scores, part, name) for part in parts),
            *(_value(values.get(name), name) for values in baselines.values()),
        ]
        for name in names
    ]
    # of an ensemble it is a log loss, or a share of the variance, which R² tells
    if shown.constant and ("loss" in names or "log_loss" in names):
        title = "loss of a constant" if "loss" in names else "log loss of a constant"
        values = [_value(shown.constant.get(part), "loss") for part in parts]
        rows.append([title, *values, *[""] * len(baselines)])
    heads = [*_heads(metrics, parts), *(on_one_line(name) for name in baselines)]
    yield ""
    yield from table(["", *heads], rows, numbers=True)
    if shown.folds is not None:
        yield f"means over {counted(shown.folds, 'fold')} ± their standard deviations"
    if shown.thresholds:
        named = {f"'{on_one_line(name)}'": one for name, one in shown.thresholds_chosen.items()}
        chosen = choices_text(named)
        kept = f"the model keeps {thresholds_text(shown.thresholds)}"
        kept += f" ({chosen}), which eval reports by" if chosen else ", which eval reports by"
        yield from wrap(f"{BY_HALF}; {kept}", MAX_WIDTH, break_long_words=False)


def _of_part(scores: Mapping[str, float], part: str) -> list[str]:
    """Return the names of a part's metrics."""
    return [key.partition(".")[2] for key in scores if key.startswith(f"{part}.")]


def _heads(metrics: Mapping[str, Any], parts: Sequence[str]) -> Iterator[str]:
    counts = metrics.get("rows")
    for part in parts:
        rows = counts.get(part) if isinstance(counts, dict) else None
        title = part.replace("_", " ")
        yield f"{title} ({counted(rows, 'row')})" if isinstance(rows, int) else title


def _baselines(metrics: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the metrics of each baseline that metrics.json has, as that of a `bpnet cv` does."""
    saved = metrics.get("baselines")
    return {
        name: values["test"]
        for name, values in (saved if isinstance(saved, dict) else {}).items()
        if isinstance(values, dict) and isinstance(values.get("test"), dict)
    }


def _cell(scores: Mapping[str, float], part: str, name: str) -> str:
    """Return a metric, and its standard deviation over replicas or folds."""
    text = _value(scores.get(f"{part}.{name}"), name)
    deviation = scores.get(f"deviation.{part}.{name}")
    return text if deviation is None else f"{text} ± {rounded(deviation, 2)}"


def _value(value: object, name: str) -> str:
    if not isinstance(value, int | float):
        return ""
    return score_text(value, bounded=math.isfinite(metric_range(name)[1]))
