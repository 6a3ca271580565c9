"""`bpnet eval`: a run's metrics on its test rows, or on any table with the target."""

from typing import Annotated

import typer

from bpnet.cli.exit_codes import exit_codes
from bpnet.cli.options import (
    AsJson,
    ReadingOverrides,
    ReplicaChoice,
    RunFolder,
    Threads,
    on_threads,
)

EXAMPLES = """\
bpnet eval runs/iris-001
bpnet eval runs/iris-001 new_flowers.csv --json
bpnet eval runs/iris-001 --importance --errors 5
bpnet eval runs/iris-001 --partial-dependence petal_width
bpnet eval runs/cancer-001 --threshold best-cost --cost fn=10,fp=1 --save
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
    importance: Annotated[
        bool,
        typer.Option(
            "--importance", help="Measure how much worse predictions are with a column shuffled."
        ),
    ] = False,
    partial_dependence: Annotated[
        list[str] | None,
        typer.Option(
            "--partial-dependence",
            metavar="COLUMN",
            help="Show the mean prediction by the value of a column; may be repeated.",
        ),
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option(
            metavar="VALUE",
            help="Predict the positive class, or a label, above this probability: 0.3, "
            "LABEL=0.3,LABEL=0.6, or the best on held-out rows: best-matthews, best-f1, or "
            "best-cost.",
        ),
    ] = None,
    cost: Annotated[
        str | None,
        typer.Option(
            metavar="fn=COST,fp=COST",
            help="Show what rows cost, by the cost of a missed one and of a false alarm.",
        ),
    ] = None,
    save: Annotated[
        bool, typer.Option("--save", help="Keep the threshold in the model, for predict.")
    ] = False,
    errors: Annotated[
        int,
        typer.Option(
            "--errors",
            metavar="N",
            min=0,
            max=10_000,
            show_default=False,
            help="Show the N wrong predictions that the model was surest of, or the N largest "
            "errors, with the cells of their rows.",
        ),
    ] = 0,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Score a run on its test rows, or on a table with the target.

    Prints each metric with its 95 % interval beside those of simple models, and reports which of
    them it does not clearly beat. The table that the run was trained on is recognized by its
    content, wherever it is: only its test rows are scored. Rows are flagged as by predict. A
    threshold of 0.5 with --save undoes another one.
    """
    with exit_codes(), on_threads(threads):
        # deferred, so that help texts do not wait for NumPy
        from bpnet.cli import console
        from bpnet.messages import shell_path
        from bpnet.paths import is_file
        from bpnet.reports.eval import eval_data, eval_lines, eval_warnings
        from bpnet.reports.inspection import inspection_data, inspection_lines
        from bpnet.workflows.eval import evaluate as run_evaluation
        from bpnet.workflows.inspect_run import inspect_run
        from bpnet.workflows.thresholds import ThresholdOptions

        inspection = evaluation = None
        with console.working("scoring the rows"):
            if importance or partial_dependence:
                inspection = inspect_run(
                    run,
                    data,
                    importance=importance,
                    dependence_on=_dependence_on(partial_dependence, as_json=as_json),
                    all_rows=all_rows,
                    replica=replica,
                    reading=overrides or (),
                )
            decision = ThresholdOptions(threshold, cost, save)
            asked = decision.asked or errors
            if inspection is None or inspection.rows_of in ("test", "table") or asked:
                evaluation = run_evaluation(
                    run,
                    data if inspection is None or data is None else inspection.table,
                    all_rows=all_rows,
                    baselines=baselines,
                    replica=replica,
                    reading=overrides or (),
                    threshold=decision,
                    errors=errors,
                )
        if as_json:
            document = {"run": str(run)} if evaluation is None else eval_data(run, evaluation)
            console.print_json(document | (inspection_data(inspection) if inspection else {}))
            return
        warnings = [*inspection.warnings] if inspection else []
        if evaluation is not None:
            warnings = [*eval_warnings(evaluation), *warnings]
        else:
            warnings.append("no scores: the run held out no test rows")
        for warning in dict.fromkeys(warnings):
            console.print_warning(warning)
        if evaluation is not None:
            console.print_result("\n".join(eval_lines(evaluation)))
        if inspection is not None:
            lines = inspection_lines(inspection)
            console.print_result("\n".join(["", *lines] if evaluation else lines))
        if data != "-":
            of_data = "" if data is None else f" {shell_path(data)}"
            asks = [] if importance else [f"bpnet eval {shell_path(run)}{of_data} --importance"]
            pages = [f"bpnet report {shell_path(run)}"] if is_file(run / "run.json") else []
            console.print_next(*asks, *pages)


def _dependence_on(columns: list[str] | None, *, as_json: bool) -> list[str] | None:
    """Return the named columns; none where only JSON has those of the most important ones."""
    return columns or (None if as_json else [])
