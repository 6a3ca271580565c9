"""The ablations of quality.py: a model with one ingredient changed at a time.

A change is `KEY=VALUE`, or several with a semicolon between them, or `without NAME` for a member
that is left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from measuring import show
from quality_fits import Model
from quality_report import number
from quality_results import Mean
from quality_scores import errors, mean_error

LEAVING_OUT = "without "


def variants(model: Model, changes: Sequence[str]) -> list[Model]:
    """Return the model as it is, and with each of the changes."""
    return [model, *(_changed(model, change) for change in changes)]


def _changed(model: Model, change: str) -> Model:
    name = f"{model.name}, {change}"
    if change.startswith(LEAVING_OUT):
        return replace(model, name=name, left_out=change.removeprefix(LEAVING_OUT))
    assignments = tuple(part.strip() for part in change.split(";"))
    return replace(model, name=name, assignments=(*model.assignments, *assignments))


def report_ablations(
    models: Mapping[str, Mapping[str, Mean]], regression: Mapping[str, bool]
) -> None:
    """Print a row for each variant: errors and log loss, held out and on test rows, and seconds.

    Errors and log losses are shifted geometric means over the tables. What is worth keeping is
    decided by the columns held out, which come from training rows alone.
    """
    rows = []
    for name, means in models.items():
        wrong, seconds = {}, sum(means[table].values["fit_cpu"] for table in regression)
        for column in ("held_out_score", "score"):
            scores = [_score(means[table], column) for table in regression]
            wrong[column] = mean_error(errors(np.array(scores), np.array([*regression.values()])))
        classes = [table for table, numeric in regression.items() if not numeric]
        losses = [
            mean_error(np.array([means[t].values.get(key, np.nan) for t in classes]))
            for key in ("held_out_loss", "log_loss")
        ]
        cells = [float(value) for value in (wrong["held_out_score"], losses[0])]
        cells += [float(value) for value in (wrong["score"], losses[1])]
        rows.append([name, *map(number, cells), f"{seconds:.2f}"])
    header = ["variant", "error held out", "log loss held out", "test error", "test log loss"]
    show([*header, "CPU s"], rows)


def _score(mean: Mean, column: str) -> float:
    values = mean.values
    if column == "score":
        return values.get("accuracy", values.get("r2", np.nan))
    return values.get(column, np.nan)
