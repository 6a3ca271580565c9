"""What a person sees: progress and warnings on stderr, results on stdout. The only importer of rich."""

import contextlib
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bpnet.errors import RunError
from bpnet.experiment.preparing import Prepared
from bpnet.experiment.training import Trained

if TYPE_CHECKING:
    from rich.progress import Progress

    from bpnet.experiment.checking import GradientReport
    from bpnet.experiment.evaluating import Evaluation

PLAIN_LINES = 10
"""How many lines of progress a training prints where there is no terminal."""


class TrainingView:
    """Watches a training: a progress bar on a terminal, a line for every tenth of the epochs elsewhere."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._drawn = 0.0

    def begin(self, run: Path, prepared: Prepared, parameters: int) -> None:
        """Say what will be trained on what, and warn of what the table holds."""
        config = prepared.config
        rows = ", ".join(f"{len(rows)} {part}" for part, rows in prepared.parts.items() if len(rows))
        classes = prepared.target.classes
        told = f"{len(classes)} classes" if classes else "a quantity"
        features = len(prepared.encoder.features)
        note(
            f"{run.name}: {rows} rows; {features} features -> {prepared.target.name} ({told}); {parameters} parameters"
        )
        for warning in prepared.warnings:
            note(f"warning: {warning}")
        self._epochs = config.training.epochs
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
    say(f"\n{ended} after {spent}; kept the weights of epoch {trained.best_epoch}\n")
    names = list(next(iter(trained.figures.values())))
    rows = [[part, *(f"{figures[name]:.4g}" for name in names)] for part, figures in trained.figures.items()]
    _table(["", *names], rows)
    if trained.advice:
        say("\n".join(["\nThe doctor's advice:", *(f"- {line}" for line in trained.advice)]))
    after = f"bpnet eval {trained.run}" if "test" in trained.figures else f"bpnet predict {trained.run} DATA.csv"
    say(f"\nRun directory: {trained.run}\nNext:          {after}")


def show_evaluation(evaluation: "Evaluation") -> None:
    """Print loss, accuracy, confusion matrix and per-class figures, or the errors of a regression."""
    from bpnet.experiment.scoring import Classification

    scores = evaluation.scores
    for warning in evaluation.warnings:
        note(f"warning: {warning}")
    say(f"{evaluation.data}: {_counted(evaluation.rows, 'row')}\n")
    if not isinstance(scores, Classification):
        r2 = "undefined: the target does not vary" if scores.r2 is None else f"{scores.r2:.4f}"
        say(f"loss      {evaluation.loss:.6g}\nRMSE      {scores.rmse:.6g}\nMAE       {scores.mae:.6g}\nR²        {r2}")
        return
    say(f"loss      {evaluation.loss:.6g}\naccuracy  {scores.accuracy:.4f}")
    say("\nConfusion matrix (rows: true class, columns: predicted)\n")
    _table(
        ["", *scores.classes],
        [[label, *map(str, counts)] for label, counts in zip(scores.classes, scores.confusion, strict=True)],
    )
    say("")
    _table(
        ["", "precision", "recall", "F1", "rows"],
        [[c.label, f"{c.precision:.4f}", f"{c.recall:.4f}", f"{c.f1:.4f}", str(c.rows)] for c in scores.per_class],
    )


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
