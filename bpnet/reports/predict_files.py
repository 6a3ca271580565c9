"""The report of `bpnet predict` with a folder of outputs: a line for each table, and their sum."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bpnet.data.encoding.row_flags import FlagSummary
from bpnet.messages import counted, on_one_line, shell_path
from bpnet.reports.predict import training_note

if TYPE_CHECKING:
    from bpnet.workflows.predict_files import FileResult, FilesPrediction

_MOST_NAMED = 5


def file_notes(result: "FileResult") -> Iterator[str]:
    """Yield notes on a table that is predicted now."""
    if result.state == "predicted":
        rows = counted(result.flags.rows, "row")
        table, path = on_one_line(str(result.file.table)), on_one_line(str(result.file.path))
        yield f"{table}: {rows} written to {path}"
    if result.summary is not None:
        yield from training_note(result.summary)


def file_warnings(result: "FileResult") -> Iterator[str]:
    """Yield why a table is not predicted, or what may be wrong with it."""
    table = str(result.file.table)
    notes = result.flags.notes if result.state == "predicted" else []
    for text in [*result.problems, *result.warnings, *notes]:
        # a total names no table, and a name may hold line breaks
        yield on_one_line(text if text.startswith(table) else f"{table}: {text}")


def total_flags(results: Sequence["FileResult"]) -> FlagSummary:
    """Return the flags of all tables."""
    total = FlagSummary()
    for result in results:
        total.include(result.flags)
    return total


def files_text(prediction: "FilesPrediction", results: Sequence["FileResult"]) -> str:
    """Return a line with the numbers of tables and rows."""
    shard, states = prediction.shard, [result.state for result in results]
    which = counted(len(results), "table")
    if shard is not None:
        which += f" of {prediction.of:,} (shard {shard})"
    parts = [f"{states.count('predicted'):,} predicted"]
    if "finished" in states:
        parts.append(f"{states.count('finished'):,} finished before")
    if "failed" in states:
        parts.append(f"{states.count('failed'):,} failed")
    rows = counted(total_flags(results).rows, "row")
    return f"{prediction.folder}: {which}: {', '.join(parts)}; {rows} in all"


def files_data(prediction: "FilesPrediction", results: Sequence["FileResult"]) -> dict[str, Any]:
    """Return what `--json` prints."""
    return {
        "output": prediction.folder,
        "shard": None if prediction.shard is None else str(prediction.shard),
        "tables": [
            {
                "table": result.file.table,
                "output": result.file.path,
                "state": result.state,
                "flags": asdict(result.flags),
                "trained_rows": result.trained_rows,
                "problems": result.problems,
            }
            for result in results
        ],
        "rows": total_flags(results).rows,
    }


def not_predicted(results: Sequence["FileResult"]) -> str:
    """Return the error that names the tables that are not predicted; blank if there are none."""
    failed = [shell_path(result.file.table) for result in results if result.state == "failed"]
    if not failed:
        return ""
    more = f" and {len(failed) - _MOST_NAMED} more" if len(failed) > _MOST_NAMED else ""
    them = "it" if len(failed) == 1 else "them"
    failures = [result for result in results if result.state == "failed"]
    tables = f"not predicted, for the reasons above: {', '.join(failed[:_MOST_NAMED])}{more}"
    again = f"and run the command again, which predicts only {them}"
    if all(result.unwritable for result in failures):
        return f"{tables}; mend what keeps the folder from being written to, {again}"
    # those that are finished were predicted with the options as they are
    option = any(" --" in problem for result in failures for problem in result.problems)
    other = f"; to change an option, predict only {them}, into another folder" if option else ""
    return f"{tables}; correct {them}, {again}, or name the tables without {them}{other}"
