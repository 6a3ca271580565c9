"""`bpnet plot`: one figure of a run, as a picture or a page."""

from pathlib import Path
from typing import Annotated

import typer

from bpnet.cli.exit_codes import exit_codes
from bpnet.cli.options import AsJson, Threads, on_threads

EXAMPLES = """\
bpnet plot runs/iris-001 curves
bpnet plot runs/iris-001 confusion -o confusion.png
bpnet plot runs/iris-001 roc -o roc.html
bpnet plot runs/iris-001 loss-surface --weight 'layers.0.weight[0,3]'
bpnet plot runs/iris-001 decision --column petal_length --column sepal_width
bpnet plot runs/iris-001 decision --animate -o decision.gif
bpnet plot runs/iris-001 runs/iris-002 curves -o both.pdf
"""


def plot(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="RUN", help="Run directory; of several there are curves."),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Argument(metavar="KIND", help="Figure to draw; without one they are listed."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write to FILE.svg, .png, .pdf or .html; by default plots/KIND.svg in the run.",
        ),
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            "--weight",
            metavar="NAME",
            help="Draw loss-surface over this weight, or two; by default those that moved most.",
        ),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            metavar="NAME",
            help="Draw decision over this column and another; by default the most important.",
        ),
    ] = None,
    animate: Annotated[
        bool, typer.Option("--animate", help="Show decision at each of training.snapshots.")
    ] = False,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Draw a figure of a run as a picture or a page.

    Every figure has a text that says what there is to see. With --json its numbers are printed, and
    nothing is drawn unless there is an --output.
    """
    with exit_codes(), on_threads(threads):
        # deferred, so that help texts do not wait for NumPy
        from bpnet.cli import console
        from bpnet.cli.output import check_output
        from bpnet.figures.drawing import vl_convert
        from bpnet.reports.plot import check_suffix, plot_content, plot_data, plot_lines
        from bpnet.runs.files import write_bytes
        from bpnet.workflows.plot import named_figure, plots_folder
        from bpnet.workflows.plot import plot as make_figure

        if output is not None:
            check_output(str(output), "")
            check_suffix(output, animated=animate)
        runs, kind = named_figure(runs or [], kind)
        draws = output is not None or not as_json
        if draws:
            vl_convert()  # before the figure is made, which may take a while
        with console.working("making the figure"):
            figure = make_figure(runs, kind, weights, columns, animate=animate)
        path = output
        if draws:
            path = path or plots_folder(runs) / f"{kind}{'.html' if animate else '.svg'}"
            write_bytes(path, plot_content(figure, path, ", ".join(run.name for run in runs)))
        if as_json:
            console.print_json(plot_data(figure, path))
        elif path is not None:
            console.print_result("\n".join(plot_lines(figure, path)))
