"""`bpnet report`: one page about runs, with their figures."""

from pathlib import Path
from typing import Annotated

import typer

from bpnet.cli.exit_codes import exit_codes
from bpnet.cli.options import AsJson, Threads, on_threads

EXAMPLES = """\
bpnet report runs/iris-001
bpnet report runs/iris-001 runs/iris-002 -o both.html
"""


def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN", help="Run directories, of any kind.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write to FILE.html; by default report.html in the run, of several here.",
        ),
    ] = None,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Write a page about runs: scores, figures, config.

    It is one file that fetches nothing: what was trained, how good it is beside simple models, what
    to do next, and every figure with its numbers.
    """
    with exit_codes(), on_threads(threads):
        # deferred, so that help texts do not wait for NumPy
        from bpnet.cli import console
        from bpnet.cli.output import check_output
        from bpnet.errors import UsageError

        if output is not None:
            check_output(str(output), "")
            if output.suffix.lower() not in (".html", ".htm"):
                raise UsageError(f"{output}: a report is a page; give -o FILE.html")
        with console.working("making the page"):
            path, warnings = write_report(runs, output)
        for warning in warnings:
            console.print_warning(warning)
        if as_json:
            console.print_json({"file": str(path), "runs": runs, "warnings": warnings})
        else:
            console.print_result(f"{'Report:':<15}{path}")


def write_report(runs: list[Path], output: Path | None) -> tuple[Path, list[str]]:
    """Write the page, by default into the run, and return its path and the warnings."""
    # deferred: see above
    from bpnet.reports.page.page import PageMaker
    from bpnet.reports.report import report_page, report_warnings
    from bpnet.runs.files import write_text
    from bpnet.workflows.report import report as make_report

    path = output or (Path() if len(runs) > 1 else runs[0]) / "report.html"
    with PageMaker() as maker:
        made = make_report(runs)
        write_text(path, maker.html(report_page(made)))
    undrawn = [f"{figure.kind} could not be drawn: {why}" for figure, why in maker.problems]
    return path, [*report_warnings(made), *undrawn]
