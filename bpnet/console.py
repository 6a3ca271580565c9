"""What a person sees: progress and warnings on stderr, results on stdout. The only importer of rich."""

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bpnet.errors import RunError
from bpnet.experiment.journal import deviations
from bpnet.experiment.training import Trained
from bpnet.preparation.preparing import Prepared

if TYPE_CHECKING:
    from rich.progress import Progress

    from bpnet.experiment.checking import GradientReport
    from bpnet.experiment.cross_validating import CrossValidated
    from bpnet.experiment.evaluating import Evaluation
    from bpnet.experiment.gridding import Ranked

PLAIN_LINES = 10
"""How many lines of progress a training prints where there is no terminal."""


class TrainingView:
    """Watches a training: a progress bar on a terminal, a line for every tenth of the epochs elsewhere."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._drawn = 0.0

    def begin(self, run: Path, prepared: Prepared, parameters: int) -> None:
        """Say what will be trained on what, and warn of what the table holds."""
        self.end()
        self._describe(run, prepared, parameters)
        self._start(prepared.config.training.epochs)

    def begin_pass(self, run: Path, first: Prepared, parameters: int, number: int, passes: Sequence[int]) -> None:
        """Say before the first pass what a fold is, and before each how many train."""
        self.end()
        if number == 1:
            self._describe(run, first, parameters)
        of = f" (pass {number} of {len(passes)})" if len(passes) > 1 else ""
        note(f"{_counted(passes[number - 1], 'fold')} at once{of}")
        self._start(first.config.training.epochs)

    def _describe(self, run: Path, prepared: Prepared, parameters: int) -> None:
        config = prepared.config
        rows = ", ".join(f"{len(rows)} {part}" for part, rows in prepared.parts.items() if len(rows))
        answers = prepared.survey.answers
        told = f"{config.task}: {answers.why}"
        if answers.classes:
            told = f"{len(answers.classes)} classes: {answers.why}"
        names = ", ".join(answers.names)
        note(f"{run.name}: {rows} rows; {_roles(prepared)} -> {names} ({told}); {parameters} parameters")
        if prepared.storage == "disk":
            note(f"{prepared.bytes / 1e6:,.3g} MB of encoded rows are kept on disk while training (dataset.storage)")
        for warning in prepared.warnings:
            note(f"warning: {warning}")

    def _start(self, epochs: int) -> None:
        self._epochs = epochs
        if sys.stderr.isatty():
            self._progress = _progress_bar()
            self._task = self._progress.add_task("", total=self._epochs, figures="")
            self._progress.start()

    def epoch(self, row: Mapping[str, float]) -> None:
        """Show an epoch: on a terminal at most ten times a second."""
        epoch = int(row["epoch"])
        if self._progress is not None:
            if time.monotonic() - self._drawn > 0.1 or epoch == self._epochs:
                self._drawn = time.monotonic()
                self._progress.update(self._task, completed=epoch, figures=_figures(row))
        elif epoch * PLAIN_LINES // self._epochs > (epoch - 1) * PLAIN_LINES // self._epochs:
            note(f"epoch {epoch}/{self._epochs}  {_figures(row)}")

    def warn(self, text: str) -> None:
        """Show a warning above the bar."""
        if self._progress is not None:
            self._progress.console.print(f"warning: {text}", markup=False, highlight=False, soft_wrap=True)
        else:
            note(f"warning: {text}")

    def end(self) -> None:
        """Take the progress bar down."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def note(text: str) -> None:
    """Write a line beside the results, to stderr; nobody reading it is no reason to stop."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def say(text: str) -> None:
    """Write a result to stdout; raises RunError where that is not possible, as on a full disk."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise RunError(f"standard output: cannot be written: {error.strerror}") from None


@contextlib.contextmanager
def stdout() -> Iterator[BinaryIO]:
    """Stdout as a stream of bytes; raises RunError where it cannot be written to, as on a full disk."""
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise RunError(f"standard output: cannot be written: {error.strerror}") from None


