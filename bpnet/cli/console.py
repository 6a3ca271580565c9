"""What a person sees: progress and warnings on stderr, results on stdout. The only importer of rich."""

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from bpnet.errors import RunError
from bpnet.preparation.prepare import Prepared
from bpnet.reports.text import counted
from bpnet.runs.files import json_text

if TYPE_CHECKING:
    from rich.progress import Progress


PLAIN_LINES = 10
"""How many lines of progress a training prints where there is no terminal."""


class TrainingView:
    """Watches a training: a progress bar on a terminal, a line for every tenth of the epochs elsewhere."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._drawn = 0.0

    def begin(self, run: Path, prepared: Prepared, parameters: int, networks: int) -> None:
        """Say what will be trained on what, and warn of what the table holds."""
        self.end()
        self._describe(run.name, prepared, parameters)
        if networks > 1:
            note(f"{networks} networks at once; the figures of an epoch are their means")
        self._start(prepared.config.training.epochs)

    def begin_pass(
        self, run: Path, first: Prepared, parameters: int, number: int, passes: Sequence[int]
    ) -> None:
        """Say before the first pass what a fold is, and before each how many train."""
        self.end()
        if number == 1:
            self._describe(f"{run.name}, its first fold", first, parameters)
        of = f" (pass {number} of {len(passes)})" if len(passes) > 1 else ""
        note(
            f"{counted(passes[number - 1], 'fold')} at once{of}; the figures of an epoch are their means"
        )
        self._start(first.config.training.epochs)

    def _describe(self, name: str, prepared: Prepared, parameters: int) -> None:
        config = prepared.config
        rows = ", ".join(
            f"{len(rows)} {part}" for part, rows in prepared.parts.items() if len(rows)
        )
        answers = prepared.survey.answers
        told = f"{config.task}: {answers.why}"
        if answers.classes:
            told = f"{len(answers.classes)} classes: {answers.why}"
        names = ", ".join(answers.names)
        note(
            f"{name}: {rows} rows; {_roles(prepared)} -> {names} ({told}); {parameters} parameters"
        )
        if prepared.storage == "disk":
            note(
                f"{prepared.bytes / 1e6:,.3g} MB of encoded rows are kept on disk while training (dataset.storage)"
            )
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
            self._progress.console.print(
                f"warning: {text}", markup=False, highlight=False, soft_wrap=True
            )
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


def show_markdown(text: str) -> None:
    """Write Markdown to stdout: formatted on a terminal, as it is elsewhere."""
    if not sys.stdout.isatty():
        say(text.removesuffix("\n"))
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(highlight=False)
    page = Markdown(text, code_theme="ansi_dark", hyperlinks=False)
    console.print(page, width=min(console.width, 88))


def print_json(value: Any) -> None:
    """Print one JSON document to stdout."""
    say(json_text(value))


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


def _roles(prepared: Prepared) -> str:
    """How many features there are of each role, and the inputs they make."""
    counts: dict[str, int] = {}
    for name in prepared.encoder.features:
        role = prepared.config.dataset.roles[name]
        counts[role] = counts.get(role, 0) + 1
    told = counted(len(prepared.encoder.features), "feature")
    if set(counts) != {"numeric"} or prepared.encoder.width != len(prepared.encoder.features):
        roles = ", ".join(f"{count} {role}" for role, count in counts.items())
        told += f" ({roles}) in {counted(prepared.encoder.width, 'input')}"
    return told


def _figures(row: Mapping[str, float]) -> str:
    return "  ".join(
        f"{name} {row[name]:.4g}"
        for name in ("loss", "accuracy", "rmse", "val_loss", "val_accuracy", "val_rmse")
        if name in row
    )


def _progress_bar() -> "Progress":
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("epoch"),
        MofNCompleteColumn(),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True))
