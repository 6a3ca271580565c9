"""The terminal: results on stdout, progress and warnings on stderr; the only importer of rich."""

import contextlib
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from shutil import get_terminal_size
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self, TextIO, cast

from bpnet.errors import RunError
from bpnet.messages import counted
from bpnet.reports.terminal import visible, wrapped
from bpnet.reports.text import default_layers_note, rounded
from bpnet.reports.train import start_line, storage_note
from bpnet.runs.files import json_text

# rich is imported where it is used: it takes long, and few commands need it
if TYPE_CHECKING:
    from rich.progress import Progress

    from bpnet.preparation.encode import EncodedDataset

MIN_WIDTH = 40
"""Text is not wrapped at fewer columns than these."""
PROGRESS_LINES = 10
"""The number of lines that show the progress of a training where there is no terminal."""

_PROGRESS_METRICS = ("loss", "accuracy", "rmse")
_SECONDS_BETWEEN_DRAWINGS = 0.1
_BAR_WIDTH = 10
_HELD_IN_MEMORY = 10_000_000
"""Bytes of a document that wait in memory for its end; more wait on disk."""


class TrainingView:
    """Shows a training: as a progress bar on a terminal, elsewhere as ten lines in all.

    It is a context manager, whose end removes the bar.
    """

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._last_drawn = 0.0
        self._described = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._remove_bar()

    def begin(self, run: Path, prepared: "EncodedDataset", parameters: int, networks: int) -> None:
        """Show what will be trained on which rows, with the warnings about the table."""
        self._remove_bar()
        _describe(run.name, prepared, parameters, networks)
        if networks > 1:
            print_note(f"{networks} networks at once; the metrics of an epoch are their means")
        self._start(prepared.config.training.epochs)

    def begin_member(
        self,
        run: Path,
        prepared: "EncodedDataset",
        parameters: int,
        networks: int,
        title: str,
    ) -> None:
        """Show before each member of an ensemble what will be trained; describe the first."""
        self._remove_bar()
        if not self._described:
            _describe(run.name, prepared, parameters, networks)
            self._described = True
        note = f"{networks} networks at once; the metrics of an epoch are their means"
        print_note(f"{title}: {note}" if title else note)
        self._start(prepared.config.training.epochs)

    def begin_pass(
        self,
        run: Path,
        first: "EncodedDataset",
        parameters: int,
        number: int,
        passes: Sequence[int],
    ) -> None:
        """Show before each pass of a cross-validation how many folds train; describe the first."""
        self._remove_bar()
        if number == 1:
            _describe(f"{run.name}, its first fold", first, parameters, sum(passes))
        of = f" (pass {number} of {len(passes)})" if len(passes) > 1 else ""
        folds = counted(passes[number - 1], "fold")
        print_note(f"{folds} at once{of}; the metrics of an epoch are their means")
        self._start(first.config.training.epochs)

    def epoch(self, row: Mapping[str, float]) -> None:
        """Show an epoch: on a terminal at most ten times a second."""
        epoch = int(row["epoch"])
        if self._progress is not None:
            waited = time.monotonic() - self._last_drawn
            if waited > _SECONDS_BETWEEN_DRAWINGS or epoch == self._epochs:
                self._last_drawn = time.monotonic()
                text = _metrics_text(row, self._progress.console.width - self._width)
                self._progress.update(self._task, completed=epoch, metrics=text)
        elif epoch * PROGRESS_LINES // self._epochs > (epoch - 1) * PROGRESS_LINES // self._epochs:
            print_note(f"epoch {epoch}/{self._epochs}  {_metrics_text(row)}")

    def warn(self, text: str) -> None:
        """Show a warning, above the bar if there is one."""
        if self._progress is not None:
            self._progress.console.print(
                _shown(f"warning: {text}", sys.stderr),
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
        else:
            print_warning(text)

    def _start(self, epochs: int) -> None:
        self._epochs = epochs
        if sys.stderr.isatty():
            self._progress = _progress_bar()
            # "epoch 12/200 ", the bar and " 10:00:00", with blanks around the metrics
            self._width = len(f"epoch {epochs}/{epochs} ") + _BAR_WIDTH + len("  10:00:00")
            self._task = self._progress.add_task("", total=self._epochs, metrics="")
            self._progress.start()

    def _remove_bar(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def print_result(text: str, *, verbatim: bool = False) -> None:
    """Write a result to stdout: on a terminal wrapped at its width, unless it is `verbatim`.

    Raises RunError if that fails, as on a full disk.
    """
    try:
        print(_shown(text, sys.stdout, verbatim=verbatim), flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _cannot_write_stdout(error) from None


def print_markdown(text: str) -> None:
    """Write Markdown to stdout: formatted on a terminal, unchanged elsewhere."""
    if not sys.stdout.isatty():
        print_result(text.removesuffix("\n"))
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(highlight=False)
    page = Markdown(text, code_theme="ansi_dark", hyperlinks=False)
    console.print(page, width=min(console.width, 88))


def print_json(value: Any) -> None:
    """Write one JSON document to stdout."""
    print_result(json_text(value), verbatim=True)


def print_note(text: str) -> None:
    """Write a line to stderr; a closed stderr stops nothing."""
    with contextlib.suppress(OSError):
        print(_shown(text, sys.stderr), file=sys.stderr, flush=True)


def print_warning(text: str) -> None:
    """Write a warning to stderr."""
    print_note(f"warning: {text}")


def print_errors(problems: Sequence[str]) -> None:
    """Write each problem to stderr; the word `error` is red on a terminal with colors."""
    if sys.stderr.isatty():
        from rich.console import Console

        console = Console(stderr=True, highlight=False, soft_wrap=True)
        for problem in problems:
            label, _, text = _shown(f"error: {problem}", sys.stderr).partition(" ")
            console.print(label, style="bold red", end=" ")
            console.print(text, markup=False)
    else:
        for problem in problems:
            print_note(f"error: {problem}")


@contextlib.contextmanager
def stdout(*, whole: bool = False) -> Iterator[BinaryIO]:
    """Yield stdout as a stream of bytes; raises RunError if writing fails, as on a full disk.

    If it is `whole`, nothing is written before all is there: in memory, or in a temporary file.
    """
    try:
        if whole:
            with tempfile.SpooledTemporaryFile(_HELD_IN_MEMORY) as held:
                yield cast(BinaryIO, held)
                held.seek(0)
                shutil.copyfileobj(held, sys.stdout.buffer)
        else:
            yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _cannot_write_stdout(error) from None


def _cannot_write_stdout(error: OSError) -> RunError:
    return RunError(
        f"standard output: cannot be written: {error.strerror}; "
        "redirect it to where there is space left"
    )


def _shown(text: str, stream: TextIO, *, verbatim: bool = False) -> str:
    """Return text as a stream shows it: with visible control characters, on a terminal wrapped.

    A document, which is `verbatim`, keeps them unless it is shown on a terminal.
    """
    if not stream.isatty():
        # a pager or a log may end on a terminal, too
        return text if verbatim else visible(text)
    text = visible(text)
    return text if verbatim else wrapped(text, max(MIN_WIDTH, get_terminal_size().columns))


def _describe(name: str, prepared: "EncodedDataset", parameters: int, networks: int) -> None:
    from bpnet.config.presets.expand import takes_default_layers  # deferred: needs the schema

    print_note(start_line(name, prepared, parameters))
    if takes_default_layers(prepared.split.loaded):
        print_note(default_layers_note(networks))
    if note := storage_note(prepared):
        print_note(note)
    for warning in prepared.warnings:
        print_warning(warning)


def _metrics_text(row: Mapping[str, float], room: float = math.inf) -> str:
    """Return the metrics that show progress, on one line.

    Where they do not fit the room, those of the training rows give way to those of validation.
    """
    validation = [f"val_{name}" for name in _PROGRESS_METRICS]
    choices = [
        [*_PROGRESS_METRICS, *validation],
        ["loss", *validation],
        validation,
        ["val_loss"],
        ["loss"],
    ]
    texts = [
        "  ".join(f"{name} {rounded(row[name], 4)}" for name in names if name in row)
        for names in choices
    ]
    return next((text for text in texts if text and len(text) <= room), "")


def _progress_bar() -> "Progress":
    from rich.console import Console  # deferred: rich takes long to import, and few need it
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
        BarColumn(bar_width=_BAR_WIDTH),
        TextColumn("{task.fields[metrics]}"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True))
