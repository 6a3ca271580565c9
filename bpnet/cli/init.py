"""`bpnet init`: a table in, a config out that trains without changes."""

import dataclasses
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bpnet.cli.exit_codes import exit_codes
from bpnet.cli.options import on_threads

EXAMPLES = """\
bpnet init flowers.csv
bpnet init flowers.csv --target species
bpnet init houses/ --target price --task regression -o configs/houses.yaml
bpnet init sklearn:wine --target target -o -
bpnet init flowers.csv --target species --small
"""


class TaskName(StrEnum):
    """The kind of prediction."""

    classification = "classification"
    regression = "regression"
    multilabel = "multilabel"


def init(
    data: Annotated[
        str,
        typer.Argument(metavar="DATA", help="Table: a file, folder, pattern or sklearn:NAME."),
    ],
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            metavar="COLUMN",
            help="Predict this column; may be repeated. Without it the columns are listed.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write to FILE, - for standard output; by default named after the table.",
        ),
    ] = None,
    task: Annotated[
        TaskName | None,
        typer.Option(
            metavar="TASK", help="Set the task: classification, regression or multilabel."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Set task or a key of the dataset, e.g. dataset.reading.encoding=cp1252.",
        ),
    ] = None,
    small: Annotated[
        bool, typer.Option("--small", help="Write a network of 2 to 4 units, made to be traced.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the findings as one JSON document.")
    ] = False,
) -> None:
    """Write a first config for a table, with comments on its columns.

    The config trains without changes, with settings that suit the size of the table. Its comments
    list the role that each column was given, and the columns that are left out and why. Beside it
    .bpnet-schema.json lets an editor check and complete the config. Without --target nothing is
    written: the columns are listed to choose from.
    """
    with exit_codes(), on_threads(None):
        # deferred, so that help texts do not wait for NumPy
        from bpnet.cli import console
        from bpnet.cli.output import STDOUT, check_new, check_output, exists_already
        from bpnet.errors import UsageError
        from bpnet.reports.init import config_text, draft_warnings, init_lines, listing_lines
        from bpnet.runs.files import write_new, write_text
        from bpnet.workflows.editor_schema import LINE, write_schema
        from bpnet.workflows.init import check_input, default_name, draft
        from bpnet.workflows.list_columns import list_columns

        table = check_input(data, target or [], settings or [])
        if not target:
            listed = list_columns(table)
            for warning in table.warnings:
                console.print_warning(warning)
            if as_json:
                console.print_json(dataclasses.asdict(listed))
            else:
                console.print_result("\n".join(listing_lines(listed, data, settings or [])))
            return
        name = default_name(data) if output is None else output
        check_output(name, data)
        if as_json and name == STDOUT:
            raise UsageError(
                "--json and --output - cannot be combined: both write to standard output; "
                "give one of them, or --output FILE"
            )
        if not force:
            check_new(name)
        folder = Path() if name == STDOUT else Path(name).parent
        first = draft(
            data, target, task.value if task else None, folder, settings or [], small=small
        )
        for warning in draft_warnings(first):
            console.print_warning(warning)
        if name == STDOUT:
            text = config_text(first, default_name(data)).removesuffix("\n")
            console.print_result(text, verbatim=True)
            return
        try:
            # another process may have made the file meanwhile
            text = f"{LINE}\n{config_text(first, name)}"
            (write_text if force else write_new)(Path(name), text)
        except FileExistsError:
            raise exists_already(name) from None
        write_schema(folder)
        if as_json:
            console.print_json({"config": name, **dataclasses.asdict(first)})
        else:
            console.print_result("\n".join(init_lines(first, name)))
