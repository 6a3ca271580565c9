"""`bpnet export`: a run's model as a file that predicts without bpnet."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bpnet.cli.exit_codes import exit_codes
from bpnet.cli.options import AsJson, ReplicaChoice, RunFolder, on_threads

EXAMPLES = """\
bpnet export runs/iris-001
bpnet export runs/iris-001 -o iris.onnx
bpnet export runs/iris-001 --format python
bpnet export runs/iris-001 --replica best -o iris.onnx
"""


class ModelFormat(StrEnum):
    """The formats of exported models."""

    ONNX = "onnx"
    PYTHON = "python"


def export(
    run: RunFolder,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write to FILE.onnx or FILE.py; by default model.onnx, or model.py, in RUN.",
        ),
    ] = None,
    form: Annotated[
        ModelFormat | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="Write onnx or python; by default as FILE's name ends, else onnx.",
        ),
    ] = None,
    replica: ReplicaChoice = "all",
    as_json: AsJson = False,
) -> None:
    """Write a run's model as a file that predicts without bpnet.

    It takes the columns of the table, and gives the label and probabilities, or the value. Golden
    rows with their predictions are written beside it; a file that does not agree with them to 1e-5
    is not written.
    """
    with exit_codes(), on_threads(None):
        # deferred, so that help texts do not wait for NumPy
        from bpnet.cli import console
        from bpnet.cli.output import check_output
        from bpnet.reports.export import export_data, export_lines
        from bpnet.workflows.export import export as export_model

        if output is not None:
            check_output(str(output), "")
        result = export_model(run, output, form and form.value, replica)
        for note in result.notes:
            console.print_warning(note)
        if as_json:
            console.print_json(export_data(result))
        else:
            console.print_result("\n".join(export_lines(result)))
