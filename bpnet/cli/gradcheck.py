"""`bpnet gradcheck`: backpropagation against central differences, for a config."""

import dataclasses
from typing import Annotated

import typer

from bpnet.cli.exit_codes import exit_codes
from bpnet.cli.options import AsJson, BugName, ConfigFile, Overrides, on_threads

EXAMPLES = """\
bpnet gradcheck configs/iris.yaml
bpnet gradcheck configs/digits.yaml --rows 4 --json
"""


def gradcheck(
    config: ConfigFile,
    rows: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Use N training rows, evenly spread, as a batch."),
    ] = 8,
    settings: Overrides = None,
    bug: BugName = None,
    as_json: AsJson = False,
) -> None:
    """Compare backpropagation's gradients with central differences.

    Computes in float64, for every parameter. Ends with exit code 5 where the two differ by more
    than the tolerance, as they do with --bug.
    """
    with exit_codes(), on_threads(None):
        # deferred, so that help texts do not wait for NumPy
        from bpnet.cli import console
        from bpnet.config.loading import read_config
        from bpnet.errors import RunError
        from bpnet.reports.gradcheck import disagreement, gradcheck_lines
        from bpnet.workflows.gradcheck import check_config

        report = check_config(read_config(config, settings or []), rows, bug)
        if as_json:
            content = {"config": str(config), "agrees": report.agrees, **dataclasses.asdict(report)}
            console.print_json(content)
        else:
            console.print_result("\n".join(gradcheck_lines(report)))
        if not report.agrees:
            raise RunError(disagreement(report))
