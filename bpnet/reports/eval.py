"""The report of `bpnet eval`: metrics with intervals beside the baselines'."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpnet.reports.text import (
    CLASS_WEIGHT_NOTE,
    MAX_WIDTH,
    counted,
    interval_text,
    score_text,
    table,
)
from bpnet.scoring.metrics import EVALUATION_METRICS, metric_title

if TYPE_CHECKING:
    from bpnet.scoring.comparison import Comparison
    from bpnet.scoring.scores import Classification, Multilabel, Regression
    from bpnet.workflows.eval import Evaluation

NARROWEST_HEAD = 8


def eval_lines(evaluation: "Evaluation") -> Iterator[str]:
    """Yield the metrics, those of each class, label or target, and the comparison."""
    from bpnet.scoring.scores import Classification, Multilabel  # deferred: scikit-learn is slow

    scores = evaluation.scores
    loss = f"mean loss of {evaluation.networks} networks" if evaluation.networks > 1 else "loss"
    yield f"{evaluation.data}: {counted(evaluation.rows, 'row')}; {loss} {evaluation.loss:.6g}\n"
    yield from _metric_lines(evaluation)
    if isinstance(scores, Classification):
        yield from _class_lines(scores)
    elif isinstance(scores, Multilabel):
        yield from _label_lines(scores)
    elif len(scores.per_target) > 1:
        yield from _target_lines(scores)
    notes = [
        CLASS_WEIGHT_NOTE if evaluation.class_weighted else None,
        scores.note,
        *(f"{b.name}: {b.note}" if b.note else None for b in evaluation.baselines),
    ]
    closing = [*evaluation.verdict, *(f"note: {text}" for text in notes if text)]
    if closing:
        yield ""
        yield from closing


def eval_data(run: Path, evaluation: "Evaluation") -> dict[str, Any]:
    """Return the evaluation for `--json`, in which the scores are not nested."""
    data = asdict(evaluation)
    scores = data.pop("scores")
    return {"run": str(run), **data, **scores}


def _metric_lines(evaluation: "Evaluation") -> list[str]:
    """Return the table of metrics, one per line, with the baselines' beside them."""
    baselines, positive = evaluation.baselines, getattr(evaluation.scores, "positive", None)
    rows = [
        [
            metric_title(score.name, positive),
            score_text(score.value),
            interval_text(score.low, score.high),
            *(score_text(baseline.figures.get(score.name)) for baseline in baselines),
        ]
        for score in evaluation.scores.figures
    ]
    rows += _weighted_rows(evaluation.comparisons)
    header = ["", "network", "95 % interval", *(baseline.name for baseline in baselines)]
    return table(header, rows, numbers=True)


def _weighted_rows(comparisons: Sequence["Comparison"]) -> list[list[str]]:
    """Return the weighted metrics that the network is judged by, which have no interval."""
    weighted: dict[str, list[Comparison]] = {}
    for comparison in comparisons:
        if comparison.weighted:
            weighted.setdefault(comparison.metric, []).append(comparison)
    return [
        [
            metric,
            score_text(each[0].network_value),
            "",
            *(score_text(comparison.baseline_value) for comparison in each),
        ]
        for metric, each in weighted.items()
    ]


def _class_lines(scores: "Classification") -> Iterator[str]:
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
    """Return the confusion matrix, its heads cut where it would be wider than 80 columns."""
    rows = [[label, *map(str, counts)] for label, counts in zip(classes, confusion, strict=True)]
    lines = table(["", *classes], rows, numbers=True)
    if max(map(len, lines)) <= MAX_WIDTH:
        return lines
    room = max((MAX_WIDTH - max(map(len, classes))) // len(classes) - 2, NARROWEST_HEAD)
    heads = [label if len(label) <= room else label[: room - 1] + "…" for label in classes]
    return table(["", *heads], rows, numbers=True)


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
