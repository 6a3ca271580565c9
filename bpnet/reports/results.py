"""The reports of what was trained, evaluated or checked, as lines of text."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bpnet.experiment.journal import deviations
from bpnet.reports.text import counted, table

if TYPE_CHECKING:
    from bpnet.experiment.checking import GradientReport
    from bpnet.experiment.cross_validating import CrossValidated
    from bpnet.experiment.evaluating import Evaluation
    from bpnet.experiment.gridding import Ranked
    from bpnet.experiment.training import Trained


def trained_lines(trained: "Trained") -> Iterator[str]:
    """The final figures of each part, where the run is, and what to type next."""
    ended = {
        "epochs": "all epochs done",
        "early_stopping": "early stopping",
        "target_loss": "target loss reached",
    }[trained.stop_reason]
    spent = f"{counted(trained.epochs, 'epoch')} in {trained.seconds:.2f} s"
    yield f"\n{ended} after {spent}; kept the weights of {_kept(trained)}\n"
    names = list(next(iter(trained.figures.values())))
    spread = deviations([replica.figures for replica in trained.replicas]) if len(trained.replicas) > 1 else None
    rows = [
        [part, *(f"{figures[name]:.4g}" + (f" ± {spread[part][name]:.2g}" if spread else "") for name in names)]
        for part, figures in trained.figures.items()
    ]
    if spread:
        yield f"means of {len(trained.replicas)} replicas, with their standard deviations\n"
    yield from table(["", *names], rows, numbers=True)
    if trained.advice:
        yield "\nThe doctor's advice:"
        yield from (f"- {line}" for line in trained.advice)
    after = f"bpnet eval {trained.run}" if "test" in trained.figures else f"bpnet predict {trained.run} DATA.csv"
    yield f"\nRun directory: {trained.run}\nNext:          {after}"


def cross_validated_lines(found: "CrossValidated") -> Iterator[str]:
    """Each figure's mean over the folds with its deviation and interval, where the run is, and what is next."""
    again = f", {found.repeats} times" if found.repeats > 1 else ""
    yield (
        f"\n{counted(len(found.results), 'network')} of {found.folds} folds{again}, trained in "
        f"{found.training_seconds:.2f} s, {found.seconds:.2f} s in all\n"
    )
    rows = [
        [
            _NAMES.get(name, name.replace("_", " ")),
            _figure(own.mean),
            "" if own.deviation is None else f"± {own.deviation:.2g}",
            "" if own.low is None or own.high is None else f"{_figure(own.low)} … {_figure(own.high)}",
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


def ranked_lines(ranked: "Ranked") -> Iterator[str]:
    """The points, the best first, with their figures on the rows that judged them, and what is next."""
    points, part = ranked.points, ranked.part
    way = f"{counted(len(points), 'point')} in one pass"
    if ranked.passes > 1:
        keys = ", ".join(ranked.dividing_keys)
        why = f"{keys} changes more than the numbers of a step" if keys else "the memory holds no more at once"
        way = f"{counted(len(points), 'point')} in {ranked.passes} passes, one after another, for {why}"
    name = ranked.ranked_by + (" without penalties" if ranked.ranked_by == "loss" else "")
    yield f"\n{way}: {ranked.seconds:.2f} s; ranked by the {part} {name}\n"
    names = list(dict.fromkeys(name for own in points for name in own.figures[part] if name != ranked.ranked_by))
    rows = []
    for rank, own in enumerate(points, start=1):
        figures, spread = own.figures[part], own.deviation and own.deviation[part]
        cells = [
            (f"{figures[name]:.4g}" + (f" ± {spread[name]:.2g}" if spread else "")) if name in figures else ""
            for name in names
        ]
        score = f"{own.score:.4g}" if own.score is not None else "diverged"
        left = len(own.networks) - len(own.survivors)
        if left and own.score is not None:
            score += f" ({left} of {len(own.networks)} diverged)"
        rows.append([str(rank), *own.values.values(), score, *(cells if own.survivors else [""] * len(names))])
        rows[-1] += [str(own.best_epoch), own.run.name]
    yield from table(["", *points[0].values, ranked.ranked_by, *names, "epoch", "run"], rows, numbers=True)
    yield f"\nBest run:      {ranked.run}\nNext:          bpnet eval {ranked.run}"


def _kept(trained: "Trained") -> str:
    epochs = [replica.best_epoch for replica in trained.replicas]
    return f"epoch {epochs[0]}" if len(epochs) == 1 else f"epochs {min(epochs)} to {max(epochs)}"


def evaluation_lines(evaluation: "Evaluation") -> Iterator[str]:
    """The figures with their intervals beside the baselines', then what there is for each class or target."""
    from bpnet.scoring.scores import Classification, Multilabel

    scores = evaluation.scores
    loss = f"mean loss of {evaluation.networks} networks" if evaluation.networks > 1 else "loss"
    yield f"{evaluation.data}: {counted(evaluation.rows, 'row')}; {loss} {evaluation.loss:.6g}\n"
    rows = []
    for figure in scores.figures:
        interval = "" if figure.low is None else f"{_figure(figure.low)} … {_figure(figure.high)}"
        others = [_figure(baseline.figures.get(figure.name)) for baseline in evaluation.baselines]
        rows.append([_NAMES.get(figure.name, figure.name.replace("_", " ")), _figure(figure.value), interval, *others])
    yield from table(
        ["", "network", "95 % interval", *(baseline.name for baseline in evaluation.baselines)], rows, numbers=True
    )
    if isinstance(scores, Classification):
        yield "\nConfusion matrix (rows: true class, columns: predicted)\n"
        counts = [[label, *map(str, row)] for label, row in zip(scores.classes, scores.confusion, strict=True)]
        yield from table(["", *scores.classes], counts, numbers=True)
        yield ""
        yield from table(
            ["", "precision", "recall", "F1", "rows"],
            [[c.label, *(_figure(v) for v in (c.precision, c.recall, c.f1)), str(c.rows)] for c in scores.per_class],
            numbers=True,
        )
    elif isinstance(scores, Multilabel):
        yield ""
        yield from table(
            ["", "precision", "recall", "F1", "ROC AUC", "rows"],
            [
                [c.label, *(_figure(v) for v in (c.precision, c.recall, c.f1, c.roc_auc)), str(c.rows)]
                for c in scores.per_label
            ],
            numbers=True,
        )
    elif len(scores.per_target) > 1:
        yield ""
        yield from table(
            ["", "RMSE", "MAE", "R²", "median absolute error", "MAPE"],
            [
                [t.target, *(_figure(v) for v in (t.rmse, t.mae, t.r2, t.median_absolute_error, t.mape))]
                for t in scores.per_target
            ],
            numbers=True,
        )
    notes = [scores.note, *(f"{b.name}: {b.note}" if b.note else None for b in evaluation.baselines)]
    told = [*evaluation.verdict, *(f"note: {text}" for text in notes if text)]
    if told:
        yield ""
        yield from told


_NAMES = {
    "brier": "Brier score",
    "calibration_error": "expected calibration error",
    "f1_macro": "macro F1",
    "f1_micro": "micro F1",
    "f1_weighted": "weighted F1",
    "mae": "MAE",
    "mape": "MAPE",
    "matthews": "Matthews correlation",
    "r2": "R²",
    "rmse": "RMSE",
    "roc_auc": "ROC AUC",
}
"""What figures are called, where that is not their name in JSON."""


def _figure(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}" if abs(value) < 10 else f"{value:.6g}"


def gradient_check_lines(report: "GradientReport") -> Iterator[str]:
    """Each parameter's largest disagreement, and the verdict."""
    yield f"{counted(report.rows, 'row')}, float64, tolerance {report.tolerance:g}\n"
    yield from table(
        ["parameter", "entries", "largest relative error", "at", "backpropagation", "central differences"],
        [
            [
                check.name,
                str(check.checked),
                f"{check.relative_error:.2e}",
                str(list(check.index[1:])),
                f"{check.analytic:.10g}",
                f"{check.numeric:.10g}",
            ]
            for check in report.checks
        ],
        numbers=True,
    )
    yield ""
    for text in report.notes:
        yield f"note: {text}"
    yield "the gradients agree" if report.agrees else "the gradients DIFFER"
