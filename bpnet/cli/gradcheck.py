"""`bpnet gradcheck`: backpropagation against central differences, for a config's own network and rows."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from bpnet.cli.exit_codes import exit_codes
from bpnet.cli.options import AsJson, Settings

EXAMPLES = """Examples:

bpnet gradcheck configs/iris.yaml

bpnet gradcheck configs/digits.yaml --rows 4 --json
"""


def gradcheck(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="The YAML file that describes the network.")
    ],
    rows: Annotated[
        int, typer.Option(metavar="N", min=1, help="How many training rows make the batch.")
    ] = 8,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Compare the gradient that backpropagation finds with central differences, in float64, for every parameter.

    Ends with exit code 5 where they differ by more than the tolerance.
    """
    with exit_codes():
        from bpnet.cli import console
        from bpnet.cli.console import print_json
        from bpnet.config.source import override, read
        from bpnet.errors import RunError
        from bpnet.reports.gradcheck import gradient_check_lines
        from bpnet.workflows.gradcheck import check_config

        report = check_config(override(read(config), settings or []), config.parent, rows)
        if as_json:
            print_json(
                {"config": str(config), "agrees": report.agrees, **dataclasses.asdict(report)}
            )
        else:
            console.say("\n".join(gradient_check_lines(report)))
        if not report.agrees:
            worst = report.worst
            raise RunError(
                f"{worst.name}{list(worst.index[1:])}: backpropagation gives {worst.analytic:.10g}, "
                f"but central differences give {worst.numeric:.10g}: "
                f"relative error {worst.relative_error:.2g}, tolerance {report.tolerance:g}"
            )
