"""The report of `bpnet eval`: metrics with intervals beside the baselines'."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bpnet.reports.text import counted, score_text, table
from bpnet.scoring.metrics import METRICS, metric_title

if TYPE_CHECKING:
    from bpnet.workflows.eval import Evaluation


def evaluation_lines(evaluation: "Evaluation") -> Iterator[str]:
    """The figures with their intervals beside the baselines', then what there is for each class or target."""
    from bpnet.scoring.scores import Classification, Multilabel

    scores = evaluation.scores
    loss = f"mean loss of {evaluation.networks} networks" if evaluation.networks > 1 else "loss"
    yield f"{evaluation.data}: {counted(evaluation.rows, 'row')}; {loss} {evaluation.loss:.6g}\n"
    rows = []
    for figure in scores.figures:
        interval = (
            "" if figure.low is None else f"{score_text(figure.low)} … {score_text(figure.high)}"
        )
        others = [
            score_text(baseline.figures.get(figure.name)) for baseline in evaluation.baselines
        ]
        rows.append([metric_title(figure.name), score_text(figure.value), interval, *others])
    yield from table(
        ["", "network", "95 % interval", *(baseline.name for baseline in evaluation.baselines)],
        rows,
        numbers=True,
    )
    if isinstance(scores, Classification):
        yield "\nConfusion matrix (rows: true class, columns: predicted)\n"
        counts = [
            [label, *map(str, row)]
            for label, row in zip(scores.classes, scores.confusion, strict=True)
        ]
        yield from table(["", *scores.classes], counts, numbers=True)
        yield ""
        yield from table(
            ["", "precision", "recall", "F1", "rows"],
            [
                [c.label, *(score_text(v) for v in (c.precision, c.recall, c.f1)), str(c.rows)]
                for c in scores.per_class
            ],
            numbers=True,
        )
    elif isinstance(scores, Multilabel):
        yield ""
        yield from table(
            ["", "precision", "recall", "F1", "ROC AUC", "rows"],
            [
                [
                    c.label,
                    *(score_text(v) for v in (c.precision, c.recall, c.f1, c.roc_auc)),
                    str(c.rows),
                ]
                for c in scores.per_label
            ],
            numbers=True,
        )
    elif len(scores.per_target) > 1:
        yield ""
        yield from table(
            ["", *(metric.title for metric in METRICS["regression"])],
            [
                [
                    target["target"],
                    *(score_text(target[metric.name]) for metric in METRICS["regression"]),
                ]
                for target in scores.per_target
            ],
            numbers=True,
        )
    notes = [
        scores.note,
        *(f"{b.name}: {b.note}" if b.note else None for b in evaluation.baselines),
    ]
    told = [*evaluation.verdict, *(f"note: {text}" for text in notes if text)]
    if told:
        yield ""
        yield from told
