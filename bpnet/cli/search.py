"""`bpnet search`: many configs tried at once, and the best trained as a run."""

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

EXAMPLES = """\
bpnet search configs/iris.yaml --trials 64
bpnet search flowers.yaml --budget 10m
bpnet search flowers.yaml --join runs/flowers-search-001
bpnet resume runs/flowers-search-001
bpnet predict runs/flowers-search-001 new_flowers.csv
"""


def search(
    config: ConfigFile,
    budget: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Stop after this time, such as 90s, 10m or 2h."),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Train this many configs; by default 128."),
    ] = None,
    settings: Overrides = None,
    runs: Runs = RUNS_FOLDER,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name the study; by default as the run, with -search."),
    ] = None,
    join: Annotated[
        str | None,
        typer.Option(metavar="STUDY", help="Take part in the search of a study."),
    ] = None,
    backend: Backend = None,
    jobs: Jobs = None,
    cluster: Cluster = None,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Try many configs, and train the best.

    The keys to vary are those of the config's `search.space`, by default learning rate, weight
    decay, dropout and the sizes of the layers. Trials of one shape train together, and the worst
    stop early. The study's folder holds all trials, and the run of the best one.
    """
    with exit_codes(), on_threads(threads):
        # deferred, so that help texts do not wait for NumPy
        from bpnet.cli import console
        from bpnet.cli.training_view import TrainingView
        from bpnet.config.inheritance import read_source
        from bpnet.config.overrides import apply_overrides
        from bpnet.errors import UsageError
        from bpnet.integrations.engines import engine
        from bpnet.reports.search import search_data, search_lines
        from bpnet.workflows.search import join as join_search
        from bpnet.workflows.search import search as run_search
        from bpnet.workflows.search import trials_setting

        given = trials_setting(trials, budget)
        source = apply_overrides(read_source(config), settings or [])
        if join is not None:
            if not join:
                raise UsageError(
                    "--join is empty; give the folder of a study, such as runs/flowers-search-001"
                )
            if name is not None:
                raise UsageError("--name and --join cannot be combined; give one of them")
            with engine(backend, jobs, cluster), TrainingView(quiet=quiet) as view:
                result = join_search(Path(join), source, given, view)
        else:
            source = apply_overrides(
                source, [f"search.{key}={value}" for key, value in given.items()]
            )
            command = ["bpnet", *sys.argv[1:]]
            with engine(backend, jobs, cluster), TrainingView(quiet=quiet) as view:
                result = run_search(source, runs=runs, name=name, command=command, watcher=view)
        if as_json:
            console.print_json(search_data(result))
        else:
            console.print_result("\n".join(search_lines(result)))
