"""Prediction of many tables into a folder, by one worker or several side by side."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import bpnet
from bpnet.data.encoding.row_flags import FlagSummary
from bpnet.data.formats import FileFormat
from bpnet.data.reading.open import left_out_note
from bpnet.errors import DataError, RunError, UsageError
from bpnet.messages import MAX_PROBLEMS, quoted_list, total_line
from bpnet.models.ensemble import Ensemble
from bpnet.models.run_model import open_run_model
from bpnet.models.threads import shared_work
from bpnet.paths import exists, is_file
from bpnet.runs import files
from bpnet.runs.lock import hold, remove_unheld
from bpnet.workflows.finished_outputs import (
    FileState,
    FinishedOutputs,
    Maker,
    make_folder,
    outputs_among,
)
from bpnet.workflows.output_files import OutputFile, Shard, output_files
from bpnet.workflows.predict import Prediction, PredictOptions, Summary


@dataclass(frozen=True)
class FileResult:
    """What has become of a table: it was finished before, is predicted now, or has failed."""

    file: OutputFile
    state: Literal["finished", "predicted", "failed"]
    flags: FlagSummary = field(default_factory=FlagSummary)
    trained_rows: int = 0
    summary: Summary | None = None
    """What to say of a table that is predicted now."""
    warnings: Sequence[str] = ()
    problems: Sequence[str] = ()
    """Why it has failed."""
    unwritable: bool = False
    """True if its output cannot be written."""


class FilesPrediction:
    """Predictions of many tables, each written to a file of its own in a folder.

    Everything that concerns more than one table is checked at once: see `output_files`. Outputs of
    another model, of other options or other tables are replaced only with `force`. Raises
    UsageError, DataError or RunError.
    """

    def __init__(
        self,
        run: Path,
        tables: Iterable[str],
        folder: Path,
        options: PredictOptions,
        *,
        file_format: FileFormat | None = None,
        shard: Shard | None = None,
        force: bool = False,
    ) -> None:
        self._run, self._options, self.folder, self.shard = run, options, folder, shard
        tables = list(tables)
        every = output_files(tables, folder, file_format)
        self._notes = [note for text in tables for note in left_out_note(text)]
        self._notes += _note_of_outputs([file.table for file in every])
        self.files = every if shard is None else shard.of(every)
        """The outputs of this worker."""
        self.of = len(every)
        """The number of tables of all workers."""
        self._check_formats()
        self._opened = open_run_model(run)
        maker = Maker(bpnet.__version__, model_sha256(self._opened.model), _settings(options))
        self._outputs = FinishedOutputs(maker)
        if not force:
            self._check_conflicts()

    @property
    def warnings(self) -> list[str]:
        """Warnings about a run that has not finished, files left out, and outputs as tables."""
        return [*self._opened.notes, *self._notes]

    def results(self) -> Iterator[FileResult]:
        """Predict the tables that are not finished, and yield what becomes of each.

        Those whose columns do not fit come first, and the others are predicted nevertheless.
        """
        make_folder(self.folder)
        _remove_dead(self.folder)
        try:
            with shared_work():  # here, since it takes longer than a small table
                yield from self._results()
        finally:
            self._outputs.flush()

    def _results(self) -> Iterator[FileResult]:
        opened = dataclasses.replace(self._opened, notes=[])  # they are said once
        left = []
        for file in self.files:
            try:
                if self._outputs.read(file) is None:
                    self._prediction(file, opened)
            except DataError as error:
                yield FileResult(file, "failed", problems=error.problems)
            else:
                left.append(file)
        for file in left:
            # looked at again: another worker may have finished it
            record = self._outputs.read(file)
            if record is not None:
                yield FileResult(file, "finished", record.flags, record.trained_rows)
                continue
            try:
                yield self._predict(file, self._prediction(file, opened))
            except DataError as error:
                yield FileResult(file, "failed", problems=error.problems)
            except RunError as error:  # an output that cannot be written
                yield FileResult(file, "failed", problems=error.problems, unwritable=True)

    def _prediction(self, file: OutputFile, opened: Any) -> Prediction:
        """Open a table; raises DataError if it does not fit the model."""
        if exists(file.table) and not is_file(file.table):
            raise DataError(
                f"{file.table}: is not a regular file, so that it is read once; name its output: "
                "-o FILE"
            )
        return Prediction(self._run, str(file.table), self._options, opened)

    def _predict(self, file: OutputFile, prediction: Prediction) -> FileResult:
        make_folder(file.path.parent)
        state = FileState.of(file.table)  # before it is read: a later change is seen
        with files.replacing(file.path, flush_folder=False, hold=hold) as stream:
            summary = prediction.write(file.format, stream)
            self._outputs.write(file, stream, state, summary.flags, summary.trained_rows)
        return FileResult(
            file,
            "predicted",
            summary.flags,
            summary.trained_rows,
            summary,
            prediction.warnings,
        )

    def _check_formats(self) -> None:
        for file_format in {file.format.name: file.format for file in self.files}.values():
            if self._options.safe_csv and file_format.name != "csv":
                raise UsageError(
                    f"--safe-csv is for CSV, and the output is {file_format.title}; "
                    "add --format csv"
                )
            file_format.load(file_format.writer)

    def _check_conflicts(self) -> None:
        """Raise UsageError if an output exists that is not to be replaced."""
        found = ((file, self._outputs.conflict(file)) for file in self.files)
        problems = [
            f"{file.path}: {conflict}; replace it with --force, or name another folder with -o"
            for file, conflict in found
            if conflict
        ]
        if problems:
            total = total_line(len(problems), "outputs are not to be replaced")
            raise UsageError([*problems[:MAX_PROBLEMS], *total])


def model_sha256(model: Ensemble) -> str:
    """Return the SHA-256 of a model: its parameters, and all that is described of it."""
    digest = hashlib.sha256()
    for member in model.members:
        digest.update(files.json_text(member.description).encode("utf-8", "backslashreplace"))
        digest.update(member.network.theta.tobytes())
        digest.update(member.network.statistics.flat.tobytes())
    digest.update(files.json_text([model.combination, model.thresholds]).encode())
    return digest.hexdigest()


def _settings(options: PredictOptions) -> dict[str, Any]:
    """Return the options as they are read from a record."""
    settings: dict[str, Any] = json.loads(files.json_text(options))
    return settings


def _note_of_outputs(tables: Sequence[Path]) -> list[str]:
    """Return a note on those of many tables that are outputs of `bpnet predict`."""
    outputs = [str(table) for table in outputs_among(tables)]
    if not outputs:
        return []
    are, them = ("is an output", "it") if len(outputs) == 1 else ("are outputs", "them")
    return [
        f"{quoted_list(outputs, MAX_PROBLEMS)} {are} of `bpnet predict`; if that is not "
        f"meant, name the tables without {them}"
    ]


def _remove_dead(folder: Path) -> None:
    """Remove the temporary files that killed workers left; those of others are locked."""
    for path in files.temporary_files(folder):
        remove_unheld(path)
