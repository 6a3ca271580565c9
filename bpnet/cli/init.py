"""`bpnet init`: a table in, a config out that trains as it stands."""

import dataclasses
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bpnet.cli.exit_codes import exit_codes

EXAMPLES = """Examples:

bpnet init flowers.csv --target species

bpnet init houses/ --target price --task regression -o configs/houses.yaml

bpnet init sklearn:wine --target target -o -
"""


class TaskName(StrEnum):
    """What is to be predicted."""

    classification = "classification"
    regression = "regression"
    multilabel = "multilabel"


def init(
    data: Annotated[
        str,
        typer.Argument(metavar="DATA", help="A table: a file, folder, pattern or sklearn:NAME."),
    ],
    target: Annotated[
        list[str],
        typer.Option(
            "--target", metavar="COLUMN", help="What to predict; may be given several times."
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to write, by default the table's name; - is stdout.",
        ),
    ] = None,
    task: Annotated[
        TaskName | None, typer.Option(help="The task, where the target does not tell it.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Set a key of the dataset, as dataset.reading.encoding=cp1252.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the file where it is there already.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was found as one JSON document.")
    ] = False,
) -> None:
    """Look at a table and write a commented config for it, with settings that suit its size.

    The comments say what each column was taken for, and why one is left out.
    """
    with exit_codes():
        from bpnet.cli import console
        from bpnet.cli.console import print_json
        from bpnet.errors import UsageError
        from bpnet.reports.init import config_text
        from bpnet.reports.text import counted
        from bpnet.runs.files import write_text
        from bpnet.workflows.init import default_name, draft

        name = default_name(data) if output is None else output
        if not name:
            raise UsageError("--output is empty; give the name of a file, or - for standard output")
        if as_json and name == "-":
            raise UsageError(
                "--json and --output - cannot both be given, for both write to standard output"
            )
        file = Path(name)
        if name != "-" and file.exists():
            if Path(data).exists() and file.samefile(data):
                raise UsageError(
                    f"--output {name} is the table to read; give the name of another file"
                )
            if not force:
                raise UsageError(
                    f"{name} exists already; replace it with --force, or give another name with -o FILE"
                )
        found = draft(
            data,
            target,
            task.value if task else None,
            Path() if name == "-" else file.parent,
            settings or [],
        )
        for warning in found.warnings:
            console.note(f"warning: {warning}")
        if found.without_target:
            rows = counted(found.without_target, "row")
            console.note(
                f"warning: {rows} without a target will be dropped (dataset.drop_missing_targets)"
            )
        if name == "-":
            console.say(config_text(found, default_name(data)).removesuffix("\n"))
            return
        write_text(file, config_text(found, name))
        if as_json:
            print_json({"config": name, **dataclasses.asdict(found)})
        else:
            features = sum(column.role != "ignored" for column in found.columns)
            console.say(
                f"{name}: {found.task}, {counted(found.rows, 'row')}, {counted(features, 'feature')}"
            )
            console.say(f"Next: bpnet train {name}")
