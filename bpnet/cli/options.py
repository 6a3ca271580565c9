"""The options that several verbs have."""

from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="The YAML file that describes the run.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a key of the config; may be given several times.",
    ),
]
Runs = Annotated[Path, typer.Option(metavar="DIR", help="Where run directories are made.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")]
