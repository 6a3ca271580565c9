"""The report of `bpnet eval`: metrics with intervals beside the baselines'."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpnet.messages import counted, set_option
from bpnet.reports.error_rows import error_lines
from bpnet.reports.predict import flags_text
from bpnet.reports.tables import (
    LABEL_WIDTH,
    NAME_WIDTH,
    aligned,
    display_width,
    fits,
    shortened,
    table,
)
from bpnet.reports.text import CLASS_WEIGHT_NOTE, MAX_WIDTH, interval_text, score_text
from bpnet.reports.thresholds import decision_note, saved_note, threshold_lines
from bpnet.scoring.metrics import EVALUATION_METRICS, MAPE, metric_range, metric_title

if TYPE_CHECKING:
    from bpnet.scoring.comparison import Comparison
    from bpnet.scoring.scores import Classification, Multilabel, Regression
    from bpnet.workflows.eval import Evaluation

NARROWEST_HEAD = 8
FEWEST_ROWS = 5
"""Rows of a class from which it is noted that none of them is found."""
MOST_IN_MATRIX = 40
"""Classes whose confusion matrix is shown whole; of more the most frequent confusions are."""
MOST_CONFUSIONS = 20


def eval_lines(evaluation: "Evaluation") -> Iterator[str]:
    """Yield the metrics, those of each class, label or target, and the comparison."""
    from bpnet.scoring.scores import Classification, Multilabel  # deferred: scikit-learn is slow

    scores, never_predicted = evaluation.scores, list[str]()
    loss = f"mean loss of {evaluation.networks} networks" if evaluation.networks > 1 else "loss"
    smooth = f" (with label smoothing {evaluation.smoothing:g})" if evaluation.smoothing else ""
    rows = counted(evaluation.rows, "row")
    yield f"{evaluation.data}: {rows}; {loss} {evaluation.loss:.6g}{smooth}\n"
    yield from _metric_lines(evaluation)
    if evaluation.threshold is not None:
        yield from threshold_lines(evaluation.threshold, evaluation.data)
    if isinstance(scores, Classification):
        yield from _class_lines(scores)
        never_predicted = _never_predicted(scores)
    elif isinstance(scores, Multilabel):
        yield from _label_lines(scores)
    elif len(scores.per_target) > 1:
        yield from _target_lines(scores)
    if evaluation.errors is not None:
        yield from error_lines(evaluation.errors)
    notes = [
        decision_note(evaluation),
        CLASS_WEIGHT_NOTE if evaluation.class_weighted else None,
        *([] if evaluation.class_weighted else never_predicted),
        *(
            f"{MAPE.title} is undefined, since it divides by the true values, and some are 0"
            for score in scores.figures
            if score.name == MAPE.name and score.value is None
        ),
        scores.note,
        evaluation.groups.note if evaluation.groups else None,
        *(f"{b.name}: {b.note}" if b.note else None for b in evaluation.baselines),
    ]
    closing = [*evaluation.verdict, *(f"note: {text}" for text in notes if text)]
    closing += saved_note(evaluation)
    if closing:
        yield ""
        yield from closing


def _never_predicted(scores: "Classification") -> list[str]:
    """Return a note on the class, of two, that is in several rows and predicted for none."""
    if len(scores.classes) != 2:
        return []
    return [
        f"no row is predicted as '{name}', though {rows:,} are; its probability still ranks the "
        "rows, and more of them are found with --threshold best-f1, or after training with "
        + set_option("dataset.class_weight", "balanced")
        for k, name in enumerate(scores.classes)
        if (rows := sum(scores.confusion[k])) >= FEWEST_ROWS
        and not any(row[k] for row in scores.confusion)
    ]


def eval_warnings(evaluation: "Evaluation") -> list[str]:
    """Return the warnings of an evaluation, the last about rows that are flagged."""
    return [*evaluation.warnings, *flags_text(evaluation.flags)]


def eval_data(run: Path, evaluation: "Evaluation") -> dict[str, Any]:
    """Return the evaluation for `--json`, in which the scores are not nested."""
    data = asdict(evaluation)
    scores = data.pop("scores")
    return {"run": str(run), **data, **scores}


def _metric_lines(evaluation: "Evaluation") -> list[str]:
    """Return the table of metrics, one per line, with the baselines' beside them.

    Where it would be wider than 80 columns, it leaves out the class that a metric is about.
    """
    baselines, positive = evaluation.baselines, getattr(evaluation.scores, "positive", None)
    rows = []
    for score in evaluation.scores.figures:
        bounded = math.isfinite(metric_range(score.name)[1])
        values = [score.value, *(baseline.figures.get(score.name) for baseline in baselines)]
        network, *others = (score_text(value, bounded=bounded) for value in values)
        interval = interval_text(score.low, score.high, bounded=bounded)
        rows.append([network, interval, *others])
    judged = _judged_rows(evaluation)
    rows += judged.values()
    header = ["", "network", "95 % interval", *(baseline.name for baseline in baselines)]
    for name in (positive, None):
        labels = [metric_label(score.name, name) for score in evaluation.scores.figures]
        labels += judged
        labeled = [[label, *row] for label, row in zip(labels, rows, strict=True)]
        lines = table(header, labeled, numbers=True)
        if "" not in lines:  # which it has where it is folded
            break
    return lines


def metric_label(name: str, positive: str | None) -> str:
    """Return what a table calls a metric; the name of a class in it is short."""
    return metric_title(name, positive and shortened([positive], NAME_WIDTH)[0])


def _judged_rows(evaluation: "Evaluation") -> dict[str, list[str]]:
    """Return the cost and the weighted metrics that the network is judged by, beside the scores.

    Weighted metrics have no interval; that of the cost is the one beside its threshold.
    """
    from bpnet.scoring.comparison import COST_PER_ROW  # deferred: scikit-learn is slow

    judged: dict[str, list[Comparison]] = {}
    for comparison in evaluation.comparisons:
        if comparison.weighted or comparison.metric == COST_PER_ROW:
            judged.setdefault(comparison.metric, []).append(comparison)
    decided = evaluation.threshold.each if evaluation.threshold is not None else []
    costs = [score for one in decided for score in one.decision.figures if score.name == "cost"]
    interval = interval_text(costs[0].low, costs[0].high, bounded=True) if len(costs) == 1 else ""
    return {
        metric: [
            score_text(each[0].network_value),
            interval if metric == COST_PER_ROW else "",
            *(score_text(comparison.baseline_value) for comparison in each),
        ]
        for metric, each in judged.items()
    }


def _class_lines(scores: "Classification") -> Iterator[str]:
    if len(scores.classes) > MOST_IN_MATRIX:
        yield f"\nThe most frequent confusions among {len(scores.classes)} classes; all: --json\n"
        yield from _largest_confusions(scores.classes, scores.confusion)
    else:
        yield "\nConfusion matrix (rows: true class, columns: predicted)\n"
        yield from _confusion_lines(scores.classes, scores.confusion)
    yield ""
    rows = [
        [c.label, *map(score_text, (c.precision, c.recall, c.f1)), str(c.rows)]
        for c in scores.per_class
    ]
    for row in rows:
        row[0] += " (positive)" if row[0] == scores.positive else ""
    yield from table(["", "precision", "recall", "F1", "rows"], rows, numbers=True)


def _confusion_lines(classes: Sequence[str], confusion: Sequence[Sequence[int]]) -> list[str]:
    """Return the confusion matrix in at most 80 columns.

    The heads are shortened where it would be wider, or are the numbers of the classes.
    """
    counts = [list(map(str, row)) for row in confusion]
    for labels in (list(classes), shortened(classes, LABEL_WIDTH)):
        rows = [[label, *row] for label, row in zip(labels, counts, strict=True)]
        room = (MAX_WIDTH - max(map(display_width, labels))) // len(classes) - 2
        lines = aligned([["", *shortened(classes, max(room, NARROWEST_HEAD))], *rows])
        if fits(lines):
            return lines
    digits = len(str(len(classes)))
    numbered = [f"{k:>{digits}} {label}" for k, label in enumerate(classes, start=1)]
    rows = [[label, *row] for label, row in zip(numbered, counts, strict=True)]
    return table(["", *map(str, range(1, len(classes) + 1))], rows, numbers=True)


def _largest_confusions(classes: Sequence[str], confusion: Sequence[Sequence[int]]) -> list[str]:
    """Return the pairs of classes that are confused most often."""
    pairs = [
        (-count, true, predicted)
        for true, counts in enumerate(confusion)
        for predicted, count in enumerate(counts)
        if count and true != predicted
    ]
    names = shortened(classes, LABEL_WIDTH)
    rows = [
        [names[true], names[predicted], str(-count)]
        for count, true, predicted in sorted(pairs)[:MOST_CONFUSIONS]
    ]
    return table(["true class", "predicted", "rows"], rows, numbers=True) if rows else ["none"]


def _label_lines(scores: "Multilabel") -> Iterator[str]:
    yield ""
    rows = [
        [s.label, *map(score_text, (s.precision, s.recall, s.f1, s.roc_auc)), str(s.rows)]
        for s in scores.per_label
    ]
    yield from table(["", "precision", "recall", "F1", "ROC AUC", "rows"], rows, numbers=True)


def _target_lines(scores: "Regression") -> Iterator[str]:
    yield ""
    metrics = EVALUATION_METRICS["regression"]
    rows = [
        [target["target"], *(score_text(target[metric.name]) for metric in metrics)]
        for target in scores.per_target
    ]
    yield from table(["", *(metric.title for metric in metrics)], rows, numbers=True)
