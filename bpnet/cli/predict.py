"""`bpnet predict`: a table's rows with predictions beside them."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bpnet.cli.exit_codes import exit_codes

EXAMPLES = """Examples:

bpnet predict runs/iris-001 flowers.csv

bpnet predict runs/iris-001 flowers.parquet -o predicted.parquet --keep id --no-proba

cat flowers.csv | bpnet predict runs/iris-001 - --format jsonl --strict
"""


class Format(StrEnum):
    """How predictions are written."""

    csv = "csv"
    jsonl = "jsonl"
    parquet = "parquet"


def predict(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run directory that `bpnet train` made.")
    ],
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA", help="A table, a folder of tables, or - for standard input."
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where to write; - is standard output."
        ),
    ] = "-",
    form: Annotated[
        Format | None,
        typer.Option(
            "--format", help="How to write; by default as the output's name says, else csv."
        ),
    ] = None,
    keep: Annotated[
        str,
        typer.Option(
            metavar="COLUMNS", help="Which of the table's columns to write: all, none, or names."
        ),
    ] = "all",
    proba: Annotated[
        bool, typer.Option("--proba/--no-proba", help="A probability for each class or label.")
    ] = True,
    top: Annotated[
        int | None,
        typer.Option(
            "--top-k", metavar="K", min=1, help="Instead: the K likeliest classes of each row."
        ),
    ] = None,
    replica: Annotated[
        str,
        typer.Option(
            metavar="all|best|N",
            help="Of a run with replicas: the average of all, the best, or one.",
        ),
    ] = "all",
    strict: Annotated[bool, typer.Option("--strict", help="Make a flagged row an error.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """Write the table's rows with the predicted label, or value, a probability for each class, and flags.

    Columns are found by name, in any order; the target is not needed. A row is flagged where a category was unseen in
    training, a gap was imputed, or a number is far outside the training range.
    """
    with exit_codes():
        from bpnet.cli import console
        from bpnet.errors import UsageError
        from bpnet.runs.files import replacing
        from bpnet.workflows.predict import Prediction, PredictOptions

        if not output:
            raise UsageError("--output is empty; give the name of a file, or - for standard output")
        if (
            output != "-"
            and Path(output).exists()
            and Path(data).exists()
            and Path(output).samefile(data)
        ):
            raise UsageError(
                f"--output {output} is the table to read; give the name of another file"
            )
        if as_json and form is not None:
            raise UsageError("--json and --format cannot both be given")
        if as_json and output != "-" and Path(output).suffix.lower() != ".json":
            raise UsageError(
                f"--json writes one JSON document, and --output {output} names another format; give one of them"
            )
        written = "json" if as_json else form.value if form else _form_of(output)
        if written == "parquet" and output == "-":
            raise UsageError(
                "Parquet cannot be written to standard output; name a file with --output"
            )
        columns = {"all": None, "none": []}.get(keep, [name.strip() for name in keep.split(",")])
        prediction = Prediction(
            run,
            data,
            PredictOptions(
                keep=columns, probabilities=proba, top=top, strict=strict, replica=replica
            ),
        )
        if output == "-":
            with console.stdout() as stream:
                summary = prediction.write(written, stream)  # type: ignore[arg-type]
        else:
            with replacing(Path(output)) as stream:
                summary = prediction.write(written, stream)  # type: ignore[arg-type]
            console.note(f"{summary.rows} rows written to {output}")
        if summary.flagged:
            kinds = ", ".join(
                f"{_MEANINGS[kind]}: {count}" for kind, count in summary.kinds.items()
            )
            console.note(f"warning: {summary.flagged} of {summary.rows} rows are flagged: {kinds}")
        sys.stdout.flush()


_MEANINGS = {
    "unseen": "categories that training never saw",
    "imputed": "gaps that were filled",
    "outside": "numbers far outside the training range",
}


def _form_of(output: str) -> str:
    suffix = Path(output).suffix.lower()
    forms = {"": "csv", ".csv": "csv", ".txt": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
    forms |= {".parquet": "parquet", ".pq": "parquet"}
    if suffix not in forms and output not in ("-", "/dev/null"):
        from bpnet.errors import UsageError

        raise UsageError(
            f"--output {output}: names end in .csv, .jsonl or .parquet; say what to write with --format"
        )
    return forms.get(suffix, "csv")
