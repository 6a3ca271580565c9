"""`bpnet verify`: a run trained again, and compared."""

import sys

import typer

from bpnet.cli.exit_codes import exit_codes
from bpnet.cli.options import AsJson, Quiet, RunFolder, Threads, on_threads

EXAMPLES = """\
bpnet verify runs/iris-001
bpnet verify runs/iris-001 --json
"""


def verify(
    run: RunFolder,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train a run again from its config and data, and compare.

    Weights, metrics, splits and logs must be the same bit for bit on the same machine; on another
    the splits must be, and the final metrics nearly. Of a run of a grid the whole grid is trained
    again. The exit code is 0 if they agree, 5 if they differ, and 4 if the table has
    changed. The run itself stays as it is.
    """
    with exit_codes(), on_threads(threads):
        # deferred, so that help texts do not wait for NumPy
        from bpnet.cli import console
        from bpnet.cli.training_view import TrainingView
        from bpnet.errors import RunError
        from bpnet.reports.verify import verify_data, verify_lines
        from bpnet.runs.directory import best_of_study
        from bpnet.workflows.verify import verify as run_verification

        name = f"{best_of_study(run).resolve().name}, trained again"
        with TrainingView(quiet=quiet, name=name) as view:
            result = run_verification(run, command=["bpnet", *sys.argv[1:]], watcher=view)
        if as_json:
            console.print_json(verify_data(result))
        else:
            console.print_result("\n".join(verify_lines(result)))
        if not result.agrees:
            raise typer.Exit(RunError.exit_code)
