"""Prediction of many tables into a folder from Python: `bpnet predict RUN TABLES -o FOLDER/`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bpnet.api.warning import warn
from bpnet.data.formats import WRITABLE, FileFormat
from bpnet.data.writing.data_frame import data_frame
from bpnet.errors import DataError, RunError, UsageError
from bpnet.reports.predict import flags_text, threshold_note, training_note
from bpnet.reports.predict_files import file_warnings, not_predicted, total_flags
from bpnet.workflows.output_files import Shard
from bpnet.workflows.predict import PredictOptions
from bpnet.workflows.predict_files import FilesPrediction

if TYPE_CHECKING:
    from bpnet.data.writing.data_frame import DataFrame

Tables = str | Path | Sequence[str | Path]


def predict_files(
    run: Path,
    tables: Tables,
    folder: str | Path,
    options: PredictOptions,
    *,
    form: str | None,
    shard: str | None,
    force: bool,
) -> "DataFrame":
    """Predict each table into a file of its own: see `Run.predict_files`."""
    prediction = FilesPrediction(
        run,
        _names(tables),
        Path(folder),
        options,
        file_format=None if form is None else _format(form),
        shard=None if shard is None else Shard.read(str(shard)),
        force=force,
    )
    for text in prediction.warnings:
        warn(text)
    results, thresholds = [], list[str]()
    for result in prediction.results():
        results.append(result)
        if result.state != "failed":  # the error says why
            for text in file_warnings(result):
                warn(text)
        if result.summary is not None:
            thresholds = thresholds or threshold_note(result.summary)
            for text in training_note(result.summary):
                warn(text.removeprefix("note: "))
    for text in [*thresholds, *flags_text(total_flags(results))]:
        warn(text.removeprefix("note: "))
    if problem := not_predicted(results):
        reasons = [text for one in results if one.state == "failed" for text in file_warnings(one)]
        unwritable = any(result.unwritable for result in results)
        raise (RunError if unwritable else DataError)([*reasons, problem])
    return data_frame(
        {
            "table": [str(one.file.table) for one in results],
            "output": [str(one.file.path) for one in results],
            "state": [one.state for one in results],
            "rows": [one.flags.rows for one in results],
            "trained_rows": [one.trained_rows for one in results],
        }
    )


def _format(name: str) -> FileFormat:
    """Return the format that is written under a name; raises UsageError."""
    formats = {one.name: one for one in WRITABLE}
    if name not in formats:
        raise UsageError(f"format={name!r}: must be one of {', '.join(formats)}")
    return formats[name]


def _names(tables: Tables) -> list[str]:
    """Return the paths, folders and patterns that are given; raises UsageError."""
    given = [tables] if isinstance(tables, str | Path) else tables
    if not isinstance(given, Sequence):
        raise UsageError(
            f"tables: is of the type {type(tables).__name__}; give paths, folders or patterns of "
            "tables; a data frame is predicted by predictions(table)"
        )
    wrong = [one for one in given if not isinstance(one, str | Path)]
    if wrong or not given:
        what = f"has a {type(wrong[0]).__name__}" if wrong else "is empty"
        raise UsageError(f"tables: {what}; give paths, folders or patterns of tables")
    return list(map(str, given))
