"""`bpnet guide`: the pages that explain bpnet, in the terminal."""

from typing import Annotated

import typer

from bpnet.cli.exit_codes import exit_codes

EXAMPLES = """\
bpnet guide
bpnet guide tables
bpnet guide backpropagation | less
"""


def guide(
    topic: Annotated[
        str | None, typer.Argument(metavar="TOPIC", help="Page to show; by default, list them all.")
    ] = None,
) -> None:
    """List the pages of the guide, or show one.

    A page is formatted on a terminal and plain Markdown where the output is piped.
    """
    with exit_codes():
        # deferred, so that help texts do not wait for NumPy
        from bpnet.cli import console
        from bpnet.reports.guide import page_lines
        from bpnet.workflows.guide import find_page, pages

        if topic is None:
            console.print_result("\n".join(page_lines(pages())))
        else:
            console.print_markdown(find_page(topic).text)
