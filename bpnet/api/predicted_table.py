"""Prediction of one table from Python: the columns that a model adds, as arrays."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bpnet.api.given_table import given_table
from bpnet.api.warning import warn
from bpnet.config.from_python import assignments
from bpnet.data.encoding.row_flags import FlagSummary
from bpnet.data.writing.data_frame import joined
from bpnet.errors import UsageError
from bpnet.models.run_model import RunModel
from bpnet.reports.predict import flags_text, threshold_note, training_note
from bpnet.workflows.predict import Prediction, PredictOptions


def predict_options(
    keep: Sequence[str] | None,
    threshold: float | None,
    intervals: float | Sequence[float],
    replica: int | str,
    settings: Mapping[str, Any] | None,
    *,
    raw: bool,
    strict: bool,
) -> PredictOptions:
    """Return the options of a prediction that keeps some columns: see `Run.predictions`."""
    return PredictOptions(
        keep=keep,
        levels=[intervals] if isinstance(intervals, float | int) else intervals,
        strict=strict,
        replica=str(replica),
        threshold=threshold,
        raw=raw,
        reading=assignments(settings or {}),
    )


def predicted_columns(
    run: Path | None, opened: RunModel, table: Any, options: PredictOptions
) -> dict[str, Any]:
    """Return the columns (N,) that a model adds to a table, and warn of rows that are flagged."""
    if table is None:
        raise UsageError("table: is None; give a data frame, or the path of a table")
    with given_table(table) as path:
        prediction = Prediction(run, str(path), options, opened)
        for warning in prediction.warnings:
            warn(warning)
        flags = FlagSummary()
        chunks = [columns for _, columns in prediction.chunks(flags)]
        summary = prediction.summary(flags)
    for text in [*threshold_note(summary), *training_note(summary), *flags_text(flags)]:
        warn(text.removeprefix("note: "))
    return joined(chunks)
