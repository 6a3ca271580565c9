"""`bpnet runs`: the list of runs in a folder."""

from pathlib import Path
from typing import Annotated

import typer

from bpnet.cli.exit_codes import exit_codes
from bpnet.cli.options import RUNS_FOLDER, RUNS_VARIABLE, AsJson

EXAMPLES = """\
bpnet runs
bpnet runs --sort test.accuracy --where dataset=iris
bpnet runs --where 'training.learning_rate<0.05' --where status=done
bpnet runs other_runs --columns preset,seed --json
"""


def runs(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", envvar=RUNS_VARIABLE, help="Folder of run directories."),
    ] = RUNS_FOLDER,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="List only runs that meet a condition, with =, !=, <, >, <= or >=; "
            "may be repeated.",
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Sort by a key: the best metric first."),
    ] = None,
    reverse: Annotated[bool, typer.Option("--reverse", help="Turn the order round.")] = False,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY,KEY",
            help="Show these keys in place of those in which the runs' configs differ.",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", help="List the first N runs only.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the runs in a folder with their scores.

    Beside the scores are the keys of the configs in which the runs differ. Searches follow, each
    with its state and its best score.

    A key is one of metrics.json, such as test.accuracy, one of the config, or run, status, kind,
    dataset (the table's name), started, seconds, epochs, best_epoch, stop_reason or version. An end
    of a key that no other has will do: learning_rate. The newest run is first; --sort puts the best
    metric first, other values from low to high, and runs without the key last.
    """
    with exit_codes():
        # deferred, so that help texts do not wait for NumPy
        from bpnet.cli import console
        from bpnet.reports.runs import runs_data, runs_lines, runs_warnings
        from bpnet.workflows.runs import list_runs

        listed = list_runs(
            folder,
            where=where or (),
            sort=sort,
            reverse=reverse,
            columns=columns or (),
            limit=limit,
        )
        if as_json:
            console.print_json(runs_data(listed))
            return
        for warning in runs_warnings(listed):
            console.print_warning(warning)
        lines = "\n".join(runs_lines(listed, console.width()))
        if listed.runs or listed.studies:
            console.print_result(lines)
        else:
            console.print_note(lines)
