"""`bpnet trace`: a row through the network and back, number by number."""

from pathlib import Path
from typing import Annotated

import typer

from bpnet.cli.exit_codes import exit_codes
from bpnet.cli.options import BugName, Overrides, Steps, TracedRow, on_threads
from bpnet.cli.traced_subject import traced_subject

EXAMPLES = """\
bpnet trace configs/tutorials/sigmoid-2-2-1.yaml
bpnet trace configs/iris.yaml --row 51 --digits 4
bpnet trace runs/iris-001 --row 1,51,101 --steps 2 --markdown
bpnet trace runs/iris-001 --epoch 100 --step 2
bpnet trace configs/iris.yaml --latex > handout.tex
bpnet trace configs/iris.yaml --bug double-derivative
"""
WITHOUT_BUGS = ("--html", "--latex", "--words")
"""Formats that show the right steps only."""


def trace(
    subject: Annotated[
        Path,
        typer.Argument(
            metavar="CONFIG|RUN",
            help="YAML file, traced from its first step, or run directory, from its next.",
        ),
    ],
    row: TracedRow = None,
    steps: Steps = 1,
    epoch: Annotated[
        int | None,
        typer.Option(metavar="E", min=1, help="Trace a step of a run's epoch E, as it was taken."),
    ] = None,
    step: Annotated[
        int | None,
        typer.Option(metavar="S", min=1, help="Take step S of that epoch; by default the first."),
    ] = None,
    digits: Annotated[
        int, typer.Option(metavar="D", min=1, max=17, help="Show D significant digits.")
    ] = 10,
    settings: Overrides = None,
    bug: BugName = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print every number as one JSON document.")
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    words: Annotated[
        bool, typer.Option("--words", help="Print each number as a sentence.")
    ] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Print a LaTeX document.")] = False,
    html: Annotated[
        bool, typer.Option("--html", help="Print a page to look at in a browser.")
    ] = False,
) -> None:
    """Show the numbers of a training step, forward and backward.

    How cells became inputs, weighted sums, activations, the loss, deltas by the chain rule,
    gradients, the optimizer's averages and new weights: each with its equation, in float64. The
    rows traced form one batch. Of a large network, only the largest contributions are shown, and
    the number of others.
    """
    with exit_codes(), on_threads(None):
        # deferred, so that help texts do not wait for NumPy
        from bpnet.cli import console
        from bpnet.errors import UsageError
        from bpnet.messages import shell_path
        from bpnet.reports.bug import bug_lines
        from bpnet.reports.outline import as_markdown, as_text
        from bpnet.reports.trace import trace_lines
        from bpnet.reports.trace_data import trace_data
        from bpnet.reports.trace_latex import latex_document
        from bpnet.reports.trace_words import words_lines
        from bpnet.workflows.trace import trace_rows

        formats = {
            "html": html,
            "json": as_json,
            "latex": latex,
            "markdown": markdown,
            "words": words,
        }
        chosen = [f"--{name}" for name, wanted in formats.items() if wanted]
        if len(chosen) > 1 and set(chosen) != {"--markdown", "--words"}:
            raise UsageError(f"{' and '.join(chosen)} cannot be combined; give one of them")
        if bug is not None and (others := [one for one in chosen if one in WITHOUT_BUGS]):
            raise UsageError(f"--bug and {others[0]} cannot be combined; leave one of them out")
        opened = traced_subject(subject, settings)
        if epoch is not None and opened is not subject:
            raise UsageError(
                f"--epoch is for a run, and {subject} is a config; train it first: "
                f"bpnet train {shell_path(subject)}"
            )
        traced = trace_rows(opened, row, steps, bug=bug, epoch=epoch, step=step)
        for warning in traced.warnings:
            console.print_warning(warning)
        if as_json:
            console.print_json(trace_data(str(subject), traced))
            return
        if html:
            from bpnet.reports.page.trace_page import trace_page  # deferred: only for a page

            console.print_result(trace_page(str(subject), traced, digits), verbatim=True)
            return
        if latex:
            console.print_result(latex_document(str(subject), traced, digits), verbatim=True)
            return
        write = words_lines if words else trace_lines if bug is None else bug_lines
        lines = write(str(subject), traced, digits)
        text = (as_markdown if markdown else as_text)(lines).removesuffix("\n")
        console.print_result(text, verbatim=markdown)
        if not (markdown or words or bug):
            named = shell_path(subject)
            console.print_next(f"bpnet quiz {named}", f"bpnet trace {named} --html > trace.html")
