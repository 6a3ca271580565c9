"""`bpnet train`: a config in, a run directory out."""

import dataclasses
import sys
from pathlib import Path
from typing import Annotated

import typer

from bpnet.cli.exit_codes import exit_codes
from bpnet.cli.options import AsJson, ConfigFile, Runs, Settings

EXAMPLES = """Examples:

bpnet train configs/iris.yaml

bpnet train configs/iris.yaml --set training.epochs=50 --set training.optimizer=adam

bpnet train configs/iris.yaml --grid training.learning_rate=0.01,0.03,0.1 --grid training.optimizer=adam,nesterov

bpnet train configs/digits.yaml --runs /tmp/runs --name trial --json
"""


def train(
    config: ConfigFile,
    settings: Settings = None,
    runs: Runs = Path("runs"),
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The run's name; by default the config's `name`, or its file's."
        ),
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=V1,V2,…",
            help="Train with each of these values, or with every combination, and rank them.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a network as a config says, and write a run directory with its log, figures and weights."""
    with exit_codes():
        from bpnet.cli import console
        from bpnet.cli.console import print_json
        from bpnet.config.source import override, read
        from bpnet.reports.grid import ranked_lines
        from bpnet.reports.train import trained_lines
        from bpnet.workflows.train import train as run_training

        source = override(read(config), settings or [])
        view = console.TrainingView()
        command = ["bpnet", *sys.argv[1:]]
        if grid:
            from bpnet.workflows.grid import train_grid

            try:
                ranked = train_grid(
                    source, config.parent, grid, runs=runs, name=name, command=command, watcher=view
                )
            finally:
                view.end()
            if as_json:
                print_json(dataclasses.asdict(ranked))
            else:
                console.say("\n".join(ranked_lines(ranked)))
            return
        try:
            trained = run_training(
                source, config.parent, runs=runs, name=name, command=command, watcher=view
            )
        finally:
            view.end()
        if as_json:
            print_json(
                {
                    "run": str(trained.run),
                    "stop_reason": trained.stop_reason,
                    "best_epoch": trained.best_epoch,
                    "epochs": trained.epochs,
                    "seconds": trained.seconds,
                    "metrics": trained.figures,
                    "advice": trained.advice,
                    "replicas": [dataclasses.asdict(replica) for replica in trained.replicas],
                }
            )
        else:
            console.say("\n".join(trained_lines(trained)))
