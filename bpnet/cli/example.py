"""`bpnet example`: a config and its table to try, in the working folder."""

from pathlib import Path
from typing import Annotated

import typer

from bpnet.cli.exit_codes import exit_codes
from bpnet.cli.options import AsJson

EXAMPLES = """\
bpnet example
bpnet example iris
bpnet example tutorials/sigmoid-2-2-1
"""


def example(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Example to write; by default, list them all."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a config and its table into this folder, to try bpnet.

    Beside them .bpnet-schema.json lets an editor check and complete the config. A file that is
    there already, and is another one, is overwritten only with --force.
    """
    with exit_codes():
        # deferred, so that help texts do not wait for NumPy
        from bpnet.cli import console
        from bpnet.reports.example import example_lines, written_lines
        from bpnet.workflows.example import examples, find_example, write_example

        if name is None:
            listed = examples()
            if as_json:
                data = [{"name": one.name, "shows": one.summary} for one in listed]
                console.print_json({"examples": data})
            else:
                console.print_result("\n".join(example_lines(listed)))
            return
        written = write_example(find_example(name), Path(), force=force)
        if as_json:
            table = None if written.table is None else str(written.table)
            console.print_json({"config": str(written.config), "table": table})
        else:
            console.print_result("\n".join(written_lines(written)))
