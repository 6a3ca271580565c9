"""A training as it goes on: some lines that follow it, or ten lines in all in a file."""

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from bpnet.cli.console import print_note, print_warning
from bpnet.cli.live_lines import LiveLines, live_lines
from bpnet.engine.component import Array
from bpnet.messages import counted
from bpnet.reports.progress import Progress, metrics_text
from bpnet.reports.text import default_layers_note
from bpnet.reports.train import sharing_note, start_line, storage_note

if TYPE_CHECKING:
    from bpnet.preparation.encode import EncodedDataset

PROGRESS_LINES = 10
"""The number of lines that show the progress of a training where nothing can be drawn again."""

_SECONDS_BETWEEN_DRAWINGS = 0.2


class TrainingView:
    """Shows a training: on a terminal or in a notebook as lines that follow it, or as ten in all.

    It is a context manager, whose end ends the lines that follow it. If it is `quiet`, only
    warnings are shown. A `name` is shown in place of that of the run's folder.
    """

    def __init__(self, *, quiet: bool = False, name: str | None = None) -> None:
        self._quiet, self._name = quiet, name
        self._live: LiveLines | None = None
        self._last_drawn = 0.0
        self._undrawn: tuple[Mapping[str, float], Array] | None = None
        self._described = False
        self._budget_start: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end_live()

    def begin(self, run: Path, prepared: "EncodedDataset", parameters: int, networks: int) -> None:
        """Show what will be trained on which rows, with the warnings about the table."""
        self._end_live()
        self._describe(self._name or run.name, prepared, parameters, networks)
        if networks > 1:
            self._note(f"{networks} networks at once; the metrics of an epoch are their means")
        if note := sharing_note(run, prepared):
            self._note(note)
        self._start(prepared)

    def begin_member(
        self,
        run: Path,
        prepared: "EncodedDataset",
        parameters: int,
        networks: int,
        title: str,
    ) -> None:
        """Show before each member of an ensemble what will be trained; describe the first."""
        self._end_live()
        if not self._described:
            self._describe(self._name or run.name, prepared, parameters, networks)
            self._described = True
        note = f"{networks} networks at once; the metrics of an epoch are their means"
        self._note(f"{title}: {note}" if title else note)
        self._start(prepared)

    def begin_pass(
        self,
        run: Path,
        first: "EncodedDataset",
        parameters: int,
        number: int,
        passes: Sequence[int],
    ) -> None:
        """Show before each pass of a cross-validation how many folds train; describe the first."""
        self._end_live()
        if number == 1:
            self._describe(
                f"{self._name or run.name}, its first fold", first, parameters, sum(passes)
            )
        of = f" (pass {number} of {len(passes)})" if len(passes) > 1 else ""
        folds = counted(passes[number - 1], "fold")
        self._note(f"{folds} at once{of}; the metrics of an epoch are their means")
        self._start(first)

    def epoch(self, row: Mapping[str, float], kept: Array) -> None:
        """Show an epoch: where it is drawn again at most five times a second, and the last one."""
        if self._live is not None:
            self._undrawn = row, kept
            if time.monotonic() - self._last_drawn > _SECONDS_BETWEEN_DRAWINGS:
                self._draw_epoch(self._live)
        elif not self._quiet:
            epoch = int(row["epoch"])
            if (
                epoch * PROGRESS_LINES // self._epochs
                > (epoch - 1) * PROGRESS_LINES // self._epochs
            ):
                print_note(f"epoch {epoch}/{self._epochs}  {metrics_text(row)}")

    def warn(self, text: str) -> None:
        """Show a warning, above the lines that follow the training if there are any."""
        if self._live is not None:
            self._live.warn(text)
        else:
            print_warning(text)

    def note(self, text: str) -> None:
        """Show a remark on what goes on."""
        self._end_live()
        self._note(text)

    def _note(self, text: str) -> None:
        if not self._quiet:
            print_note(text)

    def _describe(
        self, name: str, prepared: "EncodedDataset", parameters: int, networks: int
    ) -> None:
        from bpnet.config.presets.expand import takes_default_layers  # deferred: needs the schema

        self._note(start_line(name, prepared, parameters))
        if takes_default_layers(prepared.split.loaded):
            self._note(default_layers_note(networks))
        if note := storage_note(prepared):
            self._note(note)
        for warning in prepared.warnings:
            print_warning(warning)

    def _start(self, prepared: "EncodedDataset") -> None:
        training = prepared.config.training
        self._epochs = training.epochs
        live = None if self._quiet else live_lines()
        if live is None:
            return
        now = time.monotonic()
        if self._budget_start is None:
            self._budget_start = now
        budget = prepared.config.seconds
        self._progress = Progress(
            self._epochs,
            len(prepared.parts["train"]),
            now,
            may_stop=training.early_stopping is not None,
            seconds=math.inf if budget is None else budget - (now - self._budget_start),
            curves=live.curves,
        )
        self._live = live
        self._draw(live)

    def _draw_epoch(self, live: LiveLines) -> None:
        """Draw the last epoch if it is not drawn."""
        if self._undrawn is not None:
            self._last_drawn = time.monotonic()
            self._progress.note(*self._undrawn, self._last_drawn)
            self._undrawn = None
            self._draw(live)

    def _draw(self, live: LiveLines) -> None:
        live.show(self._progress.lines(live.width))

    def _end_live(self) -> None:
        if self._live is not None:
            self._draw_epoch(self._live)
            self._progress.end()
            self._draw(self._live)
            self._live.end()
            self._live = None
