"""`bpnet check`: what training would do with a table, and what may go wrong."""

import dataclasses
from enum import StrEnum
from typing import Annotated

import typer

from bpnet.cli.exit_codes import exit_codes
from bpnet.cli.options import AsJson, ConfigFile, Overrides, Threads, on_threads

EXAMPLES = """\
bpnet check configs/iris.yaml
bpnet check flowers.yaml --set dataset.split.group=plant
bpnet check flowers.yaml --columns all
bpnet check flowers.yaml --json
"""


class ColumnChoice(StrEnum):
    """The columns that are shown one by one."""

    auto = "auto"
    all = "all"


def check(
    config: ConfigFile,
    settings: Overrides = None,
    columns: Annotated[
        ColumnChoice,
        typer.Option(metavar="all|auto", help="Show all columns; by default of at most 40."),
    ] = ColumnChoice.auto,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Inspect a table before training: columns, leaks, cost.

    Shows the role of each column, the classes or values of the target, and the memory and time that
    training will take. Warns of columns that are constant, duplicate another or give the target
    away, of rows that occur in two parts of the split, and of parts that are too small or unlike
    the training rows. Writes no file.
    """
    with exit_codes(), on_threads(threads):
        # deferred, so that help texts do not wait for NumPy
        from bpnet.cli import console
        from bpnet.config.loading import read_config
        from bpnet.messages import shell_path, shell_quoted
        from bpnet.reports.check import check_lines
        from bpnet.workflows.check import check_dataset

        found = check_dataset(read_config(config, settings or []))
        if as_json:
            console.print_json({"config": str(config), **dataclasses.asdict(found)})
        else:
            given = "".join(f" --set {shell_quoted(setting)}" for setting in settings or [])
            command = f"bpnet train {shell_path(config)}{given}"
            lines = [
                *check_lines(found, all_columns=columns is ColumnChoice.all),
                "",
                f"Next: {command}",
            ]
            console.print_result("\n".join(lines))
