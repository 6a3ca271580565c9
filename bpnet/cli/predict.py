"""`bpnet predict`: a table's rows with predictions beside them."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bpnet.cli.exit_codes import exit_codes
from bpnet.cli.options import (
    Quiet,
    ReadingOverrides,
    ReplicaChoice,
    RunFolder,
    Threads,
    on_threads,
)
from bpnet.cli.output import STDOUT, check_folder, check_output, is_folder
from bpnet.data.formats import (
    WRITABLE,
    FileFormat,
    format_named,
    format_to_write,
    suffixes,
)
from bpnet.errors import DataError, RunError, UsageError

if TYPE_CHECKING:
    from bpnet.workflows.predict import Prediction
    from bpnet.workflows.predict_files import FilesPrediction

EXAMPLES = """\
bpnet predict runs/iris-001 flowers.csv
bpnet predict runs/iris-001 flowers.parquet -o predicted.parquet --keep id
bpnet predict runs/diabetes-001 patients.csv --interval 0.9
bpnet predict runs/cancer-001 patients.csv --threshold 0.3
cat flowers.csv | bpnet predict runs/iris-001 - --format jsonl --strict
bpnet predict runs/iris-001 'flowers/*.parquet' -o predicted/ --shard 1/4
"""


class OutputFormat(StrEnum):
    """The file formats of predictions."""

    # a member for each format in the table of formats
    vars().update({file_format.name: file_format.name for file_format in WRITABLE})


def predict(
    run: RunFolder,
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA",
            help="Table, folder or pattern of tables, or - for standard input; several with "
            "-o FOLDER/.",
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write to FILE, - for standard output, or each table to a file in FOLDER/.",
        ),
    ] = "-",
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N", help="Predict every Nth table from the Ith on, as worker I of N."
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Overwrite files of another model in FOLDER, or of other options."
        ),
    ] = False,
    form: Annotated[
        OutputFormat | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help=f"Write {', '.join(OutputFormat)}; by default as FILE's name ends, else csv.",
        ),
    ] = None,
    keep: Annotated[
        str,
        typer.Option(
            metavar="COLUMNS",
            help="Copy these columns of the table: all, none, or names separated by commas.",
        ),
    ] = "all",
    proba: Annotated[
        bool, typer.Option("--proba/--no-proba", help="Add a probability for each class or label.")
    ] = True,
    top: Annotated[
        int | None,
        typer.Option(
            "--top-k", metavar="K", min=1, help="Add the K most probable classes instead."
        ),
    ] = None,
    levels: Annotated[
        list[float] | None,
        typer.Option(
            "--interval",
            metavar="LEVEL",
            help="Add an interval that holds this share of true numbers, such as 0.9 (repeatable).",
        ),
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option(
            metavar="P",
            help="Predict the positive class, or a label, above this probability, "
            "or LABEL=P,LABEL=P; by default that of the model, usually 0.5.",
        ),
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Add the outputs of the network as they are.")
    ] = False,
    replica: ReplicaChoice = "all",
    overrides: ReadingOverrides = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail where a row would be flagged.")
    ] = False,
    safe_csv: Annotated[
        bool,
        typer.Option(
            "--safe-csv", help="Escape text that a spreadsheet would take for a formula (CSV)."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
    quiet: Quiet = False,
    threads: Threads = None,
) -> None:
    """Add predictions, probabilities and flags to a table's rows.

    Columns are found by name, in any order; the target is not needed. A row is flagged where a
    category did not occur in training, a missing value was filled in that training did not know
    of, or a number is far outside the training range.

    With a folder as output each table is predicted into a file of its own; those that are finished
    are skipped, so that the same command goes on where a worker was stopped.
    """
    with exit_codes(), on_threads(threads):
        # deferred, so that help texts do not wait for NumPy
        from bpnet.workflows.kept_columns import read_keep
        from bpnet.workflows.output_files import Shard
        from bpnet.workflows.predict import Prediction, PredictOptions
        from bpnet.workflows.predict_files import FilesPrediction

        options = PredictOptions(
            keep=read_keep(keep),
            probabilities=proba,
            top=top,
            levels=levels or (),
            strict=strict,
            replica=replica,
            reading=overrides or (),
            safe_csv=safe_csv,
            raw=raw,
            threshold=threshold,
        )
        name = form and form.value
        if is_folder(output, shard):
            check_folder(output, shard)
            _predict_files(
                FilesPrediction(
                    run,
                    data,
                    Path(output),
                    options,
                    file_format=format_named(name) if name else None,
                    shard=None if shard is None else Shard.read(shard),
                    force=force,
                ),
                as_json=as_json,
                quiet=quiet,
            )
        else:
            if force:
                raise UsageError("--force is for a folder of outputs: -o FOLDER/")
            if len(data) > 1:
                raise UsageError(
                    f"{len(data)} tables are given, each of which is predicted into a file of its "
                    "own: -o FOLDER/; files that are one table are named by a folder or a quoted "
                    "pattern: 'data/*.csv'"
                )
            check_output(output, data[0])
            file_format = _chosen_format(output, name, as_json=as_json)
            if safe_csv and file_format.name != "csv":
                raise UsageError(f"--safe-csv is for CSV, and the output is {file_format.title}")
            _predict_file(Prediction(run, data[0], options), file_format, output, quiet=quiet)
        sys.stdout.flush()  # here, where a closed pipe is caught


def _predict_file(
    prediction: "Prediction", file_format: FileFormat, output: str, *, quiet: bool
) -> None:
    """Write the predictions for one table to a file or standard output."""
    from bpnet.cli import console
    from bpnet.messages import counted, on_one_line
    from bpnet.reports.predict import flags_text, threshold_note, training_note
    from bpnet.runs.files import replacing

    for warning in prediction.warnings:
        console.print_warning(warning)
    notes = list[str]()
    if output == STDOUT:
        with console.stdout(whole=file_format.name == "json") as stream:
            summary = prediction.write(file_format, stream)
    else:
        with replacing(Path(output)) as stream:
            summary = prediction.write(file_format, stream)
        rows = counted(summary.flags.rows, "row")
        notes.append(f"{rows} written to {on_one_line(output)}")
    notes += [*threshold_note(summary), *training_note(summary)]
    for note in () if quiet else notes:
        console.print_note(note)
    for warning in flags_text(summary.flags):
        console.print_warning(warning)


def _predict_files(prediction: "FilesPrediction", *, as_json: bool, quiet: bool) -> None:
    """Write the predictions for each table to its file; raises DataError or RunError."""
    from bpnet.cli import console
    from bpnet.reports.predict import flags_text, threshold_note
    from bpnet.reports.predict_files import (
        file_notes,
        file_warnings,
        files_data,
        files_text,
        not_predicted,
        total_flags,
    )

    for warning in prediction.warnings:
        console.print_warning(warning)
    results, thresholds = [], list[str]()
    for result in prediction.results():
        results.append(result)
        for warning in file_warnings(result):
            console.print_warning(warning)
        for note in () if quiet else file_notes(result):
            console.print_note(note)
        if result.summary is not None and not thresholds:
            thresholds = threshold_note(result.summary)
    for note in () if quiet else thresholds:
        console.print_note(note)
    for warning in flags_text(total_flags(results)):
        console.print_warning(warning)
    if as_json:
        console.print_json(files_data(prediction, results))
    else:
        console.print_result(files_text(prediction, results))
    if problem := not_predicted(results):
        unwritable = any(result.unwritable for result in results)
        raise (RunError if unwritable else DataError)(problem)


def _chosen_format(output: str, name: str | None, *, as_json: bool) -> FileFormat:
    """Return the format that the flags choose; raises UsageError if they contradict."""
    if as_json and name is not None:
        raise UsageError("--json and --format cannot be combined; give one of them")
    if as_json and output != STDOUT and Path(output).suffix.lower() != ".json":
        raise UsageError(
            f"--json writes one JSON document, and --output {output} names another format; "
            "give one of them"
        )
    name = "json" if as_json else name
    file_format = format_named(name) if name else _format_of(output)
    if file_format.binary and output == STDOUT:
        raise UsageError(
            f"{file_format.title} cannot be written to standard output; name a file with --output"
        )
    return file_format


def _format_of(output: str) -> FileFormat:
    """Return the format that the file's name ends in; raises UsageError for an unknown ending."""
    file_format = format_to_write("" if output in (STDOUT, "/dev/null") else output)
    if file_format is None:
        raise UsageError(
            f"--output {output}: names end in {suffixes(WRITABLE)}; name the format with --format"
        )
    return file_format
