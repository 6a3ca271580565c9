"""`bpnet eval`: a run's metrics on its test rows, or on any table with the target."""

from typing import Annotated

import typer

from bpnet.cli.exit_codes import exit_codes
from bpnet.cli.options import AsJson, ReadingOverrides, ReplicaChoice, RunFolder

EXAMPLES = """\
bpnet eval runs/iris-001
bpnet eval runs/iris-001 new_flowers.csv --json
"""


def evaluate(
    run: RunFolder,
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="Table with the target, or - for standard input; by default the test rows.",
        ),
    ] = None,
    all_rows: Annotated[
        bool,
        typer.Option(
            "--all-rows", help="Score all rows of the run's own table, not only its test rows."
        ),
    ] = False,
    replica: ReplicaChoice = "all",
    overrides: ReadingOverrides = None,
    baselines: Annotated[
        bool,
        typer.Option(
            "--baselines/--no-baselines",
            help="Compare with simple models fitted to the same training rows.",
        ),
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Score a run on its test rows, or on a table with the target.

    Prints each metric with its 95 % interval beside those of simple models, and reports which of
    them it does not clearly beat. The table that the run was trained on is recognized by its
    content, wherever it is: only its test rows are scored. Rows are flagged as by predict.
    """
    with exit_codes():
        # deferred, so that help texts do not wait for NumPy
        from bpnet.cli import console
        from bpnet.reports.eval import eval_data, eval_lines, eval_warnings
        from bpnet.workflows.eval import evaluate as run_evaluation

        evaluation = run_evaluation(
            run,
            data,
            all_rows=all_rows,
            baselines=baselines,
            replica=replica,
            reading=overrides or (),
        )
        if as_json:
            console.print_json(eval_data(run, evaluation))
            return
        for warning in eval_warnings(evaluation):
            console.print_warning(warning)
        console.print_result("\n".join(eval_lines(evaluation)))
