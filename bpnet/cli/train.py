"""`bpnet train`: a config in, a run directory out."""

import dataclasses
import sys
from pathlib import Path
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
from bpnet.cli.processes import Mpi, When, processes

EXAMPLES = """\
bpnet train configs/iris.yaml
bpnet train configs/iris.yaml --set training.epochs=50
bpnet train configs/iris.yaml --grid training.learning_rate=0.01,0.03,0.1
bpnet train flowers.yaml --budget 10m --report
bpnet train flowers.yaml --from runs/flowers-001
bpnet train configs/digits.yaml --runs /tmp/runs --name trial --json
"""


def train(
    config: ConfigFile,
    settings: Overrides = None,
    runs: Runs = RUNS_FOLDER,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name the run; by default the config's name or file."),
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=V1,V2,…",
            help="Train a network for each value, or combination of values, and rank them.",
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Stop after this time, such as 90s, 10m or 2h; as --set budget=TIME.",
        ),
    ] = None,
    start_from: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="Take the first weights from a run, or a copied model, where layers agree.",
        ),
    ] = None,
    report: Annotated[
        bool,
        typer.Option("--report", help="Write a page about the run at the end, report.html in it."),
    ] = False,
    mpi: Mpi = When.AUTO,
    backend: Backend = None,
    jobs: Jobs = None,
    cluster: Cluster = None,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train a network from a config and save it in a run directory.

    The run directory holds the weights, the metrics of every epoch, the final metrics and the
    config with every default written out.
    """
    with exit_codes(), on_threads(threads), processes(mpi) as together:
        # deferred, so that help texts do not wait for NumPy
        from bpnet.cli import console
        from bpnet.cli.training_view import TrainingView
        from bpnet.config.loading import read_config
        from bpnet.integrations.engines import engine
        from bpnet.reports.train import train_data, train_lines
        from bpnet.workflows.train import train as run_training
        from bpnet.workflows.train_folds import FoldsResult

        command = ["bpnet", *sys.argv[1:]]
        settings = [*(settings or []), *([f"budget={budget}"] if budget is not None else [])]
        if report:
            from bpnet.reports.page.page import PageMaker  # deferred: only for a page

            PageMaker.check()  # before a training that may take hours
        if grid:
            # deferred: only for a grid
            from bpnet.config.inheritance import read_source
            from bpnet.config.overrides import apply_overrides
            from bpnet.errors import UsageError
            from bpnet.reports.grid import grid_lines
            from bpnet.workflows.grid import train_grid

            if together is not None:
                raise UsageError(
                    "--grid: its networks do not share their rows; train it without mpiexec"
                )
            if start_from is not None:
                raise UsageError("--from and --grid cannot be combined; give one of them")
            source = apply_overrides(read_source(config), settings)
            with engine(backend, jobs, cluster), TrainingView(quiet=quiet) as view:
                ranked = train_grid(
                    source, grid, runs=runs, name=name, command=command, watcher=view
                )
            if as_json:
                console.print_json(dataclasses.asdict(ranked))
            else:
                console.print_result("\n".join(grid_lines(ranked)))
            if report:
                _report(ranked.run)
            return
        loaded = read_config(config, settings)
        with (
            engine(backend, jobs, cluster, alone=together is None),
            TrainingView(quiet=quiet) as view,
        ):
            result = run_training(
                loaded,
                runs=runs,
                name=name,
                command=command,
                watcher=view,
                start_from=start_from,
                together=together,
            )
        if together is not None and not together.world.leads:
            return
        if isinstance(result, FoldsResult):
            from bpnet.reports.train_folds import folds_data, folds_lines  # deferred: only here

            data, lines = folds_data(result), folds_lines(result)
        else:
            data, lines = train_data(result), train_lines(result)
        if as_json:
            console.print_json(data)
        else:
            console.print_result("\n".join(lines))
        if report:
            _report(result.run)


def _report(run: Path) -> None:
    """Write the page about a run that has ended, and note where it is."""
    # deferred: only for a page
    from bpnet.cli import console
    from bpnet.cli.report import write_report

    path, warnings = write_report([run], None)
    for warning in warnings:
        console.print_warning(warning)
    console.print_note(f"{'Report:':<15}{path}")