def error(problems: Sequence[str]) -> None:
    """Write each problem to stderr; the word `error` is red on a terminal that has colours."""
    if sys.stderr.isatty():
        from rich.console import Console

        console = Console(stderr=True, highlight=False, soft_wrap=True)
        for problem in problems:
            console.print("[bold red]error:[/] ", end="")
            console.print(problem, markup=False)
    else:
        for problem in problems:
            note(f"error: {problem}")


def show_trained(trained: Trained) -> None:
    """Print the final figures of each part, where the run is, and what to type next."""
    ended = {
        "epochs": "all epochs done",
        "early_stopping": "early stopping",
        "target_loss": "target loss reached",
    }[trained.stop_reason]
    spent = f"{_counted(trained.epochs, 'epoch')} in {trained.seconds:.2f} s"
    say(f"\n{ended} after {spent}; kept the weights of {_kept(trained)}\n")
    names = list(next(iter(trained.figures.values())))
    spread = deviations([replica.figures for replica in trained.replicas]) if len(trained.replicas) > 1 else None
    rows = [
        [part, *(f"{figures[name]:.4g}" + (f" ± {spread[part][name]:.2g}" if spread else "") for name in names)]
        for part, figures in trained.figures.items()
    ]
    if spread:
        say(f"means of {len(trained.replicas)} replicas, with their standard deviations\n")
    _table(["", *names], rows)
    if trained.advice:
        say("\n".join(["\nThe doctor's advice:", *(f"- {line}" for line in trained.advice)]))
    after = f"bpnet eval {trained.run}" if "test" in trained.figures else f"bpnet predict {trained.run} DATA.csv"
    say(f"\nRun directory: {trained.run}\nNext:          {after}")


