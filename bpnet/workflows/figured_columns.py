"""The figures about a run's columns: importance, partial dependence and the decision map."""

from collections.abc import Sequence
from dataclasses import dataclass

from threadpoolctl import threadpool_limits

from bpnet.errors import UsageError
from bpnet.figures.decision import SIDE, decision_figure
from bpnet.figures.figure import Figure
from bpnet.figures.inspection import dependence_figure, importance_figure
from bpnet.inspection.decision import decision_map
from bpnet.inspection.importance import Importance
from bpnet.messages import counted, did_you_mean, quoted_list
from bpnet.models.ensemble import Ensemble
from bpnet.runs.directory import RunPaths
from bpnet.workflows.inspect_run import (
    Asked,
    dependence_of,
    importance_of,
    most_important,
    read_rows,
)
from bpnet.workflows.inspected_rows import choose_inspected_rows

WORK = 2e10
"""Multiplications that these figures take at most, about: a tenth of those of `bpnet eval`."""

_ROWS = {
    "test": "test rows",
    "out_of_fold": "out-of-fold rows",
    "validation": "validation rows, which chose the epoch",
    "table": "rows that trained the network, too, since it held out none",
}


@dataclass(frozen=True)
class ColumnFigures:
    """A run's model with rows to ask it about, and the importance of its columns."""

    asked: Asked
    importance: Importance

    @property
    def notes(self) -> list[str]:
        """What rows these are."""
        rows = len(self.asked.predictor.rows)
        drawn = f", drawn from {self.asked.of_rows:,}" if rows < self.asked.of_rows else ""
        return [f"{rows:,} {_ROWS[self.asked.chosen.rows_of]}{drawn}"]

    def importance_figure(self) -> Figure:
        """Return the importance of the columns."""
        return importance_figure(self.importance, self.notes)

    def dependence_figure(self) -> Figure:
        """Return the partial dependence on the most important columns."""
        names = most_important(self.importance)
        target = self.asked.predictor.model.description.target
        with threadpool_limits(1, "blas"):
            dependences = [dependence_of(self.asked, name, WORK) for name in names]
        return dependence_figure(dependences, target, self.notes)

    def decision_figure(self, columns: Sequence[str] | None) -> Figure:
        """Return the map over two columns, by default the most important ones.

        Raises UsageError if the model does not read them.
        """
        features = list(self.asked.predictor.rows.cells)
        names = list(columns or self._two_columns(features))
        for name in names:
            if name not in features:
                raise UsageError(
                    f"--column {name}: must be a column that the model reads"
                    f"{did_you_mean(name, features)}; the columns are {quoted_list(features)}"
                )
        if len(set(names)) != 2:
            raise UsageError(
                f"a decision map is over two columns, not {counted(len(set(names)), 'column')}; "
                "give --column twice"
            )
        with threadpool_limits(1, "blas"):
            drawn = decision_map(self.asked.predictor, names[0], names[1], SIDE)
        target = self.asked.predictor.model.description.target
        return decision_figure(drawn, target, self.asked.true, self.notes)

    def _two_columns(self, features: Sequence[str]) -> list[str]:
        """Return the two most important columns, those with a number on the axis first."""
        first = [*most_important(self.importance, 2), *features]
        return list(dict.fromkeys(first))[:2]


def ask_columns(paths: RunPaths, model: Ensemble, *, held_out: bool) -> ColumnFigures:
    """Read rows of a run's table, and measure the importance of the columns on them.

    They are held-out rows, or all of them where the run has `held_out` none. Raises RunError or
    DataError.
    """
    warnings: list[str] = []
    chosen = choose_inspected_rows(
        paths.folder,
        None,
        model.description.reading,
        model,
        all_rows=not held_out,
        option="--importance",
        warnings=warnings,
    )
    asked = read_rows(model, chosen, WORK, warnings)
    with threadpool_limits(1, "blas"):
        return ColumnFigures(asked, importance_of(asked, WORK))
