"""`bpnet compare`: runs side by side."""

from pathlib import Path
from typing import Annotated

import typer

from bpnet.cli.exit_codes import exit_codes
from bpnet.cli.options import AsJson, Threads, on_threads

EXAMPLES = """\
bpnet compare runs/iris-001 runs/iris-002
bpnet compare runs/iris-001 runs/iris-002 runs/iris-003 --json
"""


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN", help="Run directories, two or more."),
    ],
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Compare runs by their scores on the same rows.

    A run is marked as better only where the paired bootstrap on rows that all have held out says
    so; of more than two runs all pairs are judged at once. Runs that held out other rows are shown
    without a mark. The settings that differ and the loss of each epoch follow. Nothing is trained.
    """
    with exit_codes(), on_threads(threads):
        # deferred, so that help texts do not wait for NumPy
        from bpnet.cli import console
        from bpnet.messages import shell_path
        from bpnet.reports.compare import compare_data, compare_lines
        from bpnet.workflows.compare import compare_runs_of

        with console.working("comparing the runs"):
            result = compare_runs_of(runs)
        if as_json:
            console.print_json(compare_data(result))
            return
        for warning in result.warnings:
            console.print_warning(warning)
        console.print_result("\n".join(compare_lines(result)))
        console.print_next(f"bpnet report {' '.join(map(shell_path, runs))}")
