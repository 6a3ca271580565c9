"""`bpnet explain`: what a key of a config is, from the schema's own docstrings."""

import dataclasses
from typing import Annotated

import typer

from bpnet.cli.exit_codes import exit_codes
from bpnet.cli.options import AsJson

EXAMPLES = """\
bpnet explain
bpnet explain training.optimizer
bpnet explain dataset.split.group
bpnet explain learning_rate --json
"""


def explain(
    key: Annotated[
        str | None,
        typer.Argument(
            metavar="KEY",
            help="Key of a config, or kind of component there; by default, list all sections.",
        ),
    ] = None,
    as_json: AsJson = False,
    reference: Annotated[
        bool, typer.Option("--reference", help="Print every key and kind as one Markdown page.")
    ] = False,
) -> None:
    """Explain a key of a config, with its default and an example.

    KEY is a path such as training.optimizer.adam, or the end of one, such as adam. Shows the
    meaning, type, bounds, default and allowed kinds, and how the key is set.
    """
    with exit_codes():
        # deferred, so that help texts do not wait for NumPy
        from bpnet.cli import console
        from bpnet.errors import UsageError
        from bpnet.reports import explain as report
        from bpnet.reports.config_reference import reference_text
        from bpnet.workflows import explain as lookup

        if reference:
            if key is not None or as_json:
                raise UsageError("--reference prints all keys; leave KEY and --json out with it")
            text = reference_text(lookup.reference()).removesuffix("\n")
            console.print_result(text, verbatim=True)
        elif key is None:
            sections = lookup.overview()
            if as_json:
                console.print_json({"sections": [dataclasses.asdict(one) for one in sections]})
            else:
                console.print_result("\n".join(report.overview_lines(sections)))
        else:
            explained = lookup.explain(key)
            if as_json:
                console.print_json(dataclasses.asdict(explained))
            else:
                console.print_result("\n".join(report.explanation_lines(explained)))