def show_cross_validated(found: "CrossValidated") -> None:
    """Print each figure's mean over the folds with its deviation and interval, where the run is, and what is next."""
    again = f", {found.repeats} times" if found.repeats > 1 else ""
    say(
        f"\n{_counted(len(found.results), 'network')} of {found.folds} folds{again}, trained in "
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
    _table(
        ["", "mean", "deviation", "95 % interval", *(["folds"] if partial else [])],
        rows if partial else [row[:-1] for row in rows],
    )
    say(f"\nRun directory: {found.run}\nNext:          bpnet predict {found.run} DATA.csv")


def show_ranked(ranked: "Ranked") -> None:
    """Print the points, the best first, with their figures on the rows that judged them, and what is next."""
    points = ranked.points
    together = len(points) // ranked.passes if ranked.passes else 0
    way = f"{_counted(len(points), 'point')} in one pass"
    if ranked.passes > 1:
        way = f"{len(points)} points in {ranked.passes} passes, one after another"
        if ranked.dividing_keys:
            way += f", for {', '.join(ranked.dividing_keys)} changes more than the numbers of a step"
        elif together:
            way += ", for the memory holds no more at once"
    name = ranked.ranked_by + (" without penalties" if ranked.ranked_by == "loss" else "")
    say(f"\n{way}: {ranked.seconds:.2f} s; ranked by the {ranked.part} {name}\n")
    names = [name for name in points[0].figures[ranked.part] if name != ranked.ranked_by]  # type: ignore[index]
    rows = []
    for rank, own in enumerate(points, start=1):
        figures, spread = own.figures[ranked.part], own.deviation and own.deviation[ranked.part]  # type: ignore[index]
        cells = [f"{figures[name]:.4g}" + (f" ± {spread[name]:.2g}" if spread else "") for name in names]
        if own.score is None:
            cells = ["" for _ in names]
        score = "diverged" if own.score is None else f"{own.score:.4g}"
        rows.append([str(rank), *own.values.values(), score, *cells, str(own.best_epoch), own.run.name])
    _table(["", *points[0].values, ranked.ranked_by, *names, "epoch", "run"], rows)
    say(f"\nBest run:      {ranked.run}\nNext:          bpnet eval {ranked.run}")


def _kept(trained: Trained) -> str:
    epochs = [replica.best_epoch for replica in trained.replicas]
    return f"epoch {epochs[0]}" if len(epochs) == 1 else f"epochs {min(epochs)} to {max(epochs)}"


def show_evaluation(evaluation: "Evaluation") -> None:
    """Print the figures with their intervals beside the baselines', then what there is for each class or target."""
    from bpnet.scoring.scores import Classification, Multilabel

    scores = evaluation.scores
    for warning in evaluation.warnings:
        note(f"warning: {warning}")
    say(f"{evaluation.data}: {_counted(evaluation.rows, 'row')}; loss {evaluation.loss:.6g}\n")
    rows = []
    for figure in scores.figures:
        interval = "" if figure.low is None else f"{_figure(figure.low)} … {_figure(figure.high)}"
        others = [_figure(baseline.figures.get(figure.name)) for baseline in evaluation.baselines]
        rows.append([_NAMES.get(figure.name, figure.name.replace("_", " ")), _figure(figure.value), interval, *others])
    _table(["", "network", "95 % interval", *(baseline.name for baseline in evaluation.baselines)], rows)
    if isinstance(scores, Classification):
        say("\nConfusion matrix (rows: true class, columns: predicted)\n")
        counts = [[label, *map(str, row)] for label, row in zip(scores.classes, scores.confusion, strict=True)]
        _table(["", *scores.classes], counts)
        say("")
        _table(
            ["", "precision", "recall", "F1", "rows"],
            [[c.label, *(_figure(v) for v in (c.precision, c.recall, c.f1)), str(c.rows)] for c in scores.per_class],
        )
    elif isinstance(scores, Multilabel):
        say("")
        _table(
            ["", "precision", "recall", "F1", "ROC AUC", "rows"],
            [
                [c.label, *(_figure(v) for v in (c.precision, c.recall, c.f1, c.roc_auc)), str(c.rows)]
                for c in scores.per_label
            ],
        )
    elif len(scores.per_target) > 1:
        say("")
        _table(
            ["", "RMSE", "MAE", "R²", "median absolute error", "MAPE"],
            [
                [t.target, *(_figure(v) for v in (t.rmse, t.mae, t.r2, t.median_absolute_error, t.mape))]
                for t in scores.per_target
            ],
        )
    notes = [scores.note, *(f"{b.name}: {b.note}" if b.note else None for b in evaluation.baselines)]
    told = [*evaluation.verdict, *(f"note: {text}" for text in notes if text)]
    if told:
        say("\n" + "\n".join(told))


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


def show_gradient_check(report: "GradientReport") -> None:
    """Print each parameter's largest disagreement, and the verdict."""
    say(f"{_counted(report.rows, 'row')}, float64, tolerance {report.tolerance:g}\n")
    _table(
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
    )
    say("")
    for text in report.notes:
        say(f"note: {text}")
    say("the gradients agree" if report.agrees else "the gradients DIFFER")


def _roles(prepared: Prepared) -> str:
    """How many features there are of each role, and the inputs they make."""
    counts: dict[str, int] = {}
    for name in prepared.encoder.features:
        role = prepared.config.dataset.roles[name]
        counts[role] = counts.get(role, 0) + 1
    told = _counted(len(prepared.encoder.features), "feature")
    if set(counts) != {"numeric"} or prepared.encoder.width != len(prepared.encoder.features):
        roles = ", ".join(f"{count} {role}" for role, count in counts.items())
        told += f" ({roles}) in {_counted(prepared.encoder.width, 'input')}"
    return told


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns, the first to the left and the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(header, *rows, strict=True)]
    for row in [header, *rows]:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        say("  ".join(cells).rstrip())


def _figures(row: Mapping[str, float]) -> str:
    return "  ".join(
        f"{name} {row[name]:.4g}"
        for name in ("loss", "accuracy", "rmse", "val_loss", "val_accuracy", "val_rmse")
        if name in row
    )


def _progress_bar() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("epoch"),
        MofNCompleteColumn(),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True))
