"""`bpnet cv`: a config in, an estimate of how well it generalizes, and an ensemble of the folds' networks out."""

import dataclasses
import sys
from pathlib import Path
from typing import Annotated

import typer

from bpnet.cli.exit_codes import exit_codes
from bpnet.cli.options import AsJson, ConfigFile, Runs, Settings

EXAMPLES = """Examples:

bpnet cv configs/iris.yaml --folds 10

bpnet cv configs/diabetes.yaml --folds 5 --repeats 3 --set training.epochs=50 --json

bpnet predict runs/iris-cv-001 flowers.csv
"""


def cv(
    config: ConfigFile,
    folds: Annotated[int, typer.Option(metavar="K", min=2, help="How many folds.")] = 10,
    repeats: Annotated[
        int, typer.Option(metavar="N", min=1, help="How often, each time with other folds.")
    ] = 1,
    settings: Settings = None,
    runs: Runs = Path("runs"),
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The run's name; by default that of `bpnet train` and -cv."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Cross-validate a config: train a network for each fold of the table, and test it on the fold's rows."""
    with exit_codes():
        from bpnet.cli import console
        from bpnet.cli.console import print_json
        from bpnet.config.source import override, read
        from bpnet.reports.cv import cross_validated_lines
        from bpnet.workflows.cv import cross_validate

        source = override(read(config), settings or [])
        view = console.TrainingView()
        try:
            found = cross_validate(
                source,
                config.parent,
                folds=folds,
                repeats=repeats,
                runs=runs,
                name=name,
                command=["bpnet", *sys.argv[1:]],
                watcher=view,
            )
        finally:
            view.end()
        if as_json:
            print_json(dataclasses.asdict(found))
        else:
            console.say("\n".join(cross_validated_lines(found)))
