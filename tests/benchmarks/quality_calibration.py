"""The calibration of quality.py: probabilities before and after it, and coverage of intervals.

The calibration error is the mean distance between confidence and accuracy (`calibration_error` in
quality_scores.py says which); the coverage of an interval is the share of test rows inside.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from measuring import show
from quality_fits import Model
from quality_report import Goal, number
from quality_results import Mean
from quality_tables import Table

LEVELS = (0.8, 0.9, 0.95)
"""The probabilities of the intervals."""
ROWS = 1000
"""Rows that a table needs, so that a share of its test rows tells something."""
FAR = 0.02
"""The largest distance of a coverage from its level."""
NONE = "calibration=none"


def calibration_pair(model: Model) -> list[Model]:
    """Return the model as it is, and without calibration."""
    assignments = (*model.assignments, NONE)
    return [model, replace(model, name=f"{model.name}, {NONE}", assignments=assignments)]


def large(tables: Sequence[Table]) -> list[Table]:
    """Return the tables that have enough rows."""
    return [table for table in tables if len(table.cells) >= ROWS]


def report_calibration(
    tables: Sequence[Table], models: Sequence[Model], means: Mapping[str, Mapping[str, Mean]]
) -> None:
    """Print calibration error and log loss before and after, then the coverage of intervals."""
    classes = [table.name for table in tables if table.classes]
    regressions = [table.name for table in tables if not table.classes]
    for model in models:
        after, before = (means[one.name] for one in calibration_pair(model))
        rows = [
            [
                f"{model.name} {table}",
                *(
                    number(mean[table].values[key])
                    for key in ("calibration_error", "log_loss")
                    for mean in (before, after)
                ),
            ]
            for table in classes
        ]
        show(["table", "error before", "after", "log loss before", "after"], rows)
        print()
        rows = [[f"{model.name} {table}", *coverage_cells(after[table])] for table in regressions]
        show(["coverage", *(f"{level:.0%}" for level in LEVELS)], rows)
        for goal in coverage_goals(model.name, {table: after[table] for table in regressions}):
            print(f"- {goal.line()}")


def coverage_cells(mean: Mean) -> list[str]:
    """Return the coverage of each level; nothing if there were no intervals."""
    return [number(mean.values.get(coverage_key(level), np.nan), 3) for level in LEVELS]


def coverage_goals(model: str, means: Mapping[str, Mean]) -> list[Goal]:
    """Return a goal for each table: the coverage that is farthest from its level."""
    found = []
    for table, mean in means.items():
        distances = [
            abs(mean.values[coverage_key(level)] - level)
            for level in LEVELS
            if coverage_key(level) in mean.values
        ]
        if distances:
            found.append(Goal(model, f"coverage on {table} off by", max(distances), FAR))
    return found


def coverage_key(level: float) -> str:
    """Return the name of a level's coverage among the results."""
    return f"coverage_{100 * level:g}"
