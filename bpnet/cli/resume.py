"""`bpnet resume`: a training that was cut off goes on."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from bpnet.cli.exit_codes import exit_codes
from bpnet.cli.options import (
    AsJson,
    Backend,
    Cluster,
    Jobs,
    Overrides,
    Quiet,
    Threads,
    on_threads,
)
from bpnet.cli.processes import Mpi, When, processes

EXAMPLES = """\
bpnet resume runs/iris-001
bpnet resume runs/iris-001 --set training.epochs=500
bpnet resume runs/iris-001 --force --json
"""


def resume(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run directory, or a study.")],
    settings: Overrides = None,
    force: Annotated[bool, typer.Option(help="Use data or a config that has changed.")] = False,
    mpi: Mpi = When.AUTO,
    backend: Backend = None,
    jobs: Jobs = None,
    cluster: Cluster = None,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Go on with a training that was cut off, or give it more epochs.

    It goes on from its last checkpoint, and ends with the same weights and logs as if it had never
    stopped. A single training that has finished goes on if `--set training.epochs` gives it more,
    and a study if `--set search.trials` or `--set search.budget` does.
    """
    with exit_codes(), on_threads(threads), processes(mpi) as together:
        # deferred, so that help texts do not wait for NumPy
        from bpnet.cli import console
        from bpnet.cli.training_view import TrainingView
        from bpnet.integrations.engines import engine
        from bpnet.reports.resume import resume_data, resume_lines
        from bpnet.runs.directory import STUDY
        from bpnet.workflows.resume import resume as run_resume

        if (run / STUDY).is_file():
            # deferred: only for a study
            from bpnet.reports.search import search_data, search_lines
            from bpnet.workflows.search import resume_search

            with engine(backend, jobs, cluster), TrainingView(quiet=quiet) as view:
                study = resume_search(run, settings or [], force=force, watcher=view)
            if as_json:
                console.print_json(search_data(study))
            else:
                console.print_result("\n".join(search_lines(study)))
            return
        command = ["bpnet", *sys.argv[1:]]
        with (
            engine(backend, jobs, cluster, alone=together is None),
            TrainingView(quiet=quiet) as view,
        ):
            result = run_resume(
                run,
                settings or [],
                force=force,
                command=command,
                watcher=view,
                together=together,
            )
        if together is not None and not together.world.leads:
            return
        if as_json:
            console.print_json(resume_data(result))
        else:
            console.print_result("\n".join(resume_lines(result)))
