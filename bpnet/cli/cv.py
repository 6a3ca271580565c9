"""`bpnet cv`: how well a config generalizes, and an ensemble of the folds' networks."""

import dataclasses
import sys
from typing import Annotated

import typer

from bpnet.cli.exit_codes import exit_codes
from bpnet.cli.options import (
    RUNS_FOLDER,
    AsJson,
    Backend,
    Cluster,
    ConfigFile,
    Jobs,
    Overrides,
    Quiet,
    Runs,
    Threads,
    on_threads,
)

EXAMPLES = """\
bpnet cv configs/iris.yaml --folds 10
bpnet cv configs/diabetes.yaml --folds 5 --repeats 3 --json
bpnet predict runs/iris-cv-001 flowers.csv
"""


def cv(
    config: ConfigFile,
    folds: Annotated[
        int, typer.Option(metavar="K", min=2, help="Split the rows into K folds.")
    ] = 10,
    repeats: Annotated[
        int,
        typer.Option(metavar="N", min=1, max=1000, help="Repeat N times, each with new folds."),
    ] = 1,
    settings: Overrides = None,
    runs: Runs = RUNS_FOLDER,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Name the run; by default as `bpnet train` does, with -cv."
        ),
    ] = None,
    backend: Backend = None,
    jobs: Jobs = None,
    cluster: Cluster = None,
    quiet: Quiet = False,
    baselines: Annotated[
        bool,
        typer.Option(
            "--baselines/--no-baselines",
            help="Compare with simple models fitted to the training rows of each fold.",
        ),
    ] = True,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Cross-validate a config: train and test a network per fold.

    Prints each metric's mean over the folds with a 95 % interval, beside those of simple models.
    The run directory holds the folds' networks as an ensemble, which `bpnet predict` averages. Of a
    config that trains an ensemble on folds of its own, it holds the scores and predictions, but no
    model.
    """
    with exit_codes(), on_threads(threads):
        # deferred, so that help texts do not wait for NumPy
        from bpnet.cli import console
        from bpnet.cli.training_view import TrainingView
        from bpnet.config.loading import read_config
        from bpnet.integrations.engines import engine
        from bpnet.messages import shell_path, shell_quoted
        from bpnet.reports.cv import cv_lines
        from bpnet.workflows.cv import cross_validate

        loaded = read_config(config, settings or [])
        with engine(backend, jobs, cluster), TrainingView(quiet=quiet) as view:
            result = cross_validate(
                loaded,
                folds=folds,
                repeats=repeats,
                runs=runs,
                name=name,
                command=["bpnet", *sys.argv[1:]],
                watcher=view,
                baselines=baselines,
            )
        if as_json:
            console.print_json(dataclasses.asdict(result))
        else:
            given = [f"--set {shell_quoted(setting)}" for setting in settings or []]
            words = " ".join([shell_path(config), *given])
            console.print_result("\n".join(cv_lines(result, words)))
