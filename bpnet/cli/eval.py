"""`bpnet eval`: a run's figures on its test rows, or on any table with the target."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from bpnet.cli.exit_codes import exit_codes
from bpnet.cli.options import AsJson

EXAMPLES = """Examples:

bpnet eval runs/iris-001

bpnet eval runs/iris-001 new_flowers.csv --json
"""


def evaluate(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run directory that `bpnet train` made.")
    ],
    data: Annotated[
        str | None,
        typer.Argument(metavar="[DATA]", help="A table with the target, or - for standard input."),
    ] = None,
    replica: Annotated[
        str,
        typer.Option(
            metavar="all|best|N",
            help="Of a run with replicas: the average of all, the best, or one.",
        ),
    ] = "all",
    baselines: Annotated[
        bool, typer.Option(help="Fit simple models to the same rows, for comparison.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Print a run's figures with 95 % intervals beside those of simple models, by default on its own test rows."""
    with exit_codes():
        from bpnet.cli import console
        from bpnet.cli.console import print_json
        from bpnet.reports.eval import evaluation_lines
        from bpnet.workflows.eval import evaluate as run_evaluation

        evaluation = run_evaluation(run, data, baselines=baselines, replica=replica)
        if as_json:
            flat = dataclasses.asdict(evaluation)
            print_json(
                {
                    "run": str(run),
                    **{k: v for k, v in flat.items() if k != "scores"},
                    **flat["scores"],
                }
            )
        else:
            for warning in evaluation.warnings:
                console.note(f"warning: {warning}")
            console.say("\n".join(evaluation_lines(evaluation)))
