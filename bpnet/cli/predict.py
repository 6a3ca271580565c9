"""`bpnet predict`: a table's rows with predictions beside them."""

from pathlib import Path
from typing import Annotated

import typer

from bpnet.cli.exit_codes import exit_codes

EXAMPLES = """Examples:

bpnet predict runs/iris-001 flowers.csv

bpnet predict runs/iris-001 flowers.csv -o predicted.csv

cat flowers.csv | bpnet predict runs/iris-001 - --json
"""


def predict(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory that `bpnet train` made.")],
    data: Annotated[str, typer.Argument(metavar="DATA", help="A CSV file, or - for standard input.")],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Where to write; - is standard output.")
    ] = "-",
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document instead of CSV.")] = False,
) -> None:
    """Write the table's rows with the predicted label, or value, and a probability for each class.

    Columns are found by name, in any order; the target is not needed.
    """
    with exit_codes():
        from bpnet import console
        from bpnet.cli.output import csv_text
        from bpnet.errors import UsageError
        from bpnet.experiment.predicting import predict as run_prediction
        from bpnet.runs.files import json_text, write_text

        if not output:
            raise UsageError("--output is empty; give the name of a file, or - for standard output")
        if output != "-" and Path(output).exists() and Path(data).exists() and Path(output).samefile(data):
            raise UsageError(f"--output {output} is the table to read; give the name of another file")
        predictions = run_prediction(run, data)
        table, added = predictions.table, predictions.columns
        if as_json:
            rows = [
                {**dict(zip(table.columns, row, strict=True)), **dict(zip(added, new, strict=True))}
                for row, new in zip(table.rows, zip(*added.values(), strict=True), strict=True)
            ]
            text = json_text({"run": str(run), "predictions": rows})
        else:
            text = csv_text([*table.columns, *added], table.rows, list(added.values()))
        if output == "-":
            console.say(text.removesuffix("\n"))
        else:
            write_text(Path(output), text)
            console.note(f"{len(table)} rows written to {output}")
